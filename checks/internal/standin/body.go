package standin

import (
	"bytes"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

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
