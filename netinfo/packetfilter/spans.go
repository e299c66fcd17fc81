package packetfilter

import (
	"cmp"
	"net/netip"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Num is a number a packet carries: a port, a protocol, a mark, flags.
type Num uint32

// Compare orders numbers as netip.Addr.Compare orders addresses.
func (n Num) Compare(m Num) int { return cmp.Compare(n, m) }

// Next is the number after n. It wraps round.
func (n Num) Next() Num { return n + 1 }

// Prev is the number before n. It wraps round.
func (n Num) Prev() Num { return n - 1 }

// point is what a Span is made of: netip.Addr and Num are.
type point[T any] interface {
	comparable
	Compare(T) int
	Next() T
	Prev() T
}

// Span is everything from Lo to Hi, both included.
type Span[T point[T]] struct{ Lo, Hi T }

// Spans is a set of values as sorted spans that neither overlap nor touch.
// Nil is the empty set. Addresses in one set are of one family.
type Spans[T point[T]] []Span[T]

// AddrSet is a set of addresses, NumSet one of numbers.
type (
	AddrSet = Spans[netip.Addr]
	NumSet  = Spans[Num]
)

// NewSpans makes a set of spans in any order; those that are upside down are
// left out.
func NewSpans[T point[T]](list ...Span[T]) Spans[T] {
	s := make(Spans[T], 0, len(list))
	for _, x := range list {
		if x.Lo.Compare(x.Hi) <= 0 {
			s = append(s, x)
		}
	}
	slices.SortFunc(s, func(a, b Span[T]) int { return a.Lo.Compare(b.Lo) })
	return s.join()
}

// addrsOf is the set of the addresses.
func addrsOf(list ...netip.Addr) AddrSet {
	s := make(AddrSet, len(list))
	for i, a := range list {
		s[i] = Span[netip.Addr]{a, a}
	}
	return NewSpans(s...)
}

// join puts together neighbours that overlap or touch, in place.
func (s Spans[T]) join() Spans[T] {
	if len(s) < 2 {
		return s
	}
	out := s[:1]
	for _, x := range s[1:] {
		last := &out[len(out)-1]
		// Next wraps at the very end of the space, where nothing can follow.
		if x.Lo.Compare(last.Hi) <= 0 || x.Lo == last.Hi.Next() {
			last.Hi = later(last.Hi, x.Hi)
			continue
		}
		out = append(out, x)
	}
	return out
}

// from is the index of the first span that ends at v or later.
func (s Spans[T]) from(v T) int {
	return sort.Search(len(s), func(i int) bool { return s[i].Hi.Compare(v) >= 0 })
}

// Contains reports whether v is in the set.
func (s Spans[T]) Contains(v T) bool {
	i := s.from(v)
	return i < len(s) && s[i].Lo.Compare(v) <= 0
}

// overlap says how much of s is in t.
func (s Spans[T]) overlap(t Spans[T]) cover {
	some := false
	all := true
	for _, x := range s {
		i := t.from(x.Lo)
		switch {
		case i == len(t) || t[i].Lo.Compare(x.Hi) > 0:
			all = false
		case t[i].Lo.Compare(x.Lo) <= 0 && t[i].Hi.Compare(x.Hi) >= 0:
			some = true
		default:
			return coverSome
		}
		if some && !all {
			return coverSome
		}
	}
	if some {
		return coverAll
	}
	return coverNone
}

// Intersect is what s and t have in common.
func (s Spans[T]) Intersect(t Spans[T]) Spans[T] {
	if len(s) > len(t) {
		return t.Intersect(s) // walk the shorter, search the longer
	}
	var out Spans[T]
	for _, x := range s {
		for i := t.from(x.Lo); i < len(t) && t[i].Lo.Compare(x.Hi) <= 0; i++ {
			out = append(out, Span[T]{later(x.Lo, t[i].Lo), earlier(x.Hi, t[i].Hi)})
		}
	}
	return out
}

// Subtract is s without t.
func (s Spans[T]) Subtract(t Spans[T]) Spans[T] {
	out := make(Spans[T], 0, len(s)+1)
	for _, x := range s {
		lo, rest := x.Lo, true
		for i := t.from(x.Lo); i < len(t) && t[i].Lo.Compare(x.Hi) <= 0; i++ {
			if lo.Compare(t[i].Lo) < 0 {
				out = append(out, Span[T]{lo, t[i].Lo.Prev()})
			}
			if t[i].Hi.Compare(x.Hi) >= 0 {
				rest = false
				break
			}
			lo = t[i].Hi.Next()
		}
		if rest {
			out = append(out, Span[T]{lo, x.Hi})
		}
	}
	return out
}

// Union is everything in s or t.
func (s Spans[T]) Union(t Spans[T]) Spans[T] {
	switch {
	case len(s) == 0:
		return t
	case len(t) == 0:
		return s
	}
	return NewSpans(append(slices.Clone(s), t...)...)
}

// String writes numbers as "80, 5060-5070" and addresses as prefixes where
// they are one.
func (s Spans[T]) String() string {
	parts := make([]string, len(s))
	for i, x := range s {
		parts[i] = x.String()
	}
	return strings.Join(parts, ", ")
}

// String writes one span; see Spans.String.
func (x Span[T]) String() string {
	switch lo := any(x.Lo).(type) {
	case Num:
		hi := any(x.Hi).(Num)
		if lo == hi {
			return strconv.FormatUint(uint64(lo), 10)
		}
		return strconv.FormatUint(uint64(lo), 10) + "-" + strconv.FormatUint(uint64(hi), 10)
	case netip.Addr:
		hi := any(x.Hi).(netip.Addr)
		if p, ok := asPrefix(lo, hi); ok {
			if p.IsSingleIP() {
				return lo.String()
			}
			return p.String()
		}
		return lo.String() + "-" + hi.String()
	}
	return ""
}

func later[T point[T]](a, b T) T {
	if a.Compare(b) >= 0 {
		return a
	}
	return b
}

func earlier[T point[T]](a, b T) T {
	if a.Compare(b) <= 0 {
		return a
	}
	return b
}

// cover says how much of a region a match takes.
type cover uint8

const (
	coverNone cover = iota
	coverSome
	coverAll
)

// PrefixSpan is the span of the addresses in p.
func PrefixSpan(p netip.Prefix) Span[netip.Addr] {
	p = p.Masked()
	b := p.Addr().As16()
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	for i := bits; i < 128; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	hi := netip.AddrFrom16(b)
	if p.Addr().Is4() {
		hi = hi.Unmap()
	}
	return Span[netip.Addr]{p.Addr(), hi}
}

// Network is the span as a prefix; ok is false where it is not one.
func Network(x Span[netip.Addr]) (p netip.Prefix, ok bool) { return asPrefix(x.Lo, x.Hi) }

// asPrefix is the prefix that spans exactly lo to hi, if there is one.
func asPrefix(lo, hi netip.Addr) (netip.Prefix, bool) {
	if lo == hi {
		return netip.PrefixFrom(lo, lo.BitLen()), lo.IsValid()
	}
	a, b := lo.As16(), hi.As16()
	skip := 128 - lo.BitLen()
	n := 0
	for n < lo.BitLen() && bit(a, skip+n) == bit(b, skip+n) {
		n++
	}
	p := netip.PrefixFrom(lo, n)
	return p, PrefixSpan(p) == Span[netip.Addr]{lo, hi}
}

func bit(b [16]byte, i int) byte { return b[i/8] >> (7 - i%8) & 1 }
