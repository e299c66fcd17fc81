package media

import (
	"fmt"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/voice"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

const (
	// lossBad is the loss above which voice suffers, percent (Cisco, "Quality of
	// Service for Voice over IP": no more than 1 %; MegaFon's and other
	// providers' limits lie below).
	lossBad = 1.0
	// jitterBad is the jitter that the same source takes for the most, ms.
	jitterBad = 30.0
	// delayBad and delayWorst are one-way delays of ITU-T G.114, ms: up to 150
	// hardly anybody minds, above 400 nobody should plan for.
	delayBad   = 150.0
	delayWorst = 400.0
	// ratingBad is where ITU-T G.109 ends: below 50 no connection is to be made.
	ratingBad = 50.0
	// overtakenBad is the share of overtaken or doubled packets worth knowing,
	// percent: some jitter buffers drop them.
	overtakenBad = 1.0
	// gapsBad is how many gaps are no single moment's trouble.
	gapsBad = 3
)

// The marks that have names (RFC 2474, 3246, 8622).
const (
	dscpEF  = 46
	dscpCS1 = 8 // less than everything else, by custom
	dscpLE  = 1 // the same by RFC 8622
)

// A side is a direction with its name and what was found wrong with it.
type side struct {
	name string // "up" or "down"
	way  string // "out" or "in"
	who  string
	Way
	d *Direction
}

func (v view) sides(f Facts) (out []side) {
	if f.Up != nil {
		out = append(out, side{"up", "out", "from you to the other side", v.o.Call.Up, f.Up})
	}
	return append(out, side{"down", "in", "from the other side to you", v.o.Call.Down, f.Down})
}

// findings are what is wrong, the worst first.
func (v view) findings(f Facts, host *netinfo.Host) []checks.Finding {
	switch {
	case v.o.Call == nil:
		return []checks.Finding{v.nothing(host)}
	case v.oneWay():
		out := []checks.Finding{v.silence(host)}
		if f, ok := v.marks(v.sides(f)); ok {
			out = append(out, f)
		}
		return out
	}
	out := []checks.Finding{}
	add := func(x checks.Finding, ok bool) {
		if ok {
			out = append(out, x)
		}
	}
	sides := v.sides(f)
	add(v.loss(sides))
	add(v.jitter(sides))
	add(v.delay())
	out = append(out, v.deepFindings(f)...)
	add(v.gaps(sides))
	add(v.disorder(sides))
	add(v.marks(sides))
	return out
}

// nothing is about a call of which no packet arrived.
func (v view) nothing(host *netinfo.Host) checks.Finding {
	return checks.Finding{
		ID: "media.no-audio", Severity: checks.Critical, Confidence: checks.Likely,
		Title:       "No voice gets out: calls would be silent",
		Explanation: "Not one RTP packet reached the responder, at none of the ports tried, while its control channel answered all the time. Either something on the way stops RTP on its way out, or the responder's own firewall does not let its media ports in.",
		Evidence:    v.doors(), Fixes: v.cures(host),
		Advice: []string{"See which ports are stopped, and in which direction: sipdoctor check rtp-ports"},
	}
}

// silence is about one-way audio.
func (v view) silence(host *netinfo.Host) checks.Finding {
	c := v.o.Call
	ev := append([]checks.Evidence{
		{Name: "from you", Want: fmt.Sprintf("%d packets", c.Up.Sent), Got: fmt.Sprintf("%d arrived", c.Up.Received)},
		{Name: "to you", Want: fmt.Sprintf("%d packets, sent to %s", c.Down.Sent, c.Seen), Got: "none arrived"},
	}, v.doors()...)
	return checks.Finding{
		ID: "media.one-way", Severity: checks.Critical, Confidence: checks.Certain,
		Title:       "One-way audio: you are heard, but hear nothing",
		Explanation: "The responder heard the call and sent its own voice back to the very address and port it came from, and nothing of that arrived. Something on the way back drops RTP: a packet filter in the router or in front of it, or one on this machine.",
		Evidence:    ev, Fixes: v.cures(host),
		Advice: []string{"See which ports are stopped on the way back: sipdoctor check rtp-ports"},
	}
}

// localFilter is about this machine's own firewall.
func (v view) localFilter() checks.Finding {
	return checks.Finding{
		ID: "media.local-filter", Severity: checks.Critical, Confidence: checks.Certain, Heard: true,
		Title:       "This machine's own packet filter stops RTP",
		Explanation: "The system refused to send the call's packets (EPERM): a rule of its outgoing packet filter drops them. Nothing could be learnt about the network.",
		Evidence:    []checks.Evidence{{Name: "sending RTP", Want: "sent", Got: v.o.SendError}}, Fixes: []fixes.Fix{},
		Advice: []string{"Look at the rules of the OUTPUT chain: iptables -S OUTPUT, or nft list ruleset"},
	}
}

// doors is what was tried, as evidence.
func (v view) doors() (ev []checks.Evidence) {
	for _, d := range v.o.Doors {
		if d.Port == 0 {
			continue
		}
		got := fmt.Sprintf("%d of %d packets arrived, %d answers came back", d.Arrived, d.Asked, d.Answered)
		if !d.Told {
			got = fmt.Sprintf("%d answers came back to %d packets", d.Answered, d.Asked)
		}
		ev = append(ev, checks.Evidence{Name: fmt.Sprintf("UDP port %d", d.Port), Want: "packets arrive and are answered", Got: got})
	}
	for _, text := range v.o.ICMP {
		ev = append(ev, checks.Evidence{Name: "said on the way", Got: text})
	}
	for _, a := range v.o.Locals {
		ev = append(ev, checks.Evidence{Name: "called from", Got: a.String()})
	}
	return ev
}

func (v view) cures(host *netinfo.Host) []fixes.Fix {
	return fixes.For(fixes.RTPPorts, host, map[string]string{"RTPRange": fmt.Sprintf("%d-%d", v.o.First, v.o.Last), "PBX": v.o.Target.String()})
}

// loss is about packets that did not arrive.
func (v view) loss(sides []side) (checks.Finding, bool) {
	f := checks.Finding{
		ID: "media.loss", Severity: checks.Warning, Confidence: checks.Likely, Fixes: []fixes.Fix{},
		Explanation: "Lost packets are lost syllables. Up to about 1 % a codec covers; what is more is heard as clicks and holes, and in the end nobody understands a word.",
		Advice: []string{
			"By cable instead of Wi-Fi, and while nobody else uses the line: if the loss goes away, it is the own network or a full line.",
			"A full line: give voice priority on the router (QoS by DSCP EF) and keep its rate just below the line's.",
			"The loss stays with an idle line: show this report to the provider.",
		},
	}
	var names []string
	for _, s := range sides {
		if s.LossAtLeast(voice.Z40) <= lossBad && !s.dead() {
			continue
		}
		names = append(names, fmt.Sprintf("%s %.1f %%", s.name, s.LossPct()))
		if s.LossAtLeast(voice.Z2000) > lossBad || s.dead() {
			f.Confidence = checks.Certain
		}
		if s.d.Rating < ratingBad {
			f.Severity = checks.Critical
		}
	}
	for _, s := range sides {
		f.Evidence = append(f.Evidence, s.lossEvidence())
	}
	f.Title = "Calls lose voice: " + strings.Join(names, ", ")
	return f, len(names) > 0
}

// outage is how many packets in a row make a direction dead, two seconds: one
// single burst, and yet nobody takes it for chance.
const outage = 100

func (s side) dead() bool {
	return s.Sent >= leastPackets && (s.Received == 0 || s.BurstMax >= outage)
}

func (s side) lossEvidence() checks.Evidence {
	got := fmt.Sprintf("%.1f %% (%d of %d packets", s.LossPct(), s.Lost(), s.Sent)
	if s.BurstMax > 1 {
		got += fmt.Sprintf(", up to %d in a row", s.BurstMax)
	}
	return checks.Evidence{Name: "loss " + s.who, Want: fmt.Sprintf("at most %.0f %%", lossBad), Got: fmt.Sprintf("%s), MOS %.1f", got, s.d.MOS)}
}

// jitter is about packets that come unevenly.
func (v view) jitter(sides []side) (checks.Finding, bool) {
	f := checks.Finding{
		ID: "media.jitter", Severity: checks.Warning, Confidence: checks.Likely, Fixes: []fixes.Fix{},
		Explanation: "Packets come so unevenly that phones must hold voice back to play it without holes, or lose what comes too late. Wi-Fi, a full line and mobile networks do that.",
		Advice: []string{
			"Test again by cable, and while nobody else uses the line.",
			"Give voice priority on the router (QoS by DSCP EF), and let phones use an adaptive jitter buffer.",
		},
	}
	var names []string
	for _, s := range sides {
		if s.JitterMS > jitterBad && s.Received >= leastPackets {
			names = append(names, fmt.Sprintf("%s %.0f ms", s.name, s.JitterMS))
		}
		f.Evidence = append(f.Evidence, checks.Evidence{
			Name: "jitter " + s.who, Want: fmt.Sprintf("at most %.0f ms", jitterBad), Got: fmt.Sprintf("%.1f ms, at times %.1f ms", s.JitterMS, s.JitterMaxMS),
		})
	}
	f.Title = "Voice comes unevenly: jitter " + strings.Join(names, ", ")
	return f, len(names) > 0
}

// delay is about the time from mouth to ear that the network takes.
func (v view) delay() (checks.Finding, bool) {
	c := v.o.Call
	way := c.RTT.MedianMS / 2
	f := checks.Finding{
		ID: "media.delay", Severity: checks.Warning, Confidence: checks.Certain, Fixes: []fixes.Fix{},
		Title:       fmt.Sprintf("Voice takes %.0f ms each way", way),
		Explanation: "The network alone needs longer than the 150 ms that people do not notice (ITU-T G.114); phones add some 60 ms. Both sides begin to speak at the same time.",
		Evidence: []checks.Evidence{{
			Name: "half a round trip", Want: fmt.Sprintf("at most %.0f ms", delayBad), Got: fmt.Sprintf("%.0f ms (round trips %.0f to %.0f ms)", way, c.RTT.MinMS, c.RTT.MaxMS),
		}},
		Advice: []string{"Is a VPN, a satellite or a server on another continent on the way? Take a nearer one for media.", "If the least round trip is far below the usual one, the line is full: give voice priority on the router."},
	}
	if way > delayWorst {
		f.Explanation = "That is above the 400 ms for which nobody should plan (ITU-T G.114): people talk into each other's words all the time."
	}
	return f, way > delayBad
}

// gaps is about moments in which several packets in a row were lost.
func (v view) gaps(sides []side) (checks.Finding, bool) {
	f := checks.Finding{
		ID: "media.gaps", Severity: checks.Info, Confidence: checks.Likely, Fixes: []fixes.Fix{},
		Title:       "The voice has gaps",
		Explanation: "Four and more packets were lost in a row, 80 ms and more, which no codec covers: a syllable is missing. One gap may be chance; Wi-Fi that changes its channel or a line that stumbles makes more of them.",
		Advice:      []string{"Listen for longer: sipdoctor check media --deep"},
	}
	found := false
	for _, s := range sides {
		if s.Gaps == 0 || s.dead() {
			continue
		}
		found = true
		if s.Gaps >= gapsBad {
			f.Severity = checks.Warning
		}
		f.Evidence = append(f.Evidence, checks.Evidence{Name: "gaps " + s.who, Want: "none", Got: fmt.Sprintf("%d, the longest of %d ms", s.Gaps, 20*s.BurstMax)})
	}
	return f, found
}

// disorder is about packets that overtook each other or came twice.
func (v view) disorder(sides []side) (checks.Finding, bool) {
	f := checks.Finding{
		ID: "media.disorder", Severity: checks.Info, Confidence: checks.Certain, Fixes: []fixes.Fix{},
		Title:       "Packets overtake each other or come twice",
		Explanation: "Phones with a jitter buffer put them right; some gateways take an overtaken packet for a lost one. Two lines that share the load packet by packet, or a loop, do that.",
		Advice:      []string{"With two lines: let the router share them by connection, not by packet."},
	}
	found := false
	for _, s := range sides {
		over := 100*voice.AtLeast(s.Reordered, s.Received, voice.Z40) > overtakenBad
		twice := 100*voice.AtLeast(s.Duplicates, s.Received, voice.Z40) > overtakenBad
		if over || twice {
			found = true
			f.Evidence = append(f.Evidence, checks.Evidence{Name: s.who, Want: "in order, once", Got: fmt.Sprintf("%d of %d overtaken, %d twice", s.Reordered, s.Received, s.Duplicates)})
		}
	}
	return f, found
}

// marks is about the DSCP on arrival.
func (v view) marks(sides []side) (checks.Finding, bool) {
	f := checks.Finding{
		ID: "media.dscp", Severity: checks.Info, Confidence: checks.Certain, Fixes: []fixes.Fix{},
		Explanation: "Packets were sent with DSCP EF (46), by which switches, Wi-Fi and routers put voice first (RFC 3246), and arrived without it. Behind the box that does so voice waits in line with downloads. " +
			"On the Internet that is usual and harms only where the line is full; in an own network or on a line with voice priority it takes the priority away.",
		Advice: []string{
			"A line with priority for voice (MPLS, SD-WAN, a voice VLAN): let every box on the way trust DSCP.",
			"Without such a line: set the priority by the PBX's address and ports instead of DSCP, on the router at the narrow end.",
		},
	}
	var words []string
	for _, s := range sides {
		got, share, ok := s.mark()
		if !ok || !s.Marked || got == dscpEF || s.Received < leastPackets {
			continue
		}
		word := "cleared"
		if got != 0 {
			word = "changed to DSCP " + dscpName(got)
		}
		words = append(words, word+" on the way "+s.way)
		f.Evidence = append(f.Evidence, checks.Evidence{Name: "DSCP " + s.who, Want: "46 (EF)", Got: fmt.Sprintf("%s on %.0f %% of the packets", dscpName(got), 100*share)})
		if s.suffers() || got == dscpCS1 || got == dscpLE {
			f.Severity = checks.Warning
		}
	}
	f.Title = "The mark for voice is " + strings.Join(words, " and ")
	if len(words) == 2 && words[0] == "cleared on the way out" && words[1] == "cleared on the way in" {
		f.Title = "The mark for voice is cleared both ways"
	}
	return f, len(words) > 0
}

// suffers reports whether priority would help this direction.
func (s side) suffers() bool { return s.LossAtLeast(voice.Z40) > lossBad || s.JitterMS > jitterBad }

func dscpName(n int) string {
	switch {
	case n == 0:
		return "0 (none)"
	case n == dscpLE:
		return "1 (LE, less than best effort)"
	case n == dscpCS1:
		return "8 (CS1, less than best effort)"
	case n%8 == 0:
		return fmt.Sprintf("%d (CS%d)", n, n/8)
	}
	return fmt.Sprint(n)
}
