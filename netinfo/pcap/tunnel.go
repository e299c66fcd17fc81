package pcap

import "net/netip"

// gre reads Generic Routing Encapsulation (RFC 2784, 2890; version 1 is PPTP's,
// RFC 2637).
func (x *Decoder) gre(b []byte, layers *int) outcome {
	const checksum, routing, key, sequence, acknowledgement = 0x80, 0x40, 0x20, 0x10, 0x80
	if len(b) < 4 {
		return x.short()
	}
	flags, version, kind, n := b[0], b[1]&7, be16(b[2:]), 4
	if flags&(checksum|routing) != 0 {
		n += 4
	}
	if flags&key != 0 {
		n += 4
	}
	if flags&sequence != 0 {
		n += 4
	}
	if version == 1 && b[1]&acknowledgement != 0 {
		n += 4
	}
	if n > len(b) {
		return x.short()
	}
	x.note(LayerPlain, n, b)
	b = b[n:]
	x.d.Tunnel = "gre"
	switch kind {
	case etherBridge:
		return x.ethernet(b, layers)
	case etherPPP:
		return x.ppp(b, layers)
	case etherERSPAN:
		x.d.Tunnel = "erspan"
		if flags&sequence != 0 { // type II has a header, type I none
			return x.after(8, b, layers)
		}
		return x.ethernet(b, layers)
	case etherERSPN3:
		x.d.Tunnel = "erspan"
		if len(b) < 12 {
			return x.short()
		}
		if b[11]&1 != 0 { // a header of the platform follows
			return x.after(20, b, layers)
		}
		return x.after(12, b, layers)
	}
	return x.ether(kind, b, layers)
}

// after reads Ethernet behind n bytes.
func (x *Decoder) after(n int, b []byte, layers *int) outcome {
	if len(b) < n {
		return x.short()
	}
	x.note(LayerPlain, n, b)
	return x.ethernet(b[n:], layers)
}

// The ports of what carries frames in UDP.
const (
	portVXLAN      = 4789
	portVXLANLinux = 8472
	portTZSP       = 37008 // MikroTik's "/tool sniffer" with streaming
)

// carried looks for a frame within a UDP datagram; ok is false where it carries
// something else.
func (x *Decoder) carried(layers *int) (o outcome, ok bool) {
	d := &x.d
	switch d.Dst.Port() {
	case portVXLAN, portVXLANLinux:
		const header, valid = 8, 0x08
		if b := d.Payload; len(b) > header+etherHeader && b[0]&valid != 0 && be32(b)&0x00ffffff == 0 {
			d.Tunnel = "vxlan"
			return x.after(header, b, layers), true
		}
	case portTZSP:
		if b, tagged := tzsp(d.Payload); tagged {
			d.Tunnel = "tzsp"
			x.note(LayerTZSP, len(d.Payload)-len(b), d.Payload)
			return x.after(0, b, layers), true
		}
	}
	if len(d.Payload) > 6 {
		switch string(d.Payload[:4]) {
		case "HEP3":
			return x.hep3(d.Payload)
		}
		if d.Payload[0] == 1 || d.Payload[0] == 2 {
			return x.hep2(d.Payload)
		}
	}
	return 0, false
}

// tzsp returns the Ethernet frame of a TaZmen Sniffer Protocol packet.
func tzsp(b []byte) ([]byte, bool) {
	const received, ethernet, padding, end = 0, 1, 0, 1
	if len(b) < 5 || b[0] != 1 || b[1] != received || be16(b[2:]) != ethernet {
		return nil, false
	}
	for b = b[4:]; len(b) > 0; {
		switch b[0] {
		case end:
			return b[1:], true
		case padding:
			b = b[1:]
		default:
			if len(b) < 2 || 2+int(b[1]) > len(b) {
				return nil, false
			}
			b = b[2+int(b[1]):]
		}
	}
	return nil, false
}

// Unwrap takes out what an agent of Homer has forwarded, if Payload begins with
// that; it then reports true.
func (d *Datagram) Unwrap() bool {
	x, layers := Decoder{d: *d}, 0
	o, ok := x.carried(&layers)
	if ok = ok && o == found && x.d.Tunnel == "hep"; ok {
		*d = x.d
	}
	return ok
}

// hep2 reads the Homer Encapsulation Protocol, version 1 or 2: addresses and ports,
// then the payload.
func (x *Decoder) hep2(b []byte) (outcome, bool) {
	const v1, v2, ipv4, ipv6 = 1, 2, 2, 10
	version, length, family := b[0], int(b[1]), b[2]
	width := map[byte]int{ipv4: 4, ipv6: 16}[family]
	if width == 0 || length != 8+2*width && length != 8+2*width+8 || len(b) <= length || b[3] != UDP && b[3] != TCP {
		return 0, false
	}
	src, _ := netip.AddrFromSlice(b[8 : 8+width])
	dst, _ := netip.AddrFromSlice(b[8+width : 8+2*width])
	rest := b[8+2*width:]
	if version == v2 {
		const stamp = 12 // seconds, microseconds, the agent; little-endian in practice
		if len(rest) < stamp {
			return 0, false
		}
		rest = rest[stamp:]
	}
	x.note(LayerHEP, len(b), b)
	x.hep(b[3], netip.AddrPortFrom(src, be16(b[4:])), netip.AddrPortFrom(dst, be16(b[6:])), rest)
	return found, true
}

// hep3 reads version 3: a list of chunks.
func (x *Decoder) hep3(b []byte) (outcome, bool) {
	const (
		protocol, src4, dst4, src6, dst6, srcPort, dstPort, seconds, microseconds, payload = 2, 3, 4, 5, 6, 7, 8, 9, 10, 15
	)
	whole := b
	if int(be16(b[4:])) < len(b) {
		b = b[:max(6, int(be16(b[4:])))]
	}
	var src, dst netip.Addr
	var from, to uint16
	var carries uint8
	var body []byte
	when := x.d.Time
	for b = b[6:]; len(b) >= 6; {
		vendor, kind, n := be16(b), be16(b[2:]), int(be16(b[4:]))
		if n < 6 || n > len(b) {
			break
		}
		v := b[6:n]
		b = b[n:]
		switch {
		case vendor != 0:
		case kind == protocol && len(v) == 1:
			carries = v[0]
		case kind == src4 || kind == src6:
			src, _ = netip.AddrFromSlice(v)
		case kind == dst4 || kind == dst6:
			dst, _ = netip.AddrFromSlice(v)
		case kind == srcPort && len(v) == 2:
			from = be16(v)
		case kind == dstPort && len(v) == 2:
			to = be16(v)
		case kind == seconds && len(v) == 4:
			when = int64(be32(v)) * second
		case kind == microseconds && len(v) == 4:
			when += int64(be32(v)) * (second / 1_000_000)
		case kind == payload:
			body = v
		}
	}
	if !src.IsValid() || !dst.IsValid() || body == nil || carries != UDP && carries != TCP {
		return malformed, true
	}
	x.d.Time = when
	x.note(LayerHEP, len(whole), whole)
	x.hep(carries, netip.AddrPortFrom(src, from), netip.AddrPortFrom(dst, to), body)
	return found, true
}

// hep makes a datagram of what an agent of Homer has forwarded: whole messages,
// whatever carried them.
func (x *Decoder) hep(protocol uint8, src, dst netip.AddrPort, payload []byte) {
	d := &x.d
	d.Tunnel, d.Protocol, d.Src, d.Dst, d.Payload = "hep", protocol, src, dst, payload
	if protocol == TCP {
		d.Protocol = UDP // a message each; nothing is to be put together
	}
}
