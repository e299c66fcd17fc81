package checktest

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sipText is a SIP message as lines of text, so that what is not rewritten
// stays byte for byte what it was.
type sipText struct {
	start   string
	headers []string // without the final CRLF
	body    string
	cutOff  bool // a datagram whose header has no end
}

// isSIP reports whether b begins like a SIP message.
func isSIP(b []byte) bool {
	line, _, _ := bytes.Cut(b, []byte("\r\n"))
	return bytes.HasPrefix(line, []byte("SIP/2.0 ")) || bytes.HasSuffix(line, []byte(" SIP/2.0"))
}

// readText reads the message at the start of b. In a stream a message needs a
// Content-Length and must be all there; a datagram is one message.
func readText(b []byte, stream bool) (m sipText, size int, ok bool) {
	head, body, found := bytes.Cut(b, []byte("\r\n\r\n"))
	if !found && stream || !isSIP(b) {
		return m, 0, false
	}
	lines := strings.Split(string(head), "\r\n")
	m = sipText{start: lines[0], headers: unfold(lines[1:]), body: string(body), cutOff: !found}
	if !stream {
		return m, len(b), true
	}
	n, err := strconv.ParseUint(m.value("content-length"), 10, 31)
	if err != nil || int(n) > len(body) {
		return m, 0, false
	}
	m.body = string(body[:n])
	return m, len(head) + 4 + int(n), true
}

// readSegment reads as nf_conntrack_sip reads a TCP segment: whatever has a
// Content-Length, an empty line somewhere after it and a body of that length is a
// message, and be it the second half of one.
func readSegment(b []byte, _ bool) (m sipText, size int, ok bool) {
	text := string(b)
	for at := 0; ; {
		i := strings.Index(text[at:], "\r\n")
		if i < 0 {
			return m, 0, false
		}
		at += i + 2
		line, _, _ := strings.Cut(text[at:], "\r\n")
		if longName(line) != "content-length" {
			continue
		}
		_, v, _ := strings.Cut(line, ":")
		v = strings.TrimSpace(v)
		n, err := strconv.ParseUint(v[:digits(v)], 10, 31)
		head, body, found := strings.Cut(text[at:], "\r\n\r\n")
		if err != nil || !found || int(n) > len(body) {
			return m, 0, false
		}
		head = text[:at] + head
		lines := strings.Split(head, "\r\n")
		m = sipText{start: lines[0], headers: unfold(lines[1:]), body: body[:n]}
		return m, len(head) + 4 + int(n), true
	}
}

// unfold puts continuation lines to the header that they continue (RFC 3261
// section 7.3.1), with the line end between them kept.
func unfold(lines []string) []string {
	var out []string
	for _, l := range lines {
		if len(out) > 0 && l != "" && (l[0] == ' ' || l[0] == '\t') {
			out[len(out)-1] += "\r\n" + l
			continue
		}
		out = append(out, l)
	}
	return out
}

func (m *sipText) bytes() []byte {
	head := strings.Join(append([]string{m.start}, m.headers...), "\r\n")
	if m.cutOff {
		return []byte(head)
	}
	return []byte(head + "\r\n\r\n" + m.body)
}

// longName is a header's name in small letters, the compact form expanded
// (RFC 3261 section 7.3.3).
func longName(line string) string {
	name, _, _ := strings.Cut(line, ":")
	name = strings.ToLower(strings.TrimSpace(name))
	return cmp.Or(compactNames[name], name)
}

var compactNames = map[string]string{
	"v": "via", "m": "contact", "f": "from", "t": "to", "i": "call-id", "l": "content-length", "c": "content-type",
}

// find returns the first header of that name, as an index; -1 without one.
func (m *sipText) find(name string) int {
	return slices.IndexFunc(m.headers, func(h string) bool { return longName(h) == name })
}

func (m *sipText) value(name string) string {
	i := m.find(name)
	if i < 0 {
		return ""
	}
	_, v, _ := strings.Cut(m.headers[i], ":")
	return strings.TrimSpace(v)
}

// method is the request's, or the one a response answers.
func (m *sipText) method() string {
	if m.code() == 0 {
		name, _, _ := strings.Cut(m.start, " ")
		return name
	}
	if f := strings.Fields(m.value("cseq")); len(f) == 2 {
		return f[1]
	}
	return ""
}

// code is a response's status; 0 marks a request.
func (m *sipText) code() int {
	rest, found := strings.CutPrefix(m.start, "SIP/2.0 ")
	if !found {
		return 0
	}
	digits, _, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return -1
	}
	return n
}

// lacksCSeq reports a message that nf_conntrack_sip looks for a CSeq in, and
// that has none.
func (m *sipText) lacksCSeq() bool {
	if m.find("cseq") >= 0 {
		return false
	}
	return m.code() != 0 || slices.Contains([]string{"INVITE", "UPDATE", "ACK", "PRACK", "BYE", "REGISTER"}, m.method())
}

// expires is how long the registration lasts that a response confirms; an hour
// where it does not say (RFC 3261 section 10.2.1.1).
func (m *sipText) expires() time.Duration {
	text := m.value("expires")
	if _, p, found := strings.Cut(m.value("contact"), ";expires="); found {
		text = p[:digits(p)]
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return time.Hour
	}
	return time.Duration(n) * time.Second
}

// digits counts the decimal digits at the start of s.
func digits(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789"))
}

// fixLength makes Content-Length true again, touching nothing but its digits;
// false when there is none.
func (m *sipText) fixLength() bool {
	i := m.find("content-length")
	if i < 0 {
		return false
	}
	name, v, _ := strings.Cut(m.headers[i], ":")
	lead := len(v) - len(strings.TrimLeft(v, " \t"))
	rest := v[lead:]
	m.headers[i] = name + ":" + v[:lead] + strconv.Itoa(len(m.body)) + rest[digits(rest):]
	return true
}

// hostEnd is where an address with an optional port ends in s.
func hostEnd(s string) int {
	depth := 0
	for i, c := range []byte(s) {
		switch {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case depth == 0 && strings.IndexByte(" \t;>,?/\"", c) >= 0:
			return i
		}
	}
	return len(s)
}

// readHost reads "address[:port]"; a missing port is 5060.
func readHost(s string) (netip.AddrPort, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap, true
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return netip.AddrPortFrom(a, 5060), err == nil
}
