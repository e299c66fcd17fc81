package capture

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// CallsTable is the table of calls, by whose rows they are named.
const CallsTable = "capture.calls"

// maxRows bounds a table: what is beyond stands in the facts.
const maxRows = 10_000

// nothing stands in a cell that has nothing to say.
const nothing = "–"

// tables lists the calls, one a row, and everything else that was sent, folded by
// account and ends: a phone registers hundreds of times in a day.
func (v *view) tables(found []checks.Finding) (out []checks.Table) {
	calls := checks.Table{ID: CallsTable, Rows: []checks.Row{}, Columns: []checks.Column{
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
	calls.Left = max(0, len(v.invites())-maxRows) + v.o.Folded.Calls
	folded := v.folded()
	for _, f := range folded[:min(len(folded), maxRows)] {
		others.Rows = append(others.Rows, v.foldedRow(f, found))
	}
	others.Left = max(0, len(folded)-maxRows) + v.o.Folded.Registrations + v.o.Folded.Others
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
		if x.method() == "INVITE" || x.method() == "ACK" {
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
