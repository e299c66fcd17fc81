package pbxlog

import (
	"bytes"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// Clock reads the times that lines begin with. Asterisk writes them as dateformat in
// logger.conf says: without one "[Dec 21 12:56:59]", in most distributions
// "[2021-12-21 12:56:59]", sometimes with milliseconds, a T or a zone; any other
// order of year, month and day that strftime can write is read as well. Syslog
// writes "Dec 21 12:56:59 host" or RFC 3339; fail2ban "2021-12-21 12:56:59,123".
type Clock struct {
	Zone *time.Location // of times without one; nil: UTC
	// Now is asked for each time without a year, which is the latest that is not after
	// it: a live log goes on for days.
	Now func() time.Time
}

// Read reads the time that a line begins with, and returns what follows it, without
// the bracket that may stand around it. When the clocks are set back an hour comes
// twice: then the first of the two is meant here.
func (c *Clock) Read(line []byte) (at time.Time, rest []byte, ok bool) {
	line, bracket := bytes.CutPrefix(bytes.TrimLeft(line, " "), []byte("["))
	s := stamp{text: line}
	if !s.read() {
		return time.Time{}, nil, false
	}
	if at = platform.PlausibleTime(c.timeOf(&s)); at.IsZero() {
		return time.Time{}, nil, false
	}
	rest = line[s.at:]
	if i := bytes.IndexByte(rest[:min(len(rest), 40)], ']'); bracket && i >= 0 {
		rest = rest[i+1:]
	}
	return at, bytes.TrimLeft(rest, " \t"), true
}

func (c *Clock) timeOf(s *stamp) time.Time {
	zone := c.Zone
	if zone == nil {
		zone = time.UTC
	}
	switch {
	case s.epoch:
		return time.Unix(s.seconds, int64(s.nanos)).In(zone)
	case s.zoned && s.offset == 0:
		zone = time.UTC
	case s.zoned:
		zone = time.FixedZone("", s.offset)
	}
	now := c.Now().In(zone)
	year, month, day := s.year, s.month, s.day
	if s.month == 0 { // a time of day
		year, month, day = now.Year(), int(now.Month()), now.Day()
	} else if year == 0 {
		year = now.Year()
	}
	at, ok := dateOf(year, month, day, s, zone)
	// A day of grace for clocks that differ.
	if s.year == 0 && (!ok || at.After(now.Add(24*time.Hour))) {
		if s.month == 0 {
			return at.AddDate(0, 0, -1)
		}
		at, ok = dateOf(year-1, month, day, s, zone)
		if at.After(now.Add(24 * time.Hour)) {
			return time.Time{}
		}
	}
	if !ok {
		return time.Time{}
	}
	return at
}

// dateOf refuses a day that the month does not have.
func dateOf(year, month, day int, s *stamp, zone *time.Location) (time.Time, bool) {
	at := time.Date(year, time.Month(month), day, s.hour, s.minute, s.second, s.nanos, zone)
	return at, at.Day() == day
}
