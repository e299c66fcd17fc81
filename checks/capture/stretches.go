package capture

import "slices"

// stretches are the segments of a call for each stretch of the way that has a session
// description of its own: before a proxy that relays audio, or a router that rewrites,
// and after it.
func (v *view) stretches(x *exchange) [][]segment {
	if list, ok := v.parted[x]; ok {
		return list
	}
	list := [][]segment{v.segmentsOf(x)}
	for _, leg := range x.otherLegs() {
		if more := v.segmentsOf(leg); len(more) > 0 && !sameSession(more, list) {
			list = append(list, more)
		}
	}
	v.parted[x] = list
	return list
}

// maxStretches bounds the stretches of a call: a proxy and a router make three.
const maxStretches = 4

// otherLegs are the exchanges between other ends than those of the first INVITE that
// the same call was answered by.
func (x *exchange) otherLegs() (out []*exchange) {
	main := x.main()
	if main.request == nil || main.first.Method != "INVITE" {
		return nil
	}
	mains := []*transaction{main}
	for _, t := range x.list {
		if t.request == nil || t.first.Method != "INVITE" || t.first.CSeq != main.first.CSeq || t.first.From.Tag != main.first.From.Tag || !t.granted() ||
			len(mains) >= maxStretches || slices.ContainsFunc(mains, t.sameLeg) {
			continue
		}
		mains = append(mains, t)
		leg := &exchange{Dialog: x.Dialog}
		for _, o := range x.list {
			if o.sameLeg(t) {
				leg.list = append(leg.list, o)
			}
		}
		out = append(out, leg)
	}
	return out
}

// sameSession reports whether a leg says nothing but what another says.
func sameSession(leg []segment, others [][]segment) bool {
	return slices.ContainsFunc(others, func(o []segment) bool {
		return len(o) == len(leg) && !slices.ContainsFunc(leg, func(g segment) bool {
			return !slices.ContainsFunc(o, func(h segment) bool { return g.caller.equal(h.caller) && g.called.equal(h.called) })
		})
	})
}
