package packetfilter

import (
	"net/netip"
	"slices"
)

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
