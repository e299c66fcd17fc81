package checktest

import (
	"os"
	"syscall"
)

// Ethernet's MTU, which every link here has; a router may have a smaller one
// on its outer side, which counts in both directions.
const usualMTU = 1500

// headerLen is an IP header and a UDP header, bytes.
func (p *packet) headerLen() int {
	if p.src.Addr().Is6() {
		return 48
	}
	return 28
}

// fragments is in how many pieces a UDP datagram travels: every piece but the
// last carries a multiple of eight bytes (RFC 791, section 3.2). TCP fits its
// segments to the path, and ICMP errors are short.
func (p *packet) fragments() int {
	mtu := usualMTU
	if p.mtu != 0 {
		mtu = p.mtu
	}
	if p.proto != UDP || len(p.payload)+p.headerLen() <= mtu {
		return 1
	}
	room := (mtu - (p.headerLen() - 8)) &^ 7
	if p.src.Addr().Is6() {
		room -= 8 // the fragment header (RFC 8200, section 4.5)
	}
	return (len(p.payload) + 8 + room - 1) / room
}

// fits is what a host says to a datagram that must not be cut.
func (p *packet) fits() error {
	if p.whole && len(p.payload)+p.headerLen() > usualMTU {
		return os.NewSyscallError("sendto", syscall.EMSGSIZE)
	}
	return nil
}

// stuck reports whether a datagram cannot pass this router for its size or its
// pieces. from is the link that an ICMP error goes back to.
func (r *Router) stuck(p *packet, from *Segment) bool {
	if p.proto != UDP {
		return false
	}
	if r.o.DropFragments && p.fragments() > 1 {
		return true
	}
	if r.o.MTU == 0 || !p.whole || len(p.payload)+p.headerLen() <= r.o.MTU {
		return false
	}
	if e := icmpAbout(p, r.addrOn(from, p.src.Addr()), tooBig, r.quote()); e != nil && !r.o.BlackHole {
		e.about.mtu = r.o.MTU
		from.emit(e, r)
	}
	return true
}

// cut notes that a packet has passed this router's narrow link.
func (r *Router) cut(p *packet) {
	if r.o.MTU != 0 && (p.mtu == 0 || r.o.MTU < p.mtu) {
		p.mtu = r.o.MTU
	}
}
