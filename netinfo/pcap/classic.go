package pcap

import (
	"encoding/binary"
)

// classicPcap is the format of libpcap (draft-ietf-opsawg-pcap).
type classicPcap struct {
	big    bool  // the highest byte stands first
	header int   // bytes of a frame's header
	unit   int64 // of the fraction of a second, nanoseconds
}

// The first four bytes, read in the order of the writing machine.
const (
	magicMicroseconds = 0xa1b2c3d4
	magicNanoseconds  = 0xa1b23c4d
	// magicModified is Alexey Kuznetzov's: a longer frame header.
	magicModified = 0xa1b2cd34

	classicFileHeader     = 24
	classicFrameHeader    = 16
	classicModifiedHeader = 24
)

// classicKind reads the first four bytes of a file.
func classicKind(b []byte) (c classicPcap, ok bool) {
	for _, c.big = range []bool{false, true} {
		switch c.number(b) {
		case magicMicroseconds:
			c.header, c.unit = classicFrameHeader, microsecond
		case magicNanoseconds:
			c.header, c.unit = classicFrameHeader, 1
		case magicModified:
			c.header, c.unit = classicModifiedHeader, microsecond
		default:
			continue
		}
		return c, true
	}
	return c, false
}

// number reads 4 bytes.
func (c *classicPcap) number(b []byte) uint32 {
	if c.big {
		return be32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

func classic(r *Reader) (format, error) {
	b, err := r.in.Peek(4)
	if err != nil {
		return nil, err
	}
	c, ok := classicKind(b)
	if !ok {
		return nil, ErrFormat
	}
	if b, err = r.rest(classicFileHeader, "the header of the file"); err != nil {
		return nil, err
	}
	// The upper bits tell of frame check sequences.
	link := Link(c.number(b[20:]))
	r.Interfaces = []Interface{{Link: link, SnapLength: int(c.number(b[16:]))}}
	return &c, nil
}

func (c *classicPcap) next(r *Reader) error {
	h, err := r.take(c.header, "the header of a frame")
	if err != nil {
		return err
	}
	seconds, part := c.number(h), c.number(h[4:])
	kept, length := c.number(h[8:]), c.number(h[12:])
	if kept > maxFrame {
		return r.cut("it claims to hold %d bytes", kept)
	}
	r.frame.Time = int64(seconds)*second + int64(part)*c.unit
	r.frame.Link, r.frame.Length = r.Interfaces[0].Link, int(length)
	r.frame.Data, err = r.rest(int(kept), "the data of a frame")
	return err
}
