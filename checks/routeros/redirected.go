package routeros

import (
	"slices"
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// Redirected is a rule of dstnat that also takes what phones send to the Internet.
type Redirected struct {
	Place
	To   string     `json:"to,omitempty"` // empty: the router itself, or several hosts
	Ways []Way      `json:"ways"`
	Fix  []ros.Edit `json:"fix,omitempty"`
}

// redirected looks for forwards that are not for the router's own address alone.
func (e *export) redirected(f filter, o *Observed) {
	for _, w := range e.asks(o) {
		row, to, ok := f.diverts(w)
		if w.Direction != outward || !ok {
			continue
		}
		i := slices.IndexFunc(o.Redirected, func(r Redirected) bool { return r.Line == row.Line })
		if i < 0 {
			if len(o.Redirected) == maxDead {
				continue
			}
			i = len(o.Redirected)
			o.Redirected = append(o.Redirected, Redirected{Place: Place{row.Line, "nat " + row.Get("chain").Text, e.quote(row.Line, row.Text())}, To: to})
		}
		o.Redirected[i].Ways = append(o.Redirected[i].Ways, w)
	}
	for i, r := range o.Redirected {
		t := e.twin()
		row := t.byLine("nat", r.Line)
		if row.Item == nil || row.Get("dst-address-type").Text != "" {
			continue
		}
		t.set("nat", row, ros.Pair{Name: "dst-address-type", Value: "local"})
		o.Redirected[i].Fix = t.proven(func(f filter) bool {
			return !slices.ContainsFunc(r.Ways, func(w Way) bool { _, _, still := f.diverts(w); return still })
		})
	}
}

// diverts is the rule that sends most of a way's packets to another address than they are
// for, for certain.
func (f filter) diverts(w Way) (row ros.Row, to string, ok bool) {
	c, portsOf := f.asked(w, w.network())
	c.NATRules = true
	for _, x := range f.outcomes(c) {
		if x.Verdict == packetfilter.Maybe || x.DestBy.Assumed || !w.isMost(x, portsOf(x)) {
			continue
		}
		if row, ok = f.row(x.DestBy); ok {
			if a, single := onlyAddr(x.ToAddrs); single && row.Get("action").Text != "redirect" {
				to = a.String()
			}
			return row, to, true
		}
	}
	return row, "", false
}

// phonesDiverted are rules that keep phones, and the PBX, from servers outside.
func phonesDiverted(o Observed) (list []checks.Finding) {
	for _, r := range o.Redirected {
		f := checks.Finding{
			ID: "routeros.diverted", Severity: checks.Critical, Confidence: checks.Likely, Subject: strconv.Itoa(r.Line),
			Args: portsAndLANs(r.Ways), Evidence: []checks.Evidence{quoteRule(r.Place)}, Fixes: tried("forward-own-address-only", r.Fix),
		}
		f.Args["line"], f.Args["to"], f.Args["host"], f.Args["fixed"] = r.Line, tame(r.To), r.To != "", len(r.Fix) > 0
		list = append(list, f)
	}
	return list
}
