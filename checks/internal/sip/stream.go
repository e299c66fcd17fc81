package sip

import (
	"bytes"
	"fmt"
)

// MaxMessage is the longest message a Framer accepts: what a UDP datagram
// could carry (RFC 3261, 18.1.1).
const MaxMessage = 65535

// A Framer cuts a byte stream (TCP, TLS) into messages by Content-Length
// (RFC 3261, 18.3), however the stream was segmented. The zero value is ready.
type Framer struct {
	buf []byte
}

// Write appends what was read from the stream.
func (f *Framer) Write(b []byte) { f.buf = append(f.buf, b...) }

// Next returns the next whole message, or a keep-alive of CRLFs (RFC 5626,
// 3.5.1: kind "ping" for two, "pong" for one). ok is false when more bytes are
// needed. An error means the stream cannot be followed any further. The
// returned slice is valid until the next Write.
func (f *Framer) Next() (b []byte, kind string, ok bool, err error) {
	if bytes.HasPrefix(f.buf, []byte("\r\n\r\n")) {
		return f.take(4), "ping", true, nil
	}
	if bytes.HasPrefix(f.buf, []byte("\r\n")) && (len(f.buf) > 2 && f.buf[2] != '\r' || len(f.buf) == 2) {
		return f.take(2), "pong", true, nil
	}
	end := bytes.Index(f.buf, []byte("\r\n\r\n"))
	if end < 0 {
		if len(f.buf) > MaxMessage {
			return nil, "", false, fmt.Errorf("no end of the header within %d bytes", MaxMessage)
		}
		return nil, "", false, nil
	}
	m, err := Parse(f.buf[:end+4])
	if err != nil {
		return nil, "", false, err
	}
	n, present := m.ContentLength()
	if !present && m.Get("content-length") != nil {
		return nil, "", false, fmt.Errorf("%w: Content-Length %.20q", ErrNotSIP, m.Get("content-length").Value)
	}
	if len(f.buf) < end+4+n {
		return nil, "", false, nil
	}
	return f.take(end + 4 + n), "message", true, nil
}

func (f *Framer) take(n int) []byte {
	out := f.buf[:n:n]
	f.buf = f.buf[n:]
	return out
}
