package packetfilter

// merge puts together what join makes one of, and leaves the rest.
func merge(list []*frag, join func(a, b *frag) *frag) []*frag {
	out := list[:0:0]
next:
	for _, f := range list {
		for i, g := range out {
			if both := join(g, f); both != nil {
				out[i] = both
				continue next
			}
		}
		out = append(out, f)
	}
	return out
}

// rejoin puts together frags that cover the same packets and share their fate
// from here on: the two ways an unknown match went that made no difference.
func rejoin(list []*frag) []*frag {
	return merge(list, func(a, b *frag) *frag {
		if a.forked && b.forked && sameFate(a, b) && sameRegion(a.region(), b.region()) {
			return joinWays(a, b)
		}
		return nil
	})
}

// joinWays is one frag for two that cover the same packets. Only what both
// went through and assumed stays true of it.
func joinWays(a, b *frag) *frag {
	g := a.clone()
	g.trace = common(a.trace, b.trace)
	x, y := a.assumed, b.assumed
	g.assumed = common(x, y)
	g.forked, g.partial = true, true
	if x != nil && y != nil && x.entry.fork == y.entry.fork && x.before == y.before && x.entry.holds != y.entry.holds && !a.partial && !b.partial {
		// Both sides of a fork, and all of them: as if it had not been.
		g.forked, g.partial = x.entry.wasForked, x.entry.wasPartial
	}
	return g
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
		out := merge(list, neighbours)
		if len(out) == len(list) {
			return out
		}
		list = out
	}
}

// neighbours is one frag for two of one fate that are one region together; nil
// where they are not.
func neighbours(a, b *frag) *frag {
	switch {
	case !sameFate(a, b):
		return nil
	case sameRegion(a.region(), b.region()):
		return joinWays(a, b)
	case a.assumed != b.assumed:
		return nil
	}
	r, ok := a.region().join(b.region())
	if !ok {
		return nil
	}
	g := a.clone()
	g.src, g.dst, g.sport, g.dport = r.Src, r.Dst, r.SrcPort, r.DstPort
	g.trace = common(a.trace, b.trace)
	g.forked, g.partial = a.forked || b.forked, a.partial || b.partial
	return g
}
