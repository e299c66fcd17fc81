package capture

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/voice"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// leastTalk is how long a call must have been answered before missing audio says
// something: phones start to send within a second.
const leastTalk = 2_000_000 // microseconds

// talkOf is what an answered call agreed on.
type conversation struct {
	x            *exchange
	caller       end
	called       end
	begin, until int64 // of the conversation
	moved        bool  // a later offer changed hold or address
}

// end is one side of a call.
type end struct {
	said  *Message // with its session description
	media *Media   // its audio
}

// hears reports whether this end wants audio.
func (e end) hears() bool { return e.media.Direction == "" || e.media.Direction == "recvonly" }

func (e end) speaks() bool { return e.media.Direction == "" || e.media.Direction == "sendonly" }

// conversation of an answered call; ok is false where the capture does not show both
// session descriptions.
func (x *exchange) conversation(length int64) (c conversation, ok bool) {
	t := x.main()
	if t == nil || x.outcome() != outcomeAnswered || t.request == nil {
		return c, false
	}
	c = conversation{x: x, begin: t.finalTo.At, until: length}
	offer, answer := t.request, t.finalTo
	if offer.SDP == nil { // the called side offers, and the ACK answers
		offer, answer = t.acked, t.finalTo
	}
	if offer == nil || offer.SDP == nil || answer.SDP == nil {
		return c, false
	}
	c.caller, c.called = end{offer, audioOf(offer.SDP)}, end{answer, audioOf(answer.SDP)}
	for _, later := range x.list {
		switch {
		case later.first.Method == "BYE":
			c.until = min(c.until, later.first.At)
		case later != t && later.first.At > c.begin && later.first.SDP != nil:
			c.moved = true
		}
	}
	return c, c.caller.media != nil && c.called.media != nil
}

func audioOf(s *SDP) *Media {
	for i := range s.Media {
		if m := &s.Media[i]; m.Kind == "audio" && m.Port > 0 {
			return m
		}
	}
	return nil
}

// streams are those that go to an end: to where it listens, from where the other
// end says that it sends, or back along a stream of the other direction.
func (v *view) streams(to, from end) (out []*Stream) {
	listens, lok := to.media.at()
	sends, sok := from.media.at()
	var back []netip.AddrPort
	for i := range v.o.Streams {
		s := &v.o.Streams[i]
		switch {
		case lok && s.Dst == listens, sok && s.Src == sends && (!lok || s.Dst.Port() == listens.Port() || netinfo.IsPrivate(listens.Addr())):
			out = append(out, s)
		case sok && s.Dst == sends:
			back = append(back, s.Src)
		}
	}
	for i := range v.o.Streams {
		s := &v.o.Streams[i]
		for _, b := range back {
			if s.Dst == b && sok && s.Src == sends && !contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

func contains(list []*Stream, s *Stream) bool {
	for _, o := range list {
		if o == s {
			return true
		}
	}
	return false
}

// audio are calls in which one end or both hear nothing.
func audio(v *view) (out []checks.Finding) {
	if len(v.o.Streams) == 0 {
		return nil // a capture of the signalling alone
	}
	groups := map[string]*[]*group{}
	for _, x := range v.calls {
		c, ok := x.conversation(v.o.Length)
		if !ok || c.until-c.begin < leastTalk || c.moved {
			continue
		}
		up, down := v.streams(c.called, c.caller), v.streams(c.caller, c.called)
		variant, deaf := "", end{}
		switch wantsUp, wantsDown := c.called.hears() && c.caller.speaks(), c.caller.hears() && c.called.speaks(); {
		case wantsUp && wantsDown && len(up) == 0 && len(down) == 0:
			variant, deaf = "none", c.caller
		case wantsDown && len(down) == 0 && len(up) > 0:
			variant, deaf = "caller", c.caller
		case wantsUp && len(up) == 0 && len(down) > 0:
			variant, deaf = "called", c.called
		default:
			continue
		}
		if groups[variant] == nil {
			groups[variant] = &[]*group{}
		}
		proof := []checks.Evidence{sdpProof(c.caller), sdpProof(c.called)}
		for _, s := range append(up, down...) {
			proof = append(proof, streamProof(s))
		}
		v.claim(groups[variant], "capture.no-audio", deaf.said.Src.Addr().String(), x, proof...).deaf = deaf
	}
	for _, variant := range []string{"caller", "called", "none"} {
		if groups[variant] == nil {
			continue
		}
		for _, g := range *groups[variant] {
			private := 0
			if a, err := netip.ParseAddr(g.deaf.media.Addr); err == nil && netinfo.IsPrivate(a) && !netinfo.IsPrivate(g.deaf.said.Src.Addr()) {
				private = 1
			}
			out = append(out, checks.Finding{
				ID: "capture.no-audio", Severity: checks.Critical, Confidence: checks.Likely, Subject: g.key, Evidence: g.proof, Variant: variant,
				Args: words.Args{"n": len(g.list), "end": g.deaf.said.Src.Addr(), "at": words.Raw(g.deaf.media.Addr), "port": g.deaf.media.Port, "private": private},
			})
		}
	}
	return out
}

func sdpProof(e end) checks.Evidence {
	name := words.Say("capture.evidence.sdp", words.Args{"frame": e.said.Frame, "from": e.said.Src})
	return checks.Proof(name, nil, words.Say("capture.evidence.listens", words.Args{"addr": words.Raw(e.media.Addr), "port": e.media.Port}))
}

func streamProof(s *Stream) checks.Evidence {
	return checks.Proof(words.Say("capture.evidence.stream", words.Args{"from": s.Src, "to": s.Dst}), nil,
		words.Say("capture.evidence.packets", words.Args{"n": s.Packets, "frame": s.First, "lost": s.lost(), "jitter": s.JitterMS}))
}

// Limits of a stream (Cisco, "Quality of Service for Voice over IP").
const (
	lossBad   = 1.0  // percent
	jitterBad = 30.0 // ms
	// leastStream is how many packets say something about quality: 4 s.
	leastStream = 200
)

// quality are streams that a listener complains about.
func quality(v *view) (out []checks.Finding) {
	for i := range v.o.Streams {
		s := &v.o.Streams[i]
		if s.Packets < leastStream {
			continue
		}
		loss := s.lossPct()
		if loss <= lossBad && s.JitterMS <= jitterBad {
			continue
		}
		f := checks.Finding{
			ID: "capture.poor-audio", Severity: checks.Warning, Confidence: checks.Certain, Subject: s.Src.String(), Evidence: []checks.Evidence{streamProof(s)},
			Args: words.Args{"from": s.Src, "to": s.Dst, "loss": words.Percent(loss), "jitter": s.JitterMS, "mos": v.mos(s)},
		}
		out = append(out, f)
	}
	return out
}

// mos is what a listener of a stream would say: its loss and jitter count, the delay
// of the way is not in a capture.
func (v *view) mos(s *Stream) float64 {
	c := voice.G711()
	if name := v.payload(s); len(name) >= 4 && name[:4] == "G729" {
		c = voice.G729A()
	}
	loss := s.lossPct()
	return float64(int(10*voice.MOS(voice.R(voice.Path{OneWayMS: c.DelayMS + 2*s.JitterMS, LossPct: loss}, c)))) / 10
}
