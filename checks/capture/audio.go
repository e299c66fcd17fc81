package capture

import (
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// leastTalk is how long a call must have been answered before missing audio says
// something: phones start to send within a second.
const leastTalk = 2_000_000 // microseconds

// deaf is an end that hears nothing.
type deaf struct {
	*direction
	variant string // "caller", "called", or "none": neither does
	kind    string // of the cause
	cause   words.Text
}

// audio are calls in which one end or both hear nothing.
func audio(v *view) (out []checks.Finding) {
	if len(v.o.Streams) == 0 {
		return nil // a capture of the signalling alone
	}
	var groups cases
	for _, x := range v.calls {
		d, variant := v.silence(x)
		if variant == "" {
			continue
		}
		kind, cause := v.cause(d, variant)
		proof := []checks.Evidence{sdpProof(d.caller), sdpProof(d.called)}
		for _, p := range append(d.list[:len(d.list):len(d.list)], d.back...) {
			proof = append(proof, streamProof(p.Stream))
		}
		if r := d.refused; r != nil {
			proof = append(proof, refusalProof(r))
		}
		key := strings.Join([]string{variant, d.when(), kind, d.to.said.Src.Addr().String()}, " ")
		g := groups.add(v, "capture.no-audio", key, x, nil, proof...)
		if g.deaf == nil {
			g.deaf = &deaf{d, variant, kind, cause}
		}
	}
	for _, g := range groups.list {
		f := checks.Finding{
			ID: "capture.no-audio", Severity: checks.Critical, Confidence: checks.Likely, Subject: g.deaf.to.name(), Evidence: g.proof, Variant: g.deaf.variant,
			Args: words.Args{"n": len(g.list), "end": whoAddr(g.deaf.to.said.Src), "cause": g.deaf.cause, "when": g.deaf.when(), "at": tenths(g.deaf.begin)},
		}
		switch g.deaf.kind {
		case "refused":
			f.Confidence = checks.Certain
		case "private", "private-sent":
			f.Fixes = fixes.ByID("generic", "use-media-relay", nil)
		}
		out = append(out, f)
	}
	return out
}

// silence finds the first direction of a call in which its end hears nothing although
// that was agreed; the variant is that end, or "none" where neither hears anything.
func (v *view) silence(x *exchange) (*direction, string) {
	list := v.directions(x)
	for i := 0; i < len(list); i += 2 {
		up, down := &list[i], &list[i+1]
		deafUp, deafDown := !up.heard(), !down.heard()
		switch {
		case !up.wanted || !down.wanted: // on hold, where some play music and some do not
		case deafUp && deafDown && !up.visible() && !down.visible() && !v.passes(up.segment):
		case deafUp && deafDown:
			return down, "none"
		case deafDown && up.visible():
			return down, "caller"
		case deafUp && down.visible():
			return up, "called"
		}
	}
	return nil, ""
}

// cause is why an end hears nothing, as far as the capture tells.
func (v *view) cause(d *direction, variant string) (kind string, why words.Text) {
	m := d.to.media
	at := addrArg(m.Addr)
	say := func(kind string, args words.Args) (string, words.Text) {
		return kind, words.Say("capture.cause."+kind, args)
	}
	if r := d.refused; r != nil {
		return say("refused", words.Args{"by": r.By, "to": r.Dst, "listens": r.Port})
	}
	switch {
	case len(d.list) > 0 && d.to.private():
		return say("private-sent", words.Args{"who": d.hearer, "at": at, "port": m.Port})
	case len(d.list) > 0:
		return say("elsewhere", words.Args{"who": d.hearer, "at": at, "port": m.Port, "sent": d.list[0].Dst})
	case d.to.private():
		return say("private", words.Args{"who": d.hearer, "at": at})
	case variant == "none":
		return say("nowhere", nil)
	}
	return say("unknown", words.Args{"at": at, "port": m.Port})
}

func refusalProof(r *Refused) checks.Evidence {
	return checks.Proof(words.Say("capture.evidence.refusal", words.Args{"frame": r.First, "by": r.By}), nil,
		words.Say("capture.evidence.refused", words.Args{"to": r.Dst, "from": r.Src, "listens": r.Port, "n": r.Count}))
}
