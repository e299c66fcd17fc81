package signalling

import (
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
)

// A clock may be a minute off, either way, and not a second more.
func TestHowWrongAClockMayBe(t *testing.T) {
	for name, c := range map[string]struct {
		off  time.Duration
		want bool
	}{
		"right":                   {0, false},
		"a breath less than 60 s": {59999 * time.Millisecond, false},
		"60 s slow":               {time.Minute, true},
		"a breath less, fast":     {-59999 * time.Millisecond, false},
		"60 s fast":               {-time.Minute, true},
		"an hour":                 {time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := clockWrong(&Observed{Clock: &Clock{Server: "ntp.example.net", OffsetMillis: c.off.Milliseconds()}, LocalTime: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)})
			if (f != nil) != c.want {
				t.Fatalf("%+v", f)
			}
			if f != nil && (f.Severity != checks.Warning || f.Confidence != checks.Likely) {
				t.Errorf("%s %s", f.Severity, f.Confidence)
			}
		})
	}
	if f := clockWrong(&Observed{Clock: &Clock{OffsetMillis: 1e9, Error: "no answer"}}); f != nil {
		t.Errorf("an answer that did not come: %+v", f)
	}
}
