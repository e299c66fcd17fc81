package rtpports

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// joinRuns makes runs of the asked ports, which are sorted; outcome is what is
// known of one, and where its packets arrived if that is another port. Moved
// ports stay together while all of them go to the same port, or keep their
// distance.
func joinRuns(ports []int, outcome func(int) (state string, at int)) []InRun {
	out := []InRun{}
	for _, n := range ports {
		state, at := outcome(n)
		if k := len(out); k > 0 && out[k-1].State == state {
			r := &out[k-1]
			same := at == r.ToLast && (r.First == r.Last || r.To == r.ToLast)
			shifted := at-r.ToLast == n-r.Last && (r.First == r.Last || r.To != r.ToLast)
			if state != inMoved || same || shifted {
				r.Last, r.ToLast = n, at
				r.Asked++
				continue
			}
		}
		out = append(out, InRun{First: n, Last: n, Asked: 1, State: state, To: at, ToLast: at})
	}
	return out
}

// unmoved are runs without where packets arrived.
func unmoved(runs []InRun) []Run {
	out := []Run{}
	for _, r := range runs {
		out = append(out, Run{r.First, r.Last, r.Asked, r.State})
	}
	return out
}

// skipUnasked leaves out untold ports between two of the same definite outcome
// that are no further apart than in a sample: a sweep that ended early was one,
// in random order.
func skipUnasked(ports []int, state func(int) string, untold func(int) bool) []int {
	var out, skipped []int
	last := -1 // the last told port
	for _, p := range ports {
		if untold(p) {
			skipped = append(skipped, p)
			continue
		}
		if last < 0 || p-last > sampleStride || !definite(state(p)) || state(last) != state(p) {
			out = append(out, skipped...)
		}
		out, skipped, last = append(out, p), nil, p
	}
	return append(out, skipped...)
}

// maxSearch bounds one round of a search: a path with more changes than that in
// it has no edges worth a name.
const maxSearch = 448

// pointsBetween are the ports to ask next so that every change between two
// definite outcomes is found to the exact port: seven in each gap divide it by
// eight, so 64 ports take two rounds.
func pointsBetween(runs []Run, points int) (out []int) {
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
	return slices.Compact(out)
}

// definite reports an outcome that says something about the way.
func definite(state string) bool { return state != stateBusy && state != stateUnknown }

// A verdict is about ports in a row.
type verdict struct {
	span  netinfo.PortRange
	state string
}

// view is what is concluded for every port of a range.
type view struct {
	whole    netinfo.PortRange
	verdicts []verdict
}

// conclude makes verdicts of runs: ports between asked ports of the same
// outcome share it, ports between different ones are unknown.
func conclude(whole netinfo.PortRange, runs []Run) view {
	var out []verdict
	add := func(s netinfo.PortRange, state string) {
		if s.First > s.Last {
			return
		}
		if n := len(out); n > 0 && out[n-1].state == state {
			out[n-1].span.Last = s.Last
			return
		}
		out = append(out, verdict{s, state})
	}
	next := whole.First
	for _, r := range runs {
		if r.First < next || r.Last > whole.Last || r.Last < r.First {
			continue // no report of ours has such a run
		}
		add(netinfo.PortRange{First: next, Last: r.First - 1}, stateUnknown)
		add(netinfo.PortRange{First: r.First, Last: r.Last}, r.State)
		next = r.Last + 1
	}
	add(netinfo.PortRange{First: next, Last: whole.Last}, stateUnknown)
	return view{whole, out}
}

// list returns the ranges with one of the states, as text.
func (v view) list(states ...string) []string {
	out := []string{}
	var last netinfo.PortRange
	for _, part := range v.verdicts {
		if !slices.Contains(states, part.state) {
			continue
		}
		if n := len(out); n > 0 && last.Last+1 == part.span.First {
			last.Last = part.span.Last
			out[n-1] = last.String()
			continue
		}
		last = part.span
		out = append(out, last.String())
	}
	return out
}

// count is the number of ports with one of the states.
func (v view) count(states ...string) (n int) {
	for _, part := range v.verdicts {
		if slices.Contains(states, part.state) {
			n += part.span.Len()
		}
	}
	return n
}

// calls says what n ports mean for calls.
func (v view) calls(n int, outside bool) words.Text {
	share := percent(n, v.whole.Len())
	if n*100 < v.whole.Len() {
		share = 0
	}
	return say("calls", words.Args{"share": share, "outside": outside})
}

// barCells fit a line of 80 columns with the numbers of both ends.
const barCells = 48

// bar draws the range: one character for an equal share of the ports, showing
// the worst of them.
func (v view) bar() string {
	cells := min(barCells, v.whole.Len())
	out := make([]byte, cells)
	marks := map[string]byte{
		stateOpen: '#', stateOutbound: '.', stateReturn: '<', stateSilent: '.', stateLocal: '.', stateUnknown: '?', stateBusy: '?',
		inArrives: '#', inMoved: '<', inFiltered: '<',
	}
	const order = "#?<." // from good to bad
	for i := range out {
		out[i] = '#'
		first := v.whole.First + i*v.whole.Len()/cells
		last := v.whole.First + (i+1)*v.whole.Len()/cells - 1
		for _, part := range v.verdicts {
			m := marks[part.state]
			if part.span.First <= last && part.span.Last >= first && strings.IndexByte(order, m) > strings.IndexByte(order, out[i]) {
				out[i] = m
			}
		}
	}
	return fmt.Sprintf("%d [%s] %d", v.whole.First, out, v.whole.Last)
}
