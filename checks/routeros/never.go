package routeros

import (
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// neverMatches are rules that let SIP or the provider through, and never do.
func neverMatches(o Observed) (list []checks.Finding) {
	for _, d := range o.Dead {
		if d.After.Line > 0 && o.isBlocked(d.After.Line) {
			continue // that rule is a finding already
		}
		f := checks.Finding{
			ID: "routeros.never-matches", Severity: checks.Warning, Confidence: checks.Certain, Subject: strconv.Itoa(d.Line),
			Args: words.Args{"line": d.Line, "after": d.After.Line, "list": tame(d.List), "forward": d.Action != "accept"}, Evidence: []checks.Evidence{quoteRule(d.Place)},
			Fixes: tried("move-rule-up", d.Fix),
		}
		switch {
		case d.PPPoE != "":
			f.Variant, f.Args["pppoe"] = "pppoe", tame(d.PPPoE)
			f.Fixes = tried("name-pppoe-interface", d.Fix)
		case d.After.Line > 0:
			f.Evidence = append(f.Evidence, quoteRule(d.After))
		default:
			f.Variant, f.Confidence = "empty-list", checks.Likely // somebody may fill it from elsewhere
		}
		list = append(list, f)
	}
	return list
}
