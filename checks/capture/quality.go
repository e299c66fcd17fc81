package capture

import (
	"math"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/voice"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Limits of a stream; the check media judges calls of its own by the same.
const (
	// lossBad and jitterBad are Cisco's ("Quality of Service for Voice over IP").
	lossBad   = 1.0  // percent
	jitterBad = 30.0 // ms
	// ratingBad is where ITU-T G.109 ends: below 50 no connection is to be made.
	ratingBad = 50.0
	// gapsBad is how many gaps are more than one passing disturbance.
	gapsBad = 3
	// overtakenBad is the share of overtaken packets worth knowing, percent.
	overtakenBad = 1.0
	// outage is how many packets lost in a row nobody takes for chance: two seconds.
	outage = 100
	// leastStream is how many packets say something about quality: 4 s.
	leastStream = 200

	// The jitter buffer: at least one packet, at most what Asterisk's holds
	// (jbmaxsize), and in between two mean deviations; ms.
	leastBuffer   = 20.0
	mostBuffer    = 200.0
	bufferJitters = 2
)

// quality are streams that a listener complains about: what is lost before this place,
// and what their receivers say they lose.
func quality(v *view) []checks.Finding {
	var list merging
	calls := v.callsOf()
	for i := range v.o.Streams {
		s := &v.o.Streams[i]
		if s.Packets < leastStream {
			continue
		}
		for _, look := range []func(*Stream) (checks.Finding, bool){v.poor, v.poorBeyond, v.gaps, v.disorder} {
			f, ok := look(s)
			if !ok {
				continue
			}
			list.add(f, -v.rating(s))
			if x := calls[s]; x != nil && v.found[x] == "" && f.Severity != checks.Info {
				v.found[x] = f.ID
			}
			break
		}
	}
	return list.findings
}

// merging puts findings together that say the same of one subject: what is told is
// told of the worst.
type merging struct {
	findings []checks.Finding
	at       map[[3]string]int
	worst    []float64
	count    []int
}

func (m *merging) add(f checks.Finding, weight float64) {
	key := [3]string{f.ID, f.Variant, f.Subject}
	i, known := m.at[key]
	if !known {
		if m.at == nil {
			m.at = map[[3]string]int{}
		}
		f.Args["n"] = 1
		m.at[key] = len(m.findings)
		m.findings, m.worst, m.count = append(m.findings, f), append(m.worst, weight), append(m.count, 1)
		return
	}
	m.count[i]++
	old := m.findings[i]
	if weight > m.worst[i] {
		m.worst[i] = weight
		f, old = old, f
		old.Evidence = append(old.Evidence, f.Evidence...)
	} else {
		old.Evidence = append(old.Evidence, f.Evidence...)
	}
	old.Evidence = old.Evidence[:min(len(old.Evidence), 2*examples)]
	old.Args["n"] = m.count[i]
	m.findings[i] = old
}

// poor is loss and jitter that a stream had when it came here.
func (v *view) poor(s *Stream) (checks.Finding, bool) {
	st := s.stats()
	lossy := st.LossAtLeast(voice.Z40) > lossBad || s.BurstMax >= outage
	if !lossy && s.JitterMS <= jitterBad {
		return checks.Finding{}, false
	}
	f := checks.Finding{
		ID: "capture.poor-audio", Severity: checks.Warning, Confidence: checks.Certain, Subject: s.Src.Addr().String(), Evidence: []checks.Evidence{streamProof(s)}, Variant: "here",
		Args: words.Args{"from": s.Src, "to": s.Dst, "loss": twoDigits(st.LossPct()), "jitter": s.JitterMS, "mos": v.mos(s), "hops": s.hops(), "drops": v.drops(),
			"runs": s.Bursts, "longest": s.BurstMax, "buffer": math.Round(bufferJitters * s.JitterMS)},
	}
	if !lossy {
		f.Variant = "uneven"
	}
	if v.rating(s) < ratingBad {
		f.Severity = checks.Critical
	}
	if v.drops() || lossy && st.LossAtLeast(voice.Z2000) <= lossBad && s.BurstMax < outage {
		f.Confidence = checks.Likely
	}
	if s.Far != nil {
		f.Evidence = append(f.Evidence, farProof(s))
	}
	return f, true
}

// poorBeyond is what a receiver reports of a stream that was well here. Its loss counts,
// where its numbers are those of the stream; its jitter does not, as phones report that
// in units and of packets of their own.
func (v *view) poorBeyond(s *Stream) (checks.Finding, bool) {
	h := s.Far
	if h == nil || h.Reports < 2 || h.Expected < leastStream || !s.plausible() {
		return checks.Finding{}, false
	}
	// How many bursts the loss came in is not reported: of four packets, say, as
	// when a queue is full for a moment.
	const burst = 4
	st := voice.Stats{Sent: h.Expected, Received: h.Expected - h.Lost, Bursts: h.Lost / burst}
	if st.LossAtLeast(voice.Z40) <= lossBad {
		return checks.Finding{}, false
	}
	return checks.Finding{
		ID: "capture.poor-audio", Severity: checks.Warning, Confidence: checks.Likely, Subject: s.Dst.Addr().String(), Variant: "beyond",
		Evidence: []checks.Evidence{farProof(s), streamProof(s)},
		Args:     words.Args{"from": s.Src, "to": s.Dst, "loss": twoDigits(st.LossPct()), "here": twoDigits(s.stats().LossPct())},
	}, true
}

// plausible reports whether the receiver counts packets that the stream has: some mix
// up the fields of a report.
func (s *Stream) plausible() bool { return s.Far.Expected <= s.Expected+leastStream }

func farProof(s *Stream) checks.Evidence {
	h := s.Far
	return checks.Proof(words.Say("capture.evidence.report", words.Args{"frame": h.Frame, "from": s.Dst.Addr()}), nil,
		words.Say("capture.evidence.reported", words.Args{"n": h.Reports, "lost": h.Lost, "expected": h.Expected, "jitter": h.JitterMS, "rtt": h.RTTMS}))
}

// gaps are runs of lost packets that no concealment covers, in a stream that is not
// bad otherwise.
func (v *view) gaps(s *Stream) (checks.Finding, bool) {
	f := checks.Finding{
		ID: "capture.audio-gaps", Severity: checks.Warning, Confidence: checks.Likely, Subject: s.Src.Addr().String(), Evidence: []checks.Evidence{streamProof(s)},
		Args: words.Args{"from": s.Src, "to": s.Dst, "gaps": s.Gaps, "longest": math.Round(float64(s.BurstMax) * s.ptime())},
	}
	return f, s.Gaps >= gapsBad
}

// disorder is about packets that came after later ones. Copies are none of it: a
// capture on a bridge holds each packet twice.
func (v *view) disorder(s *Stream) (checks.Finding, bool) {
	f := checks.Finding{
		ID: "capture.audio-disorder", Severity: checks.Info, Confidence: checks.Certain, Subject: s.Src.Addr().String(), Evidence: []checks.Evidence{streamProof(s)},
		Args: words.Args{"from": s.Src, "to": s.Dst, "late": s.Late, "all": s.Packets},
	}
	return f, 100*voice.AtLeast(s.Late, s.Packets, voice.Z40) > overtakenBad
}

// stats is a stream as the E-model takes it.
func (s *Stream) stats() voice.Stats {
	return voice.Stats{Sent: s.Expected, Received: s.Expected - s.lost(), Bursts: s.Bursts, BurstMax: s.BurstMax, Gaps: s.Gaps, JitterMS: s.JitterMS}
}

// ptime is how long a packet of a stream is, ms; 20 where it varies.
func (s *Stream) ptime() float64 {
	const usual = 20
	if s.PtimeMS > 0 {
		return s.PtimeMS
	}
	return usual
}

// hops is how many routers lie between the sender and this place; -1: not known.
func (s *Stream) hops() int { return hopsOf(s.TTL) }

// drops reports whether the capturing machine admits that it lost packets: then the
// network may have lost none.
func (v *view) drops() bool { return dropsIn(v.o.Files) }

func dropsIn(files []File) bool {
	return slices.ContainsFunc(files, func(f File) bool { return f.Drops > 0 })
}

// rating is R of ITU-T G.107 for what a stream lost and how unevenly it came; the
// delay of the way is not in a capture. Codecs without published figures are taken for
// G.711: it is the network that is judged.
func (v *view) rating(s *Stream) float64 {
	c := voice.G711()
	if name := v.payload(s); len(name) >= 4 && name[:4] == "G729" {
		c = voice.G729A()
	}
	st := s.stats()
	buffer := min(max(bufferJitters*s.JitterMS, leastBuffer), mostBuffer)
	return voice.R(voice.Path{OneWayMS: c.DelayMS + buffer, LossPct: st.LossPct(), BurstR: st.BurstR()}, c)
}

// mos is what a listener of a stream would say, 1 to 4.5.
func (v *view) mos(s *Stream) float64 { return math.Round(10*voice.MOS(v.rating(s))) / 10 }

func twoDigits(x float64) float64 { return math.Round(100*x) / 100 }
