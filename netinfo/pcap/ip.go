package pcap

import "net/netip"

// ip reads an IP header and what it carries.
func (x *Decoder) ip(b []byte, layers *int) outcome {
	if *layers++; *layers > maxLayers {
		return malformed
	}
	if len(b) == 0 {
		return x.short()
	}
	switch b[0] >> 4 {
	case 4:
		return x.ipv4(b, layers)
	case 6:
		return x.ipv6(b, layers)
	}
	return notIP
}

func (x *Decoder) ipv4(b []byte, layers *int) outcome {
	const least, more, offset = 20, 0x2000, 0x1fff
	if len(b) < least {
		return x.short()
	}
	header, total := int(b[0]&0xf)*4, int(be16(b[2:]))
	if header < least || total != 0 && total < header {
		return malformed
	}
	if header > len(b) {
		return x.short()
	}
	if total != 0 && total < len(b) { // padding; 0 is left by segmentation in the network card
		b = b[:total]
	} else if total > len(b) {
		x.d.Cut = true
	}
	src, dst := netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
	x.d.TOS, x.d.TTL = b[1], b[8]
	x.note(LayerIPv4, header, b)
	where, body := be16(b[6:]), b[header:]
	if where&(more|offset) != 0 {
		key := DatagramID{Src: src, Dst: dst, ID: uint32(be16(b[4:])), Protocol: b[9]}
		var whole bool
		if body, whole = x.fragment(key, int(where&offset)*8, where&more != 0, body); !whole {
			return piece
		}
	}
	return x.transport(b[9], src, dst, body, layers)
}

func (x *Decoder) ipv6(b []byte, layers *int) outcome {
	const header = 40
	if len(b) < header {
		return x.short()
	}
	if n := header + int(be16(b[4:])); n > header && n < len(b) {
		b = b[:n]
	} else if n > len(b) {
		x.d.Cut = true
	}
	src, dst := netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
	x.d.TOS, x.d.TTL = uint8(be16(b)>>4), b[7]
	x.note(LayerIPv6, header, b)
	next, body := b[6], b[header:]
	for {
		switch next {
		case protoHopByHop, protoRouting, protoDestination, protoMobility:
			if len(body) < 8 {
				return x.short()
			}
			n := 8 + int(body[1])*8
			if n > len(body) {
				return x.short()
			}
			x.note(LayerExtension, n, body)
			next, body = body[0], body[n:]
		case protoFragment:
			if len(body) < 8 {
				return x.short()
			}
			x.note(LayerPlain, 8, body)
			where, key := be16(body[2:]), DatagramID{Src: src, Dst: dst, ID: be32(body[4:])}
			next = body[0]
			if body = body[8:]; where&^6 == 0 {
				continue // an atomic fragment (RFC 6946)
			}
			var whole bool
			if body, whole = x.fragment(key, int(where&^7), where&1 != 0, body); !whole {
				return piece
			}
		default:
			return x.transport(next, src, dst, body, layers)
		}
	}
}

// transport reads what an IP header carries.
func (x *Decoder) transport(protocol uint8, src, dst netip.Addr, b []byte, layers *int) outcome {
	switch protocol {
	case UDP:
		return x.udp(src, dst, b, layers)
	case TCP:
		return x.tcp(src, dst, b)
	case protoIPIP, protoIPv6:
		x.d.Tunnel = "ipip"
		return x.ip(b, layers)
	case protoGRE:
		return x.gre(b, layers)
	case protoAH:
		if len(b) < 8 {
			return x.short()
		}
		n := (int(b[1]) + 2) * 4
		if *layers++; n > len(b) || *layers > maxLayers {
			return x.short()
		}
		x.note(LayerExtension, n, b)
		return x.transport(b[0], src, dst, b[n:], layers)
	case protoICMP, protoICMPv6:
		x.icmp(protocol == protoICMPv6, src, b)
	}
	if x.Layer != nil {
		x.Layer(Layer{Kind: LayerOther, Data: b, Protocol: protocol})
	}
	return otherIP
}

func (x *Decoder) udp(src, dst netip.Addr, b []byte, layers *int) outcome {
	const header = 8
	if len(b) < header {
		return x.short()
	}
	if n := int(be16(b[4:])); n >= header && n < len(b) {
		b = b[:n]
	} else if n > len(b) {
		x.d.Cut = true
	}
	d := &x.d
	d.Protocol, d.Src, d.Dst = UDP, netip.AddrPortFrom(src, be16(b)), netip.AddrPortFrom(dst, be16(b[2:]))
	d.Payload = b[header:]
	x.note(LayerUDP, header, b)
	if inner, ok := x.carried(layers); ok {
		return inner
	}
	return found
}

func (x *Decoder) tcp(src, dst netip.Addr, b []byte) outcome {
	const header = 20
	if len(b) < header {
		return x.short()
	}
	n := int(b[12]>>4) * 4
	switch {
	case n < header:
		return malformed
	case n > len(b):
		return x.short()
	}
	d := &x.d
	d.Protocol, d.Src, d.Dst = TCP, netip.AddrPortFrom(src, be16(b)), netip.AddrPortFrom(dst, be16(b[2:]))
	x.note(LayerTCP, n, b)
	d.Seq, d.Flags, d.Payload = be32(b[4:]), b[13]&0x1f, b[n:]
	return found
}
