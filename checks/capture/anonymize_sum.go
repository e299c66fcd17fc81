package capture

import (
	"encoding/binary"

	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
)

// checksum is one that has to be computed when everything that it covers stands.
type checksum struct {
	at     int    // of the field
	over   []byte // what it covers
	pseudo []byte // the pseudo-header (RFC 768, RFC 8200, 8.1)
	udp    bool   // 0 means that there is none
}

// udp adds the checksum of a datagram, if it had one and the capture has all of it.
func (p *rebuilt) udp(at int, b []byte) {
	if binary.BigEndian.Uint16(b[6:]) == 0 && p.src.Is4() || int(binary.BigEndian.Uint16(b[4:])) > len(b) {
		b[6], b[7] = 0, 0
		return
	}
	p.sum(checksum{at: 6, udp: true}, pcap.UDP, at, b)
}

// sum adds the checksum of a protocol over IP that begins at a place.
func (p *rebuilt) sum(c checksum, protocol uint8, at int, b []byte) {
	c.at, c.over = at+c.at, b
	switch {
	case protocol == icmp:
	case p.src.Is4():
		c.pseudo = append(append(c.pseudo, p.src.AsSlice()...), p.dst.AsSlice()...)
		c.pseudo = binary.BigEndian.AppendUint16(append(c.pseudo, 0, protocol), uint16(len(b)))
	default:
		c.pseudo = append(append(c.pseudo, p.src.AsSlice()...), p.dst.AsSlice()...)
		c.pseudo = append(binary.BigEndian.AppendUint32(c.pseudo, uint32(len(b))), 0, 0, 0, protocol)
	}
	p.sums = append(p.sums, c)
}

// finish computes the checksums, the innermost first: the others cover it.
func (p *rebuilt) finish() {
	for i := len(p.sums) - 1; i >= 0; i-- {
		c := p.sums[i]
		field := p.out[c.at : c.at+2]
		field[0], field[1] = 0, 0
		sum := onesComplement(onesComplement(0, c.pseudo), c.over)
		for sum > 0xffff {
			sum = sum>>16 + sum&0xffff
		}
		if sum = ^sum & 0xffff; sum == 0 && c.udp {
			sum = 0xffff
		}
		binary.BigEndian.PutUint16(field, uint16(sum))
	}
	p.sums = nil
}

func onesComplement(sum uint32, b []byte) uint32 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
		if sum > 0x7fff_ffff {
			sum = sum>>16 + sum&0xffff
		}
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	return sum
}
