package checktest

import (
	"net/netip"
	"slices"
	"time"
)

// RouterOptions is everything about a router; the zero value of every field
// but the two segments and their addresses is an ordinary router without NAT.
type RouterOptions struct {
	Inside, Outside           *Segment
	InsideAddrs, OutsideAddrs []string // several outside addresses make a NAT's pool

	// NAT translates IPv4; IPv6 then passes a stateful filter of the same
	// timeouts instead. Nil routes.
	NAT *NAT
	// Stateful drops what comes from outside and belongs to nothing from
	// inside, without translating. A NAT always does.
	Stateful bool
	// StateLimit is how many flows fit into the table; 0 is no limit. What
	// would make one more is dropped, as by a small router under load.
	StateLimit int

	// Forwards send UDP from outside that belongs to no flow to a box inside.
	Forwards []Forward

	Rules []Rule // the first match decides; without one the packet passes
	ALGs  []ALG  // each sees what the one before made

	// Loss and Duplicate are probabilities for each UDP or ICMP packet each
	// way. TCP would repair both, and what remained would be delay.
	Loss, Duplicate float64
	Delay           time.Duration // one way
	Jitter          time.Duration // at most this much more for a UDP packet, which may then be overtaken

	// MTU of the outer link, bytes; 0 is 1500. What must not be cut and does
	// not fit is answered with ICMP, or swallowed with BlackHole.
	MTU       int
	BlackHole bool
	// DropFragments drops what arrives in pieces, as small firewalls do.
	DropFragments bool

	BleachTOS bool // forward everything with TOS 0
	Quiet     bool // send no ICMP time exceeded
	// QuoteBytes is how much UDP payload the router's ICMP errors quote; 0 is
	// 520 (RFC 1812), negative is nothing, as with old routers.
	QuoteBytes int
}

// A Forward is a port forwarding. Answers to what came in by it are not
// translated: nothing here needs them.
type Forward struct {
	First, Last uint16     // ports outside
	To          netip.Addr // inside
	ToPort      uint16     // 0: the same port
}

// A Router has a leg inside and a leg outside. It is also a host of its own,
// so that it can have a web page or speak NAT-PMP: see Network.
type Router struct {
	w       *World
	o       RouterOptions
	inside  []netip.Addr
	outside []netip.Addr
	self    *Host
	state   *stateTable
}

// Router adds a router.
func (w *World) Router(o RouterOptions) *Router {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := &Router{w: w, o: o, inside: parseAddrs(o.InsideAddrs), outside: parseAddrs(o.OutsideAddrs)}
	r.self = w.newHost(slices.Concat(r.inside, r.outside))
	r.self.self = r
	r.self.segment = func(dst netip.Addr) *Segment {
		if o.Inside.contains(dst) || r.leadsTo(dst) {
			return o.Inside
		}
		return o.Outside
	}
	r.state = newStateTable(r)
	for _, a := range r.inside {
		o.Inside.owners[a] = r
	}
	for _, a := range r.outside {
		o.Outside.owners[a] = r
	}
	o.Inside.routers = append(o.Inside.routers, r)
	o.Outside.routers = append(o.Outside.routers, r)
	return r
}

// Network is the router as a host.
func (r *Router) Network() *Host { return r.self }

// Update changes a running router: the administrator at work. States of the
// connection table survive; Flush forgets them. The segments and addresses
// stay what they were.
func (r *Router) Update(change func(*RouterOptions)) {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	o := r.o
	change(&o)
	o.Inside, o.Outside, o.InsideAddrs, o.OutsideAddrs = r.o.Inside, r.o.Outside, r.o.InsideAddrs, r.o.OutsideAddrs
	r.o = o
}

// Flush forgets every flow and pinhole, as a reboot does.
func (r *Router) Flush() {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	r.state = newStateTable(r)
}

// Flows is the number of flows in the table, pinholes not counted.
func (r *Router) Flows() int {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	return r.state.count(time.Now())
}

// addrOn is the router's own address on a link, of dst's family.
func (r *Router) addrOn(s *Segment, dst netip.Addr) netip.Addr {
	list := r.outside
	if s == r.o.Inside {
		list = r.inside
	}
	for _, a := range list {
		if a.Is4() == dst.Is4() {
			return a
		}
	}
	return netip.Addr{}
}

// leadsTo reports whether the outside may reach dst through this router: a
// translated network has no address of its own there.
func (r *Router) leadsTo(dst netip.Addr) bool {
	if r.translates(dst) {
		return false
	}
	if r.o.Inside.contains(dst) {
		return true
	}
	return slices.ContainsFunc(r.o.Inside.routers, func(in *Router) bool {
		return in != r && in.o.Outside == r.o.Inside && in.leadsTo(dst)
	})
}

func (r *Router) translates(a netip.Addr) bool { return r.o.NAT != nil && a.Is4() }
func (r *Router) stateful(a netip.Addr) bool   { return r.o.Stateful || r.o.NAT != nil }

func (r *Router) receive(p *packet, on *Segment) {
	switch outward := on == r.o.Inside; {
	case p.proto == icmp:
		r.receiveICMP(p, outward)
	case outward && r.self.owns(p.dst.Addr()):
		r.self.deliver(p)
	case outward:
		r.forwardOut(p)
	default:
		r.receiveOutside(p)
	}
}

// forwardOut takes a packet from inside to outside.
func (r *Router) forwardOut(p *packet) {
	if r.expired(p, r.o.Inside) || r.lost(p) || r.stuck(p, r.o.Inside) || r.ruled(p, true) {
		return
	}
	t := transit{outward: true, inside: p.src, outside: p.src, remote: p.dst}
	if r.stateful(p.src.Addr()) {
		m := r.state.outbound(p, time.Now())
		if m == nil {
			return
		}
		t.outside, t.mapping = m.outside, m
	}
	payload, ok := r.applyALGs(p, t)
	if !ok {
		return
	}
	q := *p
	q.src, q.payload = t.outside, payload
	r.pass(&q, r.o.Outside)
}

// receiveOutside takes a packet from outside: for a flow, for a pinhole, for
// the router itself, or for an inside network that is merely routed.
func (r *Router) receiveOutside(p *packet) {
	t := transit{inside: p.dst, outside: p.dst, remote: p.src}
	if r.stateful(p.dst.Addr()) {
		m := r.state.inbound(p, time.Now())
		inside, forwarded := r.forwards(p)
		switch {
		case m != nil:
			t.inside, t.mapping = m.inside, m
		case forwarded:
			t.inside = inside
		default:
			r.deliverSelf(p)
			return
		}
	} else if r.self.owns(p.dst.Addr()) {
		r.self.deliver(p)
		return
	}
	if r.expired(p, r.o.Outside) || r.lost(p) || r.stuck(p, r.o.Outside) || r.ruled(p, false) {
		return
	}
	payload, ok := r.applyALGs(p, t)
	if !ok {
		return
	}
	q := *p
	q.dst, q.payload = t.inside, payload
	if port := t.viaPort(); port != 0 && p.proto == UDP && len(payload) >= shortestSIP {
		q.dst = netip.AddrPortFrom(q.dst.Addr(), port)
	}
	r.pass(&q, r.o.Inside)
}

// forwards finds where a port forwarding sends a packet.
func (r *Router) forwards(p *packet) (to netip.AddrPort, ok bool) {
	if p.proto != UDP || !r.self.owns(p.dst.Addr()) {
		return to, false
	}
	for _, f := range r.o.Forwards {
		if port := p.dst.Port(); port >= f.First && port <= f.Last {
			if f.ToPort != 0 {
				port = f.ToPort
			}
			return netip.AddrPortFrom(f.To, port), true
		}
	}
	return to, false
}

// shortestSIP is what nf_conntrack_sip does not look at below: the length of
// "SIP/2.0 200".
const shortestSIP = 11

// deliverSelf hands a packet from outside to the router's own sockets. Where
// there is none, a stateful router keeps silent.
func (r *Router) deliverSelf(p *packet) {
	if !r.self.owns(p.dst.Addr()) {
		return
	}
	_, connected := r.self.conns[connKey{p.dst, p.src}]
	if connected || p.proto == icmp || p.proto == UDP && lookup(r.self.udp, p.dst) != nil || p.proto == TCP && lookup(r.self.listeners, p.dst) != nil {
		r.self.deliver(p)
	}
}

// expired answers a packet whose TTL ends here. The check comes before the
// translation, as in a kernel: what is quoted is what arrived.
func (r *Router) expired(p *packet, from *Segment) bool {
	if p.ttl > 1 {
		return false
	}
	if e := icmpAbout(p, r.addrOn(from, p.src.Addr()), timeExceeded, r.quote()); e != nil && !r.o.Quiet {
		from.emit(e, r)
	}
	return true
}

func (r *Router) quote() int {
	if r.o.QuoteBytes == 0 {
		return defaultQuote
	}
	return max(r.o.QuoteBytes, 0)
}

func (r *Router) lost(p *packet) bool {
	if p.proto == TCP || r.o.Loss == 0 {
		return false
	}
	for range p.fragments() {
		if r.w.rng.Float64() < r.o.Loss {
			return true // one lost piece loses the whole
		}
	}
	return false
}

// pass puts a forwarded packet onto the next link.
func (r *Router) pass(p *packet, to *Segment) {
	p.ttl--
	r.cut(p)
	if r.o.BleachTOS {
		p.tos = 0
	}
	copies := 1
	if p.proto != TCP && r.o.Duplicate > 0 && r.w.rng.Float64() < r.o.Duplicate {
		copies = 2
	}
	for range copies {
		d := r.o.Delay
		if p.proto != TCP && r.o.Jitter > 0 {
			d += time.Duration(r.w.rng.Int64N(int64(r.o.Jitter)))
		}
		r.w.schedule(d, func() { to.emit(p, r) })
	}
}
