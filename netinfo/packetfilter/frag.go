package packetfilter

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// frag is a part of the class on its way through the rules, with all that the
// rules did to it. It is never changed once it is shared: see clone.
type frag struct {
	src, dst     AddrSet // as the packets arrived
	sport, dport NumSet

	newSrc, newDst     rewrite[netip.Addr]
	newSport, newDport rewrite[Num]
	natSrc, natDst     bool // the connection's translation of that side is settled

	mark, ctmark bits
	untracked    bool
	overlay      *past[overlay]    // what rules put into sets and recent lists
	assumed      *past[assumption] // unknown matches that were taken one way
	forked       bool              // another frag may cover the same packets
	partial      bool              // another frag may share all that is assumed of this one
	trace        *past[Step]
	helpers      []string // that it was handed to; never appended to in place
	accept       Step     // the last rule that accepted it, or the first policy
	onward       bool     // it is sent on to another machine
	moved        bool     // its source port is changed for certain
	out          string   // by this interface; empty: not known
	srcBy, dstBy Step     // the rules that translated it; see Class.NATRules
}

// rewrite is what NAT made of an address or port: one of to, or, with to
// empty, an unknown one, unless it is an address of this machine (own).
type rewrite[T point[T]] struct {
	on  bool
	to  Spans[T]
	own bool
}

// bits is a number of which only the bits in known are known; the others are 0.
type bits struct{ val, known uint32 }

// assumption is one unknown match and which way it was taken.
type assumption struct {
	fork   int // number of the fork; its other side has the same
	key    string
	holds  bool
	reason words.Reason
	// What the frag was before the fork.
	wasForked, wasPartial bool
}

// overlay is one change that a rule made to a set or a recent list while this
// very packet went through.
type overlay struct {
	set    *Set
	fields []Field
	list   string // of recent
	dest   bool
	mask   netip.Addr
	remove bool
}

func (f *frag) clone() *frag {
	g := *f
	return &g
}

func (f *frag) region() Region { return Region{f.src, f.dst, f.sport, f.dport} }

// after is f with a note of what happened to it.
func (f *frag) after(s Step) *frag {
	g := f.clone()
	g.trace = g.trace.with(s)
	return g
}

// assume is f with an unknown match taken one way.
func (f *frag) assume(fork int, key string, reason words.Reason, holds bool) *frag {
	g := f.clone()
	g.assumed = f.assumed.with(assumption{fork: fork, key: key, holds: holds, reason: reason, wasForked: f.forked, wasPartial: f.partial})
	g.forked, g.partial = true, false
	return g
}

// belief says how an unknown match with this key was taken before.
func (f *frag) belief(key string) (holds, known bool) {
	for a := f.assumed; a != nil && key != ""; a = a.before {
		if a.entry.key == key {
			return a.entry.holds, true
		}
	}
	return false, false
}

// The sides of a frag: what packets have when they arrive, and what NAT made of
// it.
func (f *frag) srcs() *AddrSet                { return &f.src }
func (f *frag) dsts() *AddrSet                { return &f.dst }
func (f *frag) sports() *NumSet               { return &f.sport }
func (f *frag) dports() *NumSet               { return &f.dport }
func (f *frag) newSrcs() *rewrite[netip.Addr] { return &f.newSrc }
func (f *frag) newDsts() *rewrite[netip.Addr] { return &f.newDst }
func (f *frag) newSports() *rewrite[Num]      { return &f.newSport }
func (f *frag) newDports() *rewrite[Num]      { return &f.newDport }

// from is f with these sources alone.
func (f *frag) from(src AddrSet) *frag {
	g := f.clone()
	g.src = src
	return g
}

// sameFate reports whether whatever comes, a and b go the same way, their
// regions and what was assumed of them aside.
func sameFate(a, b *frag) bool {
	return a.mark == b.mark && a.ctmark == b.ctmark && a.untracked == b.untracked &&
		a.natSrc == b.natSrc && a.natDst == b.natDst &&
		sameRewrite(a.newSrc, b.newSrc) && sameRewrite(a.newDst, b.newDst) &&
		sameRewrite(a.newSport, b.newSport) && sameRewrite(a.newDport, b.newDport) &&
		sameOverlay(a.overlay, b.overlay) && slices.Equal(a.helpers, b.helpers) && a.accept == b.accept &&
		a.onward == b.onward && a.moved == b.moved && a.out == b.out && a.srcBy == b.srcBy && a.dstBy == b.dstBy
}

func sameRewrite[T point[T]](a, b rewrite[T]) bool {
	return a.on == b.on && a.own == b.own && sameSpans(a.to, b.to)
}

func sameSpans[T point[T]](a, b Spans[T]) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.Equal(a, b))
}

func sameOverlay(a, b *past[overlay]) bool {
	for ; a != b; a, b = a.before, b.before {
		if a == nil || b == nil {
			return false
		}
		x, y := &a.entry, &b.entry
		if x.set != y.set || x.list != y.list || x.dest != y.dest || x.mask != y.mask || x.remove != y.remove || !slices.Equal(x.fields, y.fields) {
			return false
		}
	}
	return true
}

func sameRegion(a, b Region) bool {
	return sameSpans(a.Src, b.Src) && sameSpans(a.Dst, b.Dst) && sameSpans(a.SrcPort, b.SrcPort) && sameSpans(a.DstPort, b.DstPort)
}

// join is the region that a and b are together, if it is one.
func (a Region) join(b Region) (Region, bool) {
	src, dst := sameSpans(a.Src, b.Src), sameSpans(a.Dst, b.Dst)
	sp, dp := sameSpans(a.SrcPort, b.SrcPort), sameSpans(a.DstPort, b.DstPort)
	switch {
	case src && dst && sp:
		a.DstPort = a.DstPort.Union(b.DstPort)
	case src && dst && dp:
		a.SrcPort = a.SrcPort.Union(b.SrcPort)
	case src && sp && dp:
		a.Dst = a.Dst.Union(b.Dst)
	case dst && sp && dp:
		a.Src = a.Src.Union(b.Src)
	default:
		return a, false
	}
	return a, true
}

// cut splits a into what lies in b and the rest; ok is false when nothing does.
func (a Region) cut(b Region) (in Region, rest []Region, ok bool) {
	in = Region{a.Src.Intersect(b.Src), a.Dst.Intersect(b.Dst), a.SrcPort.Intersect(b.SrcPort), a.DstPort.Intersect(b.DstPort)}
	if len(in.Src) == 0 || len(in.Dst) == 0 || len(in.SrcPort) == 0 || len(in.DstPort) == 0 {
		return in, nil, false
	}
	left := a
	rest = cutSide(rest, &left, &left.Src, in.Src)
	rest = cutSide(rest, &left, &left.Dst, in.Dst)
	rest = cutSide(rest, &left, &left.SrcPort, in.SrcPort)
	rest = cutSide(rest, &left, &left.DstPort, in.DstPort)
	return in, rest, true
}

// cutSide adds what one side of a region, left, has outside in, and leaves it the
// inside.
func cutSide[T point[T]](rest []Region, left *Region, side *Spans[T], in Spans[T]) []Region {
	if out := side.Subtract(in); len(out) > 0 {
		*side = out
		rest = append(rest, *left)
		*side = in
	}
	return rest
}
