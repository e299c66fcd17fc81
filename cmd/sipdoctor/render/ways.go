package render

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/blocked"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// ways writes, for "why" about addresses that are all let in, what becomes of
// each kind of packet and which rule decides; what is blocked is told by its
// finding. It reports whether it did.
func (p *page) ways(r *checks.Report, o TextOptions) bool {
	var f blocked.Facts
	Facts(r, "blocked", &f)
	all := append([]blocked.Facts{f}, f.Addresses...)
	if len(f.Addresses) > 0 {
		all = f.Addresses
	}
	if r.Command != "why" || o.Verbose || slices.ContainsFunc(all, func(w blocked.Facts) bool { return w.Verdict != "allowed" || len(w.Paths) == 0 }) {
		return false
	}
	for _, w := range all {
		p.end()
		if len(all) > 1 {
			p.line(plain, "  "+w.Address)
		}
		kinds := make([]string, len(w.Paths))
		wide := 0
		for i, x := range w.Paths {
			kinds[i] = strings.TrimSpace(strings.ToUpper(x.Protocol) + " " + x.Ports)
			if x.Direction == "out" {
				kinds[i] = p.say("out", words.Args{"kind": kinds[i]})
			}
			wide = max(wide, cells(kinds[i]))
		}
		for i, x := range w.Paths {
			rule := p.say("rule", words.Args{"rule": x.Rule})
			if x.Table != "" {
				rule = x.Table + ": " + rule
			}
			p.prose(plain, "  "+pad(kinds[i], wide)+"  "+pad(x.Verdict, len("accept"))+"  ", rule)
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
