package standin

import (
	"bytes"
	"strconv"
	"strings"
	"sync"

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

// body is what a message carries: a session description, the outcome of a transfer, a
// digit, waiting messages. Of anything else only the lines stay.
func (m *Mask) body(body []byte, msg *sip.Message) []byte {
	kind := ""
	if h := msg.Get("content-type"); h != nil {
		kind, _, _ = strings.Cut(strings.ToLower(string(h.Value)), ";")
	}
	switch kind = strings.TrimSpace(kind); {
	case kind == "application/sdp":
		return m.sdp(nil, body)
	case strings.HasPrefix(kind, "multipart/"):
		return m.parts(body)
	case kind == "message/sipfrag":
		return m.phrase(nil, body)
	case kind == "application/dtmf-relay" || kind == "application/dtmf" || kind == "application/simple-message-summary":
		return m.digits(body)
	case kind == "" && bytes.HasPrefix(body, []byte("v=0")):
		return m.sdp(nil, body)
	}
	return blank(body)
}

// blank leaves nothing but the line ends.
func blank(body []byte) []byte {
	out := bytes.Clone(body)
	for i, c := range out {
		if c != '\r' && c != '\n' {
			out[i] = ' '
		}
	}
	return out
}

// digits hides the digit that was pressed, and keeps how long.
func (m *Mask) digits(body []byte) []byte {
	var out [][]byte
	for _, line := range bytes.Split(body, []byte("\n")) {
		name, value, ok := bytes.Cut(line, []byte("="))
		switch key := strings.ToLower(strings.TrimSpace(string(name))); {
		case ok && key == "duration":
		case ok && key == "signal":
			line = append(append(bytes.Clone(name), '='), zeros(value)...)
		case bytes.IndexByte(line, ':') >= 0:
			line = m.values(nil, line, keep{words: grammar(), digits: 3})
		default:
			line = zeros(line)
		}
		out = append(out, line)
	}
	return bytes.Join(out, []byte("\n"))
}

// zeros is a value in which everything but white space is 0.
func zeros(b []byte) []byte {
	out := bytes.Clone(b)
	for i, c := range out {
		if c != ' ' && c != '\r' && c != '\t' {
			out[i] = '0'
		}
	}
	return out
}

// parts of a multipart body: descriptions stay readable, boundaries and headers stay
// in their place.
func (m *Mask) parts(body []byte) []byte {
	var out [][]byte
	for _, line := range bytes.Split(body, []byte("\n")) {
		switch {
		case len(line) > 1 && line[1] == '=' && line[0] >= 'a' && line[0] <= 'z':
			line = m.sdpLine(nil, line)
		case bytes.HasPrefix(line, []byte("--")):
			line = m.secret(nil, line)
		case bytes.HasPrefix(bytes.ToLower(line), []byte("content-")):
			line = m.field(nil, line, fieldName(line, ""))
		default:
			line = blank(line)
		}
		out = append(out, line)
	}
	return bytes.Join(out, []byte("\n"))
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

// Handshake returns the opening of a WebSocket (RFC 6455, section 4), as long as the
// original.
func (m *Mask) Handshake(b []byte) []byte {
	lines := bytes.Split(bytes.TrimSuffix(b, []byte("\r\n\r\n")), []byte("\n"))
	for i, line := range lines {
		if i == 0 {
			lines[i] = m.text(nil, line, keep{words: handshakeWords(), digits: 3})
			continue
		}
		lines[i] = m.handshakeField(line)
	}
	out := append(bytes.Join(lines, []byte("\n")), "\r\n\r\n"...)
	stretch(lines, len(b)-len(out))
	out = append(bytes.Join(lines, []byte("\n")), "\r\n\r\n"...)
	if len(out) != len(b) {
		return make([]byte, len(b))
	}
	return out
}

func (m *Mask) handshakeField(line []byte) []byte {
	n, v, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		return m.identity(nil, line)
	}
	out := append(m.text(nil, n, keep{words: handshakeWords()}), ':')
	if strings.EqualFold(string(n), "sec-websocket-key") || strings.EqualFold(string(n), "sec-websocket-accept") {
		return m.secret(out, v)
	}
	return m.values(out, v, keep{words: handshakeWords(), digits: 2})
}

var handshakeWords = sync.OnceValue(func() map[string]bool {
	return wordSet(`get http host upgrade connection websocket sec key version protocol protocols extensions accept origin user agent sip switching
cache control pragma no encoding language gzip deflate br permessage client max window bits server date`)
})
