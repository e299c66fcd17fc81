package rtpports

import (
	"math"
	"slices"

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
	v := outView{view: conclude(whole, o.Runs), o: o}
	v.f = v.facts()
	j := checks.Judgement{Facts: v.f, Summary: v.summary(), Findings: v.findings(host), KnowsUnasked: true}
	if len(v.f.Unknown) > 0 {
		j.Inconclusive = say("reason.unknown", words.Args{"why": v.whyUnknown(), "ports": portList(v.f.Unknown)})
	}
	return j
}

// outView is the observation of a sweep with what follows for every port.
type outView struct {
	view
	o Observed
	f Facts
}

func (v outView) facts() Facts {
	o := v.o
	f := Facts{
		Range: o.Range, Mode: o.Mode,
		Open:            v.list(stateOpen),
		BlockedOutbound: v.list(stateOutbound, stateLocal),
		BlockedReturn:   v.list(stateReturn),
		Unknown:         v.list(stateUnknown, stateBusy, stateSilent),
		PacketsSent:     o.Sent, ElapsedS: math.Round(float64(o.ElapsedMS)/100) / 10,
		RatePerSecond: o.Rate, RTTMS: o.RTTMS, LossPct: v.loss(), RouterSessions: v.full().Answered,
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
func (v outView) loss() float64 {
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
func (v outView) blocked() int { return v.count(stateOutbound, stateReturn, stateLocal) }

// percent is the share that n of size ports are, at least 1 when there is any
// and less than 100 when one is missing.
func percent(n, size int) int {
	if n == 0 || n == size {
		return 100 * n / size
	}
	return min(max(int(math.Round(100*float64(n)/float64(size))), 1), 99)
}

// calls says what the blocked share means for calls.
func (v outView) calls() words.Text { return v.view.calls(v.blocked(), false) }

// full is the moment when the router's table was full; zero when it never was.
func (v outView) full() (t Trip) {
	if i := slices.IndexFunc(v.o.Trips, func(t Trip) bool { return t.Step }); i >= 0 {
		t = v.o.Trips[i]
	}
	return t
}

func (v outView) nothingOpen() bool { return v.count(stateOpen) == 0 }

func (v outView) summary() words.Text {
	size := v.whole.Len()
	asked := say("summary.asked", words.Args{
		"all": v.f.PortsProbed >= size, "asked": v.f.PortsProbed, "size": size, "loss": words.Percent(v.f.LossPct),
	})
	blocked := v.blocked()
	switch {
	case blocked == 0 && len(v.f.Unknown) == 0:
		return say("summary.open", words.Args{"range": v.f.Range, "asked": asked})
	case blocked == 0 && v.nothingOpen():
		return say("summary.no-result", words.Args{"range": v.f.Range, "asked": asked})
	case blocked == 0:
		return say("summary.partly", words.Args{"open": v.count(stateOpen), "size": size, "asked": asked})
	case v.nothingOpen():
		return say("summary.all-blocked", words.Args{"range": v.f.Range, "calls": v.calls(), "asked": asked})
	}
	var ways []words.Text
	if len(v.f.BlockedOutbound) > 0 {
		ways = append(ways, say("summary.way", words.Args{"way": "out", "ports": portList(v.f.BlockedOutbound)}))
	}
	if len(v.f.BlockedReturn) > 0 {
		ways = append(ways, say("summary.way", words.Args{"way": "back", "ports": portList(v.f.BlockedReturn)}))
	}
	return say("summary.blocked", words.Args{"ways": ways, "calls": v.calls(), "asked": asked})
}

// whyUnknown says why ports are left open to question: a message, or the text
// of an error.
func (v outView) whyUnknown() any {
	switch {
	case v.o.GaveUp != "":
		return problem(words.Cause(v.o.GaveUp))
	case !v.o.Bitmap && v.o.BitmapError != "":
		return say("reason.direction", words.Args{"why": v.o.BitmapError})
	case v.o.Unproved > 0:
		return say("reason.other-address", nil)
	case v.count(stateBusy) > 0:
		return say("reason.busy", nil)
	case v.o.SendError != "" && v.o.LocalFilter == 0:
		return v.o.SendError
	}
	return say("reason.some", nil)
}
