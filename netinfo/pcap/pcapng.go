package pcap

import (
	"encoding/binary"
	"io"
)

// pcapng is the format of draft-ietf-opsawg-pcapng: blocks, of which some hold
// frames, in sections that may differ in byte order.
type pcapng struct {
	order binary.ByteOrder
}

// The kinds of blocks that are read; others are skipped.
const (
	blockSection    = 0x0a0d0d0a // the same in both byte orders
	blockInterface  = 1
	blockOldPacket  = 2
	blockSimple     = 3
	blockStatistics = 5
	blockPacket     = 6

	byteOrderMagic = 0x1a2b3c4d
	blockHead      = 8  // kind and length
	blockFrame     = 12 // head and the length once more
	// maxBlock bounds what is kept in memory. A block that is longer and holds no
	// frame is skipped.
	maxBlock = maxFrame + 64<<10
	// Options.
	optionName       = 2
	optionResolution = 9
	optionOffset     = 14
	optionDropped    = 5 // of a statistics block
)

func (p *pcapng) next(r *Reader) error {
	for {
		kind, body, err := p.block(r)
		if err != nil {
			return err
		}
		switch found, err := p.read(r, kind, body); {
		case err != nil:
			return err
		case found:
			return nil
		}
	}
}

// block reads one block; body is what stands between its two lengths.
func (p *pcapng) block(r *Reader) (kind uint32, body []byte, err error) {
	h, err := r.peek(blockFrame)
	if len(h) == 0 {
		return 0, nil, io.EOF
	}
	if err != nil {
		return 0, nil, r.cut("the file ends within the header of a block")
	}
	if binary.BigEndian.Uint32(h) == blockSection {
		switch uint32(byteOrderMagic) {
		case binary.LittleEndian.Uint32(h[8:]):
			p.order = binary.LittleEndian
		case binary.BigEndian.Uint32(h[8:]):
			p.order = binary.BigEndian
		default:
			return 0, nil, r.cut("a section says no byte order")
		}
	}
	kind = p.order.Uint32(h)
	length := int64(p.order.Uint32(h[4:]))
	padded := (length + 3) &^ 3
	switch {
	case length < blockFrame:
		return 0, nil, r.cut("a block claims to be %d bytes long", length)
	case padded > maxBlock && (kind == blockPacket || kind == blockSimple || kind == blockOldPacket || kind == blockSection || kind == blockInterface):
		return 0, nil, r.cut("a block claims to be %d bytes long", length)
	case padded > maxBlock:
		if err := r.skip(int(padded)); err != nil {
			return 0, nil, r.cut("the file ends within a block")
		}
		return kind, nil, nil
	}
	b, err := r.take(int(padded), "a block")
	if err != nil {
		return 0, nil, err
	}
	return kind, b[blockHead : length-4], nil
}

func (p *pcapng) read(r *Reader, kind uint32, b []byte) (frame bool, err error) {
	switch kind {
	case blockSection:
		r.Interfaces = nil
	case blockInterface:
		return false, p.anInterface(r, b)
	case blockStatistics:
		if len(b) >= 12 {
			p.options(b[12:], func(code uint16, v []byte) {
				if code == optionDropped && len(v) == 8 {
					r.Drops += p.order.Uint64(v)
				}
			})
		}
	case blockPacket, blockOldPacket:
		return true, p.packet(r, kind, b)
	case blockSimple:
		if len(b) < 4 {
			return false, r.cut("a frame without a header")
		}
		length := int(p.order.Uint32(b))
		kept := min(length, len(b)-4)
		if len(r.Interfaces) > 0 && r.Interfaces[0].SnapLength > 0 {
			kept = min(kept, r.Interfaces[0].SnapLength)
		}
		r.frame.Time = 0
		return true, p.frame(r, 0, b[4:4+kept], length)
	}
	return false, nil
}

func (p *pcapng) anInterface(r *Reader, b []byte) error {
	if len(b) < 8 {
		return r.cut("an interface without a link type")
	}
	i := Interface{Link: Link(p.order.Uint16(b)), SnapLength: int(p.order.Uint32(b[4:])), ticks: microseconds}
	p.options(b[8:], func(code uint16, v []byte) {
		switch {
		case code == optionName:
			i.Name = string(v)
		case code == optionResolution && len(v) == 1:
			if n := resolution(v[0]); n > 0 {
				i.ticks.perSecond = n
			}
		case code == optionOffset && len(v) == 8:
			i.ticks.offset = int64(p.order.Uint64(v))
		}
	})
	r.Interfaces = append(r.Interfaces, i)
	return nil
}

// packet reads an enhanced packet block, or the older one.
func (p *pcapng) packet(r *Reader, kind uint32, b []byte) error {
	if len(b) < 20 {
		return r.cut("a frame without a header")
	}
	n := int(p.order.Uint32(b))
	if kind == blockOldPacket {
		n = int(p.order.Uint16(b))
	}
	kept, length := int(p.order.Uint32(b[12:])), int(p.order.Uint32(b[16:]))
	if kept < 0 || kept > len(b)-20 {
		return r.cut("it claims to hold %d bytes, its block has %d", kept, len(b)-20)
	}
	if n < len(r.Interfaces) {
		r.setTime(&r.Interfaces[n], uint64(p.order.Uint32(b[4:]))<<32|uint64(p.order.Uint32(b[8:])))
	}
	return p.frame(r, n, b[20:20+kept], length)
}

func (p *pcapng) frame(r *Reader, n int, data []byte, length int) error {
	if n >= len(r.Interfaces) {
		return r.cut("it names interface %d, which was not described", n)
	}
	r.frame.Interface, r.frame.Link, r.frame.Data, r.frame.Length = n, r.Interfaces[n].Link, data, length
	return nil
}

// options calls each for the options of a block.
func (p *pcapng) options(b []byte, each func(code uint16, v []byte)) {
	for len(b) >= 4 {
		code, n := p.order.Uint16(b), int(p.order.Uint16(b[2:]))
		if b = b[4:]; code == 0 || n > len(b) {
			return
		}
		each(code, b[:n])
		b = b[min((n+3)&^3, len(b)):]
	}
}
