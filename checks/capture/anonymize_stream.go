package capture

import (
	"bytes"
	"encoding/binary"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
)

// anonymousTalk is what one direction of a TCP connection has said and not finished,
// and where in the waiting frames it belongs. It is cut into messages as talk does.
type anonymousTalk struct {
	buf     []byte
	targets []piece // by their place in buf
	ws      bool
}

// put writes b in the place of what stands at the beginning of the buffer.
func (t *anonymousTalk) put(at int, b []byte) {
	for _, g := range t.targets {
		if from, to := max(at, g.at), min(at+len(b), g.at+len(g.target)); from < to {
			copy(g.target[from-g.at:], b[from-at:to-at])
		}
	}
}

// done drops the first n bytes of the buffer.
func (t *anonymousTalk) done(n int) {
	t.buf = t.buf[n:]
	var left []piece
	for _, g := range t.targets {
		if g.at -= n; g.at+len(g.target) > 0 {
			left = append(left, g)
		}
	}
	t.targets = left
}

// stream takes what follows on a TCP connection.
func (a *Anonymizer) stream(s *pcap.Stream, d *pcap.Datagram, b []byte, gap bool) bool {
	t, ok := s.State.(*anonymousTalk)
	if !ok {
		t = &anonymousTalk{}
		s.State = t
	}
	if gap {
		t.done(len(t.buf))
	}
	if h := a.byFrame[d.Frame]; h != nil && len(h.payload) == len(d.Payload) {
		t.targets = append(t.targets, piece{len(t.buf), h.payload[len(d.Payload)-len(b):]})
	}
	t.buf = append(t.buf, b...)
	if isHello(t.buf) {
		t.put(0, a.hello(t.buf))
		return false
	}
	for len(t.buf) > 0 {
		n, more := a.next(t)
		if n == 0 {
			return more && len(t.buf) <= maxMessage
		}
		t.done(n)
	}
	return true
}

// next writes what stands at the beginning of the buffer; see talk.next.
func (a *Anonymizer) next(t *anonymousTalk) (n int, more bool) {
	b := t.buf
	switch {
	case t.ws:
		return a.webSocket(t)
	case bytes.HasPrefix(b, []byte("\r\n")):
		t.put(0, b[:2])
		return 2, true
	case bytes.HasPrefix(b, []byte("HEP3")):
		if len(b) < 6 {
			return 0, true
		}
		if n = int(binary.BigEndian.Uint16(b[4:])); n < 6 || n > len(b) {
			return 0, n >= 6
		}
		out := make([]byte, n)
		a.hep(out, b[:n])
		t.put(0, out)
		return n, true
	case bytes.HasPrefix(b, []byte("GET ")), bytes.HasPrefix(b, []byte("HTTP/")):
		end := bytes.Index(b, []byte("\r\n\r\n"))
		if end < 0 {
			return 0, true
		}
		t.put(0, a.mask.Handshake(b[:end+4]))
		t.ws = true
		return end + 4, true
	}
	return sipLength(b, func(m []byte) {
		out := make([]byte, len(m))
		a.message(out, m)
		t.put(max(0, sip.Start(b)), out)
	})
}

// webSocket writes a frame of a WebSocket; see talk.frame.
func (a *Anonymizer) webSocket(t *anonymousTalk) (n int, more bool) {
	f, n, more := webSocketFrame(t.buf)
	if n == 0 {
		return 0, more
	}
	out := make([]byte, n)
	copy(out, t.buf[:f.at])
	if data := f.data(t.buf[:n]); f.control || sip.Start(data) < 0 {
		clear(out[f.at:])
	} else {
		a.message(out[f.at:], data)
		f.mask(out)
	}
	t.put(0, out)
	return n, true
}

// hello is a ClientHello of which only the sizes stay, and a stand-in for the name
// that is asked for.
func (a *Anonymizer) hello(b []byte) []byte {
	const header, random = 9, 34
	out := make([]byte, len(b))
	at := min(header+2, len(b))
	copy(out, b[:at])
	at = header + random
	skip := func(width int) (from, n int) { // copies a length and skips what it counts
		if at+width > len(b) {
			at = len(b)
			return at, 0
		}
		copy(out[at:], b[at:at+width])
		for _, c := range b[at : at+width] {
			n = n<<8 | int(c)
		}
		at += width
		from, n = at, min(n, len(b)-at)
		at += n
		return from, n
	}
	skip(1)
	skip(2)
	skip(1)
	from, n := skip(2)
	end := from + n
	for at = from; at+4 <= end; {
		kind := binary.BigEndian.Uint16(b[at:])
		copy(out[at:], b[at:at+2])
		at += 2
		if v, n := skip(2); kind == 0 && n > 5 {
			copy(out[v:], b[v:v+5])
			copy(out[v+5:v+n], a.mask.Host(b[v+5:v+n]))
		}
	}
	return out
}
