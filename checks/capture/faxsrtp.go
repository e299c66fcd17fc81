package capture

import (
	"cmp"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// leastFax is how long a fax must have been agreed for missing packets to say
// something, microseconds: both ends send at once, to keep the way open.
const leastFax = 5_000_000

// faxes are calls that were changed to T.38 and in which its packets are missing.
func faxes(v *view) (out []checks.Finding) {
	if len(v.o.Streams)+len(v.o.Fax) == 0 {
		return nil
	}
	var groups cases
	ends := map[*group][2]end{}
	for _, x := range v.calls {
		list := v.segments(x)
		for i := range list {
			g := &list[i]
			if g.caller.image == nil || g.called.image == nil || g.length() < leastFax {
				continue
			}
			up, down := v.faxFlow(g, g.caller, g.called), v.faxFlow(g, g.called, g.caller)
			if up != nil && down != nil || len(v.o.Fax) == 0 { // or a capture without the packets of fax
				continue
			}
			variant, from, to := "none", g.caller, g.called
			proof := []checks.Evidence{frame(g.by, nil)}
			if f := cmp.Or(up, down); f != nil {
				variant = "one-way"
				proof = append(proof, checks.Proof(words.Say("capture.evidence.fax", words.Args{"from": f.Src, "to": f.Dst}), nil,
					words.Say("capture.evidence.count", words.Args{"n": f.Packets, "frame": f.First})))
			}
			if up != nil {
				from, to = to, from
			}
			h := groups.add(v, "capture.fax", variant+" "+from.name(), x, nil, proof...)
			if h.variant == "" {
				h.variant, ends[h] = variant, [2]end{from, to}
			}
		}
	}
	for _, h := range groups.list {
		from, to := ends[h][0], ends[h][1]
		out = append(out, checks.Finding{
			ID: "capture.fax", Severity: checks.Critical, Confidence: checks.Likely, Subject: from.name(), Evidence: h.proof, Variant: h.variant,
			Args: words.Args{"n": len(h.list), "from": whoAddr(from.said.Src), "to": whoAddr(to.said.Src)},
		})
	}
	return out
}

// faxFlow is what one end sends the other as T.38 during a segment; nil if nothing.
func (v *view) faxFlow(g *segment, from, to end) *Flow {
	sends, sok := from.image.at()
	listens, lok := to.image.at()
	for i := range v.o.Fax {
		f := &v.o.Fax[i]
		if f.End >= g.begin && f.Begin < g.until && (sok && f.Src == sends || lok && f.Dst == listens) {
			return f
		}
	}
	return nil
}

// unlike are calls in which one end offers SRTP, and the other answers without: they
// agreed on nothing that both understand (RFC 3264, 6: the answer keeps the transport
// of the offer).
func unlike(v *view) (out []checks.Finding) {
	var groups cases
	for _, x := range v.calls {
		list := v.segments(x)
		for i := range list {
			g := &list[i]
			if g.caller.media == nil || g.called.media == nil || secured(g.caller.media) == secured(g.called.media) || g.caller.media.Keys && g.called.media.Keys {
				continue // some say RTP/AVP and give keys all the same
			}
			h := groups.add(v, "capture.srtp-mismatch", g.answerer().name(), x, nil, protocolProof(g.caller), protocolProof(g.called))
			if h.seg == nil {
				h.seg = g
			}
			break
		}
	}
	for _, h := range groups.list {
		g := h.seg
		out = append(out, checks.Finding{
			ID: "capture.srtp-mismatch", Severity: checks.Critical, Confidence: checks.Certain, Subject: g.answerer().name(), Evidence: h.proof,
			Args: words.Args{"n": len(h.list), "by": whoAddr(g.answerer().said.Src), "offer": words.Raw(g.offered().Protocol), "answer": words.Raw(g.answered().Protocol)},
		})
	}
	return out
}

// secured reports whether a medium is SRTP: RTP/SAVP, RTP/SAVPF, UDP/TLS/RTP/SAVP.
func secured(m *Media) bool { return strings.Contains(strings.ToUpper(m.Protocol), "SAVP") }

func protocolProof(e end) checks.Evidence {
	return checks.Proof(words.Say("capture.evidence.sdp", words.Args{"frame": e.said.Frame, "from": who(e.said.Src)}), nil, words.Raw(e.media.Protocol))
}

// faxRefused are calls in which one end asks for T.38 and the other refuses: the fax
// goes on as audio, and fails when packets are lost.
func faxRefused(v *view) (out []checks.Finding) {
	var groups cases
	for _, x := range v.calls {
		main := x.main()
		if main.first.Method != "INVITE" {
			continue
		}
		for _, t := range x.ofLeg(main) {
			code := t.final()
			if t == main || t.first.Method != "INVITE" || t.request.SDP == nil || t.request.SDP.first("image") == nil || code != 415 && code != 488 && code != 606 {
				continue
			}
			groups.add(v, "", t.server.Addr().String(), x, t, frame(t.request, nil), frame(t.finalTo, nil))
			break
		}
	}
	for _, g := range groups.list {
		t := g.first()
		out = append(out, checks.Finding{
			ID: "capture.fax-refused", Severity: checks.Info, Confidence: checks.Certain, Subject: g.key, Evidence: g.proof,
			Args: words.Args{"n": len(g.list), "by": whoAddr(t.server), "code": t.final(), "phrase": words.Raw(t.finalTo.Phrase)},
		})
	}
	return out
}
