package capture

import (
	"slices"
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// withinCalls are requests within a call, apart from BYE, to which nothing comes back,
// or which are refused: hold, transfer, and change of address.
func withinCalls(v *view) (out []checks.Finding) {
	const id = "capture.in-call"
	var groups cases
	for _, x := range v.calls {
		if v.found[x] != "" {
			continue
		}
		for _, t := range x.inDialog() {
			variant := v.failsInCall(t)
			if variant == "" || x.laterAccepted(t) || x.overBefore(t) {
				continue
			}
			proof := []checks.Evidence{frame(t.request, nil)}
			if t.finalTo != nil {
				proof = append(append(proof, frame(t.finalTo, nil)), says(t.finalTo)...)
			}
			g := groups.add(v, id, variant+" "+t.first.Method+" "+t.server.String()+" "+strconv.Itoa(t.final()), x, t, proof...)
			g.variant, g.waited = variant, max(g.waited, x.age(t.first.At))
			break
		}
	}
	for _, g := range groups.list {
		t := g.first()
		f := checks.Finding{
			ID: id, Severity: checks.Warning, Confidence: checks.Certain, Subject: subject(t.server), Evidence: g.proof, Variant: g.variant,
			Args: words.Args{"client": who(t.client), "server": who(t.server), "n": len(g.list), "method": t.first.Method, "age": seconds(g.waited), "what": t.purpose(),
				"code": t.final(), "phrase": ""},
		}
		if t.finalTo != nil {
			f.Args["phrase"] = words.Raw(t.finalTo.Phrase)
		}
		if g.variant == "silent" && (t.first.Method == "INVITE" || t.first.Method == "UPDATE") {
			f.Severity = checks.Critical // the side that asks hangs up
		}
		out = append(out, f)
	}
	return out
}

// failsInCall says how a request within a call fails; empty where it does not. A
// challenge is answered, 487 is a change of mind, 491 has its own finding.
func (v *view) failsInCall(t *transaction) string {
	switch m := t.first.Method; {
	case m == "BYE", m == "NOTIFY", m == "PRACK", m == "MESSAGE":
		return ""
	case v.silent(t):
		return "silent"
	case m == "OPTIONS", m == "INFO":
		return ""
	}
	switch code := t.final(); code {
	case 401, 407, 487, 491:
		return ""
	case 481, 408:
		return "unknown"
	default:
		if code >= 400 && t.purpose() != "fax" { // faxRefused tells
			return "refused"
		}
	}
	return ""
}

// overBefore reports whether the call had ended when a request within it was refused:
// it crossed the BYE.
func (x *exchange) overBefore(t *transaction) bool {
	bye := x.bye()
	return bye != nil && t.finalTo != nil && bye.first.At <= t.finalTo.At
}

// laterAccepted reports whether the same was asked for again, and granted.
func (x *exchange) laterAccepted(t *transaction) bool {
	return slices.ContainsFunc(x.list, func(o *transaction) bool {
		return o != t && o.first.Method == t.first.Method && o.first.At > t.first.At && o.final() >= 200 && o.final() < 300
	})
}

// purpose is what a request within a call is for.
func (t *transaction) purpose() string {
	if t.first.Method == "REFER" {
		return "transfer"
	}
	if s := t.request.SDP; s != nil {
		if a := s.first("audio"); a != nil && (a.Direction == "sendonly" || a.Direction == "inactive") {
			return "hold"
		}
		if s.has("image") {
			return "fax"
		}
	}
	return "other"
}
