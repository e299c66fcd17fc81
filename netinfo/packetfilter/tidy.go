package packetfilter

// rejoin puts together frags that cover the same packets and share their fate
// from here on: the two ways an unknown match went that made no difference.
func rejoin(list []*frag) []*frag {
	out := list[:0:0]
next:
	for _, f := range list {
		for i, g := range out {
			if f.forked && g.forked && sameFate(f, g) && sameRegion(f.region(), g.region()) {
				out[i] = joinWays(g, f)
				continue next
			}
		}
		out = append(out, f)
	}
	return out
}

// joinWays is one frag for two that cover the same packets. Only what both
// went through and assumed stays true of it.
func joinWays(a, b *frag) *frag {
	g := a.clone()
	g.trace = common(a.trace, b.trace)
	x, y := a.assumed, b.assumed
	g.assumed = common(x, y)
	g.forked, g.partial = true, true
	if x != nil && y != nil && x.fork == y.fork && x.up == y.up && x.holds != y.holds && !a.partial && !b.partial {
		// Both sides of a fork, and all of them: as if it had not been.
		g.forked, g.partial = x.wasForked, x.wasPartial
	}
	return g
}

// linked is a list from its end to its beginning.
type linked[T any] interface {
	*T
	// parent is what stands before it, and how long the list is: 0 for nil.
	parent() (up *T, length int)
}

func (t *trace) parent() (*trace, int) {
	if t == nil {
		return nil, 0
	}
	return t.up, t.depth
}

func (a *assumption) parent() (*assumption, int) {
	if a == nil {
		return nil, 0
	}
	return a.up, a.depth
}

// common is the end of what two lists begin with.
func common[T any, P linked[T]](a, b P) P {
	for a != b {
		beforeA, m := a.parent()
		beforeB, n := b.parent()
		if m >= n {
			a = beforeA
		}
		if n >= m {
			b = beforeB
		}
	}
	return a
}

// tidy keeps the number of frags in bounds: it puts neighbours together that
// share their fate, and gives up what is still too much.
func (e *evaluation) tidy(list []*frag, at Step) []*frag {
	if len(list) <= max(e.mergeAt, mergeFrom) {
		return list
	}
	list = mergeNeighbours(list)
	if len(list) > maxParts {
		// Which of many rules accepted them is then not told any more.
		for i, f := range list {
			if f.accept.Rule != nil {
				g := f.clone()
				g.accept = Step{Chain: f.accept.Chain, What: "accept"}
				list[i] = g
			}
		}
		list = mergeNeighbours(list)
	}
	e.mergeAt = 2 * len(list)
	for len(list) > maxParts {
		last := list[len(list)-1]
		list = list[:len(list)-1]
		e.giveUp(last, at, because("too-many-parts"))
	}
	return list
}

// mergeNeighbours joins frags of one fate whose regions differ in one
// dimension, until nothing changes.
func mergeNeighbours(list []*frag) []*frag {
	for {
		out := list[:0:0]
	next:
		for _, f := range list {
			for i, g := range out {
				if !sameFate(f, g) {
					continue
				}
				if sameRegion(f.region(), g.region()) {
					out[i] = joinWays(g, f)
					continue next
				}
				if f.assumed != g.assumed {
					continue
				}
				if r, ok := g.region().join(f.region()); ok {
					h := g.clone()
					h.src, h.dst, h.sport, h.dport = r.Src, r.Dst, r.SrcPort, r.DstPort
					h.trace = common(f.trace, g.trace)
					h.forked, h.partial = f.forked || g.forked, f.partial || g.partial
					out[i] = h
					continue next
				}
			}
			out = append(out, f)
		}
		if len(out) == len(list) {
			return out
		}
		list = out
	}
}
