package pbxlog

import "bytes"

// A stamp is a time as it is written; at is how far it reaches into text.
type stamp struct {
	text []byte
	at   int

	year, month, day     int // 0: not written
	hour, minute, second int
	nanos                int
	zoned                bool
	offset               int // seconds east of UTC
	epoch                bool
	seconds              int64
}

// read reads date and time of day in the orders that are in use.
func (s *stamp) read() bool {
	if c := s.peek(0); c >= 'A' && s.weekday() {
		s.skip(", ")
	}
	n, digits := s.number(s.at)
	switch {
	case digits == 0:
		return s.monthFirst()
	case digits >= 9 && digits <= 11:
		return s.sinceEpoch(n, digits)
	case digits <= 2 && s.peek(s.at+digits) == ':':
		return s.timeOfDay()
	}
	return s.numbers(n, digits)
}

// sinceEpoch reads "1764408858.123", as journalctl and docker may write it.
func (s *stamp) sinceEpoch(n, digits int) bool {
	s.epoch, s.seconds = true, int64(n)
	s.at += digits
	s.fraction()
	c := s.peek(s.at)
	return c == 0 || c == ' ' || c == ']'
}

// numbers reads a date that begins with a number: 2026-11-29, 2026/11/29,
// 29.11.2026, 29-11-26, 11/29/2026, 29 Nov 2026, 29/Nov/2026.
func (s *stamp) numbers(first, digits int) bool {
	at := s.at + digits
	sep := s.peek(at)
	if sep != '-' && sep != '/' && sep != '.' && sep != ' ' {
		return false
	}
	at++
	var second, second2 int
	named := false
	if m := monthOf(s.from(at)); m > 0 {
		second, second2, named = m, 3, true
	} else if second, second2 = s.number(at); second2 == 0 || second2 > 2 || sep == ' ' {
		return false
	}
	at += second2
	third, digits3 := 0, 0
	if s.peek(at) == sep {
		third, digits3 = s.number(at + 1)
		at += 1 + digits3
	}
	switch {
	case digits == 4:
		s.year, s.month, s.day = first, second, third
	case digits > 2 || digits3 != 2 && digits3 != 4:
		return false
	case sep == '/' && !named && first <= 12: // strftime's %D and %x
		s.year, s.month, s.day = third, first, second
	default:
		s.year, s.month, s.day = third, second, first
	}
	if s.year < 100 && digits3 == 2 && digits != 4 {
		s.year += 2000
	}
	if s.month < 1 || s.month > 12 || s.day < 1 || s.day > 31 {
		return false
	}
	s.at = at
	if c := s.peek(s.at); c == 'T' || c == ' ' || c == ',' || c == ':' || c == '_' || c == '-' {
		s.at++
		s.skip(" ")
	}
	return s.timeOfDay()
}

// monthFirst reads "Dec 21 12:56:59", the day with one digit or two, and the year
// before or behind the time of day.
func (s *stamp) monthFirst() bool {
	if s.month = monthOf(s.from(s.at)); s.month == 0 {
		return false
	}
	s.at += 3
	s.skip(" ")
	day, digits := s.number(s.at)
	if digits == 0 || digits > 2 || day < 1 || day > 31 {
		return false
	}
	s.day = day
	s.at += digits
	s.skip(", ")
	if year, n := s.number(s.at); n == 4 {
		s.year = year
		s.at += n
		s.skip(", ")
	}
	if !s.timeOfDay() {
		return false
	}
	if year, n := s.number(s.at + 1); s.peek(s.at) == ' ' && n == 4 && s.year == 0 && year >= 1970 && year < 2200 {
		if c := s.peek(s.at + 1 + n); c == ']' || c == ' ' || c == 0 {
			s.year = year
			s.at += 1 + n
		}
	}
	return true
}

// timeOfDay reads "12:56:59.123", with AM or PM and a zone where they are.
func (s *stamp) timeOfDay() bool {
	var part [3]int
	for i := range part {
		n, digits := s.number(s.at)
		if digits == 0 || digits > 2 {
			return false
		}
		part[i] = n
		s.at += digits
		if i < 2 {
			if s.peek(s.at) != ':' {
				return false
			}
			s.at++
		}
	}
	s.hour, s.minute, s.second = part[0], part[1], part[2]
	if s.hour > 23 || s.minute > 59 || s.second > 60 {
		return false
	}
	s.fraction()
	if b := s.from(s.at); len(b) >= 3 && b[0] == ' ' && (b[1] == 'A' || b[1] == 'P') && b[2] == 'M' {
		if s.hour %= 12; b[1] == 'P' {
			s.hour += 12
		}
		s.at += 3
	}
	s.zone()
	return true
}

func (s *stamp) fraction() {
	if c := s.peek(s.at); c != '.' && c != ',' {
		return
	}
	at, nanos, unit := s.at+1, 0, 100_000_000
	for ; s.peek(at) >= '0' && s.peek(at) <= '9'; at++ {
		nanos += int(s.text[at]-'0') * unit
		unit /= 10
	}
	if at > s.at+1 {
		s.at, s.nanos = at, nanos
	}
}

// zone reads Z, +0300, +03:00, +03 and UTC, right behind the time or after a space.
func (s *stamp) zone() {
	at := s.at
	if s.peek(at) == ' ' {
		at++
	}
	b := s.from(at)
	switch {
	case len(b) > 0 && b[0] == 'Z' && at == s.at:
		s.zoned, s.at = true, at+1
		return
	case bytes.HasPrefix(b, []byte("UTC")), bytes.HasPrefix(b, []byte("GMT")):
		s.zoned, s.at = true, at+3
		return
	case len(b) == 0 || b[0] != '+' && b[0] != '-':
		return
	}
	n, digits := s.number(at + 1)
	minutes, end := 0, at+1+digits
	switch {
	case digits == 4:
		n, minutes = n/100, n%100
	case digits != 2:
		return
	case s.peek(end) == ':':
		m, more := s.number(end + 1)
		if more != 2 {
			return
		}
		minutes, end = m, end+1+more
	}
	if n > 23 || minutes > 59 {
		return
	}
	s.zoned, s.offset, s.at = true, n*3600+minutes*60, end
	if b[0] == '-' {
		s.offset = -s.offset
	}
}

func (s *stamp) weekday() bool {
	b := s.from(s.at)
	if len(b) < 4 || b[3] != ' ' && b[3] != ',' || !bytes.Contains([]byte("MonTueWedThuFriSatSun"), b[:3]) {
		return false
	}
	s.at += 3
	return true
}

func (s *stamp) skip(set string) {
	for s.at < len(s.text) && bytes.IndexByte([]byte(set), s.text[s.at]) >= 0 {
		s.at++
	}
}

// number reads digits, at most eleven of them.
func (s *stamp) number(at int) (n, digits int) {
	for ; digits < 11 && at+digits < len(s.text); digits++ {
		c := s.text[at+digits]
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int(c-'0')
	}
	return n, digits
}

func (s *stamp) from(at int) []byte { return s.text[min(at, len(s.text)):] }

// peek is the byte at a place; 0 behind the end.
func (s *stamp) peek(at int) byte {
	if at >= len(s.text) {
		return 0
	}
	return s.text[at]
}

// monthOf is the month that b begins with, by its English name; 0: none.
func monthOf(b []byte) int {
	if len(b) < 3 || b[0] < 'A' || b[0] > 'S' {
		return 0
	}
	const names = "JanFebMarAprMayJunJulAugSepOctNovDec"
	for i := 0; i < len(names); i += 3 {
		if string(b[:3]) == names[i:i+3] {
			return i/3 + 1
		}
	}
	return 0
}
