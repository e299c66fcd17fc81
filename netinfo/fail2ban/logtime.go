package fail2ban

import (
	"bytes"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// Asterisk writes times as its logger.conf's dateformat says: without one
// "[Dec 21 12:56:59]", in most distributions "[2021-12-21 12:56:59]", sometimes
// with milliseconds, a T or a zone. Syslog writes "Dec 21 12:56:59 host" or
// RFC 3339; fail2ban's own log "2021-12-21 12:56:59,123".

// lineTime reads the time that a line begins with, and returns what follows
// it. A time without a year is the latest that is not after now; one without a
// zone is in zone. When the clocks are set back an hour comes twice: then the
// first of the two is meant here.
func lineTime(line []byte, zone *time.Location, now time.Time) (at time.Time, rest []byte, ok bool) {
	line = bytes.TrimLeft(line, " ")
	bracket := len(line) > 0 && line[0] == '['
	if bracket {
		line = line[1:]
	}
	if at, n, ok := isoTime(line, zone); ok {
		return at, afterTime(line[n:], bracket), true
	}
	if at, n, ok := monthTime(line, zone, now); ok {
		return at, afterTime(line[n:], bracket), true
	}
	return time.Time{}, nil, false
}

// afterTime returns what follows the closing bracket.
func afterTime(rest []byte, bracket bool) []byte {
	if i := bytes.IndexByte(rest[:min(len(rest), 40)], ']'); bracket && i >= 0 {
		rest = rest[i+1:]
	}
	return bytes.TrimLeft(rest, " \t")
}

func digits(b []byte) (int, bool) {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, len(b) > 0
}

// isoTime reads "2021-12-21 12:56:59", with T, fraction and zone where they
// are, and says how long it is.
func isoTime(b []byte, zone *time.Location) (time.Time, int, bool) {
	const size = len("2021-12-21 12:56:59")
	if len(b) < size || b[4] != '-' || b[7] != '-' || (b[10] != ' ' && b[10] != 'T') {
		return time.Time{}, 0, false
	}
	year, ok1 := digits(b[:4])
	month, ok2 := digits(b[5:7])
	day, ok3 := digits(b[8:10])
	h, m, s, ok4 := clock(b[11:size])
	if !ok1 || !ok2 || !ok3 || !ok4 || month < 1 || month > 12 || day < 1 || day > 31 {
		return time.Time{}, 0, false
	}
	n, nano := size, 0
	if n < len(b)-1 && (b[n] == '.' || b[n] == ',') {
		scale := 100_000_000
		for n++; n < len(b) && b[n] >= '0' && b[n] <= '9'; n++ {
			nano += int(b[n]-'0') * scale
			scale /= 10
		}
	}
	if off, k, ok := zoneOffset(b[n:]); ok {
		at := platform.PlausibleTime(time.Date(year, time.Month(month), day, h, m, s, nano, time.UTC).Add(-off))
		return at, n + k, !at.IsZero()
	}
	at := platform.PlausibleTime(time.Date(year, time.Month(month), day, h, m, s, nano, zone))
	return at, n, !at.IsZero()
}

// zoneOffset reads "Z", "+0300" or "+03:00".
func zoneOffset(b []byte) (time.Duration, int, bool) {
	if len(b) > 0 && b[0] == 'Z' {
		return 0, 1, true
	}
	if len(b) < 5 || (b[0] != '+' && b[0] != '-') {
		return 0, 0, false
	}
	n := 3
	if b[3] == ':' {
		n = 4
	}
	if len(b) < n+2 {
		return 0, 0, false
	}
	h, ok1 := digits(b[1:3])
	m, ok2 := digits(b[n : n+2])
	off := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
	if b[0] == '-' {
		off = -off
	}
	return off, n + 2, ok1 && ok2
}

func clock(b []byte) (h, m, s int, ok bool) {
	if len(b) < 8 || b[2] != ':' || b[5] != ':' {
		return 0, 0, 0, false
	}
	h, ok1 := digits(b[:2])
	m, ok2 := digits(b[3:5])
	s, ok3 := digits(b[6:8])
	return h, m, s, ok1 && ok2 && ok3 && h < 24 && m < 60 && s < 61
}

// monthTime reads "Dec 21 12:56:59", the day with one digit or two.
func monthTime(b []byte, zone *time.Location, now time.Time) (time.Time, int, bool) {
	const months = "JanFebMarAprMayJunJulAugSepOctNovDec"
	if len(b) < 14 || b[3] != ' ' {
		return time.Time{}, 0, false
	}
	i := bytes.Index([]byte(months), b[:3])
	if i < 0 || i%3 != 0 {
		return time.Time{}, 0, false
	}
	n := 4
	for n < len(b) && b[n] == ' ' && n < 6 {
		n++
	}
	end := n
	for end < len(b) && end < n+2 && b[end] >= '0' && b[end] <= '9' {
		end++
	}
	day, ok := digits(b[n:end])
	if !ok || day < 1 || day > 31 || end+9 > len(b) || b[end] != ' ' {
		return time.Time{}, 0, false
	}
	h, m, s, ok := clock(b[end+1 : end+9])
	if !ok {
		return time.Time{}, 0, false
	}
	year := now.In(zone).Year()
	at := time.Date(year, time.Month(i/3+1), day, h, m, s, 0, zone)
	// A day of grace for clocks that differ.
	if at.After(now.Add(24 * time.Hour)) {
		at = time.Date(year-1, time.Month(i/3+1), day, h, m, s, 0, zone)
	}
	return at, end + 9, true
}
