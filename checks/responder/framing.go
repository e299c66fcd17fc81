package responder

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// What a stream carries, one after the other:
//
//	SIP     a message, its body as long as Content-Length says (RFC 3261, 18.3)
//	masked  uint32 length | Mask(message); the first byte is 0, as in no SIP message
//	ping    CR LF CR LF, answered with CR LF (RFC 5626, 3.5.1)
const (
	// maxHead is the longest header of a message that is waited for, bytes.
	maxHead = 16 << 10
	// maxBody is the longest body, bytes.
	maxBody = maxRaw - maxHead
)

type itemKind int

const (
	nothing itemKind = iota // more bytes are needed
	sipItem
	maskedItem
	pingItem
)

// An item is one thing cut out of a stream.
type item struct {
	kind     itemKind
	raw      []byte // unmasked; valid until the next push
	segments int    // in how many reads it arrived
}

// A splitter cuts a stream into items, however it was segmented. The zero
// value is ready.
type splitter struct {
	buf   []byte
	reads int // so far
	first int // the read in which buf begins
}

// push takes what one read has brought.
func (f *splitter) push(b []byte) {
	f.reads++
	if len(f.buf) == 0 {
		f.first = f.reads
	}
	f.buf = append(f.buf, b...)
}

// next returns the next item. An error means that the stream cannot be
// followed any further; rest then has what is left.
func (f *splitter) next() (item, error) {
	for {
		switch {
		case len(f.buf) == 0:
			return item{}, nil
		case f.buf[0] == 0:
			return f.masked()
		case f.buf[0] != '\r':
			return f.message()
		case bytes.HasPrefix(f.buf, []byte("\r\n\r\n")):
			it := f.take(pingItem, 4)
			return it, nil
		case bytes.HasPrefix(f.buf, []byte("\r\n")) && len(f.buf) > 2 && f.buf[2] != '\r':
			f.take(nothing, 2) // an empty line before a message is not part of it (RFC 3261, 7.5)
		case len(f.buf) < 4 && bytes.HasPrefix([]byte("\r\n\r\n"), f.buf):
			return item{}, nil
		default:
			return item{}, fmt.Errorf("%w: a stray line end", sip.ErrNotSIP)
		}
	}
}

func (f *splitter) masked() (item, error) {
	if len(f.buf) < 4 {
		return item{}, nil
	}
	n := int(binary.BigEndian.Uint32(f.buf))
	if n < session.MaskOverhead || n > maxRaw {
		return item{}, fmt.Errorf("a masked frame of %d bytes", n)
	}
	if len(f.buf) < 4+n {
		return item{}, nil
	}
	it := f.take(maskedItem, 4+n)
	p, ok := session.Unmask(it.raw[4:])
	if !ok {
		return item{}, errors.New("a frame that is not masked")
	}
	it.raw = p
	return it, nil
}

func (f *splitter) message() (item, error) {
	end := headEnd(f.buf)
	if end < 0 {
		if len(f.buf) > maxHead {
			return item{}, fmt.Errorf("%w: no end of the header within %d bytes", sip.ErrNotSIP, maxHead)
		}
		return item{}, nil
	}
	m, err := sip.Parse(f.buf[:end])
	if err != nil {
		return item{}, err
	}
	n, ok := m.ContentLength()
	if !ok && m.Get("content-length") != nil || n > maxBody {
		return item{}, fmt.Errorf("%w: Content-Length %.20q", sip.ErrNotSIP, m.Get("content-length").Value)
	}
	if len(f.buf) < end+n {
		return item{}, nil
	}
	return f.take(sipItem, end+n), nil
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

func (f *splitter) take(kind itemKind, n int) item {
	it := item{kind: kind, raw: f.buf[:n:n], segments: f.reads - f.first + 1}
	f.buf = f.buf[n:]
	f.first = f.reads // what follows came with the latest read, or comes later
	return it
}

// rest is what waits for more: a message that somebody cut short.
func (f *splitter) rest() item {
	return item{kind: sipItem, raw: f.buf, segments: f.reads - f.first + 1}
}
