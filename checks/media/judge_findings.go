package media

import (
	"fmt"
	"math"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/voice"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// LossBad is the loss above which voice suffers, percent (Cisco, "Quality of
	// Service for Voice over IP": no more than 1 %; MegaFon's and other
	// providers' limits lie below).
	LossBad = 1.0
	// JitterBad is the jitter that the same source takes for the most, ms.
	JitterBad = 30.0
	// DelayBad and DelayWorst are one-way delays of ITU-T G.114, ms: up to 150
	// hardly anybody minds, above 400 nobody should plan for.
	DelayBad   = 150.0
	DelayWorst = 400.0
	// RatingBad is where ITU-T G.109 ends: below 50 no connection is to be made.
	RatingBad = 50.0
	// overtakenBad is the share of overtaken or doubled packets worth knowing,
	// percent: some jitter buffers drop them.
	overtakenBad = 1.0
	// gapsBad is how many gaps are more than one passing disturbance.
	gapsBad = 3
)

// WorstMOS is the score of G.711 at RatingBad.
func WorstMOS() float64 { return voice.MOS(RatingBad) }

// The marks that have names (RFC 2474, 3246, 8622).
const (
	dscpEF  = 46
	dscpCS1 = 8 // less than everything else, by custom
	dscpLE  = 1 // the same by RFC 8622
)

type side struct {
	way string // "up" or "down"
	Way
	d *Direction
}

func (s side) who() words.Text { return say("who", words.Args{"way": s.way}) }

// value is a figure of one direction, for a title.
func (s side) value(v any) words.Text { return say("way", words.Args{"way": s.way, "value": v}) }

func (s side) proof(name string, want, got any) checks.Evidence {
	return checks.Proof(say("evidence."+name, words.Args{"who": s.who()}), want, got)
}

func (v view) sides(f Facts) (out []side) {
	if f.Up != nil {
		out = append(out, side{"up", v.o.Call.Up, f.Up})
	}
	return append(out, side{"down", v.o.Call.Down, f.Down})
}

func (v view) findings(f Facts, host *netinfo.Host) []checks.Finding {
	if v.o.Call == nil {
		return []checks.Finding{{
			ID: "media.no-audio", Severity: checks.Critical, Confidence: checks.Likely, Evidence: v.doors(), Fixes: v.cures(host),
		}}
	}
	out := []checks.Finding{}
	add := func(x checks.Finding, ok bool) {
		if ok {
			out = append(out, x)
		}
	}
	sides := v.sides(f)
	if v.oneWay() {
		add(v.silence(host), true)
		add(v.marks(sides))
		return out
	}
	add(v.loss(sides))
	add(v.jitter(sides))
	add(v.delay())
	out = append(out, v.deepFindings(f)...)
	add(v.gaps(sides))
	add(v.disorder(sides))
	add(v.marks(sides))
	return out
}

func (v view) silence(host *netinfo.Host) checks.Finding {
	c := v.o.Call
	sent := count("packets", c.Down.Sent)
	if c.Seen.IsValid() {
		sent = say("evidence.packets-to", words.Args{"n": c.Down.Sent, "address": c.Seen})
	}
	return checks.Finding{
		ID: "media.one-way", Severity: checks.Critical, Confidence: checks.Certain,
		Evidence: append([]checks.Evidence{
			checks.Proof(say("evidence.from-you", nil), count("packets", c.Up.Sent), count("arrived", c.Up.Received)),
			checks.Proof(say("evidence.to-you", nil), sent, count("arrived", 0)),
		}, v.doors()...),
		Fixes: v.cures(host),
	}
}

func count(what string, n int) words.Text { return say("evidence."+what, words.Args{"n": n}) }

func (v view) localFilter() checks.Finding {
	return checks.Finding{
		ID: "media.local-filter", Severity: checks.Critical, Confidence: checks.Certain, Heard: true,
		Evidence: []checks.Evidence{checks.Proof(say("evidence.sending", nil), say("evidence.sent", nil), v.o.SendError)},
	}
}

// doors is what was tried, as evidence.
func (v view) doors() (ev []checks.Evidence) {
	for _, d := range v.o.Doors {
		if d.Port == 0 {
			continue
		}
		got := say("evidence.told", words.Args{"arrived": d.Arrived, "asked": d.Asked, "answered": d.Answered})
		if !d.Told {
			got = say("evidence.untold", words.Args{"asked": d.Asked, "answered": d.Answered})
		}
		ev = append(ev, checks.Proof(say("evidence.port", words.Args{"port": d.Port}), say("evidence.answered", nil), got))
	}
	for _, text := range v.o.ICMP {
		ev = append(ev, checks.Proof(say("evidence.icmp", nil), nil, text))
	}
	for _, a := range v.o.Locals {
		ev = append(ev, checks.Proof(say("evidence.source", nil), nil, a))
	}
	return ev
}

func (v view) cures(host *netinfo.Host) []fixes.Fix {
	return fixes.For(fixes.RTPPorts, host, map[string]string{"RTPRange": fmt.Sprintf("%d-%d", v.o.First, v.o.Last), "PBX": v.o.Target.String()})
}

func (v view) loss(sides []side) (checks.Finding, bool) {
	f := checks.Finding{ID: "media.loss", Severity: checks.Warning, Confidence: checks.Likely}
	var ways []words.Text
	for _, s := range sides {
		f.Evidence = append(f.Evidence, s.lossEvidence())
		if s.LossAtLeast(voice.Z40) <= LossBad && !s.dead() {
			continue
		}
		ways = append(ways, s.value(percent(s.LossPct())))
		if s.LossAtLeast(voice.Z2000) > LossBad || s.dead() {
			f.Confidence = checks.Certain
		}
		if s.d.Rating < RatingBad {
			f.Severity = checks.Critical
		}
	}
	f.Args = words.Args{"ways": ways}
	return f, len(ways) > 0
}

// outage is how many packets in a row make a direction dead, two seconds: one
// single burst, and yet nobody takes it for chance.
const outage = 100

func (s side) dead() bool {
	return s.Sent >= leastPackets && (s.Received == 0 || s.BurstMax >= outage)
}

func (s side) lossEvidence() checks.Evidence {
	return s.proof("loss", atMost(percent(LossBad)), say("evidence.lost", words.Args{
		"loss": percent(s.LossPct()), "lost": s.Lost(), "sent": s.Sent, "most": s.BurstMax, "mos": round(s.d.MOS, 1),
	}))
}

func atMost(limit any) words.Text { return say("evidence.at-most", words.Args{"limit": limit}) }

func (v view) jitter(sides []side) (checks.Finding, bool) {
	f := checks.Finding{ID: "media.jitter", Severity: checks.Warning, Confidence: checks.Likely}
	var ways []words.Text
	for _, s := range sides {
		if s.JitterMS > JitterBad && s.Received >= leastPackets {
			ways = append(ways, s.value(ms(s.JitterMS)))
		}
		f.Evidence = append(f.Evidence, s.proof("jitter", atMost(ms(JitterBad)),
			say("evidence.jitters", words.Args{"mean": ms(s.JitterMS), "peak": ms(s.JitterMaxMS)})))
	}
	f.Args = words.Args{"ways": ways}
	return f, len(ways) > 0
}

// delay is about the time from mouth to ear that the network takes.
func (v view) delay() (checks.Finding, bool) {
	c := v.o.Call
	way := c.RTT.MedianMS / 2
	return checks.Finding{
		ID: "media.delay", Severity: checks.Warning, Confidence: checks.Certain,
		Args: words.Args{"delay": ms(way), "worst": way > DelayWorst},
		Evidence: []checks.Evidence{checks.Proof(say("evidence.half-trip", nil), atMost(ms(DelayBad)),
			say("evidence.trips", words.Args{"delay": ms(way), "least": ms(c.RTT.MinMS), "most": ms(c.RTT.MaxMS)}))},
	}, way > DelayBad
}

func (v view) gaps(sides []side) (checks.Finding, bool) {
	f := checks.Finding{ID: "media.gaps", Severity: checks.Info, Confidence: checks.Likely}
	for _, s := range sides {
		if s.Gaps == 0 || s.dead() {
			continue
		}
		if s.Gaps >= gapsBad {
			f.Severity = checks.Warning
		}
		f.Evidence = append(f.Evidence, s.proof("gaps", say("evidence.none", nil),
			say("evidence.gap", words.Args{"n": s.Gaps, "longest": time.Duration(s.BurstMax) * spacing})))
	}
	return f, len(f.Evidence) > 0
}

func (v view) disorder(sides []side) (checks.Finding, bool) {
	f := checks.Finding{ID: "media.disorder", Severity: checks.Info, Confidence: checks.Certain}
	for _, s := range sides {
		over := 100*voice.AtLeast(s.Reordered, s.Received, voice.Z40) > overtakenBad
		twice := 100*voice.AtLeast(s.Duplicates, s.Received, voice.Z40) > overtakenBad
		if over || twice {
			f.Evidence = append(f.Evidence, checks.Proof(s.who(), say("evidence.in-order", nil),
				say("evidence.disorder", words.Args{"late": s.Reordered, "all": s.Received, "twice": s.Duplicates})))
		}
	}
	return f, len(f.Evidence) > 0
}

func (v view) marks(sides []side) (checks.Finding, bool) {
	f := checks.Finding{ID: "media.dscp", Severity: checks.Info, Confidence: checks.Certain}
	var changes []words.Text
	cleared := 0
	for _, s := range sides {
		got, share, ok := s.mark()
		if !ok || !s.Marked || got == dscpEF || s.Received < leastPackets {
			continue
		}
		if got == 0 {
			cleared++
		}
		mark := say("mark", words.Args{"dscp": got})
		changes = append(changes, say("marked", words.Args{"dscp": got, "mark": mark, "way": s.way}))
		f.Evidence = append(f.Evidence, s.proof("dscp", "46 (EF)",
			say("evidence.mark", words.Args{"mark": mark, "share": words.Percent(math.Round(100 * share))})))
		if s.suffers() || got == dscpCS1 || got == dscpLE {
			f.Severity = checks.Warning
		}
	}
	f.Args = words.Args{"both": cleared == 2, "changes": changes}
	return f, len(changes) > 0
}

// suffers reports whether priority would help this direction.
func (s side) suffers() bool { return s.LossAtLeast(voice.Z40) > LossBad || s.JitterMS > JitterBad }
