package packetfilter

import (
	"fmt"
	"slices"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// maxCells bounds the parts that overlapping outcomes are cut into; each new
// one is compared with all.
const maxCells = 2048

// cell is a part of the class with everything that may become of it.
type cell struct {
	region Region
	ways   []*result
}

// finish makes disjoint outcomes of the results. Results that stem from both
// ways of an unknown match cover the same packets: where all of them agree the
// verdict is certain after all.
func (e *evaluation) finish() []Outcome {
	var cells []cell
	var forked []*result
	for i := range e.outcomes {
		if o := &e.outcomes[i]; o.f.forked {
			forked = append(forked, o)
		} else {
			cells = append(cells, cell{o.f.region(), []*result{o}})
		}
	}
	cells = append(cells, disjoint(joinResults(forked))...)
	list := make([]Outcome, 0, len(cells))
	for i := range cells {
		list = append(list, e.outcome(&cells[i]))
	}
	return joinOutcomes(list)
}

// joinResults is a cell for each result. Where they are too many to compare,
// those of one verdict that differ in their sources alone are one cell: which
// rule decides is then less exact, the verdict is not.
func joinResults(list []*result) (cells []cell) {
	var groups [][]*result
	index := map[string]int{}
	for _, o := range list {
		if len(list) <= maxCells {
			cells = append(cells, cell{o.f.region(), []*result{o}})
			continue
		}
		key := fmt.Sprintf("%s|%s|%v|%v|%v", o.verdict, o.with, o.f.dst, o.f.sport, o.f.dport)
		i, ok := index[key]
		if !ok {
			i, index[key] = len(groups), len(groups)
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], o)
	}
	for _, group := range groups {
		var src AddrSet
		for _, o := range group {
			src = append(src, o.f.src...)
		}
		r := group[0].f.region()
		r.Src = NewSpans(src...)
		cells = append(cells, cell{r, group[:min(len(group), maxReasons)]})
	}
	return cells
}

// disjoint cuts overlapping cells up. Past maxCells it no longer cuts: a cell
// then counts what touches it as if it covered it.
func disjoint(parts []cell) []cell {
	var cells []cell
	for _, p := range parts {
		left := []Region{p.region}
		for i := 0; i < len(cells) && len(left) > 0; i++ {
			var rest []Region
			for _, r := range left {
				in, out, ok := r.cut(cells[i].region)
				if !ok {
					rest = append(rest, r)
					continue
				}
				rest = append(rest, out...)
				if len(cells) >= maxCells {
					cells[i].ways = append(cells[i].ways, p.ways...)
					continue
				}
				_, outside, _ := cells[i].region.cut(in)
				for _, o := range outside {
					cells = append(cells, cell{o, slices.Clone(cells[i].ways)})
				}
				cells[i] = cell{in, append(slices.Clone(cells[i].ways), p.ways...)}
			}
			left = rest
		}
		for _, r := range left {
			cells = append(cells, cell{r, slices.Clone(p.ways)})
		}
	}
	return cells
}

// outcome is what a cell's ways come to.
func (e *evaluation) outcome(c *cell) Outcome {
	first := c.ways[0]
	for _, w := range c.ways { // the one that goes against the packet is the one to show
		if w.verdict == Dropped || w.verdict == Rejected {
			first = w
			break
		}
	}
	o := Outcome{Region: c.region, Verdict: first.verdict, With: first.with, Decider: first.by, Trace: first.f.trace.list(),
		ToAddrs: first.f.newDst.to, ToPorts: first.f.newDport.to, Onward: first.f.onward, Out: first.f.out, Moved: first.f.moved,
		SourceBy: first.f.srcBy, DestBy: first.f.dstBy, Helpers: slices.Clone(first.f.helpers)}
	for _, w := range c.ways {
		o.add(w)
	}
	if o.Verdict != Maybe {
		o.Possible, o.Reasons = nil, nil
		return o
	}
	if len(o.Reasons) == 0 {
		o.Reasons = slices.Clone(e.reasons)
	}
	slices.Sort(o.Possible)
	return o
}

// add counts one of the ways in.
func (o *Outcome) add(w *result) {
	if w.verdict != o.Verdict {
		o.Verdict, o.With = Maybe, ""
	}
	o.SourceBy, o.DestBy = eitherBy(o.SourceBy, w.f.srcBy), eitherBy(o.DestBy, w.f.dstBy)
	if w.verdict != Maybe && !slices.Contains(o.Possible, w.verdict) {
		o.Possible = append(o.Possible, w.verdict)
	}
	if w.by != o.Decider && !slices.Contains(o.Others, w.by) {
		o.Others = append(o.Others, w.by)
	}
	reason := func(s words.Reason) {
		if s != "" && !slices.Contains(o.Reasons, s) && len(o.Reasons) < maxReasons {
			o.Reasons = append(o.Reasons, s)
		}
	}
	reason(w.reason)
	for _, a := range w.f.assumed.list() {
		reason(a.reason)
	}
}

// eitherBy is the rule of two that translates, and whether that is certain.
func eitherBy(a, b Step) Step {
	a.Assumed = a.Assumed || a.Rule != b.Rule
	if a.Rule == nil {
		a.Chain, a.Rule, a.What = b.Chain, b.Rule, b.What
	}
	return a
}

// joinOutcomes puts together outcomes that differ in their region alone, so
// that one rule is one line for its reader. The trace is that of the first.
func joinOutcomes(list []Outcome) []Outcome {
	byRule := map[Step][]int{}
	out := list[:0:0]
next:
	for _, o := range list {
		for _, i := range byRule[o.Decider] {
			p := &out[i]
			if p.Verdict != o.Verdict || p.With != o.With || !slices.Equal(p.Reasons, o.Reasons) || !slices.Equal(p.Possible, o.Possible) ||
				!slices.Equal(p.Helpers, o.Helpers) || p.Onward != o.Onward || p.Moved != o.Moved || p.Out != o.Out || p.SourceBy != o.SourceBy || p.DestBy != o.DestBy || !sameSpans(p.ToAddrs, o.ToAddrs) || !sameSpans(p.ToPorts, o.ToPorts) {
				continue
			}
			if r, ok := p.Region.join(o.Region); ok {
				p.Region = r
				continue next
			}
		}
		byRule[o.Decider] = append(byRule[o.Decider], len(out))
		out = append(out, o)
	}
	return out
}
