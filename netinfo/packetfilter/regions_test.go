package packetfilter

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// Regions are cut and joined without losing a packet or gaining one: every
// packet of a small world is asked.
func TestRegionsAreCutAndJoinedExactly(t *testing.T) {
	const side = 3
	rng := rand.New(rand.NewPCG(1, 2))
	addr := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(n)}) }
	nums := func() (s NumSet) {
		for n := range side {
			if rng.IntN(2) == 0 {
				s = s.Union(OneNum(Num(n)))
			}
		}
		return s
	}
	addrs := func() (s AddrSet) {
		for n := range side {
			if rng.IntN(2) == 0 {
				s = s.Union(AddrSet{{addr(n), addr(n)}})
			}
		}
		return s
	}
	region := func() Region { return Region{addrs(), addrs(), nums(), nums()} }
	contents := func(r Region) (has [side * side * side * side]bool) {
		for i := range has {
			has[i] = r.Contains(addr(i%side), addr(i/side%side), uint16(i/side/side%side), uint16(i/side/side/side))
		}
		return has
	}
	joined, apart, cut := 0, 0, 0
	for range 6000 {
		a, b := region(), region()
		switch rng.IntN(6) { // neighbours that differ on few sides are rare by chance
		case 0:
			b = Region{b.Src, a.Dst, a.SrcPort, a.DstPort}
		case 1:
			b = Region{a.Src, b.Dst, a.SrcPort, a.DstPort}
		case 2:
			b = Region{a.Src, a.Dst, b.SrcPort, a.DstPort}
		case 3:
			b = Region{a.Src, a.Dst, a.SrcPort, b.DstPort}
		}
		inA, inB := contents(a), contents(b)
		if c, ok := a.join(b); ok {
			joined++
			for i, got := range contents(c) {
				if got != (inA[i] || inB[i]) {
					t.Fatalf("%v and %v are joined to %v", a, b, c)
				}
			}
		} else if apart++; sameSpans(a.Src, b.Src) && sameSpans(a.Dst, b.Dst) && sameSpans(a.SrcPort, b.SrcPort) {
			t.Fatalf("%v and %v are not joined", a, b)
		}
		if len(a.Src)*len(a.Dst)*len(a.SrcPort)*len(a.DstPort) > 0 && sameRegion(a, b) != (inA == inB) {
			t.Fatalf("are %v and %v the same?", a, b)
		}
		in, rest, ok := a.cut(b)
		if ok {
			cut++
		}
		if ok != (contents(in) != [side * side * side * side]bool{}) {
			t.Fatalf("%v and %v have %v in common, and that is %v", a, b, in, ok)
		}
		var parts [side * side * side * side]int
		for _, r := range rest {
			for i, has := range contents(r) {
				if has {
					parts[i]++
				}
			}
		}
		for i, has := range contents(in) {
			if has != (inA[i] && inB[i]) {
				t.Fatalf("%v and %v have %v in common", a, b, in)
			}
			if ok && has {
				parts[i]++
			}
			if ok && (parts[i] == 1) != inA[i] || parts[i] > 1 {
				t.Fatalf("%v is cut by %v into %v and %v", a, b, in, rest)
			}
		}
	}
	if joined < 500 || apart < 500 || cut < 500 {
		t.Errorf("%d were joined, %d not, %d cut", joined, apart, cut)
	}
}

// What is as it was stays one; what rules treated differently stays apart.
func TestWhichPartsFareTheSame(t *testing.T) {
	set := &Set{Name: "s"}
	base := func() *frag { return &frag{} }
	for name, change := range map[string]func(*frag){
		"its source is settled":      func(f *frag) { f.natSrc = true },
		"its destination is settled": func(f *frag) { f.natDst = true },
		"a mark":                     func(f *frag) { f.mark = bits{1, 1} },
		"a mark of the connection":   func(f *frag) { f.ctmark = bits{1, 1} },
		"untracked":                  func(f *frag) { f.untracked = true },
		"sent on":                    func(f *frag) { f.onward = true },
		"moved":                      func(f *frag) { f.moved = true },
		"by an interface":            func(f *frag) { f.out = "eth1" },
		"a helper":                   func(f *frag) { f.helpers = []string{"sip"} },
		"a new source":               func(f *frag) { f.newSrc.on = true },
		"a new destination":          func(f *frag) { f.newDst.on = true },
		"an own address":             func(f *frag) { f.newDst.own = true },
		"a new source port":          func(f *frag) { f.newSport.on = true },
		"a new port":                 func(f *frag) { f.newDport = rewrite[Num]{to: OneNum(1)} },
		"accepted elsewhere":         func(f *frag) { f.accept.What = "accept" },
		"put into a set":             func(f *frag) { f.overlay = f.overlay.with(overlay{set: set, fields: []Field{FieldSrc}}) },
	} {
		a, b := base(), base()
		change(a)
		if sameFate(a, b) || sameFate(b, a) {
			t.Errorf("%s: a part with it and one without are taken for one", name)
		}
		if change(b); !sameFate(a, b) {
			t.Errorf("%s: two parts with it are kept apart", name)
		}
	}
	in := func(change func(*overlay)) *frag {
		o := overlay{set: set, fields: []Field{FieldSrc, FieldDstPort}, list: "l"}
		change(&o)
		return &frag{overlay: (*past[overlay])(nil).with(o)}
	}
	same := func(*overlay) {}
	for name, change := range map[string]func(*overlay){
		"another set":     func(o *overlay) { o.set = &Set{Name: "s"} },
		"another list":    func(o *overlay) { o.list = "m" },
		"the destination": func(o *overlay) { o.dest = true },
		"a mask":          func(o *overlay) { o.mask = netip.AddrFrom4([4]byte{255}) },
		"taken out":       func(o *overlay) { o.remove = true },
		"another field":   func(o *overlay) { o.fields = []Field{FieldSrc, FieldSrcPort} },
		"fewer fields":    func(o *overlay) { o.fields = o.fields[:1] },
	} {
		if sameFate(in(same), in(change)) || sameFate(in(change), in(same)) {
			t.Errorf("overlay: %s is taken for the same", name)
		}
	}
	before := &frag{overlay: (*past[overlay])(nil).with(overlay{list: "k"}).with(in(same).overlay.entry)}
	if sameFate(in(same), before) || sameFate(before, in(same)) {
		t.Error("overlay: something else before is taken for the same")
	}
	if !sameFate(in(same), in(same)) {
		t.Error("the same overlay twice is kept apart")
	}
	if h := (&frag{helpers: []string{"ftp", "sip"}}); sameFate(h, &frag{helpers: []string{"sip"}}) || sameFate(h, &frag{helpers: []string{"tftp", "sip"}}) {
		t.Error("other helpers are taken for the same")
	}
}

// A question that made no difference is forgotten; one that did stays, with all
// that was assumed before it.
func TestWhatStaysOfAQuestion(t *testing.T) {
	start := &frag{}
	yes, no := start.assume(1, "", "first", true), start.assume(1, "", "first", false)
	if f := joinWays(yes, no); f.forked || f.partial || f.assumed != nil {
		t.Errorf("both ways make %+v", f)
	}
	deep := yes.assume(2, "", "second", true).assume(3, "", "third", false)
	for name, c := range map[string]struct{ a, b *frag }{"the deeper one first": {deep, yes}, "the deeper one last": {yes, deep}, "beside each other": {deep, yes.assume(4, "", "fourth", true)}} {
		if f := joinWays(c.a, c.b); !f.forked || !f.partial || f.assumed != yes.assumed {
			t.Errorf("%s: of what was assumed before, %+v is left", name, f.assumed)
		}
	}
	if f := joinWays(deep, no); f.assumed != nil || !f.forked {
		t.Errorf("nothing was assumed of both, and %+v is left", f.assumed)
	}
}

// Spans are in order, whatever they were made of.
func TestWhatSpansAreMadeOf(t *testing.T) {
	for want, list := range map[string][]Span[Num]{
		"":              {{5, 3}},
		"1, 7-9":        {{7, 9}, {5, 3}, {1, 1}},
		"1-9":           {{4, 9}, {1, 8}, {2, 3}},
		"1-4, 6":        {{3, 4}, {6, 6}, {1, 2}},
		"0, 4294967295": {{^Num(0), ^Num(0)}, {0, 0}},
	} {
		if got := NewSpans(list...).String(); got != want {
			t.Errorf("%v make %q, want %q", list, got, want)
		}
	}
	for _, p := range []string{"::ffff:0:0/96", "::/0", "0.0.0.0/0", "198.51.100.7/32", "2001:db8::/47", "198.51.100.0/23"} {
		p := netip.MustParsePrefix(p)
		x := PrefixSpan(p)
		if got, ok := asPrefix(x.Lo, x.Hi); got != p || !ok || x.Hi.Is6() != x.Lo.Is6() {
			t.Errorf("%v is %v, which is %v", p, x, got)
		}
	}
	if p, ok := asPrefix(netip.Addr{}, netip.Addr{}); ok {
		t.Errorf("no address is %v", p)
	}
}
