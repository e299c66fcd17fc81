package packetfilter

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/netinfo/routes"
)

// way is what the routes do with a packet.
type way struct {
	dev  string // by which it leaves
	kind string // unicast, or the refusal: blackhole, unreachable, prohibit
}

// refuses reports whether a packet that goes this way is not sent.
func (w way) refuses() bool { return routes.Refusing(w.kind) }

// sourceIn says whether a set of sources, each as likely, is in a network.
func sourceIn(src AddrSet) func(netip.Prefix) trit {
	return func(p netip.Prefix) trit {
		switch src.overlap(AddrSet{PrefixSpan(p)}) {
		case coverNone:
			return isNo
		case coverAll:
			return isYes
		}
		return unsure
	}
}

// ways is by which interfaces packets to a set of addresses leave: each part
// with its way. ok is false where that is not known.
func (h *Host) ways(src, dst AddrSet, in string, mark bits) (list []partWay, ok bool) {
	if h == nil || h.Routes == nil {
		return nil, false
	}
	for _, x := range h.cut(dst) {
		r, sure := h.Way(routes.Question{Dst: x.Lo, From: sourceIn(src), In: in, Mark: mark.val, Known: mark.known})
		if !sure {
			return nil, false
		}
		w := way{dev: r.Interface, kind: r.Kind}
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
		x := AddrSet{PrefixSpan(p)}
		var next []Span[netip.Addr]
		for _, o := range out {
			next = append(append(next, AddrSet{o}.Intersect(x)...), AddrSet{o}.Subtract(x)...)
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
