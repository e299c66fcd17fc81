package platform

import (
	"math"
	"time"
)

// MaxDuration is the longest duration that Seconds and Milliseconds return:
// no timer, ban or session that this program meets means a longer one, and a
// few of them can be added to any time without an overflow.
const MaxDuration = 100 * 365 * 24 * time.Hour

// Seconds converts a number that came from a file, a rule or another machine.
// Numbers beyond MaxDuration, either way, count as MaxDuration: multiplied
// plainly they would wrap round to something short or negative.
func Seconds[N ~int | ~int64 | ~uint64 | ~float64](n N) time.Duration {
	return scaled(float64(n), time.Second)
}

// Milliseconds is Seconds for milliseconds.
func Milliseconds[N ~int | ~int64 | ~uint64 | ~float64](n N) time.Duration {
	return scaled(float64(n), time.Millisecond)
}

func scaled(n float64, unit time.Duration) time.Duration {
	most := float64(MaxDuration / unit)
	switch {
	case math.IsNaN(n):
		return 0
	case n > most:
		return MaxDuration
	case n < -most:
		return -MaxDuration
	case n == math.Trunc(n): // exact: a float64 holds every whole number up to most
		return time.Duration(n) * unit
	}
	return time.Duration(n * float64(unit))
}

// lastYear leaves room for every time zone and for MaxDuration before the year
// 10000, which JSON has no form for (RFC 3339).
const lastYear = 9800

// PlausibleTime returns t, or the zero Time when t is so far away that it
// cannot be written into a report: one absurd time stamp in a file must not
// cost the user the whole report.
func PlausibleTime(t time.Time) time.Time {
	if y := t.Year(); y < 1 || y > lastYear {
		return time.Time{}
	}
	return t
}

// UnixTime is time.Unix for seconds that came from elsewhere: UTC, and the zero
// Time when they are implausible.
func UnixTime(seconds int64) time.Time {
	const most = 1 << 40 // keeps Year, which PlausibleTime asks, from wrapping round
	if seconds < -most || seconds > most {
		return time.Time{}
	}
	return PlausibleTime(time.Unix(seconds, 0).UTC())
}
