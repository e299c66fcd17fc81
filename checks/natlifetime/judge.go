package natlifetime

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// Facts is the stable summary (CONTRACT: nat-lifetime), in seconds. A lower
// bound of 0 is not measured; an upper bound of 0 was not reached.
type Facts struct {
	// UDPAtLeast and UDPBelow are about a stream: two exchanges over two
	// seconds apart, as phones with keep-alives have.
	UDPAtLeast int `json:"udp_seconds_at_least"`
	UDPBelow   int `json:"udp_seconds_below"`

	SIPPortAtLeast int `json:"sip_port_seconds_at_least"`
	SIPPortBelow   int `json:"sip_port_seconds_below"`

	// SingleAtLeast and SingleBelow are about one exchange, as a registration
	// alone: the shorter of a Linux router's two timers.
	SingleAtLeast int `json:"udp_single_exchange_seconds_at_least"`
	SingleBelow   int `json:"udp_single_exchange_seconds_below"`
}

func judge(o Observed, host *netinfo.Host) checks.Judgement {
	switch {
	case o.NoResponder:
		return checks.Judgement{Summary: "not measured", Skip: "how long the router remembers needs a responder outside (--responder)"}
	case len(o.Groups) == 0:
		return checks.Judgement{Summary: "not measured", Inconclusive: cmp.Or(o.Problem, "no flow was measured")}
	}
	stream, once, sip := o.lifetime(kindStream), o.lifetime(kindOnce), o.lifetime(kindSIP)
	f := Facts{
		UDPAtLeast: stream.atLeast, UDPBelow: stream.below,
		SIPPortAtLeast: sip.atLeast, SIPPortBelow: sip.below,
		SingleAtLeast: once.atLeast, SingleBelow: once.below,
	}
	j := checks.Judgement{Facts: f, Summary: summary(f)}
	j.Findings = findings(o, f, host)
	switch {
	case stream.problem != "":
		j.Inconclusive = stream.problem
	case f.UDPAtLeast == 0 && f.UDPBelow == 0:
		j.Inconclusive = "no silence on a plain UDP port was measured"
	case sip.problem != "":
		j.Inconclusive = "on the SIP port: " + sip.problem
	}
	if j.Inconclusive != "" && o.Problem != "" {
		j.Inconclusive += " (" + o.Problem + ")"
	}
	return j
}

// lifetime is what one group's rungs come to.
type lifetime struct {
	atLeast, below int    // seconds; the control rung is no measurement
	problem        string // why they mean nothing, or less than they should
}

// lifetime reads a group. A rung that stayed silent below one that answered
// was lost, not forgotten: memory does not come back.
func (o Observed) lifetime(kind string) lifetime {
	var l lifetime
	for _, g := range o.Groups {
		if g.Kind != kind || len(g.Rungs) == 0 {
			continue
		}
		if !g.control() {
			l.problem = g.whyNoControl()
			return l
		}
		silent := []Rung{}
		for _, r := range g.Rungs {
			switch {
			case r.Control:
			case r.alive():
				l.atLeast, silent = r.Seconds, silent[:0]
			case r.forgotten():
				silent = append(silent, r)
			}
		}
		l.bound(g, silent, o.OutageS)
	}
	return l
}

// chance is how likely an upper bound may be mere loss: once in ten thousand
// measurements.
const chance = 1e-4

// outageMargin is how much earlier than an outage, seconds, a rung must have
// been over to count: the outage began up to four seconds before it was noted,
// and a rung's own clock starts up to four seconds after the run's.
const outageMargin = 8

// bound sets the upper bound when the silence of the rungs above the last
// answer cannot be loss.
func (l *lifetime) bound(g Group, silent []Rung, outage int) {
	if len(silent) == 0 {
		if top := g.Rungs[len(g.Rungs)-1]; !top.alive() {
			l.problem = fmt.Sprintf("the rung of %d s brought no answer that could be judged: %s", top.Seconds, top.why())
		}
		return
	}
	if outage != 0 && silent[0].Seconds+outageMargin > outage {
		l.problem = fmt.Sprintf("after %d s the responder did not answer on UDP at all, so the silence after that proves nothing", outage)
		return
	}
	lost, copies := g.loss(), 0
	for _, r := range silent {
		for _, f := range r.Flows {
			copies += f.Sent
		}
	}
	if math.Pow(lost, float64(copies)) > chance {
		l.problem = fmt.Sprintf("nothing arrived after %d s of silence, but with %.0f %% of the late messages lost that proves nothing", silent[0].Seconds, 100*lost)
		return
	}
	l.below = silent[0].Seconds
}

// loss is the share of late messages that were lost on flows that were alive,
// 1 % at least: a handful of messages cannot show that there is none.
func (g Group) loss() float64 {
	sent, heard := 0, 0
	for _, r := range g.Rungs {
		for _, f := range r.Flows {
			if f.alive() {
				sent += f.Sent
				heard += min(f.Heard, f.Sent)
			}
		}
	}
	if sent == 0 {
		return 1
	}
	return max(0.01, float64(sent-heard)/float64(sent))
}

func (g Group) control() bool { return g.Rungs[0].Control && g.Rungs[0].alive() }

func (g Group) whyNoControl() string {
	r := g.Rungs[0]
	if r.forgotten() {
		return fmt.Sprintf("messages that come %d s after the last one do not arrive at all, which is no router's memory", r.Seconds)
	}
	return "no flow could be opened: " + r.why()
}

func (r Rung) alive() bool {
	return slices.ContainsFunc(r.Flows, func(f Flow) bool { return f.alive() })
}

// forgotten reports whether none of the rung's flows was heard, although with
// one of them everything was done. A flow that could not be opened says nothing.
func (r Rung) forgotten() bool {
	return !r.alive() && slices.ContainsFunc(r.Flows, func(f Flow) bool { return f.Opened && f.Waited && f.Sent > 0 })
}

// why is the first note of a flow, for the reader.
func (r Rung) why() string {
	for _, f := range r.Flows {
		switch {
		case f.Note != "":
			return f.Note
		case !f.Waited:
			return "it was not waited for"
		case f.Sent == 0:
			return "the responder sent nothing"
		}
	}
	return "no flow was tried"
}

func summary(f Facts) string {
	var parts []string
	switch {
	case f.UDPBelow != 0:
		parts = append(parts, fmt.Sprintf("the router forgets a UDP port %s", within(f.UDPAtLeast, f.UDPBelow)))
	case f.UDPAtLeast != 0:
		parts = append(parts, fmt.Sprintf("the router remembers a UDP port for %d s or more", f.UDPAtLeast))
	default:
		parts = append(parts, "how long the router remembers a UDP port could not be told")
	}
	if f.SingleBelow != 0 && f.SingleBelow != f.UDPBelow {
		parts = append(parts, fmt.Sprintf("after a single exchange %s", within(f.SingleAtLeast, f.SingleBelow)))
	}
	switch {
	case f.SIPPortAtLeast == 0 && f.SIPPortBelow == 0, f.SIPPortAtLeast == f.UDPAtLeast && f.SIPPortBelow == f.UDPBelow:
	case f.SIPPortBelow != 0:
		parts = append(parts, fmt.Sprintf("on the SIP port %s", within(f.SIPPortAtLeast, f.SIPPortBelow)))
	default:
		parts = append(parts, fmt.Sprintf("on the SIP port it remembers %d s or more", f.SIPPortAtLeast))
	}
	return strings.Join(parts, "; ")
}

// within says between which two silences a flow is forgotten.
func within(atLeast, below int) string {
	if atLeast == 0 {
		return fmt.Sprintf("within %d s of silence", below)
	}
	return fmt.Sprintf("after %d to %d s of silence", atLeast, below)
}
