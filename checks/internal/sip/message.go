// Package sip reads SIP messages without changing a byte of them. A SIP
// library that parses and writes again would hide exactly what this program
// looks for: white space, order, case, an address that somebody replaced.
package sip

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Message is a view into the bytes it was parsed from; nothing is copied, so
// those bytes must not change while it is used.
type Message struct {
	Start   []byte   // the request or status line, without its line end
	Method  string   // of a request; "" for a response
	Status  int      // of a response; 0 for a request
	Headers []Header // in order of arrival
	Body    []byte   // what follows the empty line, to the end of the input
	LineEnd string   // "\r\n", or "\n" where the sender is that sloppy
}

// A Header is one header field. Raw holds the whole field with folded
// continuation lines, without the final line end.
type Header struct {
	Name  []byte // as it came: case and compact form kept, white space before the colon removed
	Value []byte // after the colon, surrounding white space removed; folds kept
	Raw   []byte
}

// ErrNotSIP is returned for bytes that do not begin like a SIP message.
var ErrNotSIP = errors.New("not a SIP message")

// maxHeaders bounds the work that a hostile message can cause. Real messages
// have at most a few dozen header fields.
const maxHeaders = 256

// Parse reads one message. It is strict only about what it must know (the
// start line, a colon in every header field); everything odd beyond that is
// kept as it came, to be compared.
func Parse(b []byte) (*Message, error) {
	m := &Message{LineEnd: "\r\n"}
	if i := bytes.IndexByte(b, '\n'); i > 0 && b[i-1] != '\r' {
		m.LineEnd = "\n"
	}
	head, body, ok := bytes.Cut(b, []byte(m.LineEnd+m.LineEnd))
	if !ok {
		return nil, fmt.Errorf("%w: no empty line ends its header", ErrNotSIP)
	}
	var fields []byte
	m.Start, fields, _ = bytes.Cut(head, []byte(m.LineEnd))
	m.Body = body
	if err := m.parseStart(); err != nil {
		return nil, err
	}
	return m, m.parseHeaders(fields)
}

func (m *Message) parseStart() error {
	if s, ok := bytes.CutPrefix(m.Start, []byte("SIP/2.0 ")); ok {
		code, err := strconv.Atoi(string(s[:min(3, len(s))]))
		if err != nil || code < 100 || code > 699 || len(s) > 3 && s[3] != ' ' {
			return fmt.Errorf("%w: status line %.60q", ErrNotSIP, m.Start)
		}
		m.Status = code
		return nil
	}
	method, rest, _ := bytes.Cut(m.Start, []byte(" "))
	if !isToken(method) || !bytes.HasSuffix(rest, []byte(" SIP/2.0")) {
		return fmt.Errorf("%w: start line %.60q", ErrNotSIP, m.Start)
	}
	m.Method = string(method)
	return nil
}

func (m *Message) parseHeaders(b []byte) error {
	for len(b) > 0 {
		var raw []byte
		raw, b = m.field(b)
		if len(m.Headers) == maxHeaders || !m.addHeader(raw) {
			return fmt.Errorf("%w: header field %d: %.60q", ErrNotSIP, len(m.Headers)+1, raw)
		}
	}
	return nil
}

// field cuts the first header field off: up to a line end that no white space
// follows, which would continue the field (RFC 3261, 7.3.1).
func (m *Message) field(b []byte) (raw, rest []byte) {
	for n := 0; ; {
		end := bytes.Index(b[n:], []byte(m.LineEnd))
		if end < 0 {
			return b, nil
		}
		n += end
		next := n + len(m.LineEnd)
		if next == len(b) || b[next] != ' ' && b[next] != '\t' {
			return b[:n], b[next:]
		}
		n = next
	}
}

// addHeader is false for a line without a colon.
func (m *Message) addHeader(raw []byte) bool {
	name, value, ok := bytes.Cut(raw, []byte(":"))
	if ok {
		m.Headers = append(m.Headers, Header{Name: bytes.TrimRight(name, " \t"), Value: bytes.TrimSpace(value), Raw: raw})
	}
	return ok
}

// compact maps the one-letter names of RFC 3261, 7.3.3 and later documents.
var compact = map[string]string{
	"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type",
	"e": "content-encoding", "s": "subject", "k": "supported", "o": "event", "r": "refer-to", "b": "referred-by",
	"x": "session-expires", "u": "allow-events", "y": "identity", "a": "accept-contact", "d": "request-disposition", "j": "reject-contact",
}

// Canonical is the lower-case long name of a header field.
func Canonical(name []byte) string {
	n := strings.ToLower(string(name))
	if long, ok := compact[n]; ok {
		return long
	}
	return n
}

// Get returns the first header field of that canonical (lower-case, long)
// name, nil when there is none.
func (m *Message) Get(canonical string) *Header {
	for i := range m.Headers {
		if Canonical(m.Headers[i].Name) == canonical {
			return &m.Headers[i]
		}
	}
	return nil
}

// All returns every header field of that canonical name, in order.
func (m *Message) All(canonical string) []*Header {
	var out []*Header
	for i := range m.Headers {
		if Canonical(m.Headers[i].Name) == canonical {
			out = append(out, &m.Headers[i])
		}
	}
	return out
}

// ContentLength is the value of the Content-Length header field; ok is false
// when it is missing, no number, or beyond 65535.
func (m *Message) ContentLength() (n int, ok bool) {
	h := m.Get("content-length")
	if h == nil {
		return 0, false
	}
	v, err := strconv.ParseUint(string(h.Value), 10, 16)
	return int(v), err == nil
}

func isToken(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?={}`, c) >= 0 {
			return false
		}
	}
	return len(b) > 0
}
