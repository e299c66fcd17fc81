package standin

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// Message returns a SIP message with stand-ins, as long as the original, so that
// nothing around it has to change: lengths of IP and UDP, sequence numbers of TCP,
// fragments, the sizes that a fault depends on. Only addresses have stand-ins of
// another length; white space after the colons of the header makes up for it, and
// where that is not enough the short names of header fields. Content-Length is as
// right or as wrong as it was. ok is false where this cannot be done, or b holds no
// message.
func (m *Mask) Message(b []byte) (out []byte, ok bool) {
	at := sip.Start(b)
	if at < 0 {
		return nil, false
	}
	msg, _, ok := sip.Lenient(b[at:])
	if !ok {
		return nil, false
	}
	out = m.identity(make([]byte, 0, len(b)), b[:at])
	out = append(fit(out, at)[:at:at], m.rest(b[at:], msg)...)
	return out, len(out) == len(b)
}

// rest is the message from its start line on; another length than that of b means
// that it does not fit.
func (m *Mask) rest(b []byte, msg *sip.Message) []byte {
	head, gap, body := b, []byte(nil), []byte(nil)
	if n := bytes.Index(b, []byte(msg.LineEnd+msg.LineEnd)); n >= 0 {
		end := n + 2*len(msg.LineEnd)
		head, gap, body = b[:n], b[n:end], b[end:]
	}
	lines := bytes.Split(head, []byte("\n"))
	agents := map[int]bool{}
	name := ""
	for i, line := range lines {
		if i == 0 {
			lines[i] = m.start(line, msg)
			continue
		}
		if name = fieldName(line, name); name == "user-agent" || name == "server" {
			agents[i] = true // when the names of this message are known
			continue
		}
		lines[i] = m.field(nil, line, name)
	}
	newBody := m.body(body, msg)
	for i := range agents {
		lines[i] = m.field(nil, lines[i], "user-agent")
	}
	if grown := len(newBody) - len(body); grown != 0 {
		setLength(lines, grown)
	}
	total := len(gap) + len(newBody) + len(lines) - 1
	for _, l := range lines {
		total += len(l)
	}
	stretch(lines, len(b)-total)
	return append(append(bytes.Join(lines, []byte("\n")), gap...), newBody...)
}

// start is the request or status line.
func (m *Mask) start(line []byte, msg *sip.Message) []byte {
	const status, version = "SIP/2.0 200", " SIP/2.0"
	if msg.Status > 0 {
		n := min(len(status), len(line))
		return m.phrase(bytes.Clone(line[:n]), line[n:])
	}
	out := m.text(nil, []byte(msg.Method), keep{words: grammar()})
	end := max(bytes.LastIndex(line, []byte(version)), len(msg.Method))
	uri := line[len(msg.Method):end]
	lead := len(uri) - len(bytes.TrimLeft(uri, " "))
	out = append(out, uri[:lead]...)
	if uri = uri[lead:]; scheme(uri) > 0 {
		out = m.uri(out, uri)
	} else {
		out = m.identity(out, uri)
	}
	return append(out, line[end:]...)
}

// setLength changes Content-Length by what the body has grown.
func setLength(lines [][]byte, grown int) {
	for i, line := range lines {
		name, value, ok := bytes.Cut(line, []byte(":"))
		n, err := strconv.Atoi(string(bytes.TrimSpace(value)))
		if i > 0 && ok && err == nil && sip.Canonical(bytes.TrimRight(name, " \t")) == "content-length" {
			at := bytes.IndexAny(value, "0123456789")
			end := at + len(bytes.TrimSpace(value))
			lines[i] = append(append(append(bytes.Clone(name), ':'), value[:at]...), strconv.Itoa(max(0, n+grown))...)
			lines[i] = append(lines[i], value[end:]...)
		}
	}
}

// stretch makes the lines of a header longer or shorter by n bytes in all.
func stretch(lines [][]byte, n int) {
	for i := len(lines) - 1; i > 0 && n != 0; i-- {
		name, value, ok := bytes.Cut(lines[i], []byte(":"))
		canonical := sip.Canonical(bytes.TrimRight(name, " \t"))
		if !ok || len(name) == 0 || name[0] == ' ' || name[0] == '\t' || canonical == "reason" || canonical == "warning" {
			continue // its bytes are evidence, or it is no field
		}
		blanks := len(value) - len(bytes.TrimLeft(value, " "))
		if n < 0 {
			cut := min(blanks, -n)
			value, n = value[cut:], n+cut
		} else {
			value, n = append(bytes.Repeat([]byte{' '}, n), value...), 0
		}
		lines[i] = append(append(bytes.Clone(name), ':'), value...)
	}
	for i := len(lines) - 1; i > 0 && n < 0; i-- {
		name, value, ok := bytes.Cut(lines[i], []byte(":"))
		short := shortNames()[strings.ToLower(string(name))]
		if !ok || short == "" || len(name) < 2 {
			continue
		}
		saved := len(name) - 1
		pad := max(0, saved+n)
		n += saved - pad
		lines[i] = append(append([]byte(short+":"), bytes.Repeat([]byte{' '}, pad)...), value...)
	}
	if n > 0 { // no header: the white space of a request line
		if at := bytes.LastIndex(lines[0], []byte(" SIP/2.0")); at > 0 {
			lines[0] = append(append(bytes.Clone(lines[0][:at]), bytes.Repeat([]byte{' '}, n)...), lines[0][at:]...)
		}
	}
}

// shortNames are the short names of header fields (RFC 3261, 7.3.3), by long one.
func shortNames() map[string]string {
	out := map[string]string{}
	for _, c := range "vftimlcesko" {
		out[sip.Canonical([]byte(string(c)))] = string(c)
	}
	return out
}
