package pcap

import (
	"encoding/binary"
)

// classicPcap is the format of libpcap (draft-ietf-opsawg-pcap).
type classicPcap struct {
	order  binary.ByteOrder
	header int // bytes of a frame's header
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
func classicKind(b []byte) (c classicPcap, unit ticks, ok bool) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(b) {
		case magicMicroseconds:
			return classicPcap{order, classicFrameHeader}, microseconds, true
		case magicNanoseconds:
			return classicPcap{order, classicFrameHeader}, nanoseconds, true
		case magicModified:
			return classicPcap{order, classicModifiedHeader}, microseconds, true
		}
	}
	return c, unit, false
}

func classic(r *Reader) (format, error) {
	b, err := r.in.Peek(4)
	if err != nil {
		return nil, err
	}
	c, unit, ok := classicKind(b)
	if !ok {
		return nil, ErrFormat
	}
	if b, err = r.rest(classicFileHeader, "the header of the file"); err != nil {
		return nil, err
	}
	// The upper bits tell of frame check sequences.
	link := Link(c.order.Uint32(b[20:]))
	r.Interfaces = []Interface{{Link: link, SnapLength: int(c.order.Uint32(b[16:])), ticks: unit}}
	return &c, nil
}

func (c *classicPcap) next(r *Reader) error {
	h, err := r.take(c.header, "the header of a frame")
	if err != nil {
		return err
	}
	seconds, part := c.order.Uint32(h), c.order.Uint32(h[4:])
	kept, length := c.order.Uint32(h[8:]), c.order.Uint32(h[12:])
	if kept > maxFrame {
		return r.cut("it claims to hold %d bytes", kept)
	}
	i := &r.Interfaces[0]
	r.frame.Time = int64(seconds)*second + int64(part)*int64(second/i.ticks.perSecond)
	r.frame.Link, r.frame.Length = i.Link, int(length)
	r.frame.Data, err = r.rest(int(kept), "the data of a frame")
	return err
}
