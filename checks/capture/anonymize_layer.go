package capture

import (
	"encoding/binary"
	"net/netip"

	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
)

const (
	icmp   = 1
	icmpv6 = 58
)

// layer writes a header: its fields, and stand-ins for its addresses.
func (a *Anonymizer) layer(l pcap.Layer) {
	p := a.target
	switch l.Kind {
	case pcap.LayerPiece:
		a.piece(p, l)
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

// piece remembers where a fragment belongs; of one within a fragment nothing is kept.
func (a *Anonymizer) piece(p *rebuilt, l pcap.Layer) {
	if p.whole {
		return
	}
	if len(a.pieces) >= maxPieces {
		clear(a.pieces)
	}
	at := p.place(l.Data)
	a.pieces[l.ID] = append(a.pieces[l.ID], piece{l.At, p.out[at : at+len(l.Data)]})
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
