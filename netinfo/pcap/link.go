package pcap

import "encoding/binary"

// The link types that are read (tcpdump.org/linktypes.html).
const (
	linkNull     Link = 0
	linkEthernet Link = 1
	linkPPP      Link = 9
	linkRawBSD   Link = 12
	linkRawOpen  Link = 14
	linkPPPHDLC  Link = 50
	linkPPPoE    Link = 51
	linkRaw      Link = 101
	linkCHDLC    Link = 104
	linkLoop     Link = 108
	linkCooked   Link = 113
	linkIPv4     Link = 228
	linkIPv6     Link = 229
	linkNFLog    Link = 239
	linkCooked2  Link = 276
)

// EtherTypes.
const (
	etherIPv4   = 0x0800
	etherIPv6   = 0x86dd
	etherVLAN   = 0x8100
	etherQinQ   = 0x88a8
	etherQinQ9  = 0x9100
	etherPPPoE  = 0x8864
	etherMPLS   = 0x8847
	etherMPLSm  = 0x8848
	etherBridge = 0x6558 // Ethernet within GRE
	etherERSPAN = 0x88be // type I and II
	etherERSPN3 = 0x22eb // type III
	etherPPP    = 0x880b

	etherHeader  = 14
	maxLengthLLC = 1500
)

// link reads the header of the link layer.
func (x *Decoder) link(l Link, b []byte, layers *int) outcome {
	switch l {
	case linkEthernet:
		return x.ethernet(b, layers)
	case linkCooked: // LINUX_SLL
		if len(b) < 16 {
			return x.short()
		}
		x.d.Outgoing, x.d.Incoming = be16(b) == 4, be16(b) == 0
		x.note(LayerCooked, 16, b)
		return x.ether(be16(b[14:]), b[16:], layers)
	case linkCooked2: // LINUX_SLL2
		if len(b) < 20 {
			return x.short()
		}
		x.d.Interface, x.d.Outgoing, x.d.Incoming = int(be32(b[4:])), b[10] == 4, b[10] == 0
		x.note(LayerCooked2, 20, b)
		return x.ether(be16(b), b[20:], layers)
	case linkRaw, linkRawBSD, linkRawOpen, linkIPv4, linkIPv6:
		return x.ip(b, layers)
	case linkNull, linkLoop:
		if len(b) < 4 {
			return x.short()
		}
		x.note(LayerPlain, 4, b)
		return x.ip(b[4:], layers) // the family differs between systems, the version does not
	case linkPPP, linkPPPHDLC:
		return x.ppp(b, layers)
	case linkPPPoE:
		return x.pppoe(b, layers)
	case linkCHDLC:
		if len(b) < 4 {
			return x.short()
		}
		x.note(LayerPlain, 4, b)
		return x.ether(be16(b[2:]), b[4:], layers)
	case linkNFLog:
		return x.nflog(b, layers)
	}
	return otherLink
}

func (x *Decoder) ethernet(b []byte, layers *int) outcome {
	if *layers++; *layers > maxLayers {
		return malformed
	}
	if len(b) < etherHeader {
		return x.short()
	}
	if *layers == 1 {
		x.d.Ether = b[:12]
	}
	x.note(LayerEthernet, etherHeader, b)
	return x.ether(be16(b[12:]), b[etherHeader:], layers)
}

// ether reads what follows an EtherType, or a length in its place.
func (x *Decoder) ether(kind uint16, b []byte, layers *int) outcome {
	for ; ; *layers++ {
		if *layers > maxLayers {
			return malformed
		}
		switch kind {
		case etherIPv4, etherIPv6:
			return x.ip(b, layers)
		case etherVLAN, etherQinQ, etherQinQ9:
			if len(b) < 4 {
				return x.short()
			}
			x.note(LayerPlain, 4, b)
			x.d.VLAN, kind, b = be16(b)&0xfff, be16(b[2:]), b[4:]
		case etherPPPoE:
			return x.pppoe(b, layers)
		case etherMPLS, etherMPLSm:
			return x.mpls(b, layers)
		default:
			if kind > maxLengthLLC || len(b) < 8 || string(b[:3]) != "\xaa\xaa\x03" {
				return notIP
			}
			x.note(LayerPlain, 8, b)
			kind, b = be16(b[6:]), b[8:] // LLC with SNAP
		}
	}
}

// mpls skips labels up to the bottom of the stack.
func (x *Decoder) mpls(b []byte, layers *int) outcome {
	for {
		if len(b) < 4 {
			return x.short()
		}
		bottom := b[2]&1 != 0
		x.note(LayerPlain, 4, b)
		if b = b[4:]; !bottom {
			continue
		}
		switch {
		case len(b) == 0:
			return x.short()
		case b[0]>>4 == 4 || b[0]>>4 == 6:
			return x.ip(b, layers)
		case len(b) > 4 && b[0] == 0: // a control word (RFC 4385), then Ethernet
			x.note(LayerPlain, 4, b)
			return x.ethernet(b[4:], layers)
		}
		return notIP
	}
}

func (x *Decoder) pppoe(b []byte, layers *int) outcome {
	if len(b) < 6 {
		return x.short()
	}
	x.note(LayerPlain, 6, b)
	if b[1] != 0 { // discovery
		return notIP
	}
	return x.ppp(b[6:], layers)
}

// ppp reads a protocol field, behind address and control where they were sent.
func (x *Decoder) ppp(b []byte, layers *int) outcome {
	if len(b) >= 2 && b[0] == 0xff && b[1] == 0x03 {
		x.note(LayerPlain, 2, b)
		b = b[2:]
	}
	switch {
	case len(b) < 2:
		return x.short()
	case b[0]&1 != 0: // compressed to one byte
		x.note(LayerPlain, 1, b)
		return x.pppProtocol(uint16(b[0]), b[1:], layers)
	}
	x.note(LayerPlain, 2, b)
	return x.pppProtocol(be16(b), b[2:], layers)
}

func (x *Decoder) pppProtocol(kind uint16, b []byte, layers *int) outcome {
	const ipv4, ipv6 = 0x21, 0x57
	if kind != ipv4 && kind != ipv6 {
		return notIP
	}
	return x.ip(b, layers)
}

// nflog reads the attributes of a frame that a filter rule logged.
func (x *Decoder) nflog(b []byte, layers *int) outcome {
	const payload = 9
	if len(b) < 4 {
		return x.short()
	}
	x.note(LayerPlain, 4, b)
	for b = b[4:]; len(b) >= 4; {
		n, kind := int(binary.LittleEndian.Uint16(b)), binary.LittleEndian.Uint16(b[2:])
		if n < 4 || n > len(b) {
			return x.short()
		}
		x.note(LayerPlain, 4, b)
		if kind == payload {
			return x.ip(b[4:n], layers)
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return notIP
}
