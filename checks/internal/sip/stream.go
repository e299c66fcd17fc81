package sip

import (
	"bytes"
	"cmp"
	"fmt"
)

// MaxMessage is the longest message a Framer accepts: what a UDP datagram
// could carry (RFC 3261, 18.1.1).
const MaxMessage = 65535

// A Framer cuts a byte stream (TCP, TLS) into messages by Content-Length
// (RFC 3261, 18.3), however the stream was segmented. The zero value is ready.
type Framer struct {
	MaxHead, MaxBody int // bytes; 0: MaxMessage

	// Segments is in how many writes the latest item arrived.
	Segments int

	buf    []byte
	writes int // so far
	first  int // the write in which buf begins
}

// Write appends what one read from the stream has brought.
func (f *Framer) Write(b []byte) {
	f.writes++
	if len(f.buf) == 0 {
		f.first = f.writes
	}
	f.buf = append(f.buf, b...)
}

// Next returns the next whole message, or a keep-alive (kind "ping": two CRLFs,
// RFC 5626, 3.5.1). A single CRLF before a message is not part of it (RFC 3261,
// 7.5). ok is false when more bytes are needed. An error means the stream cannot
// be followed any further. The returned slice is valid until the next Write.
func (f *Framer) Next() (b []byte, kind string, ok bool, err error) {
	const ping = "\r\n\r\n"
	for bytes.HasPrefix(f.buf, []byte("\r")) {
		switch {
		case bytes.HasPrefix(f.buf, []byte(ping)):
			return f.Take(len(ping)), "ping", true, nil
		case bytes.HasPrefix([]byte(ping), f.buf):
			return nil, "", false, nil
		case f.buf[1] != '\n' || f.buf[2] == '\r':
			return nil, "", false, fmt.Errorf("%w: a stray line end", ErrNotSIP)
		}
		f.Take(2)
	}
	end := headEnd(f.buf)
	if most := cmp.Or(f.MaxHead, MaxMessage); end < 0 && len(f.buf) > most {
		return nil, "", false, fmt.Errorf("%w: no end of the header within %d bytes", ErrNotSIP, most)
	}
	if end < 0 {
		return nil, "", false, nil
	}
	m, err := Parse(f.buf[:end])
	if err != nil {
		return nil, "", false, err
	}
	n, present := m.ContentLength()
	if length := m.Get("content-length"); length != nil && !present || n > cmp.Or(f.MaxBody, MaxMessage) {
		return nil, "", false, fmt.Errorf("%w: Content-Length %.20q", ErrNotSIP, length.Value)
	}
	if len(f.buf) < end+n {
		return nil, "", false, nil
	}
	return f.Take(end + n), "message", true, nil
}

// headEnd is the length of the header with its empty line; -1 when that has
// not come yet.
func headEnd(b []byte) int {
	crlf, lf := bytes.Index(b, []byte("\r\n\r\n")), bytes.Index(b, []byte("\n\n"))
	if crlf >= 0 && (lf < 0 || crlf < lf) {
		return crlf + 4
	}
	if lf >= 0 {
		return lf + 2
	}
	return -1
}

// Take cuts off the next n bytes, which must have arrived.
func (f *Framer) Take(n int) []byte {
	out := f.buf[:n:n]
	f.Segments = f.writes - f.first + 1
	f.buf = f.buf[n:]
	f.first = f.writes // what follows came with the latest write, or comes later
	return out
}

// Rest is what waits for more bytes.
func (f *Framer) Rest() []byte { return f.buf }
