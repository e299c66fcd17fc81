package routes

import (
	"cmp"
	"net/netip"
	"slices"
)

// Answer is an answer that may be missing.
type Answer uint8

// The answers.
const (
	Unsure Answer = iota
	Yes
	No
)

// AnswerOf is Yes or No.
func AnswerOf(b bool) Answer {
	if b {
		return Yes
	}
	return No
}

// Question is a packet whose way is asked for.
type Question struct {
	Dst netip.Addr
	// From says whether its source is in a network; nil: no source is chosen yet,
	// because this machine sends it.
	From func(netip.Prefix) Answer
	In   string // the interface it came in by; "lo" for what this machine sends
	// Mark of the packet, and which of its bits are known.
	Mark, Known uint32
}

// Out is the question about a packet that this machine sends to an address,
// without a mark.
func Out(to netip.Addr) Question { return Question{Dst: to, In: "lo", Known: ^uint32(0)} }

// Way follows the policy rules and the routes to an address as the kernel does
// (ip-rule(8), fib_rules.c). Where nothing leads there, or a rule refuses, the
// route has only its Kind. It is a guess, and sure is false, where a rule asks
// for what the question leaves out: such rules are passed over.
func (t *Tables) Way(q Question) (r Route, sure bool) {
	policies, sure := t.PoliciesOf(q.Dst.Is6()), true
	for i := range policies {
		p := &policies[i]
		table := p.Table
		if p.VRF {
			if table = t.VRFs[q.In]; table == "" {
				continue
			}
		}
		switch p.asks(q) {
		case No:
			continue
		case Unsure:
			sure = false
			continue
		}
		if Refusing(p.Action) {
			return Route{Kind: p.Action}, sure
		}
		if p.Action != "" {
			continue
		}
		if best := t.best(table, q.Dst); best != nil && best.Kind != "throw" && best.Dst.Bits() >= p.Least {
			return *best, sure
		}
	}
	return Route{Kind: "unreachable"}, sure
}

// InterfacesTo returns the interfaces by which packets to and from an address may
// go, the most likely one first: that of the longest route, in the main table if it
// is there. There are several where several uplinks lead to the address.
func (t *Tables) InterfacesTo(a netip.Addr) (list []string) {
	if a.IsLoopback() || slices.ContainsFunc(t.Addrs, func(own Addr) bool { return own.Addr == a }) {
		return []string{"lo"}
	}
	fits := slices.DeleteFunc(slices.Clone(t.Routes), func(r Route) bool {
		elsewhere := r.Kind == "broadcast" || r.Kind == "multicast" || r.Kind == "anycast" || r.Kind == "local"
		return elsewhere || r.Interface == "" || !r.Dst.Contains(a)
	})
	aside := func(r Route) int {
		if r.Table == "main" {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(fits, func(x, y Route) int {
		return cmp.Or(aside(x)-aside(y), cmp.Compare(y.Dst.Bits(), x.Dst.Bits()), cmp.Compare(x.Metric, y.Metric))
	})
	for _, r := range fits {
		if r.Dst.Bits() == fits[0].Dst.Bits() && !slices.Contains(list, r.Interface) {
			list = append(list, r.Interface)
		}
	}
	return list
}

// InterfaceTo returns the most likely one of InterfacesTo; empty when nothing
// tells.
func (t *Tables) InterfaceTo(a netip.Addr) string {
	return append(t.InterfacesTo(a), "")[0]
}

// PoliciesOf returns the policy rules of a family, or the usual three.
func (t *Tables) PoliciesOf(ipv6 bool) []Policy {
	list := t.Policies
	if ipv6 {
		list = t.Policies6
	}
	if list == nil {
		return []Policy{{Table: "local"}, {Table: "main"}, {Table: "default"}}
	}
	return list
}

// asks reports whether a policy is about the packet.
func (p *Policy) asks(q Question) Answer {
	answer := Yes
	and := func(a Answer) {
		if a == No || answer == Yes {
			answer = a
		}
	}
	if p.Dst.IsValid() {
		and(AnswerOf(p.Dst.Contains(q.Dst)))
	}
	switch {
	case !p.Src.IsValid():
	case q.From == nil:
		and(No)
	default:
		and(q.From(p.Src))
	}
	if p.In != "" {
		and(AnswerOf(p.In == q.In))
	}
	switch {
	case (q.Mark^p.Mark)&p.Mask&q.Known != 0:
		and(No)
	case p.Mask&^q.Known != 0:
		and(Unsure)
	}
	if p.Other {
		and(Unsure)
	}
	if p.Not && answer != Unsure {
		return AnswerOf(answer == No)
	}
	return answer
}

// best is the route of a table that takes an address: the longest prefix, then
// the lowest metric.
func (t *Tables) best(table string, addr netip.Addr) (best *Route) {
	for i := range t.Routes {
		r := &t.Routes[i]
		if r.Table != table || !r.Dst.Contains(addr) || r.Kind == "multicast" {
			continue
		}
		if best == nil || r.Dst.Bits() > best.Dst.Bits() || r.Dst.Bits() == best.Dst.Bits() && r.Metric < best.Metric {
			best = r
		}
	}
	return best
}
