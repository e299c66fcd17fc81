package capture

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// noCodec are calls that fail because the two sides have no audio format, or no
// encryption, in common.
func noCodec(v *view) (out []checks.Finding) {
	const id = "capture.no-codec"
	var groups cases
	taken := v.taken()
	for _, x := range v.calls {
		for _, t := range x.list {
			offer, answer, variant := t.mismatch(taken[t.server.Addr()])
			if variant == "" || v.found[x] != "" && v.found[x] != id {
				continue
			}
			proof := []checks.Evidence{frame(offer, nil), offered("capture.evidence.offered", offer), frame(answer, nil)}
			if answer.SDP != nil {
				proof = append(proof, offered("capture.evidence.answered", answer))
			}
			g := groups.add(v, id, variant+" "+t.server.Addr().String()+" "+codecNames(offer.SDP), x, t, append(proof, says(answer)...)...)
			g.variant = variant
		}
	}
	for _, g := range groups.list {
		t := g.first()
		offer, answer, _ := t.mismatch(taken[t.server.Addr()])
		f := checks.Finding{
			ID: id, Severity: checks.Critical, Confidence: checks.Certain, Subject: subject(t.server), Evidence: g.proof, Variant: g.variant,
			Args: words.Args{"server": who(t.server), "client": who(t.client), "n": len(g.list), "code": t.final(), "phrase": words.Raw(t.finalTo.Phrase),
				"offered": words.Raw(codecNames(offer.SDP)), "answered": words.Raw(codecNames(answer.SDP)), "taken": words.Raw(strings.Join(taken[t.server.Addr()].names, ", ")),
				"known": len(taken[t.server.Addr()].names)},
		}
		if g.variant == "refused" || g.variant == "encrypted" {
			f.Confidence = checks.Likely // the answer does not say which part is not acceptable
		}
		out = append(out, f)
	}
	return out
}

// mismatch is the offer and the answer of an INVITE that do not fit, and how.
func (t *transaction) mismatch(far ability) (offer, answer *Message, variant string) {
	if t.request == nil || t.first.Method != "INVITE" && t.first.Method != "UPDATE" || t.finalTo == nil {
		return nil, nil, ""
	}
	offer, answer = t.request, t.finalTo
	if offer.SDP == nil && answer.SDP != nil && t.acked != nil { // the called side offers
		offer, answer = t.finalTo, t.acked
	}
	if offer.SDP == nil || len(offer.SDP.Media) == 0 {
		return nil, nil, ""
	}
	code := t.final()
	if code >= 300 {
		if meaning, _ := netinfo.ExplainSIP(code, t.finalTo.Phrase); !strings.Contains(meaning.Class, "codec") {
			return nil, nil, ""
		}
	}
	switch {
	case code >= 300 && offer.SDP.has("image"): // faxRefused tells
		return nil, nil, ""
	case code >= 300 && offer.SDP.encrypted() && !far.encrypted:
		return offer, answer, "encrypted"
	case code >= 300 && !offer.SDP.encrypted() && far.encrypted && !far.plain:
		return offer, answer, "plain"
	case code >= 300 && far.takes(offer.SDP):
		return nil, nil, "" // it uses one of these in other calls: the fault is another
	case code >= 300:
		return offer, answer, "refused"
	case code >= 200 && answer.SDP != nil:
		return offer, answer, mismatch(offer.SDP, answer.SDP)
	}
	return nil, nil, ""
}

// mismatch says what is wrong about an answer; empty for nothing.
func mismatch(offer, answer *SDP) string {
	for i := range offer.Media {
		o := &offer.Media[i]
		if i >= len(answer.Media) || o.Kind != "audio" || o.Port == 0 {
			continue
		}
		a := &answer.Media[i]
		switch {
		case a.Kind != "audio":
			return ""
		case a.Port == 0 && !offer.others(i, answer):
			return "dropped"
		case a.Port > 0 && strings.Contains(o.Protocol, "SAVP") != strings.Contains(a.Protocol, "SAVP"): // unlike tells
			return ""
		case a.Port > 0 && !common(o, a):
			return "different"
		}
	}
	return ""
}

// others reports whether an answer takes another medium than i: two audio lines, one
// encrypted, are an offer to choose.
func (s *SDP) others(i int, answer *SDP) bool {
	for j := range answer.Media {
		if j != i && answer.Media[j].Port > 0 {
			return true
		}
	}
	return false
}

// common reports whether two media share a format that carries voice. What a session
// description does not name, nobody knows.
func common(a, b *Media) bool {
	if len(a.Codecs) == 0 || len(b.Codecs) == 0 {
		return true
	}
	for _, x := range a.Codecs {
		for _, y := range b.Codecs {
			if x.Name == "" || y.Name == "" || sameCodec(x.Name, y.Name) && isVoice(x.Name) {
				return true
			}
		}
	}
	return false
}

// sameCodec compares names with their clock rate; a number of channels of 1 may be
// left out (RFC 8866, 6.6).
func sameCodec(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "/1"), strings.TrimSuffix(b, "/1"))
}

// isVoice reports whether a format carries voice, and not digits or silence.
func isVoice(name string) bool {
	name = strings.ToLower(name)
	for _, p := range []string{"telephone-event", "cn/", "red/", "tone/"} {
		if strings.HasPrefix(name, p) {
			return false
		}
	}
	return true
}

func (s *SDP) has(kind string) bool {
	return slices.ContainsFunc(s.Media, func(m Media) bool { return m.Kind == kind && m.Port > 0 })
}

// encrypted reports whether all audio that is offered is SRTP: a plain line besides
// is a choice.
func (s *SDP) encrypted() bool {
	found := false
	for i := range s.Media {
		m := &s.Media[i]
		if m.Kind != "audio" || m.Port == 0 {
			continue
		}
		if !strings.Contains(m.Protocol, "SAVP") {
			return false
		}
		found = true
	}
	return found
}

// codecNames are the voice formats of a session description, in its order.
func codecNames(s *SDP) string {
	var out []string
	if s == nil {
		return ""
	}
	for i := range s.Media {
		m := &s.Media[i]
		if m.Port == 0 {
			continue
		}
		if m.Kind != "audio" {
			out = append(out, m.Kind+" ("+m.Protocol+")")
		}
		for _, c := range m.Codecs {
			name, _, _ := strings.Cut(c.Name, "/")
			if c.Name != "" && isVoice(c.Name) && m.Kind == "audio" && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return strings.Join(out, ", ")
}

// offered is a piece of evidence about a session description.
func offered(id string, m *Message) checks.Evidence {
	profile := ""
	for i := range m.SDP.Media {
		if profile = m.SDP.Media[i].Protocol; m.SDP.Media[i].Port > 0 {
			break
		}
	}
	name := codecNames(m.SDP)
	if name == "" {
		name = "-"
	}
	return checks.Proof(words.Say(id, nil), nil, words.Raw(name+" ("+profile+")"))
}
