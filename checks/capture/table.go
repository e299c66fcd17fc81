package capture

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// maxRows bounds a table: what is beyond stands in the facts.
const maxRows = 10_000

// nothing stands in a cell that has nothing to say.
const nothing = "–"

// tables lists the calls, one a row, and everything else that was sent, folded by
// account and ends: a phone registers hundreds of times in a day.
func (v *view) tables(found []checks.Finding) (out []checks.Table) {
	calls := checks.Table{ID: "capture.calls", Rows: []checks.Row{}, Columns: []checks.Column{
		{ID: "number", Right: true}, {ID: v.clock()}, {ID: "from", Name: true}, {ID: "to", Name: true}, {ID: "outcome"},
		{ID: "length", Right: true, Label: true}, {ID: "mos", Label: true}, {ID: "loss", Label: true},
	}}
	others := checks.Table{ID: "capture.others", Rows: []checks.Row{}, Columns: []checks.Column{
		{ID: v.clock()}, {ID: "method"}, {ID: "account", Name: true}, {ID: "client"}, {ID: "server"}, {ID: "times", Right: true, Label: true}, {ID: "outcome"},
	}}
	for i, x := range v.invites() {
		if i < maxRows {
			calls.Rows = append(calls.Rows, v.callRow(i+1, x, found))
		}
	}
	calls.Left = max(0, len(v.invites())-maxRows)
	folded := v.folded()
	for _, f := range folded[:min(len(folded), maxRows)] {
		others.Rows = append(others.Rows, v.foldedRow(f, found))
	}
	others.Left = max(0, len(folded)-maxRows)
	if !slices.ContainsFunc(calls.Rows, func(r checks.Row) bool { return r.Says["mos"] != nil }) {
		calls.Columns = calls.Columns[:len(calls.Columns)-2] // a capture of the signalling alone
	}
	for _, t := range []checks.Table{calls, others} {
		if len(t.Rows) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// invites are the calls in the order of their rows.
func (v *view) invites() (list []*exchange) {
	for _, x := range v.calls {
		if x.method() == "INVITE" && x.main() != nil {
			list = append(list, x)
		}
	}
	return list
}

func (v *view) callRow(n int, x *exchange, found []checks.Finding) checks.Row {
	t := x.main()
	row := checks.Row{
		Cells: []string{strconv.Itoa(n), v.timeOfDay(x.Messages[0].At), cell(t.first.From.number()), cell(t.first.To.number()), "", v.lasted(x), nothing, nothing},
		Says:  words.Args{"outcome": outcomeText(x)}, Finding: v.findingOf(x, found),
	}
	if mos, loss, ok := v.audioOf(x); ok {
		row.Says["mos"], row.Says["loss"] = mos, loss
	}
	return row
}

// fold is what one account asked for again and again.
type fold struct {
	list []*exchange
}

// folded are the exchanges that are no calls, by method, account and ends.
func (v *view) folded() (out []*fold) {
	type key struct {
		method, account string
		client          netip.Addr
		server          netip.AddrPort
		finding         string
	}
	at := map[key]*fold{}
	for _, x := range v.calls {
		t := x.main()
		if t == nil || x.method() == "INVITE" || x.method() == "ACK" {
			continue
		}
		k := key{x.method(), t.first.To.number(), t.client.Addr(), t.server, v.found[x]}
		if at[k] == nil {
			at[k] = &fold{}
			out = append(out, at[k])
		}
		at[k].list = append(at[k].list, x)
	}
	return out
}

func (v *view) foldedRow(f *fold, found []checks.Finding) checks.Row {
	first, last := f.list[0], f.list[len(f.list)-1]
	t, times := first.main(), 0
	for _, x := range f.list {
		for _, r := range x.list { // one Call-ID for all, as RFC 3261, 10.2 asks
			if r.request != nil && r.first.Method == x.method() && r.final() != 401 && r.final() != 407 {
				times++
			}
		}
	}
	return checks.Row{
		Cells: []string{v.timeOfDay(first.Messages[0].At), cell(first.method()), cell(t.first.To.number()), "", "", strconv.Itoa(max(times, 1)), ""},
		Says:  words.Args{"client": whoAddr(t.client), "server": whoShort(t.server), "outcome": outcomeText(last)}, Finding: v.findingOf(first, found),
	}
}

// whoShort names an end without the port that goes without saying.
func whoShort(a netip.AddrPort) any {
	const usual = 5060
	if a.Port() == usual {
		return whoAddr(a)
	}
	return who(a)
}

// outcomeText says how an exchange ended, with the code where there is one.
func outcomeText(x *exchange) words.Text {
	return words.Say("capture.outcome", words.Args{"outcome": x.outcome(), "code": x.main().final()})
}

// findingOf is the finding that x belongs to, from 1. Where an ID has several, it is
// the one that shows what was collected with x; 0 where that is not certain.
func (v *view) findingOf(x *exchange, found []checks.Finding) int {
	alike := 0
	for i := range found {
		f := &found[i]
		if f.ID != v.found[x] {
			continue
		}
		if g := v.groups[x]; g != nil && len(g.proof) > 0 && len(f.Evidence) > 0 && &f.Evidence[0] == &g.proof[0] {
			return i + 1
		}
		if alike == 0 {
			alike = i + 1
		} else {
			alike = -1
		}
	}
	return max(alike, 0)
}

// clock is the column of times: of the day in UTC, or seconds since the begin of a
// capture that has none.
func (v *view) clock() string {
	if v.o.Begin == 0 {
		return "seconds"
	}
	return "time"
}

func (v *view) timeOfDay(us int64) string {
	if v.o.Begin == 0 {
		return strconv.FormatFloat(seconds(us), 'f', 1, 64)
	}
	at := time.Unix(0, v.o.Begin+us*1000).UTC()
	if v.o.Length > (24 * time.Hour).Microseconds() {
		return at.Format("01-02 15:04:05")
	}
	return at.Format(time.TimeOnly)
}

// lasted is how long a call lasted from its answer on; a plus where the capture does
// not show its end.
func (v *view) lasted(x *exchange) string {
	if x.outcome() != outcomeAnswered {
		return nothing
	}
	begin, until, more := x.main().finalTo.At, v.o.Length, "+"
	for _, t := range x.list {
		if t.first.Method == "BYE" && t.first.At >= begin {
			until, more = t.first.At, ""
			break
		}
	}
	s := (until - begin) / 1_000_000
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d%s", s/3600, s/60%60, s%60, more)
	}
	return fmt.Sprintf("%d:%02d%s", s/60, s%60, more)
}

// audioOf is what each side of a call would say of the audio, that from the caller
// first: the worst stream decides.
func (v *view) audioOf(x *exchange) (mos, loss words.Text, ok bool) {
	up, down := v.sides(x)
	there, back := v.listen(up), v.listen(down)
	pair := func(a, b any) words.Text { return words.Say("capture.pair", words.Args{"there": a, "back": b}) }
	return pair(there.mos, back.mos), pair(there.loss, back.loss), there.any || back.any
}

// sides are the streams of a call that were to be heard: from the caller, and to it.
func (v *view) sides(x *exchange) (up, down []*Stream) {
	add := func(list []*Stream, more []part) []*Stream {
		for _, p := range more {
			if p.route != elsewhere && !slices.Contains(list, p.Stream) {
				list = append(list, p.Stream)
			}
		}
		return list
	}
	for _, g := range v.segments(x) {
		up, down = add(up, g.up), add(down, g.down)
	}
	return up, down
}

// listening is one direction of a call.
type listening struct {
	any       bool
	mos, loss any // numbers, or nothing
}

func (v *view) listen(list []*Stream) listening {
	out := listening{mos: nothing, loss: nothing}
	expected, lost, worst := 0, 0, 0.0
	for _, s := range list {
		if s.Packets < leastPackets {
			continue
		}
		expected, lost = expected+s.Expected, lost+s.lost()
		if m := v.mos(s); !out.any || m < worst {
			worst = m
		}
		out.any = true
	}
	if out.any {
		share := 100 * float64(lost) / float64(max(1, expected))
		out.mos, out.loss = worst, float64(int(share*10+0.5))/10
	}
	return out
}

// cell is what a stranger wrote as one cell: white space would look like the next.
func cell(s string) string {
	return cmp.Or(strings.Join(strings.Fields(s), "_"), nothing)
}
