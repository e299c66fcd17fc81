package platform

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

func TestSecondsNeverWrapRound(t *testing.T) {
	for name, tt := range map[string]struct {
		got, want time.Duration
	}{
		"none":                                {Seconds(0), 0},
		"an hour":                             {Seconds(3600), time.Hour},
		"a fraction":                          {Seconds(0.25), 250 * time.Millisecond},
		"the longest":                         {Seconds(int64(MaxDuration / time.Second)), MaxDuration},
		"one second less":                     {Seconds(int64(MaxDuration/time.Second) - 1), MaxDuration - time.Second},
		"one second more":                     {Seconds(int64(MaxDuration/time.Second) + 1), MaxDuration},
		"what wraps round to a second":        {Seconds(int64(18446744074)), MaxDuration},
		"the largest int64":                   {Seconds(int64(math.MaxInt64)), MaxDuration},
		"the smallest int64":                  {Seconds(int64(math.MinInt64)), -MaxDuration},
		"the largest uint64":                  {Seconds(uint64(math.MaxUint64)), MaxDuration},
		"a float beyond every integer":        {Seconds(1e300), MaxDuration},
		"infinity":                            {Seconds(math.Inf(-1)), -MaxDuration},
		"not a number":                        {Seconds(math.NaN()), 0},
		"milliseconds":                        {Milliseconds(1500), 1500 * time.Millisecond},
		"milliseconds that would wrap round":  {Milliseconds(int64(math.MaxInt64)), MaxDuration},
		"milliseconds that would turn around": {Milliseconds(int64(math.MinInt64)), -MaxDuration},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.got != tt.want {
				t.Errorf("%v, want %v", tt.got, tt.want)
			}
		})
	}
}

func TestTimesFitIntoAReport(t *testing.T) {
	for name, tt := range map[string]struct {
		got  time.Time
		want string
	}{
		"a time":                 {UnixTime(1764000000), "2025-11-24T16:00:00Z"},
		"the epoch":              {UnixTime(0), "1970-01-01T00:00:00Z"},
		"the last year":          {PlausibleTime(time.Date(9800, 12, 31, 23, 59, 59, 0, time.UTC)), "9800-12-31T23:59:59Z"},
		"the year after it":      {PlausibleTime(time.Date(9801, 1, 1, 0, 0, 0, 0, time.UTC)), "0001-01-01T00:00:00Z"},
		"before Christ":          {PlausibleTime(time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC)), "0001-01-01T00:00:00Z"},
		"the largest number":     {UnixTime(math.MaxInt64), "0001-01-01T00:00:00Z"},
		"the smallest number":    {UnixTime(math.MinInt64), "0001-01-01T00:00:00Z"},
		"milliseconds, mistaken": {UnixTime(1764000000000), "0001-01-01T00:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := json.Marshal(tt.got)
			if err != nil || string(b) != `"`+tt.want+`"` {
				t.Errorf("%s, %v; want %s", b, err, tt.want)
			}
			if _, err := json.Marshal(tt.got.Add(MaxDuration)); err != nil {
				t.Errorf("with MaxDuration added: %v", err)
			}
		})
	}
}
