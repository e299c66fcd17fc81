package capture

import (
	"encoding/binary"
	"net/netip"

	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
)

// checksum is one that has to be computed when everything that it covers stands.
type checksum struct {
	at     int    // of the field
	over   []byte // what it covers
	pseudo []byte // the pseudo-header (RFC 768, RFC 8200, 8.1)
	udp    bool   // 0 means that there is none
}

const (
	icmp   = 1
	icmpv6 = 58
)

// layer writes a header: its fields, and stand-ins for its addresses.
func (a *Anonymizer) layer(l pcap.Layer) {
	p := a.target
	switch l.Kind {
	case pcap.LayerPiece:
		if at := p.place(l.Data); !p.whole {
			if len(a.pieces) >= maxPieces {
				clear(a.pieces)
			}
			a.pieces[l.ID] = append(a.pieces[l.ID], piece{l.At, p.out[at : at+len(l.Data)]})
		}
		return
	case pcap.LayerWhole:
		a.target = &rebuilt{in: l.Data, out: make([]byte, len(l.Data)), whole: true, id: l.ID, src: a.mask.Addr(l.ID.Src), dst: a.mask.Addr(l.ID.Dst)}
		return
	}
	at := p.place(l.Data)
	b := p.out[at : at+len(l.Data)]
	copy(b, l.Data[:l.Header])
	switch l.Kind {
	case pcap.LayerEthernet:
		a.mask.PutCard(b[:6])
		a.mask.PutCard(b[6:12])
	case pcap.LayerCooked:
		a.cookedAddress(int(binary.BigEndian.Uint16(b[4:])), b[6:14])
	case pcap.LayerCooked2:
		a.cookedAddress(int(b[11]), b[12:20])
	case pcap.LayerIPv4, pcap.LayerIPv6:
		a.ipHeader(p, l, at, b)
	case pcap.LayerExtension: // of what is in it nothing matters but its length
		clear(b[2:l.Header])
	case pcap.LayerUDP:
		p.udp(at, b)
	case pcap.LayerTCP:
		harmlessOptions(b[20:l.Header])
		p.sum(checksum{at: 16}, pcap.TCP, at, b)
	case pcap.LayerTZSP: // tags of which all but the last are padding
		clear(b[4:l.Header])
		b[l.Header-1] = 1
	case pcap.LayerHEP:
		clear(b)
		a.hep(b, l.Data)
	case pcap.LayerOther:
		if (l.Protocol == icmp || l.Protocol == icmpv6) && len(b) >= 4 {
			p.sum(checksum{at: 2}, l.Protocol, at, b)
			a.icmp(p, l, at, b)
		}
	}
}

// cookedAddress is that of the sender in a header of "-i any".
func (a *Anonymizer) cookedAddress(length int, b []byte) {
	if length == 6 {
		a.mask.PutCard(b[:6])
		clear(b[6:])
		return
	}
	clear(b)
}

func (a *Anonymizer) ipHeader(p *rebuilt, l pcap.Layer, at int, b []byte) {
	if l.Kind == pcap.LayerIPv6 {
		a.mask.PutAddr(b[8:24])
		a.mask.PutAddr(b[24:40])
		p.src, _ = netip.AddrFromSlice(b[8:24])
		p.dst, _ = netip.AddrFromSlice(b[24:40])
		return
	}
	const fixed, nothing = 20, 1
	for i := fixed; i < l.Header; i++ {
		b[i] = nothing // an option that says nothing
	}
	a.mask.PutAddr(b[12:16])
	a.mask.PutAddr(b[16:20])
	p.src, _ = netip.AddrFromSlice(b[12:16])
	p.dst, _ = netip.AddrFromSlice(b[16:20])
	p.sums = append(p.sums, checksum{at: at + 10, over: b[:l.Header]})
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

// icmp writes type and code, and of an error which packet it is about: its IP header and
// its ports.
func (a *Anonymizer) icmp(p *rebuilt, l pcap.Layer, at int, b []byte) {
	const header, unreachable, tooBig, ports, ipv4, ipv6 = 8, 3, 4, 4, 20, 40
	copy(b, l.Data[:2])
	kind, n := b[0], ipv4
	if l.Protocol == icmpv6 {
		n = ipv6
	}
	isError := l.Protocol == icmp && (kind == unreachable || kind == 11) || l.Protocol == icmpv6 && kind >= 1 && kind <= tooBig
	if !isError || len(b) < header+n+ports {
		return
	}
	copy(b[4:header], l.Data[4:]) // the MTU
	quoted := b[header:]
	copy(quoted[:n], l.Data[header:])
	if n == ipv6 {
		a.mask.PutAddr(quoted[8:24])
		a.mask.PutAddr(quoted[24:40])
	} else {
		options := int(quoted[0]&0xf) * 4
		if options < n || len(quoted) < options+ports {
			clear(quoted)
			return
		}
		fill(quoted[n:options], 1) // an option that says nothing
		a.mask.PutAddr(quoted[12:16])
		a.mask.PutAddr(quoted[16:20])
		n = options
		p.sums = append(p.sums, checksum{at: at + header + 10, over: quoted[:n]})
	}
	copy(quoted[n:n+ports], l.Data[header+n:])
	if protocol := quoted[ipProtocol(l.Protocol)]; protocol == pcap.UDP && len(quoted) >= n+6 {
		copy(quoted[n+4:n+6], l.Data[header+n+4:]) // the length
	}
}

// ipProtocol is where the header that an ICMP error quotes says what it carries.
func ipProtocol(icmpProtocol uint8) int {
	if icmpProtocol == icmpv6 {
		return 6
	}
	return 9
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

// harmlessOptions of TCP stay: sizes, windows, acknowledgements, times.
func harmlessOptions(b []byte) {
	const end, nothing, last, times = 0, 1, 5, 8
	for i := 0; i < len(b); {
		if b[i] == end {
			clear(b[i:])
			return
		}
		if b[i] == nothing {
			i++
			continue
		}
		n := 1
		if i+1 < len(b) {
			n = min(max(2, int(b[i+1])), len(b)-i)
		}
		if b[i] > last && b[i] != times {
			for k := range n {
				b[i+k] = nothing
			}
		}
		i += n
	}
}
