package media

import (
	"fmt"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/voice"
	"github.com/sipdoctor/sipdoctor/fixes"
)

// lossy reports whether some calls at a time surely lost more than voice takes,
// or one of them could not even be begun.
func (s Load) lossy() bool {
	return s.Reached < s.Calls || s.Up.LossAtLeast(voice.Z2000) > lossBad || s.Down.LossAtLeast(voice.Z2000) > lossBad
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
		got := fmt.Sprintf("loss %s", both(s.Up.LossPct(), s.Down.LossPct(), "%"))
		if s.Reached < s.Calls {
			got += fmt.Sprintf("; %d could not be begun", s.Calls-s.Reached)
		}
		ev = append(ev, checks.Evidence{Name: fmt.Sprintf("%d at a time", s.Calls), Want: fmt.Sprintf("loss below %.0f %%", lossBad), Got: got})
	}
	kbit := float64(f.CallsBelow) * callKbit
	return checks.Finding{
		ID: "media.call-limit", Severity: checks.Warning, Confidence: checks.Certain,
		Title: fmt.Sprintf("Voice is lost from %d calls at a time; %d go well", f.CallsBelow, f.CallsAtLeast),
		Explanation: fmt.Sprintf("A call of G.711 takes %.0f kbit/s each way, so %d of them %.1f Mbit/s. "+
			"The line is as narrow as that, or something on it (a policer of the provider's, a limit for UDP on the router) lets no more through. All calls suffer then, not only the last.",
			callKbit, f.CallsBelow, kbit/1000),
		Evidence: ev, Fixes: []fixes.Fix{},
		Advice: []string{
			fmt.Sprintf("Limit the PBX or trunk to %d calls at a time, or use G.729 or Opus, which take a third of the bandwidth.", f.CallsAtLeast),
			"Look for bandwidth limits and UDP flood protection on the router, and ask the provider about policing.",
		},
	}
}

// callKbit is one direction of G.711 with 20 ms a packet at the IP level: 200
// bytes, 50 times a second.
const callKbit = 80.0

// deepFindings are those of a long run.
func (v view) deepFindings(f Facts) (out []checks.Finding) {
	if f.CallsBelow > 0 {
		out = append(out, v.policer(f))
	}
	if m := v.o.Move; m != nil && !m.Heard && v.o.Call.Told && v.o.Call.Down.Received > leastPackets {
		out = append(out, v.lostMove(m))
	}
	if h := v.o.Hold; h != nil && h.Problem == "" && h.Opened && h.Spoken >= leastSpoken {
		if h.UpAsked >= leastSpoken && h.UpAnswered == 0 {
			out = append(out, v.deadHold(h))
		} else if h.Heard == 0 {
			out = append(out, v.deafHold(h))
		}
	}
	return out
}

// leastSpoken is how many packets without an answer are no accident: at 20 %
// loss they all go once in 400,000 times.
const leastSpoken = 8

func (v view) lostMove(m *Move) checks.Finding {
	got := "the responder heard it, but nothing came back"
	if !m.UpFollowed {
		got = "the responder did not hear it"
	}
	return checks.Finding{
		ID: "media.move", Severity: checks.Critical, Confidence: checks.Likely,
		Title:       "Audio does not follow when a phone changes its port",
		Explanation: "After a re-INVITE (hold, transfer, a conference) a phone goes on at another port. Here the voice stayed behind: such a call is silent from then on.",
		Evidence:    []checks.Evidence{{Name: "our new port " + m.Local.String(), Want: "the call goes on there", Got: got}},
		Advice:      []string{"Look at the router's UDP rules: something lets the first flow of a call pass, and not the second."}, Fixes: []fixes.Fix{},
	}
}

func (v view) deadHold(h *Hold) checks.Finding {
	return checks.Finding{
		ID: "media.hold-dead", Severity: checks.Warning, Confidence: checks.Likely,
		Title:       fmt.Sprintf("A call that was on hold for %d s stays silent", h.SilentS),
		Explanation: "After the silence neither side got through on the old ports. Whoever takes a call off hold hears nothing, unless phone and PBX agree on new ports.",
		Evidence:    v.holdEvidence(h), Fixes: []fixes.Fix{},
		Advice: []string{"Let the phones send RTP, comfort noise or keep-alives while a call is on hold (Asterisk: rtp_keepalive), every 20 s at least."},
	}
}

func (v view) deafHold(h *Hold) checks.Finding {
	return checks.Finding{
		ID: "media.hold", Severity: checks.Info, Confidence: checks.Likely,
		Title: fmt.Sprintf("After %d s on hold the phone has to speak first", h.SilentS),
		Explanation: "The router has forgotten the way back to the phone. The other side is heard again as soon as the phone sends a packet, which most do when the call is taken off hold; " +
			"with those that do not, the first words are lost.",
		Evidence: v.holdEvidence(h), Fixes: []fixes.Fix{},
		Advice: []string{"See how long the router remembers a silent flow: sipdoctor check nat-lifetime"},
	}
}

func (v view) holdEvidence(h *Hold) []checks.Evidence {
	return []checks.Evidence{
		{Name: fmt.Sprintf("after %d s, the responder speaks", h.SilentS), Want: fmt.Sprintf("%d packets", h.Spoken), Got: fmt.Sprintf("%d arrived", h.Heard)},
		{Name: "then the phone does", Want: fmt.Sprintf("%d answers", h.UpAsked), Got: fmt.Sprintf("%d came", h.UpAnswered)},
	}
}
