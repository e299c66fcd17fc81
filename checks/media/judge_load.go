package media

import (
	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/voice"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// lossy reports whether some calls at a time surely lost more than voice takes,
// or one of them could not even be begun.
func (s Load) lossy() bool {
	return s.Reached < s.Calls || s.Up.LossAtLeast(voice.Z2000) > LossBad || s.Down.LossAtLeast(voice.Z2000) > LossBad
}

// limit is how many calls at a time went well, and the least number at which
// they did not, 0 when there is none. Where a single call loses as much, the
// number of calls is not what does it. A responder that refuses a call says
// nothing about the line.
func limit(load []Load) (atLeast, below int) {
	for _, s := range load {
		switch {
		case s.Problem != "":
		case !s.lossy():
			atLeast = s.Calls
		case atLeast == 0:
			return 0, 0
		default:
			return atLeast, s.Calls
		}
	}
	return atLeast, 0
}

// policer is about a line that carries some calls, but not more.
func (v view) policer(f Facts) checks.Finding {
	ev := []checks.Evidence{}
	for _, s := range v.o.Load {
		ev = append(ev, checks.Proof(count("at-a-time", s.Calls), say("evidence.loss-below", words.Args{"limit": percent(LossBad)}),
			say("evidence.load", words.Args{"loss": both(percent(s.Up.LossPct()), percent(s.Down.LossPct())), "missing": max(0, s.Calls-s.Reached)})))
	}
	return checks.Finding{
		ID: "media.call-limit", Severity: checks.Warning, Confidence: checks.Certain,
		Args: words.Args{"below": f.CallsBelow, "well": f.CallsAtLeast,
			"kbit": callKbit, "mbit": round(float64(f.CallsBelow)*callKbit/1000, 1)},
		Evidence: ev,
	}
}

// callKbit is one direction of G.711 with 20 ms a packet at the IP level: 200
// bytes, 50 times a second.
const callKbit = 80.0

func (v view) deepFindings(f Facts) (out []checks.Finding) {
	if f.CallsBelow > 0 {
		out = append(out, v.policer(f))
	}
	if m := v.o.Move; m != nil && !m.Heard && v.o.Call.Told && v.o.Call.Down.Received > leastPackets {
		out = append(out, checks.Finding{
			ID: "media.move", Severity: checks.Critical, Confidence: checks.Likely,
			Evidence: []checks.Evidence{checks.Proof(say("evidence.new-port", words.Args{"address": m.Local}),
				say("evidence.goes-on", nil), say("evidence.stayed", words.Args{"heard": m.UpFollowed}))},
		})
	}
	if h := v.o.Hold; h != nil && h.Problem == "" && h.Opened && h.Spoken >= leastSpoken {
		f := checks.Finding{
			Confidence: checks.Likely, Args: words.Args{"seconds": h.SilentS}, Evidence: h.evidence(),
		}
		switch {
		case h.UpAsked >= leastSpoken && h.UpAnswered == 0: // neither side can begin again
			f.ID, f.Severity = "media.hold-dead", checks.Warning
			out = append(out, f)
		case h.Heard == 0: // only the phone can
			f.ID, f.Severity, f.Args["measured"] = "media.hold", checks.Info, v.lifetimeKnown()
			out = append(out, f)
		}
	}
	return out
}

// leastSpoken is how many packets without an answer cannot be chance: at 20 %
// loss all of them are lost once in 400,000 times.
const leastSpoken = 8

func (h *Hold) evidence() []checks.Evidence {
	return []checks.Evidence{
		checks.Proof(say("evidence.responder-first", words.Args{"seconds": h.SilentS}), count("packets", h.Spoken), count("arrived", h.Heard)),
		checks.Proof(say("evidence.phone-then", nil), count("answers", h.UpAsked), count("answers-came", h.UpAnswered)),
	}
}
