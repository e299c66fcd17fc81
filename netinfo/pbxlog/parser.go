package pbxlog

import (
	"bytes"
	"time"
)

// A Parser reads lines one after the other. It remembers where the level of a line
// stood, because in one file it nearly always stands in the same column.
type Parser struct {
	Clock Clock

	col     int  // of the level of Asterisk's lines
	cached  bool // col is known
	outerAt time.Time
}

// Level is how important Asterisk holds a line.
type level byte

const (
	noLevel level = iota
	verbose
	debug
	notice // and whatever is worse
)

// maxHead is how far into a line its level may stand: behind a time, a host, a
// program and another time.
const maxHead = 200

// Parse reads a line. told: e has been filled in. known: it is a line of a program
// that this package reads, whether it tells something or not.
func (p *Parser) Parse(line []byte, e *Event) (told, known bool) {
	line = bytes.TrimRight(line, "\r\n")
	if p.cached && p.col < len(line) {
		if l, rest := levelAt(line[p.col:]); l != noLevel {
			p.outerAt = time.Time{}
			return p.asterisk(line, l, rest, e), true
		}
	}
	return p.slowly(line, e)
}

// levelAt knows the level that Asterisk's line has where b begins, and returns what
// follows its bracket.
func levelAt(b []byte) (level, []byte) {
	i := bytes.IndexByte(b[:min(len(b), 9)], '[')
	if i < 4 || b[0] < 'D' || b[0] > 'W' {
		return noLevel, nil
	}
	return levelNamed(b[:i]), b[i+1:]
}

// asterisk reads what follows "LEVEL[".
func (p *Parser) asterisk(line []byte, l level, rest []byte, e *Event) bool {
	i := bytes.IndexByte(rest[:min(len(rest), 24)], ']')
	if i < 0 {
		return false
	}
	if rest = rest[i+1:]; len(rest) > 3 && rest[0] == '[' { // the call
		if i = bytes.IndexByte(rest[:min(len(rest), 24)], ']'); i >= 0 {
			rest = rest[i+1:]
		}
	}
	if len(rest) > 0 && rest[0] == ':' {
		rest = rest[1:]
	}
	for len(rest) > 0 && rest[0] == ' ' {
		rest = rest[1:]
	}
	if l != notice && !mayTell(rest) {
		return false
	}
	return p.tell(line, l, message(rest), e, Asterisk)
}

// mayTell reports whether a line of this source file is worth reading though it is
// only verbose or debug.
func mayTell(rest []byte) bool {
	if len(rest) < 10 {
		return false
	}
	switch string(rest[:8]) {
	case "chan_sip", "res_pjsi", "res_rtp_":
		return true
	}
	return false
}

// message skips the source of a line: "chan_sip.c: ", "chan_sip.c:1234 function: ",
// "chan_sip.c:1234 in function: ".
func message(rest []byte) []byte {
	i := bytes.IndexByte(rest[:min(len(rest), 80)], ':')
	if i < 0 {
		return rest
	}
	msg := rest[i+1:]
	if len(msg) > 0 && msg[0] >= '0' && msg[0] <= '9' {
		if j := bytes.Index(msg[:min(len(msg), 120)], []byte(": ")); j >= 0 {
			msg = msg[j+2:]
		}
	}
	return trimVerbose(msg)
}

// trimVerbose drops what Asterisk puts before verbose messages: "    -- ", " == ",
// "       > ".
func trimVerbose(msg []byte) []byte {
	for len(msg) > 0 && (msg[0] == ' ' || msg[0] == '\t') {
		msg = msg[1:]
	}
	for _, mark := range []string{"-- ", "== ", "> "} {
		if len(msg) > len(mark) && string(msg[:len(mark)]) == mark {
			return bytes.TrimLeft(msg[len(mark):], " ")
		}
	}
	return msg
}

// tell reads the message of a line, and the line's time if it tells something.
func (p *Parser) tell(line []byte, l level, msg []byte, e *Event, by Program) bool {
	*e = Event{Program: by}
	var ok bool
	switch by {
	case Asterisk:
		ok = fromAsterisk(l, msg, e)
	case FreeSWITCH:
		ok = fromFreeSWITCH(msg, e)
	case Kamailio:
		ok = fromKamailio(msg, e)
	case Fail2ban:
		ok = fromFail2ban(msg, e)
	}
	if !ok {
		return false
	}
	if e.Text, e.At = line, p.outerAt; e.At.IsZero() {
		e.At, _, _ = p.Clock.Read(line)
	}
	return true
}

// Time is the time that a line begins with, or that its wrapping has.
func (p *Parser) Time(line []byte) (time.Time, bool) {
	if at, _, ok := p.Clock.Read(line); ok {
		return at, true
	}
	if inner, at := unwrap(line, &p.Clock); inner != nil && !at.IsZero() {
		return at, true
	}
	return time.Time{}, false
}
