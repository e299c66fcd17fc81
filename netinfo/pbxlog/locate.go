package pbxlog

import (
	"bytes"
	"time"
)

// slowly finds out what kind of line it is: behind the prefix of syslog, of the
// journal or of a container, in colours, or in JSON.
func (p *Parser) slowly(line []byte, e *Event) (told, known bool) {
	text := bytes.TrimLeft(line, "\x00") // a crash leaves them
	plain := len(text) == len(line)
	p.outerAt = time.Time{}
	if inner, at := unwrap(line, &p.Clock); inner != nil {
		text, p.outerAt, plain = inner, at, false
	}
	if bytes.IndexByte(text, 0x1b) >= 0 {
		text, plain = withoutColours(text), false
	}
	if len(text) > 0 && text[0] == '<' {
		text, plain = afterPriority(text), false
	}
	return p.locate(text, plain, e)
}

// locate looks for the bracket that tells what program wrote the line. plain: text
// is the line as it stands in the file.
func (p *Parser) locate(text []byte, plain bool, e *Event) (told, known bool) {
	head := text[:min(len(text), maxHead)]
	for i, c := range head {
		if c == ')' && isStderr(head[:i]) {
			if rest, ok := kamailioLevel(text[i+1:]); ok {
				return p.tell(text, notice, rest, e, Kamailio), true
			}
		}
		if c != '[' {
			continue
		}
		word, after := wordBefore(head[:i]), text[i+1:]
		if l := levelNamed(word); l != noLevel {
			if plain && head[i-1] != ' ' {
				p.col, p.cached = i-len(word), true
			}
			return p.asterisk(text, l, after, e), true
		}
		j := bytes.IndexByte(after[:min(len(after), 24)], ']')
		if j < 0 {
			continue
		}
		inside, rest := after[:j], after[j+1:]
		switch {
		case isFreeSWITCHLevel(inside):
			return p.freeSWITCH(text, inside, rest, e), true
		case bytes.Contains(head[:i], []byte("fail2ban.")):
			return p.tell(text, notice, rest, e, Fail2ban), true
		case isProxy(word):
			rest, _ = kamailioLevel(bytes.TrimPrefix(rest, []byte(":")))
			return p.tell(text, notice, rest, e, Kamailio), true
		}
	}
	return p.console(text, e)
}

func levelNamed(word []byte) level {
	switch string(word) {
	case "VERBOSE":
		return verbose
	case "DEBUG", "DTMF":
		return debug
	case "NOTICE", "WARNING", "ERROR", "SECURITY":
		return notice
	}
	return noLevel
}

// isProxy reports whether a program's name, perhaps with its path, is that of a
// proxy of the SER family.
func isProxy(word []byte) bool {
	name := word[bytes.LastIndexByte(word, '/')+1:]
	return string(name) == "kamailio" || string(name) == "opensips" || string(name) == "openser"
}

// console reads what Asterisk prints on its console, where verbose messages have no
// level; and messages that begin with the source, as some collectors keep them.
func (p *Parser) console(text []byte, e *Event) (told, known bool) {
	msg := text
	if _, rest, ok := p.Clock.Read(text); ok {
		msg = rest
	}
	trimmed := trimVerbose(msg)
	if len(trimmed) == len(msg) || len(msg) > 0 && msg[0] != ' ' {
		return false, false
	}
	told = p.tell(text, verbose, trimmed, e, Asterisk)
	return told, told || isVerbose(msg)
}

// isVerbose reports whether a line bears a mark of Asterisk's verbose messages: any text
// may be indented.
func isVerbose(msg []byte) bool {
	msg = bytes.TrimLeft(msg, " ")
	return bytes.HasPrefix(msg, []byte("-- ")) || bytes.HasPrefix(msg, []byte("== ")) || bytes.HasPrefix(msg, []byte("> "))
}

// wordBefore is the word that ends where a bracket opens; one space may stand
// between.
func wordBefore(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == ' ' {
		b = b[:n-1]
	}
	i := len(b)
	for i > 0 && (b[i-1] >= 'A' && b[i-1] <= 'Z' || b[i-1] >= 'a' && b[i-1] <= 'z' || b[i-1] >= '0' && b[i-1] <= '9' || b[i-1] == '_' || b[i-1] == '-' || b[i-1] == '/') && len(b)-i < 40 {
		i--
	}
	return b[i:]
}

func isFreeSWITCHLevel(b []byte) bool {
	switch string(b) {
	case "CONSOLE", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG":
		return true
	}
	return false
}

// freeSWITCH skips the source: "sofia_reg.c:1842 ".
func (p *Parser) freeSWITCH(text, level, rest []byte, e *Event) bool {
	if level[0] == 'D' || level[0] == 'I' {
		return false
	}
	rest = bytes.TrimLeft(rest, " ")
	if i := bytes.IndexByte(rest[:min(len(rest), 60)], ' '); i > 0 && bytes.IndexByte(rest[:i], ':') > 0 {
		rest = rest[i+1:]
	}
	return p.tell(text, notice, rest, e, FreeSWITCH)
}

// kamailioLevel skips " WARNING: " and tells whether there was a level.
func kamailioLevel(b []byte) ([]byte, bool) {
	b = bytes.TrimLeft(b, " ")
	for _, l := range []string{"ALERT:", "BUG:", "CRITICAL:", "ERROR:", "WARNING:", "NOTICE:", "INFO:", "DEBUG:", "DBG:"} {
		if bytes.HasPrefix(b, []byte(l)) {
			return bytes.TrimLeft(b[len(l):], " "), true
		}
	}
	return b, false
}

// isStderr reports whether b is how Kamailio begins a line on standard error:
// " 5(1234", a process and its number.
func isStderr(b []byte) bool {
	b = bytes.TrimLeft(b, " ")
	open := false
	for _, c := range b {
		switch {
		case c == '(' && !open:
			open = true
		case c < '0' || c > '9':
			return false
		}
	}
	return open
}

// afterPriority skips "<13>" of a syslog message, and the version of RFC 5424.
func afterPriority(b []byte) []byte {
	if i := bytes.IndexByte(b[:min(len(b), 5)], '>'); i > 1 {
		return bytes.TrimPrefix(b[i+1:], []byte("1 "))
	}
	return b
}

// withoutColours drops the escape sequences of a terminal.
func withoutColours(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == 0x1b && i+1 < len(text) && text[i+1] == '[' {
			for i += 2; i < len(text) && (text[i] == ';' || text[i] >= '0' && text[i] <= '9'); i++ {
			}
			continue
		}
		out = append(out, text[i])
	}
	return out
}
