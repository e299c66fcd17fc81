package routeros

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// banned are address lists that take phones or the provider: by a rule that fills them,
// or by a row.
func banned(o Observed) (list []checks.Finding) {
	for _, b := range o.Fillings {
		f := checks.Finding{
			ID: "routeros.bans", Severity: checks.Critical, Confidence: checks.Certain, Subject: strconv.Itoa(b.Line),
			Args: words.Args{
				"list": tame(b.List), "fill": b.Line, "phones": networksText(b.Phones), "who": networksText(b.Provider), "profile": tame(o.Need.Profile), "too": len(b.Provider) > 0,
			},
			Evidence: []checks.Evidence{quoteRule(b.Place)}, Fixes: tried("narrow-ban-rule", b.Fix),
		}
		if len(b.Phones) == 0 {
			f.Variant = "provider"
		}
		for _, d := range b.Drops {
			f.Args["drop"] = d.Line
			f.Evidence = append(f.Evidence, quoteRule(d))
		}
		list = append(list, f)
	}
	for _, b := range o.Bans {
		if o.isBlocked(b.Drop.Line) {
			continue // that rule is a finding already
		}
		f := checks.Finding{
			ID: "routeros.bans", Variant: "phone-listed", Severity: checks.Warning, Confidence: checks.Certain, Subject: strconv.Itoa(b.Line),
			Args:     words.Args{"list": tame(b.List), "who": pbx.AddressText(b.Who), "drop": b.Drop.Line, "entry": b.Line, "profile": tame(o.Need.Profile)},
			Evidence: []checks.Evidence{quoteRule(b.Place), quoteRule(b.Drop)}, Fixes: tried("lift-ban", b.Fix),
		}
		if b.Provider {
			f.Variant, f.Severity = "provider-listed", checks.Critical
		}
		list = append(list, f)
	}
	return list
}

// networksText are networks as text.
func networksText(list []netip.Prefix) words.Text {
	var out []words.Text
	for _, p := range list {
		out = append(out, say("name", words.Args{"name": pbx.AddressText(p)}))
	}
	return checks.FirstN(out, 5)
}

// isBlocked reports whether the rule of a line is a finding of its own.
func (o Observed) isBlocked(line int) bool {
	return slices.ContainsFunc(o.Ways, func(w Way) bool { return w.Line == line && w.stopped() && o.excused(w) == "" })
}

// bansBy reports whether the rule of a line stops whom another rule has put on a list:
// that one is the cause.
func (o Observed) bansBy(line int) bool {
	return slices.ContainsFunc(o.Fillings, func(b Filling) bool {
		return slices.ContainsFunc(b.Drops, func(d Place) bool { return d.Line == line })
	})
}
