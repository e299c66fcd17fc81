package capture

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// What the sender of a stream does wrong, whatever the network is like.

const (
	// leastSilence is how many packets of digital silence are no pause in which
	// somebody listens: 10 s.
	leastSilence = 500
	// mostlySilent is the share of them that makes a stream silent, percent: what
	// little else there is may be the moment before a key was pressed.
	mostlySilent = 99
	// leastWrong is how many packets of a payload type are no slip at a change of
	// codecs.
	leastWrong = 25
	// leastDrift is how long a stream must be for its clock to be judged, and
	// driftBad the drift worth knowing, parts in a million: at 300 a jitter buffer
	// slips a packet of 20 ms about every minute. Sound cards are within 100.
	leastDrift = 120_000_000 // microseconds
	driftBad   = 300.0
	// driftSlack is how far from a line the transit times may lie: the shortest of
	// many packets is within a few ms.
	driftSlack = 5_000.0 // microseconds
)

// senders looks at streams one by one, in the direction of the call that they belong
// to.
func senders(v *view) []checks.Finding {
	var out merging
	for _, x := range v.calls {
		said := map[*Stream]bool{}
		list := v.directions(x)
		for i := range list {
			d := &list[i]
			for _, p := range d.list {
				if said[p.Stream] || p.Packets < leastStream {
					continue
				}
				for _, look := range []func(*direction, part) (checks.Finding, bool){v.mute, v.unknownPayload, v.otherPtime} {
					if f, ok := look(d, p); ok {
						said[p.Stream] = true
						out.add(f, float64(p.Packets))
					}
				}
			}
		}
	}
	v.drifting(&out)
	return out.findings
}

// mute is a sender of digital silence.
func (v *view) mute(d *direction, p part) (checks.Finding, bool) {
	audio := p.Packets - p.events(v)
	if !d.wanted || d.held() || p.Silent < leastSilence || p.Silent*100 < mostlySilent*audio {
		return checks.Finding{}, false
	}
	return checks.Finding{
		ID: "capture.silent-audio", Severity: checks.Warning, Confidence: checks.Certain, Subject: d.from.name(),
		Evidence: []checks.Evidence{checks.Proof(words.Say("capture.evidence.stream", words.Args{"from": p.Src, "to": p.Dst}), nil,
			words.Say("capture.evidence.silence", words.Args{"silent": p.Silent, "n": audio, "byte": fmt.Sprintf("0x%02x", p.SilentByte), "frame": p.First}))},
		Args: words.Args{"from": whoAddr(d.from.said.Src), "to": whoAddr(d.to.said.Src)},
	}, true
}

// events is how many packets of a stream carry keys.
func (s *Stream) events(v *view) (n int) {
	for kind, count := range s.Payloads {
		if isEventName(v.codecName(s, kind)) {
			n += count
		}
	}
	return n
}

// unknownPayload is a payload type that the receiver has not named: it may well drop
// the packets (RFC 3264, 5.1 and 6.1).
func (v *view) unknownPayload(d *direction, p part) (checks.Finding, bool) {
	listed := d.named()
	if len(listed) == 0 {
		return checks.Finding{}, false
	}
	for _, kind := range sortedKeys(p.Payloads) {
		name := v.codecName(p.Stream, kind)
		if n := p.Payloads[kind]; n < leastWrong || listed[kind] || isComfortNoise(kind) || isEventName(name) {
			continue
		}
		var list []string
		for _, c := range d.to.media.Codecs {
			list = append(list, strconv.Itoa(int(c.Type)))
		}
		return checks.Finding{
			ID: "capture.payload-type", Severity: checks.Warning, Confidence: checks.Likely, Subject: d.from.name(),
			Evidence: []checks.Evidence{sdpTypes(d.to, list), streamProof(p.Stream)},
			Args:     words.Args{"from": whoAddr(d.from.said.Src), "to": whoAddr(d.to.said.Src), "type": kind, "codec": words.Raw(name), "packets": p.Payloads[kind]},
		}, true
	}
	return checks.Finding{}, false
}

// named are the payload types that the receiver of a direction has named in any
// session description of the call.
func (d *direction) named() map[int]bool {
	out := map[int]bool{}
	for _, g := range d.leg {
		e := g.caller
		if d.hearer == "called" {
			e = g.called
		}
		if e.media != nil {
			for _, c := range e.media.Codecs {
				out[int(c.Type)] = true
			}
		}
	}
	return out
}

func sdpTypes(e end, list []string) checks.Evidence {
	return checks.Proof(words.Say("capture.evidence.sdp", words.Args{"frame": e.said.Frame, "from": who(e.said.Src)}), nil,
		words.Say("capture.evidence.types", words.Args{"types": list}))
}

func isComfortNoise(kind int) bool { return kind == 13 || kind == 19 }

func sortedKeys(m map[int]int) []int {
	out := make([]int, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// otherPtime is a sender whose packets are longer or shorter than the receiver wants.
func (v *view) otherPtime(d *direction, p part) (checks.Finding, bool) {
	want := d.to.media.Ptime
	return checks.Finding{
		ID: "capture.ptime", Severity: checks.Info, Confidence: checks.Certain, Subject: d.from.name(), Evidence: []checks.Evidence{streamProof(p.Stream)},
		Args: words.Args{"from": whoAddr(d.from.said.Src), "to": whoAddr(d.to.said.Src), "want": want, "got": p.PtimeMS},
	}, d.wanted && want > 0 && p.PtimeMS > 0 && math.Abs(p.PtimeMS-float64(want)) > 1
}

// drifting are streams whose sender's clock runs at another pace than that of the
// capture.
func (v *view) drifting(out *merging) {
	for i := range v.o.Streams {
		s := &v.o.Streams[i]
		ppm, ok := s.drift()
		if !ok || math.Abs(ppm) < driftBad {
			continue
		}
		out.add(checks.Finding{
			ID: "capture.clock-drift", Severity: checks.Info, Confidence: checks.Likely, Subject: s.Src.Addr().String(), Evidence: []checks.Evidence{streamProof(s)},
			Args: words.Args{"from": s.Src, "ppm": math.Round(math.Abs(ppm)), "slow": ppm > 0, "every": math.Round(s.ptime() * 1000 / math.Abs(ppm))},
		}, math.Abs(ppm))
	}
}

// drift is how much slower the sender's clock runs, parts in a million; ok is false
// where the transit times do not lie on a line, or the stream is too short.
func (s *Stream) drift() (ppm float64, ok bool) {
	length := float64(s.End - s.Begin)
	n := len(s.Transit)
	if n < drifts || length < leastDrift {
		return 0, false
	}
	part := length / float64(n)
	slope := float64(s.Transit[n-1]-s.Transit[0]) / (part * float64(n-1))
	for i, t := range s.Transit {
		if math.Abs(float64(t-s.Transit[0])-slope*part*float64(i)) > driftSlack+math.Abs(slope)*part {
			return 0, false
		}
	}
	return slope * 1e6, math.Abs(slope) < 0.02 // more is another clock rate
}

// unmarked are calls in which one end marks its audio for priority (DSCP 46, EF; RFC
// 4594) and the other's comes without: the mark was taken off on the way, or was never
// set.
func unmarked(v *view) (out []checks.Finding) {
	var groups cases
	for _, x := range v.calls {
		list := v.directions(x)
		for i := range list {
			d := &list[i]
			if len(d.list) == 0 || len(d.back) == 0 || d.list[0].Packets < leastStream || d.list[0].marked() || !d.back[0].marked() {
				continue
			}
			g := groups.add(v, "", d.from.name(), x, nil, markProof(d.list[0].Stream), markProof(d.back[0].Stream))
			if g.dir == nil {
				g.dir = d
			}
			break
		}
	}
	for _, g := range groups.list {
		p := g.dir.list[0]
		out = append(out, checks.Finding{
			ID: "capture.dscp", Severity: checks.Info, Confidence: checks.Certain, Subject: g.key, Evidence: g.proof,
			Args: words.Args{"n": len(g.list), "from": p.Src, "hops": p.hops()},
		})
	}
	return out
}

// marked reports whether all packets of a stream are marked EF.
func (s *Stream) marked() bool {
	const ef = 46
	return len(s.TOS) > 0 && !slices.ContainsFunc(s.TOS, func(tos uint8) bool { return tos>>2 != ef })
}

func markProof(s *Stream) checks.Evidence {
	var marks []string
	for _, tos := range s.TOS {
		if m := strconv.Itoa(int(tos >> 2)); !slices.Contains(marks, m) {
			marks = append(marks, m)
		}
	}
	return checks.Proof(words.Say("capture.evidence.stream", words.Args{"from": s.Src, "to": s.Dst}), nil, words.Say("capture.evidence.dscp", words.Args{"marks": marks, "frame": s.First}))
}
