package render

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/blocked"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// allowed is what becomes of each kind of packet of an address that is let in, and
// which rule decides.
type allowed struct {
	Address string
	Ways    []allowedWay
}

type allowedWay struct{ Kind, Verdict, Rule string }

// allowances are, for "why" about addresses that are all let in, theirs; what is
// blocked is told by its finding.
func (p speech) allowances(r *checks.Report) (list []allowed) {
	var f blocked.Facts
	Facts(r, "blocked", &f)
	all := append([]blocked.Facts{f}, f.Addresses...)
	if len(f.Addresses) > 0 {
		all = f.Addresses
	}
	if r.Command != "why" || slices.ContainsFunc(all, func(w blocked.Facts) bool { return w.Verdict != "allowed" || len(w.Paths) == 0 }) {
		return nil
	}
	for _, w := range all {
		a := allowed{Address: w.Address}
		for _, x := range w.Paths {
			kind := strings.TrimSpace(strings.ToUpper(x.Protocol) + " " + x.Ports)
			if x.Direction == "out" {
				kind = p.say("out", words.Args{"kind": kind})
			}
			rule := p.say("rule", words.Args{"rule": x.Rule})
			if x.Table != "" {
				rule = x.Table + ": " + rule
			}
			a.Ways = append(a.Ways, allowedWay{kind, x.Verdict, rule})
		}
		list = append(list, a)
	}
	return list
}

// ways writes them, and reports whether there are any.
func (p *page) ways(r *checks.Report, o TextOptions) bool {
	all := p.allowances(r)
	if o.Verbose || len(all) == 0 {
		return false
	}
	for _, a := range all {
		p.end()
		if len(all) > 1 {
			p.line(plain, "  "+a.Address)
		}
		wide := 0
		for _, w := range a.Ways {
			wide = max(wide, cells(w.Kind))
		}
		for _, w := range a.Ways {
			p.prose(plain, "  "+pad(w.Kind, wide)+"  "+pad(w.Verdict, len("accept"))+"  ", w.Rule)
		}
	}
	return true
}

// unread names in one line what is missing from the answer, and with --verbose
// all of it.
func (p *page) unread(r *checks.Report, o TextOptions) {
	list := missing(r)
	if len(list) == 0 {
		return
	}
	if more := len(list) - 1; !o.Verbose {
		first := Wrap(list[0], 2*p.width)
		list = first[:1]
		if len(first) > 1 {
			list[0] += " …"
		}
		if more > 0 {
			list[0] = p.say("and-more", words.Args{"note": list[0], "n": more})
		}
	}
	p.end()
	for _, n := range list {
		p.prose(dim, p.say("note", nil)+" ", n)
	}
}

// missing is what could not be read, each once.
func missing(r *checks.Report) (list []string) {
	for _, res := range r.Results {
		for _, n := range res.Notes {
			if !slices.Contains(list, n) {
				list = append(list, n)
			}
		}
	}
	return list
}
