package sip

import (
	"bytes"
	"slices"
)

// A Fault is where a message breaks the rules that a reader can do without.
type Fault string

// The faults.
const (
	JunkBefore  Fault = "junk-before"   // bytes before the start line
	NoHeaderEnd Fault = "no-header-end" // no empty line after the header
	NoColon     Fault = "no-colon"      // a line of the header that is no field
)

// Start returns where a message begins in b, and -1 if there is none: at a method
// and a Request-URI, or a version and a status, in front of a line end. Only the
// first 256 bytes are looked at. It is quick to say no.
func Start(b []byte) int {
	b = b[:min(len(b), 4096)]
	for at, line := 0, b; at < min(len(b), 256); {
		end := bytes.IndexByte(line, '\n')
		if end < 0 {
			end = len(line)
		}
		if n := startOf(bytes.TrimRight(line[:end], "\r")); n >= 0 {
			return at + n
		}
		if end == len(line) {
			return -1
		}
		at += end + 1
		line = line[end+1:]
	}
	return -1
}

// startOf finds a start line at the end of a line, behind whatever stands there.
func startOf(line []byte) int {
	const version = "SIP/2.0"
	at := bytes.Index(line, []byte(version))
	switch {
	case at < 0:
		return -1
	case at+len(version) < len(line):
		s := line[at+len(version):]
		if len(s) < 4 || s[0] != ' ' || s[1] < '1' || s[1] > '6' || !digit(s[2]) || !digit(s[3]) || len(s) > 4 && s[4] != ' ' {
			return -1
		}
		return at
	case at < len("A b "):
		return -1
	}
	// A request: the method is the word before the Request-URI.
	fields := bytes.TrimRight(line[:at], " ")
	uri := bytes.LastIndexByte(fields, ' ')
	if uri < 1 {
		return -1
	}
	n := uri
	for n > 0 && methodByte(fields[n-1]) {
		n--
	}
	if n == uri {
		return -1
	}
	return n
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// methodByte is one of the letters that methods consist of in practice. A token
// could have others, but junk would look like one then.
func methodByte(c byte) bool { return c >= 'A' && c <= 'Z' }

// Lenient reads a message as far as it can be read, from where Start finds it. ok is
// false where there is none.
func Lenient(b []byte) (m *Message, faults []Fault, ok bool) {
	at := Start(b)
	if at < 0 {
		return nil, nil, false
	}
	if len(bytes.Trim(b[:at], "\r\n")) > 0 {
		faults = append(faults, JunkBefore)
	}
	b = b[at:]
	m = &Message{LineEnd: "\r\n"}
	if i := bytes.IndexByte(b, '\n'); i > 0 && b[i-1] != '\r' || i < 0 {
		m.LineEnd = "\n"
	}
	head, body, ended := bytes.Cut(b, []byte(m.LineEnd+m.LineEnd))
	if m.Body = body; !ended {
		faults = append(faults, NoHeaderEnd)
	}
	var fields []byte
	m.Start, fields, _ = bytes.Cut(head, []byte(m.LineEnd))
	if m.parseStart() != nil {
		return nil, nil, false
	}
	for len(fields) > 0 && len(m.Headers) < maxHeaders {
		var raw []byte
		if raw, fields = m.field(fields); !m.addHeader(raw) {
			faults = append(faults, NoColon)
		}
	}
	return m, slices.Compact(faults), true
}
