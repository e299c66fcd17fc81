package natlifetime

import (
	"math"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
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
		return checks.Judgement{Summary: say("summary.unmeasured", nil), Skip: say("skip.no-responder", nil)}
	case len(o.Groups) == 0:
		return checks.Judgement{Summary: say("summary.unmeasured", nil), Inconclusive: o.unmeasured()}
	}
	stream, once, sip := o.lifetime(kindStream), o.lifetime(kindOnce), o.lifetime(kindSIP)
	f := Facts{
		UDPAtLeast: stream.atLeast, UDPBelow: stream.below,
		SIPPortAtLeast: sip.atLeast, SIPPortBelow: sip.below,
		SingleAtLeast: once.atLeast, SingleBelow: once.below,
	}
	j := checks.Judgement{Facts: f, Summary: summary(f), Findings: findings(o, f, host)}
	switch {
	case !stream.problem.IsZero():
		j.Inconclusive = stream.problem
	case f.UDPAtLeast == 0 && f.UDPBelow == 0:
		j.Inconclusive = say("reason.no-silence", nil)
	case !sip.problem.IsZero():
		j.Inconclusive = say("reason.sip-port", words.Args{"why": sip.problem})
	}
	if !j.Inconclusive.IsZero() && o.Problem != "" {
		j.Inconclusive = say("reason.besides", words.Args{"why": j.Inconclusive, "problem": o.Problem})
	}
	return j
}

// say is a message of this check.
func say(id string, args words.Args) words.Text { return words.Say("nat-lifetime."+id, args) }

// unmeasured is why there is nothing to judge.
func (o Observed) unmeasured() words.Text {
	switch o.Problem {
	case "":
		return say("reason.no-flow", nil)
	case noPlainPort:
		return say("reason.no-plain-port", nil)
	}
	return say("reason.problem", words.Args{"problem": o.Problem})
}

// lifetime is what one group's rungs come to.
type lifetime struct {
	atLeast, below int        // seconds; the control rung does not count
	problem        words.Text // why they mean nothing, or less than they should
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
		l.bound(o, g, silent)
	}
	return l
}

// chance is how likely an upper bound may be mere loss: once in ten thousand
// measurements.
const chance = 1e-4

// outageMargin is how much earlier than an outage, seconds, a rung must have
// been over to count: the outage began up to four seconds before it was noted,
// and a rung's own clock starts up to eleven seconds after the run's.
const outageMargin = 15

// bound sets the upper bound to the first of the rungs above the last answer
// whose silence cannot be loss.
func (l *lifetime) bound(o Observed, g Group, silent []Rung) {
	if len(silent) == 0 {
		if top := g.Rungs[len(g.Rungs)-1]; !top.alive() {
			l.problem = say("reason.no-result", words.Args{"seconds": top.Seconds, "why": top.why()})
		}
		return
	}
	if o.OutageS != 0 && silent[0].Seconds+outageMargin > o.OutageS {
		l.problem = say("reason.outage", words.Args{"seconds": o.OutageS})
		return
	}
	lost, copies := o.loss(), 0
	for _, r := range silent {
		// A longer timer would have to have lost whatever was sent up to here.
		for _, f := range r.Flows {
			copies += f.Sent
		}
		if math.Pow(lost, float64(copies)) <= chance {
			l.below = r.Seconds
			return
		}
	}
	l.problem = say("reason.loss", words.Args{"seconds": silent[0].Seconds, "loss": words.Percent(math.Round(100 * lost))})
}

// loss is the share of late messages that the line may well have lost: of those
// to flows that were alive, whatever their kind, two standard deviations more
// than were missing. It is 1 % at least: a handful of messages cannot show that
// there is none.
func (o Observed) loss() float64 {
	sent, heard := 0, 0
	for _, g := range o.Groups {
		for _, r := range g.Rungs {
			for _, f := range r.Flows {
				if f.alive() {
					sent += f.Sent
					heard += min(f.Heard, f.Sent)
				}
			}
		}
	}
	if sent == 0 {
		return 1
	}
	lost := float64(sent-heard) / float64(sent)
	return min(1, max(0.01, lost+2*math.Sqrt(lost*(1-lost)/float64(sent))))
}

func (g Group) control() bool { return g.Rungs[0].Control && g.Rungs[0].alive() }

func (g Group) whyNoControl() words.Text {
	r := g.Rungs[0]
	if r.forgotten() {
		return say("reason.control-lost", words.Args{"seconds": r.Seconds})
	}
	return say("reason.not-opened", words.Args{"why": r.why()})
}

func (r Rung) alive() bool {
	return slices.ContainsFunc(r.Flows, func(f Flow) bool { return f.alive() })
}

// forgotten reports whether none of the rung's flows was heard, although with
// one of them everything was done. A flow that could not be opened says nothing.
func (r Rung) forgotten() bool {
	return !r.alive() && slices.ContainsFunc(r.Flows, func(f Flow) bool { return f.Opened && f.Waited && f.Sent > 0 })
}

// why is the first note of a flow: a message, or the text of an error.
func (r Rung) why() any {
	for _, f := range r.Flows {
		switch {
		case f.Note == unanswered:
			return say("why.no-answer", nil)
		case f.Note != "":
			return f.Note
		case !f.Waited:
			return say("why.not-waited", nil)
		case f.Sent == 0:
			return say("why.nothing-sent", nil)
		}
	}
	return say("why.not-tried", nil)
}

func summary(f Facts) words.Text {
	var figures []words.Text
	add := func(id string, args words.Args) { figures = append(figures, say("summary."+id, args)) }
	switch {
	case f.UDPBelow != 0:
		add("dropped", words.Args{"span": span(f.UDPAtLeast, f.UDPBelow)})
	case f.UDPAtLeast != 0:
		add("kept", words.Args{"seconds": f.UDPAtLeast})
	default:
		add("unclear", nil)
	}
	if f.SingleBelow != 0 && f.SingleBelow != f.UDPBelow {
		add("single", words.Args{"span": span(f.SingleAtLeast, f.SingleBelow)})
	}
	switch {
	case f.SIPPortAtLeast == 0 && f.SIPPortBelow == 0, f.SIPPortAtLeast == f.UDPAtLeast && f.SIPPortBelow == f.UDPBelow:
	case f.SIPPortBelow != 0:
		add("sip-dropped", words.Args{"span": span(f.SIPPortAtLeast, f.SIPPortBelow)})
	default:
		add("sip-kept", words.Args{"seconds": f.SIPPortAtLeast})
	}
	return say("summary", words.Args{"figures": figures})
}

func span(atLeast, below int) words.Text {
	return say("span", words.Args{"from": atLeast, "to": below})
}
