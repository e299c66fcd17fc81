package capture

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
)

// A talk is what one direction of a TCP connection has said and not finished.
type talk struct {
	buf []byte
	ws  bool // a WebSocket whose handshake is over
}

const (
	maxMessage = 64 << 10
	// maxTLS is how many encrypted connections are listed.
	maxTLS = 100
)

// stream takes what follows on a TCP connection.
func (r *reading) stream(s *pcap.Stream, d *pcap.Datagram, b []byte, gap bool) bool {
	t, ok := s.State.(*talk)
	if !ok {
		t = &talk{}
		s.State = t
	}
	if gap {
		t.buf = nil
	}
	t.buf = append(t.buf, b...)
	if isHello(t.buf) {
		r.encrypted(s, t.buf)
		return false
	}
	for len(t.buf) > 0 {
		n, more := t.next(r, d)
		if n == 0 {
			return more && len(t.buf) <= maxMessage
		}
		t.buf = t.buf[n:]
	}
	t.buf = nil
	return true
}

// next handles what stands at the beginning of the buffer and returns its length; 0
// with more means that bytes are missing, without more that it cannot be followed.
func (t *talk) next(r *reading, d *pcap.Datagram) (n int, more bool) {
	b := t.buf
	switch {
	case t.ws:
		return t.frame(r, d)
	case bytes.HasPrefix(b, []byte("\r\n")):
		return 2, true
	case bytes.HasPrefix(b, []byte("HEP3")):
		if len(b) < 6 {
			return 0, true
		}
		if n = int(binary.BigEndian.Uint16(b[4:])); n < 6 || n > len(b) {
			return 0, n >= 6
		}
		c := *d
		if c.Payload = b[:n]; c.Unwrap() {
			r.message(&c, c.Payload, "hep")
		}
		return n, true
	case bytes.HasPrefix(b, []byte("GET ")), bytes.HasPrefix(b, []byte("HTTP/")):
		end := bytes.Index(b, []byte("\r\n\r\n"))
		if end < 0 {
			return 0, true
		}
		t.ws = true
		return end + 4, true
	}
	return sipLength(b, func(m []byte) { r.message(d, m, "tcp") })
}

// sipLength finds the end of the first message by its Content-Length, or, where that
// is missing, at the next message.
func sipLength(b []byte, whole func([]byte)) (n int, more bool) {
	end, skip := bytes.Index(b, []byte("\r\n\r\n")), 4
	if lf := bytes.Index(b, []byte("\n\n")); lf >= 0 && (end < 0 || lf < end) {
		end, skip = lf, 2
	}
	if end < 0 {
		return 0, true
	}
	at := sip.Start(b)
	if at < 0 {
		return end + skip, true // until something begins that can be read
	}
	m, _, ok := sip.Lenient(b[:end+skip])
	if !ok {
		return end + skip, true
	}
	length, known := m.ContentLength()
	if !known && m.Get("content-type") != nil {
		if length = sip.Start(b[end+skip:]); length < 0 {
			length = len(b) - end - skip
		}
	}
	if n = end + skip + length; n > len(b) {
		return 0, n <= maxMessage
	}
	whole(b[at:n])
	return n, true
}

// frame reads a frame of a WebSocket. SIP sends each message in one (RFC 7118).
func (t *talk) frame(r *reading, d *pcap.Datagram) (n int, more bool) {
	f, n, more := webSocketFrame(t.buf)
	if n == 0 {
		return 0, more
	}
	if data := f.data(t.buf[:n]); !f.control && sip.Start(data) >= 0 {
		r.message(d, data, "ws")
	}
	return n, true
}

// webSocket is the header of a frame (RFC 6455, section 5.2).
type webSocket struct {
	at      int // of the data
	masked  bool
	control bool
}

// webSocketFrame reads the header of a frame; n is the length of the frame, 0 where
// bytes are missing.
func webSocketFrame(b []byte) (f webSocket, n int, more bool) {
	if len(b) < 2 {
		return f, 0, true
	}
	length := int(b[1] & 0x7f)
	f.at = 2
	switch length {
	case 126:
		if len(b) < 4 {
			return f, 0, true
		}
		length, f.at = int(binary.BigEndian.Uint16(b[2:])), 4
	case 127:
		if len(b) < 10 {
			return f, 0, true
		}
		if binary.BigEndian.Uint64(b[2:]) > maxMessage {
			return f, 0, false
		}
		length, f.at = int(binary.BigEndian.Uint64(b[2:])), 10
	}
	const control = 0x8
	f.control, f.masked = b[0]&control != 0, b[1]&0x80 != 0
	if f.masked {
		f.at += 4
	}
	if n = f.at + length; n > len(b) {
		return f, 0, n <= maxMessage
	}
	return f, n, true
}

// data is a copy of what a frame carries.
func (f webSocket) data(frame []byte) []byte {
	c := bytes.Clone(frame)
	f.mask(c)
	return c[f.at:]
}

// mask applies the mask of a frame to its data, or takes it off.
func (f webSocket) mask(frame []byte) {
	if !f.masked {
		return
	}
	key := frame[f.at-4 : f.at]
	for i := range frame[f.at:] {
		frame[f.at+i] ^= key[i%4]
	}
}

// isHello reports whether a TLS handshake begins here.
func isHello(b []byte) bool { return len(b) >= 6 && b[0] == 22 && b[1] == 3 && b[5] == 1 }

// encrypted notes a TLS connection to a port of SIP.
func (r *reading) encrypted(s *pcap.Stream, hello []byte) {
	key := [2]netip.AddrPort{s.Src, s.Dst}
	name := serverName(hello)
	if s.Dst.Port() == 443 || r.tls[key] || len(r.o.TLS) >= maxTLS {
		return
	}
	r.tls[key] = true
	r.o.TLS = append(r.o.TLS, Encrypted{Src: s.Src, Dst: s.Dst, Name: name})
}

// serverName is the name that a ClientHello asks for (RFC 6066, section 3); empty if
// there is none.
func serverName(b []byte) string {
	const header, random = 9, 34
	next := func(width int) []byte { // what a length of that width counts
		if len(b) < width {
			b = nil
			return nil
		}
		n := 0
		for _, c := range b[:width] {
			n = n<<8 | int(c)
		}
		b = b[width:]
		v := b[:min(n, len(b))]
		b = b[len(v):]
		return v
	}
	if len(b) < header+random {
		return ""
	}
	b = b[header+random:]
	next(1) // session
	next(2) // cipher suites
	next(1) // compression
	b = next(2)
	for len(b) >= 4 {
		kind := binary.BigEndian.Uint16(b)
		b = b[2:]
		if v := next(2); kind == 0 && len(v) > 5 {
			return text(v[5:])
		}
	}
	return ""
}
