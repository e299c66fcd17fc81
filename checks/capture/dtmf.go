package capture

import (
	"net/netip"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// pressed is how many keys an end of a call pressed, each way that there is. Which
// keys is nobody's business: they may be a PIN.
type pressed struct {
	events int // RFC 4733
	infos  int // SIP INFO
	tones  int // in the audio
	both   int // in the audio while events were sent
	proof  []checks.Evidence
}

// keys counts those of both ends of a call: of the caller, and of the called side.
func (v *view) keys(x *exchange) (caller, called pressed) {
	main := x.main()
	if main.first.Method != "INVITE" {
		return caller, called
	}
	seen := map[*Stream]bool{}
	for _, g := range v.segments(x) {
		for _, list := range [][]part{g.up, g.down} {
			for _, p := range list {
				if p.Keys+p.Tones == 0 || seen[p.Stream] {
					continue
				}
				seen[p.Stream] = true
				k := &called
				if contains(g.up, p.Stream) {
					k = &caller
				}
				k.events, k.tones, k.both = k.events+p.Keys, k.tones+p.Tones, k.both+p.Both
				k.proof = append(k.proof, checks.Proof(words.Say("capture.evidence.stream", words.Args{"from": p.Src, "to": p.Dst}), nil,
					words.Say("capture.evidence.keys", words.Args{"n": p.Keys, "tones": p.Tones + p.Both})))
			}
		}
	}
	for _, t := range x.ofLeg(main) {
		if t.first.Method != "INFO" || !isDTMF(t.first.Content) {
			continue
		}
		k := &called
		if fromCaller(t, main) {
			k = &caller
		}
		if k.infos++; k.infos == 1 {
			k.proof = append(k.proof, frame(t.first, nil))
		}
	}
	return caller, called
}

// isDTMF knows the bodies by which phones tell keys in INFO.
func isDTMF(content string) bool {
	return strings.HasPrefix(content, "application/dtmf") // dtmf-relay too
}

func isEventName(name string) bool {
	return strings.HasPrefix(strings.ToLower(name), "telephone-event")
}

// keysTwice are calls in which an end sends its keys as RTP events, and as well in INFO
// or as tones in the audio: a menu may hear each twice.
func keysTwice(v *view) []checks.Finding {
	infos := v.keyFindings("capture.dtmf-twice", "", checks.Warning, func(k pressed) bool { return k.events > 0 && k.infos > 0 })
	return append(infos, v.keyFindings("capture.dtmf-twice", "tones", checks.Warning, func(k pressed) bool { return k.events > 0 && k.both >= leastTones })...)
}

// leastTones are how many keys in the audio are no chance of speech.
const leastTones = 2

// keysInAudio are calls in which keys go as tones in the audio alone.
func keysInAudio(v *view) []checks.Finding {
	return v.keyFindings("capture.dtmf-tones", "", checks.Info, func(k pressed) bool { return k.events+k.infos == 0 && k.tones >= leastTones })
}

// keyFindings are the calls in which an end tells its keys in a certain way.
func (v *view) keyFindings(id, variant string, severity checks.Severity, wanted func(pressed) bool) (out []checks.Finding) {
	var groups cases
	counts := map[*group]pressed{}
	for _, x := range v.calls {
		caller, called := v.keys(x)
		for i, k := range []pressed{caller, called} {
			if !wanted(k) {
				continue
			}
			from := []netip.AddrPort{x.main().client, x.main().server}[i]
			g := groups.gather(v, id, from.Addr().String(), x, k.proof...)
			if _, ok := counts[g]; !ok {
				counts[g] = k
			}
		}
	}
	for _, g := range groups.list {
		k := counts[g]
		out = append(out, checks.Finding{
			ID: id, Severity: severity, Confidence: checks.Likely, Subject: g.key, Evidence: g.proof, Variant: variant,
			Args: words.Args{"n": len(g.list), "events": k.events, "infos": k.infos, "tones": k.tones + k.both, "from": addrArg(g.key)},
		})
	}
	return out
}

// keysRefused are calls in which telephone-event was offered and the answer left it
// out, and no keys went by INFO either. Where events were sent nonetheless, menus will
// not hear them.
func keysRefused(v *view) (out []checks.Finding) {
	type refusal struct {
		g    *segment
		sent int
	}
	var groups cases
	first := map[*group]refusal{}
	for _, x := range v.calls {
		list := v.segments(x)
		for i := range list {
			g := &list[i]
			if g.early || g.caller.media == nil || g.called.media == nil || g.offered().events() == g.answered().events() || !g.offered().events() {
				continue
			}
			caller, called := v.keys(x)
			if caller.infos+called.infos > 0 {
				continue
			}
			h := groups.add(v, "", g.answerer().name(), x, nil, frame(g.by, nil))
			if r, ok := first[h]; !ok || caller.events+called.events > r.sent {
				first[h] = refusal{g, caller.events + called.events}
			}
			break
		}
	}
	for _, h := range groups.list {
		r := first[h]
		f := checks.Finding{
			ID: "capture.dtmf-refused", Severity: checks.Info, Confidence: checks.Certain, Subject: r.g.answerer().name(), Evidence: h.proof,
			Args: words.Args{"n": len(h.list), "by": whoAddr(r.g.answerer().said.Src), "sent": r.sent},
		}
		if r.sent > 0 {
			f.Severity, f.Confidence = checks.Warning, checks.Likely
		}
		out = append(out, f)
	}
	return out
}

// answerer is the end whose answer completed the exchange.
func (g *segment) answerer() end {
	if g.called.said.At >= g.caller.said.At {
		return g.called
	}
	return g.caller
}

func (g *segment) answered() *Media { return g.answerer().media }

func (g *segment) offered() *Media {
	if g.called.said.At >= g.caller.said.At {
		return g.caller.media
	}
	return g.called.media
}

// events reports whether an end takes keys as RTP events.
func (m *Media) events() bool {
	for _, c := range m.Codecs {
		if isEventName(c.Name) {
			return true
		}
	}
	return false
}
