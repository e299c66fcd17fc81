package rtpports

import (
	"math"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Facts is the stable summary of the check. Lists hold ranges, "a-b" or "a".
type Facts struct {
	Range           string   `json:"range"`
	Mode            string   `json:"mode"` // sample or full
	PortsProbed     int      `json:"ports_probed"`
	Open            []string `json:"open"`
	BlockedOutbound []string `json:"blocked_outbound"` // no probe arrived
	BlockedReturn   []string `json:"blocked_return"`   // probes arrived, the answers did not
	Unknown         []string `json:"unknown"`
	LossPct         float64  `json:"loss_pct"` // of round trips
	PacketsSent     int      `json:"packets_sent"`
	ElapsedS        float64  `json:"elapsed_s"`

	RatePerSecond int           `json:"rate_per_second"`
	RTTMS         int64         `json:"rtt_ms,omitempty"` // the longest
	Source        string        `json:"source,omitempty"` // our address and port
	BlockedPct    int           `json:"blocked_pct,omitempty"`
	Inbound       *InboundFacts `json:"inbound,omitempty"` // of --inbound

	RouterEntries     int    `json:"router_entries,omitempty"`      // the budget that the rate followed; 0: none
	RouterEntriesFrom string `json:"router_entries_from,omitempty"` // see fromDefault and the others
	RouterSessions    int    `json:"router_sessions,omitempty"`     // what the router's table held when it was full
}

// judge judges the sweep, and the test from outside when there was one.
func judge(o Observed, host *netinfo.Host) checks.Judgement {
	j := judgeSweep(o, host)
	if o.Inbound == nil {
		return j
	}
	f, ok := j.Facts.(Facts)
	if !ok {
		f = Facts{Range: o.Range, Mode: o.Mode, Open: []string{}, BlockedOutbound: []string{}, BlockedReturn: []string{}, Unknown: []string{}}
	}
	f.Inbound = judgeInbound(&j, *o.Inbound, len(f.Open) > 0, host)
	if o.InboundError != "" {
		j.Inconclusive = joined(j.Inconclusive, say("reason.inbound-ended", words.Args{"why": problem(o.InboundError)}))
		j.KnowsUnasked = false
	}
	j.Facts = f
	return j
}

func judgeSweep(o Observed, host *netinfo.Host) checks.Judgement {
	untested := say("summary.untested", nil)
	if o.Responder == "" {
		return checks.Judgement{Summary: untested, Skip: say("skip.no-responder", nil)}
	}
	if o.ResponderError != "" {
		return checks.Judgement{Summary: untested, Inconclusive: problem(o.ResponderError)}
	}
	whole, err := ParseRange(o.Range)
	if err != nil {
		return checks.Judgement{Summary: untested, Inconclusive: say("reason.no-range", nil)}
	}
	v := view{o: o, whole: whole, verdicts: conclude(whole, o.Runs)}
	f := v.facts()
	j := checks.Judgement{Facts: f, Summary: v.summary(f), Findings: v.findings(f, host), KnowsUnasked: true}
	if len(f.Unknown) > 0 {
		j.Inconclusive = say("reason.unknown", words.Args{"why": v.whyUnknown(), "ports": portList(f.Unknown)})
	}
	return j
}

// view is an observation with what follows for every port.
type view struct {
	o        Observed
	whole    netinfo.PortRange
	verdicts []verdict
}

func (v view) facts() Facts {
	o := v.o
	f := Facts{
		Range: o.Range, Mode: o.Mode,
		Open:            list(v.verdicts, stateOpen),
		BlockedOutbound: list(v.verdicts, stateOutbound, stateLocal),
		BlockedReturn:   list(v.verdicts, stateReturn),
		Unknown:         list(v.verdicts, stateUnknown, stateBusy, stateSilent),
		PacketsSent:     o.Sent, ElapsedS: math.Round(float64(o.ElapsedMS)/100) / 10,
		RatePerSecond: o.Rate, RTTMS: o.RTTMS, LossPct: v.loss(), RouterSessions: v.sessions(),
		RouterEntries: o.Entries, RouterEntriesFrom: o.EntriesFrom,
	}
	for _, r := range o.Runs {
		if r.State != stateUnknown && r.State != stateBusy {
			f.PortsProbed += r.Asked
		}
	}
	if n := len(o.Sources); n > 0 {
		f.Source = o.Sources[n-1].Local.String()
	}
	f.BlockedPct = percent(v.blocked(), v.whole.Len())
	return f
}

// loss is that of round trips, in percent with one decimal: of the first
// question to every open port, and of known-open ports asked again.
func (v view) loss() float64 {
	asked, lost := v.o.Canaries, v.o.CanariesLost+v.o.Late
	for _, r := range v.o.Runs {
		if r.State == stateOpen {
			asked += r.Asked
		}
	}
	if asked == 0 {
		return 0
	}
	return math.Round(1000*float64(lost)/float64(asked)) / 10
}

// blocked is the number of ports that do not pass.
func (v view) blocked() int { return count(v.verdicts, stateOutbound, stateReturn, stateLocal) }

// percent is the share that n of size ports are, at least 1 when there is any
// and less than 100 when one is missing.
func percent(n, size int) int {
	if n == 0 || n == size {
		return 100 * n / size
	}
	return min(max(int(math.Round(100*float64(n)/float64(size))), 1), 99)
}

// calls says what the blocked share means for calls.
func (v view) calls() words.Text { return calls(v.blocked(), v.whole.Len(), false) }

// sessions is how many connections the router held when no more passed; 0 when
// its table was never full.
func (v view) sessions() int {
	for _, t := range v.o.Trips {
		if t.Step {
			return t.Answered
		}
	}
	return 0
}

func (v view) nothingOpen() bool { return count(v.verdicts, stateOpen) == 0 }

func (v view) summary(f Facts) words.Text {
	size := v.whole.Len()
	asked := say("summary.asked", words.Args{
		"all": f.PortsProbed >= size, "asked": f.PortsProbed, "size": size, "loss": words.Percent(f.LossPct),
	})
	blocked := v.blocked()
	switch {
	case blocked == 0 && len(f.Unknown) == 0:
		return say("summary.open", words.Args{"range": f.Range, "asked": asked})
	case blocked == 0 && v.nothingOpen():
		return say("summary.no-result", words.Args{"range": f.Range, "asked": asked})
	case blocked == 0:
		return say("summary.partly", words.Args{"open": count(v.verdicts, stateOpen), "size": size, "asked": asked})
	case v.nothingOpen():
		return say("summary.all-blocked", words.Args{"range": f.Range, "calls": v.calls(), "asked": asked})
	}
	var ways []words.Text
	if len(f.BlockedOutbound) > 0 {
		ways = append(ways, say("summary.way", words.Args{"way": "out", "ports": portList(f.BlockedOutbound)}))
	}
	if len(f.BlockedReturn) > 0 {
		ways = append(ways, say("summary.way", words.Args{"way": "back", "ports": portList(f.BlockedReturn)}))
	}
	return say("summary.blocked", words.Args{"ways": ways, "calls": v.calls(), "asked": asked})
}

// whyUnknown says why ports are left open to question: a message, or the text
// of an error.
func (v view) whyUnknown() any {
	switch {
	case v.o.GaveUp != "":
		return problem(words.Cause(v.o.GaveUp))
	case !v.o.Bitmap && v.o.BitmapError != "":
		return say("reason.direction", words.Args{"why": v.o.BitmapError})
	case v.o.Unproved > 0:
		return say("reason.other-address", nil)
	case count(v.verdicts, stateBusy) > 0:
		return say("reason.busy", nil)
	case v.o.SendError != "" && v.o.LocalFilter == 0:
		return v.o.SendError
	}
	return say("reason.some", nil)
}
