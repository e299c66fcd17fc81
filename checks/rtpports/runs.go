package rtpports

import (
	"fmt"
	"slices"
	"strings"
)

// joinRuns makes runs of the asked ports, which are sorted.
func joinRuns(ports []int, state func(int) string) []Run {
	out := []Run{}
	for _, p := range ports {
		s := state(p)
		if n := len(out); n > 0 && out[n-1].State == s {
			out[n-1].Last = p
			out[n-1].Asked++
			continue
		}
		out = append(out, Run{First: p, Last: p, Asked: 1, State: s})
	}
	return out
}

// skipUnasked leaves out untold ports between two of the same definite outcome
// that are no further apart than in a sample: a sweep that ended early was one,
// in random order.
func skipUnasked(ports []int, state func(int) string, untold func(int) bool) []int {
	var told []int
	for _, p := range ports {
		if !untold(p) {
			told = append(told, p)
		}
	}
	var out []int
	next := 0 // the first told port after p
	for _, p := range ports {
		for next < len(told) && told[next] < p {
			next++
		}
		if next < len(told) && told[next] == p {
			out = append(out, p)
			continue
		}
		if next > 0 && next < len(told) {
			a, b := told[next-1], told[next]
			if b-a <= sampleStride && definite(state(a)) && state(a) == state(b) {
				continue
			}
		}
		out = append(out, p)
	}
	return out
}

// searchPoints are the ports to ask next so that every change between two
// definite outcomes is found to the exact port: seven in each gap divide it by
// eight, so 64 ports take two rounds.
func searchPoints(runs []Run) []int {
	const points = 7
	var out []int
	for i := 1; i < len(runs); i++ {
		a, b := runs[i-1], runs[i]
		gap := b.First - a.Last
		if gap < 2 || !definite(a.State) || !definite(b.State) {
			continue
		}
		for j := 1; j <= points; j++ {
			if p := a.Last + gap*j/(points+1); p > a.Last && p < b.First {
				out = append(out, p)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// definite reports an outcome that says something about the way.
func definite(state string) bool {
	return state == stateOpen || state == stateOutbound || state == stateReturn || state == stateLocal
}

// A verdict is what is concluded for every port of a range.
type verdict struct {
	span  span
	state string
}

// conclude makes verdicts of runs: ports between asked ports of the same
// outcome share it, ports between different ones are unknown.
func conclude(whole span, runs []Run) []verdict {
	var out []verdict
	add := func(s span, state string) {
		if s.first > s.last {
			return
		}
		if n := len(out); n > 0 && out[n-1].state == state {
			out[n-1].span.last = s.last
			return
		}
		out = append(out, verdict{s, state})
	}
	next := whole.first
	for _, r := range runs {
		if r.First < next || r.Last > whole.last || r.Last < r.First {
			continue // no report of ours has such a run
		}
		add(span{next, r.First - 1}, stateUnknown)
		add(span{r.First, r.Last}, r.State)
		next = r.Last + 1
	}
	add(span{next, whole.last}, stateUnknown)
	return out
}

// list returns the ranges with one of the states, as text.
func list(vs []verdict, states ...string) []string {
	out := []string{}
	var last span
	for _, v := range vs {
		if !slices.Contains(states, v.state) {
			continue
		}
		if n := len(out); n > 0 && last.last+1 == v.span.first {
			last.last = v.span.last
			out[n-1] = last.String()
			continue
		}
		last = v.span
		out = append(out, last.String())
	}
	return out
}

// count is the number of ports with one of the states.
func count(vs []verdict, states ...string) int {
	n := 0
	for _, v := range vs {
		if slices.Contains(states, v.state) {
			n += v.span.size()
		}
	}
	return n
}

// barCells fit a line of 80 columns with the numbers of both ends.
const barCells = 48

// bar draws the range: one character for an equal share of the ports, showing
// the worst of them.
func bar(whole span, vs []verdict) string {
	cells := min(barCells, whole.size())
	out := make([]byte, cells)
	marks := map[string]byte{stateOpen: '#', stateOutbound: '.', stateReturn: '<', stateSilent: '.', stateLocal: '.', stateUnknown: '?', stateBusy: '?'}
	const order = "#?<." // from good to bad
	for i := range out {
		out[i] = '#'
		first := whole.first + i*whole.size()/cells
		last := whole.first + (i+1)*whole.size()/cells - 1
		for _, v := range vs {
			m := marks[v.state]
			if v.span.first <= last && v.span.last >= first && strings.IndexByte(order, m) > strings.IndexByte(order, out[i]) {
				out[i] = m
			}
		}
	}
	return fmt.Sprintf("%d [%s] %d", whole.first, out, whole.last)
}
