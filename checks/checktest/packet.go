package checktest

import (
	"bytes"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/platform"
)

// The protocols of rules and ALGs; an empty string there means all of them.
const (
	UDP  = "udp"
	TCP  = "tcp"
	icmp = "icmp"
)

// defaultTTL is Linux's; the difference on arrival is the number of routers.
const defaultTTL = 64

// packet is one IP packet. A packet that was sent is never changed: a router
// forwards a changed copy.
type packet struct {
	proto    string
	src, dst netip.AddrPort // port 0 with ICMP
	ttl, tos int
	payload  []byte
	mtu      int      // the smallest that the packet has met; 0: none below the usual one
	whole    bool     // DF: it must not be cut
	seg      segment  // TCP
	about    icmpInfo // ICMP
}

// segment is the part of a TCP header that this network needs. Sequence
// numbers count segments, not bytes, so that an ALG may change their size.
type segment struct {
	flags uint8
	seq   uint64
	ack   uint64 // segments that the reader has taken in
}

const (
	flagSYN uint8 = 1 << iota
	flagACK
	flagFIN
	flagRST
)

// icmpInfo is an ICMP error: its type and code, and the packet it quotes, as
// that packet looked where the error arose.
type icmpInfo struct {
	typ, code int
	mtu       int // with tooBig
	quote     *packet
}

type icmpKind int

const (
	timeExceeded icmpKind = iota
	portUnreachable
	adminProhibited
	tooBig
)

// typeCodes are type and code in IPv4 (RFC 792, code 13 of RFC 1812) and IPv6
// (RFC 4443).
var typeCodes = map[icmpKind]struct{ v4, v6 [2]int }{
	timeExceeded:    {[2]int{11, 0}, [2]int{3, 0}},
	portUnreachable: {[2]int{3, 3}, [2]int{1, 4}},
	adminProhibited: {[2]int{3, 13}, [2]int{1, 1}},
	tooBig:          {[2]int{3, 4}, [2]int{2, 0}},
}

// defaultQuote is how much UDP payload fits into an ICMP error of 576 bytes,
// the size that RFC 1812 section 4.3.2.3 asks routers for.
const defaultQuote = 576 - 20 - 8 - 20 - 8

// icmpAbout makes the error that from sends about p; nil where RFC 1122
// section 3.2.2 forbids one.
func icmpAbout(p *packet, from netip.Addr, k icmpKind, quote int) *packet {
	if p.proto == icmp || !from.IsValid() || p.seg.flags&flagRST != 0 {
		return nil
	}
	q := *p
	if len(q.payload) > quote {
		q.payload = q.payload[:quote]
	}
	code := typeCodes[k].v4
	if p.src.Addr().Is6() {
		code = typeCodes[k].v6
	}
	return &packet{
		proto: icmp, src: netip.AddrPortFrom(from, 0), dst: netip.AddrPortFrom(p.src.Addr(), 0),
		ttl: defaultTTL, about: icmpInfo{typ: code[0], code: code[1], quote: &q},
	}
}

func (p *packet) icmpError() *platform.ICMPError {
	return &platform.ICMPError{
		Hop: p.src.Addr(), To: p.about.quote.dst, Type: p.about.typ, Code: p.about.code, MTU: p.about.mtu,
		Quote: bytes.Clone(p.about.quote.payload), V6: p.src.Addr().Is6(),
	}
}

// A Segment is one link that several hosts and routers share: a LAN, or the
// Internet.
type Segment struct {
	w        *World
	prefixes []netip.Prefix
	owners   map[netip.Addr]node
	routers  []*Router
}

// node is what sits on a segment.
type node interface {
	receive(p *packet, on *Segment)
}

// Segment adds a link with the given prefixes.
func (w *World) Segment(prefixes ...string) *Segment {
	s := &Segment{w: w, owners: map[netip.Addr]node{}}
	for _, p := range prefixes {
		s.prefixes = append(s.prefixes, netip.MustParsePrefix(p).Masked())
	}
	return s
}

func (s *Segment) contains(a netip.Addr) bool {
	return slices.ContainsFunc(s.prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// emit puts p on the link. What nobody routes vanishes, as on a real link.
func (s *Segment) emit(p *packet, from node) {
	if n := s.next(p.dst.Addr(), from); n != nil {
		s.w.schedule(0, func() { n.receive(p, s) })
	}
}

// next is the routing of everybody on this segment: the owner of the address,
// a router that leads inwards to it, the router that leads outwards.
func (s *Segment) next(dst netip.Addr, from node) node {
	if n := s.owners[dst]; n != nil {
		return n
	}
	if s.contains(dst) {
		return nil
	}
	for _, r := range s.routers {
		if r.o.Outside == s && node(r) != from && r.leadsTo(dst) {
			return r
		}
	}
	for _, r := range s.routers {
		if r.o.Inside == s && node(r) != from && r.addrOn(s, dst).IsValid() {
			return r
		}
	}
	return nil
}
