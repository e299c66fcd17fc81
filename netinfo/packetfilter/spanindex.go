package packetfilter

import (
	"net/netip"
	"slices"
	"sort"
)

// spanIndex finds which of many things, each with a range of addresses, meet a
// set, without asking each.
type spanIndex struct {
	of       []int32            // their numbers, by the beginning of their ranges
	spans    []Span[netip.Addr] // their ranges
	maxHi    []netip.Addr       // the furthest end of the ranges up to each
	disjoint bool
}

// newSpanIndex takes over of.
func newSpanIndex(of []int32, span func(int32) Span[netip.Addr]) spanIndex {
	slices.SortStableFunc(of, func(a, b int32) int { return span(a).Lo.Compare(span(b).Lo) })
	x := spanIndex{of: of, spans: make([]Span[netip.Addr], len(of)), maxHi: make([]netip.Addr, len(of)), disjoint: true}
	var hi netip.Addr
	for i, n := range of {
		x.spans[i] = span(n)
		x.disjoint = x.disjoint && (i == 0 || x.spans[i].Lo.Compare(hi) > 0)
		hi = later(hi, x.spans[i].Hi)
		x.maxHi[i] = hi
	}
	return x
}

// near is the numbers of those that meet one of the spans, in order.
func (x *spanIndex) near(have AddrSet) []int32 {
	var list []int32
	last := len(x.spans) // spans of have are sorted: what one of them took is not asked again
	for _, span := range slices.Backward(have) {
		end := sort.Search(last, func(i int) bool { return x.spans[i].Lo.Compare(span.Hi) > 0 })
		for i := end - 1; i >= 0 && x.maxHi[i].Compare(span.Lo) >= 0; i-- {
			if x.spans[i].Hi.Compare(span.Lo) >= 0 {
				list = append(list, x.of[i])
			}
		}
		if x.disjoint {
			last = end
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
