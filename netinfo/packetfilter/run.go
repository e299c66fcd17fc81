package packetfilter

import (
	"net/netip"
	"slices"
)

// minRun is the number of rules from which an index of their sources is worth
// its memory.
const minRun = 16

// sourceRun is a row of rules that each begin by comparing the source, as bans
// and white lists are: those that matter to a part of a class are found
// without asking each.
type sourceRun struct {
	start, end int // rules of the chain
	spanIndex
	all AddrSet // what the rules compare with, together
}

// findRuns makes the index of a chain.
func findRuns(c *Chain) {
	for i := 0; i < len(c.Rules); i++ {
		start := i
		for i < len(c.Rules) && sourceOf(c.Rules[i]) != nil {
			i++
		}
		if i-start >= minRun {
			c.runs = append(c.runs, newRun(c, start, i))
		}
	}
}

// sourceOf is the source that a rule compares first; nil when it does not.
func sourceOf(r *Rule) AddrSet {
	if len(r.Exprs) == 0 {
		return nil
	}
	m, ok := r.Exprs[0].(*Match)
	if !ok || m.Field != FieldSrc || m.Or != FieldNone || m.Not || len(m.Addrs) != 1 {
		return nil
	}
	return m.Addrs
}

func newRun(c *Chain, start, end int) *sourceRun {
	rules := make([]int32, end-start)
	for i := range rules {
		rules[i] = int32(start + i)
	}
	r := &sourceRun{start: start, end: end}
	r.spanIndex = newSpanIndex(rules, func(i int32) Span[netip.Addr] { return sourceOf(c.Rules[i])[0] })
	r.all = NewSpans(r.spans...)
	return r
}

// throughRun takes frags through a run of rules.
func (e *evaluation) throughRun(c *Chain, r *sourceRun, live []*frag, w *walk) {
	for _, f := range live {
		switch {
		case f.newSrc.on:
			e.oneByOne(c, slices.Sorted(slices.Values(r.of)), f, w)
		case f.src.overlap(r.all) == coverNone:
			w.fall = append(w.fall, f)
		case r.disjoint:
			e.allAtOnce(c, r, f, w)
		default:
			e.oneByOne(c, r.near(f.src), f, w)
		}
	}
}

// allAtOnce deals the parts of f out to the rules that take them. As no two
// rules take the same sources, their order does not matter.
func (e *evaluation) allAtOnce(c *Chain, r *sourceRun, f *frag, w *walk) {
	hits := r.near(f.src)
	for i, n := range hits {
		rule := c.Rules[n]
		if e.visits++; e.visits > maxVisits || e.forks > maxForks {
			for _, n := range hits[i:] {
				e.giveUp(f.from(f.src.Intersect(sourceOf(c.Rules[n]))), Step{Chain: c, Rule: c.Rules[n]}, because("too-many-rules"))
			}
			break
		}
		part := f.src.Intersect(sourceOf(rule))
		e.rule(c, rule, 1, f.from(part), w)
		w.fall = e.tidy(w.fall, Step{Chain: c, Rule: rule})
		w.back = e.tidy(w.back, Step{Chain: c, Rule: rule})
	}
	if rest := f.src.Subtract(r.all); len(rest) > 0 {
		w.fall = append(w.fall, f.from(rest))
	}
}

// oneByOne takes f through some rules of the chain in their order.
func (e *evaluation) oneByOne(c *Chain, rules []int32, f *frag, w *walk) {
	live := []*frag{f}
	inner := walk{back: w.back}
	for _, n := range rules {
		rule, forks := c.Rules[n], e.forks
		for _, g := range live {
			e.visit(c, rule, g, &inner)
		}
		live, inner.fall = inner.fall, live[:0]
		if e.forks != forks {
			live = rejoin(live)
		}
		live = e.tidy(live, Step{Chain: c, Rule: rule})
	}
	w.fall, w.back = append(w.fall, live...), inner.back
}
