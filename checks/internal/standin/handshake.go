package standin

import (
	"bytes"
	"strings"
	"sync"
)

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
