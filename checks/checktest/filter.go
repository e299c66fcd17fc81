package checktest

import (
	"bytes"
	"net/netip"
)

// Action is what a rule does with a packet.
type Action int

// The actions. Reject answers with ICMP "communication administratively
// prohibited", Refuse with ICMP "port unreachable" or a TCP reset, as if
// nobody listened.
const (
	Drop Action = iota
	Reject
	Refuse
	Accept
)

// A Rule is one line of a packet filter. Zero fields match everything.
type Rule struct {
	Inward bool   // for packets from outside; otherwise for packets to the outside
	Proto  string // UDP, TCP or ""
	Port   uint16 // of the far end: destination outwards, source inwards
	Last   uint16 // the end of a range that begins with Port; 0: Port alone
	Near   uint16 // of the near end, as the inside sees it outwards and the outside inwards
	// NearLast is the end of a range that begins with Near; 0: Near alone.
	NearLast uint16
	Peer     netip.Prefix
	Content  func(payload []byte) bool // content inspection; called with the world locked
	Action   Action
}

func (r *Rule) match(p *packet, far, near netip.AddrPort) bool {
	return (r.Proto == "" || r.Proto == p.proto) &&
		(r.Port == 0 || far.Port() >= r.Port && far.Port() <= max(r.Last, r.Port)) &&
		(r.Near == 0 || near.Port() >= r.Near && near.Port() <= max(r.NearLast, r.Near)) &&
		(!r.Peer.IsValid() || r.Peer.Contains(far.Addr())) &&
		(r.Content == nil || r.Content(p.payload))
}

// ruled applies the filter; it reports whether that was the end of the packet.
func (r *Router) ruled(p *packet, outward bool) bool {
	far, near := p.dst, p.src
	if !outward {
		far, near = near, far
	}
	for _, rule := range r.o.Rules {
		if rule.Inward == outward || !rule.match(p, far, near) {
			continue
		}
		r.answer(p, rule.Action, outward)
		return rule.Action != Accept
	}
	return false
}

// answer sends what a rule sends back to where p came from.
func (r *Router) answer(p *packet, a Action, outward bool) {
	from := r.o.Inside
	if !outward {
		from = r.o.Outside
	}
	var e *packet
	switch {
	case a == Reject:
		e = icmpAbout(p, r.addrOn(from, p.src.Addr()), adminProhibited, r.quote())
	case a == Refuse && p.proto == TCP && p.seg.flags&flagRST == 0:
		e = &packet{proto: TCP, src: p.dst, dst: p.src, ttl: defaultTTL, seg: segment{flags: flagRST | flagACK}}
	case a == Refuse && p.proto == UDP:
		e = icmpAbout(p, r.addrOn(from, p.src.Addr()), portUnreachable, r.quote())
	}
	if e != nil {
		from.emit(e, r)
	}
}

// LooksLikeSIP matches payload that begins like a SIP request: what a firewall
// that inspects content looks for.
func LooksLikeSIP(payload []byte) bool {
	line, _, _ := bytes.Cut(payload, []byte("\r\n"))
	return bytes.HasSuffix(line, []byte(" SIP/2.0"))
}

// receiveICMP forwards ICMP errors about flows, with the quoted addresses
// translated as RFC 5508 section 4 asks; the quoted payload stays as it was.
func (r *Router) receiveICMP(p *packet, outward bool) {
	if r.lost(p) {
		return
	}
	q, quote := *p, *p.about.quote
	q.about.quote = &quote
	switch {
	case outward && !r.self.owns(p.dst.Addr()):
		if r.translates(p.dst.Addr()) {
			m := r.state.find(quote.proto, quote.dst, quote.src)
			if m == nil {
				return
			}
			quote.dst = m.outside
			q.src = netip.AddrPortFrom(m.outside.Addr(), 0)
		}
		r.pass(&q, r.o.Outside)
	case outward:
		r.self.deliver(p)
	default:
		if r.stateful(p.dst.Addr()) {
			m := r.state.findOutside(quote.proto, quote.src, quote.dst)
			if m == nil {
				r.deliverSelf(p)
				return
			}
			quote.src = m.inside
			q.dst = netip.AddrPortFrom(m.inside.Addr(), 0)
		} else if r.self.owns(p.dst.Addr()) {
			r.self.deliver(p)
			return
		}
		r.pass(&q, r.o.Inside)
	}
}
