package packetfilter

import (
	"net/netip"
	"slices"
)

// Host is what the kernel asks on a packet's way besides its rules: addresses,
// routes, switches and sockets. What was not read is unknown, and an evaluation
// that hangs on it says so.
type Host struct {
	Addrs     []HostAddr   // own addresses, of the loopback too
	Broadcast []netip.Addr // broadcast addresses of the networks it is in
	Routes    []Route      // nil: not read
	// Policies are the rules of the routing policy in the order the kernel asks
	// them, those of IPv6 apart; nil: the usual three.
	Policies, Policies6 []Policy
	// Switches are sysctls below net, by path: "ipv4/ip_forward",
	// "ipv4/conf/eth0/rp_filter". One that is missing was not read.
	Switches map[string]int
	Sockets  []HostSocket
	// SocketsRead reports that Sockets is all there is.
	SocketsRead bool
	// IPsec reports whether there are policies of IPsec: without one no packet
	// came through it.
	IPsec trit
	// Under are the interfaces that an interface is made of: of a bridge its
	// ports, of a VLAN the card that carries it.
	Under map[string][]string
}

// HostAddr is an address of an interface.
type HostAddr struct {
	Addr      netip.Addr
	Interface string
	Primary   bool // the kernel answers from it where nothing else is said
}

// Route is a row of a routing table.
type Route struct {
	Dst       netip.Prefix
	Interface string
	Table     string // "main" where none is named
	Kind      string // unicast (or empty), blackhole, unreachable, prohibit, throw, local …
	Metric    int64
	Gateway   netip.Addr // invalid: there is none
}

// Policy is a rule of the routing policy, as "ip rule" lists them.
type Policy struct {
	Src, Dst netip.Prefix // invalid: any
	Not      bool
	In       string // of the interface the packet came in by; empty: any
	Mark     uint32
	Mask     uint32 // 0: the mark is not asked
	Table    string // to look up, or
	Action   string // blackhole, unreachable, prohibit, nop
	// Least is the length from which routes of the table count; that of wg-quick
	// passes over the default route (suppress_prefixlength).
	Least int
	// Other reports that it asks for something that a class does not tell.
	Other bool
}

// HostSocket is a socket that takes packets from anybody.
type HostSocket struct {
	Protocol uint8
	Addr     netip.Addr // unspecified: all
	Port     uint16
}

// trit is an answer that may be missing.
type trit uint8

const (
	unsure trit = iota
	isYes
	isNo
)

func tritOf(b bool) trit {
	if b {
		return isYes
	}
	return isNo
}

// on asks for a switch.
func (h *Host) on(name string) trit {
	if h == nil {
		return unsure
	}
	v, read := h.Switches[name]
	if !read {
		return unsure
	}
	return tritOf(v != 0)
}

// forwards reports whether packets that came in by an interface are sent on to
// others (Documentation/networking/ip-sysctl.rst).
func (h *Host) forwards(in string, ipv6 bool) trit {
	if h == nil {
		return unsure
	}
	if ipv6 {
		if a := h.on("ipv6/conf/" + in + "/forwarding"); in != "" && a != unsure {
			return a
		}
		return h.on("ipv6/conf/all/forwarding")
	}
	if a := h.on("ipv4/conf/" + in + "/forwarding"); in != "" && a != unsure {
		return a
	}
	return h.on("ipv4/ip_forward")
}

// connections is how many connections the kernel follows now.
func (h *Host) connections() (n uint64, read bool) {
	if h == nil {
		return 0, false
	}
	v, read := h.Switches["netfilter/nf_conntrack_count"]
	return uint64(max(v, 0)), read
}

// eitherOn asks for a switch that counts if it is on for all interfaces or for
// the one.
func (h *Host) eitherOn(name, in string) trit {
	all, one := h.on("ipv4/conf/all/"+name), h.on("ipv4/conf/"+in+"/"+name)
	switch {
	case all == isYes || one == isYes:
		return isYes
	case all == isNo && (one == isNo || in == ""):
		return isNo
	}
	return unsure
}

// reverseFilter is the value of rp_filter that counts for an interface; ok is
// false when it was not read. IPv6 has no such switch.
func (h *Host) reverseFilter(in string) (value int, ok bool) {
	if h == nil || in == "" {
		return 0, false
	}
	all, ok1 := h.Switches["ipv4/conf/all/rp_filter"]
	one, ok2 := h.Switches["ipv4/conf/"+in+"/rp_filter"]
	return max(all, one), ok1 && ok2
}

// listens reports whether a socket takes packets to a port.
func (h *Host) listens(protocol uint8, addr netip.Addr, port uint16) trit {
	if h == nil {
		return unsure
	}
	for _, s := range h.Sockets {
		if s.Protocol == protocol && s.Port == port && (!addr.IsValid() || s.Addr == addr || s.Addr.IsUnspecified() && (s.Addr.Is6() || addr.Is4())) {
			return isYes
		}
	}
	if !h.SocketsRead {
		return unsure
	}
	return isNo
}

// ListensAll says whether every port of a set has a socket; none reports that
// not one has. Neither is true where the sockets were not read.
func (h *Host) ListensAll(protocol uint8, ports NumSet) (all, none bool) {
	all, none = true, true
	for _, x := range ports {
		if x.Hi-x.Lo > maxPortsAsked {
			return false, false // a range of media: its sockets come and go with calls
		}
		for p := x.Lo; p <= x.Hi; p++ {
			switch h.listens(protocol, netip.Addr{}, uint16(p)) {
			case isYes:
				none = false
			case isNo:
				all = false
			default:
				return false, false
			}
		}
	}
	return all && len(ports) > 0, none && len(ports) > 0
}

// maxPortsAsked bounds the ports that are asked for one by one.
const maxPortsAsked = 16

// AddressesOf are the addresses of an interface, its primary ones first.
func (h *Host) AddressesOf(name string, ipv6 bool) []netip.Addr {
	first, more := h.addressesOf(name, ipv6)
	return append(first, more...)
}

// addressesOf are the primary addresses of an interface, one for each network,
// and the others.
func (h *Host) addressesOf(name string, ipv6 bool) (first, more []netip.Addr) {
	if h == nil {
		return nil, nil
	}
	for _, a := range h.Addrs {
		switch {
		case a.Interface != name || a.Addr.Is6() != ipv6 || a.Addr.IsLinkLocalUnicast():
		case a.Primary:
			first = append(first, a.Addr)
		default:
			more = append(more, a.Addr)
		}
	}
	return first, more
}

// way is what the routes do with a packet.
type way struct {
	dev  string // by which it leaves
	kind string // unicast, or the refusal: blackhole, unreachable, prohibit
}

// refuses reports whether a packet that goes this way is not sent.
func (w way) refuses() bool {
	switch w.kind {
	case "blackhole", "unreachable", "prohibit":
		return true
	}
	return false
}

// question is a packet whose way is asked for.
type question struct {
	src  AddrSet // empty: one of this machine's own
	dst  netip.Addr
	in   string // the interface it came in by; "lo" for what this machine sends
	mark bits
}

// wayOf follows the policy rules and the routes; ok is false where they do not
// tell (ip-rule(8), fib_rules.c).
func (h *Host) wayOf(q question) (w way, ok bool) {
	if h == nil || h.Routes == nil {
		return way{}, false
	}
	policies := h.policies(q.dst.Is6())
	for i := range policies {
		p := &policies[i]
		switch p.asks(q) {
		case isNo:
			continue
		case unsure:
			return way{}, false
		}
		switch p.Action {
		case "blackhole", "unreachable", "prohibit":
			return way{kind: p.Action}, true
		case "nop":
			continue
		}
		if r := h.best(p.Table, q.dst); r != nil && r.Kind != "throw" && r.Dst.Bits() >= p.Least {
			return way{dev: r.Interface, kind: r.Kind}, true
		}
	}
	return way{kind: "unreachable"}, true
}

var usualPolicies = []Policy{{Table: "local"}, {Table: "main"}, {Table: "default"}}

func (h *Host) policies(ipv6 bool) []Policy {
	list := h.Policies
	if ipv6 {
		list = h.Policies6
	}
	if list == nil {
		return usualPolicies
	}
	return list
}

// asks reports whether a policy is about the packet.
func (p *Policy) asks(q question) trit {
	answer := isYes
	and := func(t trit) {
		if t == isNo || answer == isYes {
			answer = t
		}
	}
	if p.Dst.IsValid() {
		and(tritOf(p.Dst.Contains(q.dst)))
	}
	if p.Src.IsValid() && answer != isNo {
		switch q.src.overlap(AddrSet{PrefixSpan(p.Src)}) {
		case coverNone:
			and(tritOf(false))
		case coverSome:
			and(unsure)
		}
		if len(q.src) == 0 {
			and(unsure)
		}
	}
	if p.In != "" && answer != isNo {
		and(tritOf(p.In == q.in))
	}
	if p.Mask != 0 && answer != isNo {
		switch {
		case (q.mark.val^p.Mark)&p.Mask&q.mark.known != 0:
			and(isNo)
		case p.Mask&^q.mark.known != 0:
			and(unsure)
		}
	}
	if p.Other {
		and(unsure)
	}
	if p.Not && answer != unsure {
		return tritOf(answer == isNo)
	}
	return answer
}

// best is the route of a table that takes an address: the longest prefix, then
// the lowest metric.
func (h *Host) best(table string, addr netip.Addr) (best *Route) {
	for i := range h.Routes {
		r := &h.Routes[i]
		if r.Table != table || !r.Dst.Contains(addr) || r.Kind == "multicast" {
			continue
		}
		if best == nil || r.Dst.Bits() > best.Dst.Bits() || r.Dst.Bits() == best.Dst.Bits() && r.Metric < best.Metric {
			best = r
		}
	}
	return best
}

// ways is by which interfaces packets to a set of addresses leave: each part
// with its way. ok is false where that cannot be told.
func (h *Host) ways(src, dst AddrSet, in string, mark bits) (list []partWay, ok bool) {
	if h == nil || h.Routes == nil {
		return nil, false
	}
	for _, x := range h.cut(dst) {
		w, ok := h.wayOf(question{src: src, dst: x.Lo, in: in, mark: mark})
		if !ok {
			return nil, false
		}
		if i := slices.IndexFunc(list, func(p partWay) bool { return p.way == w }); i >= 0 {
			list[i].addrs = append(list[i].addrs, x)
			continue
		}
		list = append(list, partWay{AddrSet{x}, w})
	}
	for i := range list {
		list[i].addrs = NewSpans(list[i].addrs...)
	}
	return list, len(list) > 0
}

// partWay is a part of a set of addresses, and its way.
type partWay struct {
	addrs AddrSet
	way   way
}

// cut cuts a set where a route or policy begins or ends, so that each part goes
// one way.
func (h *Host) cut(set AddrSet) (out []Span[netip.Addr]) {
	out = slices.Clone(set)
	split := func(p netip.Prefix) {
		if !p.IsValid() || p.Bits() == 0 {
			return
		}
		x := PrefixSpan(p)
		var next []Span[netip.Addr]
		for _, o := range out {
			if o.Lo.BitLen() != x.Lo.BitLen() {
				next = append(next, o)
				continue
			}
			in := AddrSet{o}.Intersect(AddrSet{x})
			next = append(append(next, in...), AddrSet{o}.Subtract(AddrSet{x})...)
		}
		out = next
	}
	for _, r := range h.Routes {
		split(r.Dst)
	}
	for _, p := range slices.Concat(h.Policies, h.Policies6) {
		split(p.Dst)
	}
	return out
}
