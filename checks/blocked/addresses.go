package blocked

import (
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// elsewhereOpen is about a subject that is let in at an own address other than
// the one its packets most likely come to.
func elsewhereOpen(o Observed, s Subject) checks.Finding {
	return checks.Finding{
		ID: "blocked.by-address", Severity: checks.Warning, Confidence: checks.Certain,
		Args:     words.Args{"who": who(s), "open": openAt(s), "shut": s.At[0], "stopped": stoppedPorts(s)},
		Evidence: evidence(s, nil),
		Fixes:    letIn(o, s),
	}
}

// byAddress tells at which own addresses the subject fares differently from what
// was said of the first.
func byAddress(s Subject) (checks.Finding, bool) {
	if len(s.At) == 0 {
		return checks.Finding{}, false
	}
	f := checks.Finding{ID: "blocked.other-address", Severity: checks.Info, Confidence: checks.Certain}
	var open, shut []words.Text
	for _, p := range s.otherPaths() {
		name := words.Say("blocked.port-at", words.Args{"port": p.port(), "at": p.At})
		if stopped(p) {
			shut = addOnce(shut, name)
		} else if p.Verdict == "accept" {
			open = addOnce(open, name)
		}
		f.Evidence = append(f.Evidence, checks.Proof(name, nil, decidedBy(p.Verdict, p.Table, p.decider())))
	}
	f.Args = words.Args{"address": pbx.AddressText(s.Address), "own": s.At[0], "shut": len(shut) > 0, "ports": checks.FirstN(open, maxNamed)}
	if len(shut) > 0 {
		f.Args["ports"] = checks.FirstN(shut, maxNamed)
	}
	return f, len(open)+len(shut) > 0
}

// otherPaths are the paths to own addresses other than the first that come to
// something else.
func (s Subject) otherPaths() (list []Path) {
	list = slices.Clone(s.Elsewhere)
	first := firstPaths(s)
	for _, p := range s.Paths {
		if p.Direction == in && !slices.ContainsFunc(first, func(x Path) bool { return sameFate(x, p) }) {
			list = append(list, p)
		}
	}
	return list
}

// sentNowhere is about ports that a rule sends to where nothing listens.
func sentNowhere(s Subject) (checks.Finding, bool) {
	first := firstPaths(s)
	i := slices.IndexFunc(first, func(p Path) bool { return p.Dead })
	if i < 0 {
		return checks.Finding{}, false
	}
	p := first[i]
	f := checks.Finding{
		ID: "blocked.sent-nowhere", Severity: checks.Critical, Confidence: checks.Certain,
		Args: words.Args{"port": p.port(), "to": p.sentTo(), "who": who(s)},
	}
	for _, p := range s.Paths {
		if p.Dead {
			f.Evidence = append(f.Evidence, checks.Proof(p.port(), words.Say("blocked.evidence.program", nil),
				words.Say("blocked.evidence.nothing-on", words.Args{"to": p.sentTo(), "via": p.Via})))
		}
	}
	return f, true
}
