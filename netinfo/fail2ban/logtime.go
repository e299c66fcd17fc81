package fail2ban

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// Asterisk writes times as its logger.conf's dateformat says: without one
// "[Dec 21 12:56:59]", in most distributions "[2021-12-21 12:56:59]", sometimes
// with milliseconds, a T or a zone. Syslog writes "Dec 21 12:56:59 host" or
// RFC 3339; fail2ban's own log "2021-12-21 12:56:59,123".
var (
	isoForm   = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:[.,]\d+)?)(Z|[+-]\d\d:?\d\d)?`)
	monthForm = regexp.MustCompile(`^[A-Z][a-z][a-z] {1,2}\d{1,2} \d\d:\d\d:\d\d`)
)

// lineTime reads the time that a line begins with, and returns what follows
// it. A time without a year is the latest that is not after now; one without a
// zone is in zone. When the clocks are set back an hour comes twice: then the
// first of the two is meant here.
func lineTime(line []byte, zone *time.Location, now time.Time) (at time.Time, rest []byte, ok bool) {
	line, bracket := bytes.CutPrefix(bytes.TrimLeft(line, " "), []byte("["))
	at, length := isoTime(line, zone)
	if length == 0 {
		at, length = monthTime(line, zone, now)
	}
	if length == 0 {
		return time.Time{}, nil, false
	}
	rest = line[length:]
	if i := bytes.IndexByte(rest[:min(len(rest), 40)], ']'); bracket && i >= 0 {
		rest = rest[i+1:]
	}
	return at, bytes.TrimLeft(rest, " \t"), true
}

// isoTime reads "2021-12-21 12:56:59", with T, fraction and zone where they
// are, and says how long it is; 0: there is none.
func isoTime(line []byte, zone *time.Location) (time.Time, int) {
	m := isoForm.FindSubmatch(line)
	if m == nil {
		return time.Time{}, 0
	}
	layout, text := time.DateTime, fmt.Sprintf("%s %s", m[1], m[2])
	if len(m[3]) > 0 {
		layout, text = layout+"Z0700", text+strings.Replace(string(m[3]), ":", "", 1)
	}
	at, err := time.ParseInLocation(layout, text, zone)
	if at = platform.PlausibleTime(at); err != nil || at.IsZero() {
		return time.Time{}, 0
	}
	return at, len(m[0])
}

// monthTime reads "Dec 21 12:56:59", the day with one digit or two.
func monthTime(line []byte, zone *time.Location, now time.Time) (time.Time, int) {
	text := monthForm.Find(line)
	if text == nil {
		return time.Time{}, 0
	}
	year := now.In(zone).Year()
	for _, y := range []int{year, year - 1} {
		at, err := time.ParseInLocation("2006 Jan _2 15:04:05", fmt.Sprintf("%d %s", y, text), zone)
		// A day of grace for clocks that differ.
		if err == nil && !at.After(now.Add(24*time.Hour)) {
			return at, len(text)
		}
	}
	return time.Time{}, 0
}
