package routeros

import (
	"slices"
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// banned are address lists that rules fill, and that take phones or the provider.
func banned(o Observed) (list []checks.Finding) {
	for _, b := range o.Bans {
		if b.Entry.Line > 0 && o.isBlocked(b.Drop.Line) {
			continue // that rule is a finding already
		}
		f := checks.Finding{
			ID: "routeros.bans", Severity: checks.Critical, Confidence: checks.Certain,
			Args: words.Args{
				"list": tame(b.List), "who": pbx.AddressText(b.Who), "fill": b.Fill.Line, "drop": b.Drop.Line, "entry": b.Entry.Line,
				"profile": tame(o.Need.Profile),
			},
		}
		first := b.Fill
		switch {
		case b.Entry.Line > 0 && b.Provider:
			f.Variant = "provider-listed"
		case b.Entry.Line > 0:
			f.Variant, f.Severity = "phone-listed", checks.Warning
		case b.Provider:
			f.Variant = "provider"
		}
		if b.Entry.Line > 0 {
			first, f.Fixes = b.Entry, tried("lift-ban", b.Fix)
		} else {
			f.Fixes = tried("narrow-ban-rule", b.Fix)
		}
		f.Subject, f.Evidence = strconv.Itoa(first.Line), []checks.Evidence{quoteRule(first), quoteRule(b.Drop)}
		list = append(list, f)
	}
	return list
}

// isBlocked reports whether the rule of a line is a finding of its own.
func (o Observed) isBlocked(line int) bool {
	return slices.ContainsFunc(o.Ways, func(w Way) bool { return w.Line == line && w.stopped() && o.excused(w) == "" })
}

// bansBy reports whether the rule of a line stops whom another rule has put on a list:
// that one is the cause.
func (o Observed) bansBy(line int) bool {
	return slices.ContainsFunc(o.Bans, func(b Ban) bool { return b.Fill.Line > 0 && b.Drop.Line == line })
}
