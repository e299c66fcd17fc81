package capture

import (
	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// twice are calls that two ends have answered: a proxy rang several phones, and two
// of them took the call.
func twice(v *view) (out []checks.Finding) {
	const id = "capture.answered-twice"
	var groups cases
	for _, x := range v.calls {
		for _, t := range x.list {
			if t.first.Method != "INVITE" {
				continue
			}
			first, second := t.finalTo, (*Message)(nil)
			for _, a := range t.answers {
				if a.Status >= 200 && a.Status < 300 && a.To.Tag != "" && first != nil && a.To.Tag != first.To.Tag && first.Status < 300 {
					second = a
				}
			}
			if second == nil || v.found[x] != "" {
				continue
			}
			groups.add(v, id, t.server.String(), x, t, frame(first, nil), frame(second, nil))
		}
	}
	for _, g := range groups.list {
		t := g.first()
		out = append(out, checks.Finding{
			ID: id, Severity: checks.Warning, Confidence: checks.Certain, Subject: subject(t.server), Evidence: g.proof,
			Args: words.Args{"client": who(t.client), "server": who(t.server), "n": len(g.list)},
		})
	}
	return out
}

// manyTries is how often a change within a call may collide with one of the other
// side: the waiting times of RFC 3261, 14.1, settle it at the next try.
const manyTries = 3

// glare are changes within a call that both sides ask for at the same time, again and
// again.
func glare(v *view) (out []checks.Finding) {
	const id = "capture.glare"
	var groups cases
	for _, x := range v.calls {
		if v.found[x] != "" {
			continue
		}
		var hit []*transaction
		for _, t := range x.inDialog() {
			if t.final() == 491 && !x.laterAccepted(t) {
				hit = append(hit, t)
			}
		}
		if len(hit) < manyTries {
			continue
		}
		g := groups.add(v, id, hit[0].server.String(), x, hit[0], frame(hit[0].request, nil), frame(hit[0].finalTo, nil))
		g.count += len(hit)
	}
	for _, g := range groups.list {
		t := g.first()
		out = append(out, checks.Finding{
			ID: id, Severity: checks.Warning, Confidence: checks.Certain, Subject: subject(t.server), Evidence: g.proof,
			Args: words.Args{"client": who(t.client), "server": who(t.server), "n": len(g.list), "tries": g.count, "method": t.first.Method},
		})
	}
	return out
}

// loops are calls that come round again (482), or have passed too many servers (483).
func loops(v *view) (out []checks.Finding) {
	const id = "capture.loop"
	var groups cases
	for _, x := range v.calls {
		t := x.main()
		if v.found[x] != "" || t.final() != 482 && t.final() != 483 {
			continue
		}
		groups.add(v, id, t.server.String(), x, t, frame(t.first, nil), frame(t.finalTo, nil))
	}
	for _, g := range groups.list {
		t := g.first()
		out = append(out, checks.Finding{
			ID: id, Severity: checks.Critical, Confidence: checks.Likely, Subject: subject(t.server), Evidence: g.proof,
			Args: words.Args{"server": who(t.server), "n": len(g.list), "code": t.final(), "phrase": words.Raw(t.finalTo.Phrase), "to": words.Raw(t.first.To.number())},
		})
	}
	return out
}

// redirects are calls that the far end sends elsewhere.
func redirects(v *view) (out []checks.Finding) {
	const id = "capture.redirected"
	var groups cases
	for _, x := range v.calls {
		t := x.main()
		if v.found[x] != "" || t.final() < 300 || t.final() > 399 || t.finalTo.Contact == "" {
			continue
		}
		groups.add(v, id, t.server.String()+" "+t.finalTo.Contact, x, t, frame(t.finalTo, nil), checks.Proof("Contact", nil, words.Raw(t.finalTo.Contact)))
	}
	for _, g := range groups.list {
		t := g.first()
		out = append(out, checks.Finding{
			ID: id, Severity: checks.Info, Confidence: checks.Certain, Subject: subject(t.server), Evidence: g.proof,
			Args: words.Args{"server": who(t.server), "n": len(g.list), "code": t.final(), "phrase": words.Raw(t.finalTo.Phrase), "contact": words.Raw(t.finalTo.Contact),
				"to": words.Raw(t.first.To.number())},
		})
	}
	return out
}
