package rtpports

import (
	"math"
	"net/netip"
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// InboundFacts is the stable summary of the test from outside. Lists hold
// ranges.
type InboundFacts struct {
	Range         string      `json:"range"`                // that was tested
	ConfRange     string      `json:"conf_range,omitempty"` // that rtp.conf gives the PBX
	ConfFile      string      `json:"conf_file,omitempty"`
	Public        netip.Addr  `json:"public,omitzero"` // the address outside
	Local         netip.Addr  `json:"local,omitzero"`  // where a forwarding has to lead
	Method        string      `json:"method"`          // watch or bind
	Arrives       []string    `json:"arrives"`
	Moved         []MovedFact `json:"moved"`          // arrive at another port of this machine
	LocalFirewall []string    `json:"local_firewall"` // reach this machine, whose own firewall drops them
	Silent        []string    `json:"silent"`         // nothing arrives
	InUse         []string    `json:"in_use"`         // not tested: another program has them
	Unknown       []string    `json:"unknown"`
	LostCallsPct  int         `json:"lost_calls_pct"` // share of the range that does not arrive
	PortsProbed   int         `json:"ports_probed"`
	PacketsSent   int         `json:"packets_sent"` // by the responder
	ElapsedS      float64     `json:"elapsed_s"`
}

// MovedFact is a range that is forwarded to other ports.
type MovedFact struct {
	Ports string `json:"ports"`
	To    string `json:"to"`
}

// inView is the observation of the test from outside with what follows for every
// port.
type inView struct {
	view
	o Inbound
	f InboundFacts
}

// judgeInbound adds to j what the test from outside says. udp reports that
// packets of the responder are known to reach this machine when it has asked.
func judgeInbound(j *checks.Judgement, o Inbound, udp bool, host *netinfo.Host) (facts *InboundFacts) {
	whole, err := ParseRange(o.Range)
	if err != nil || o.Range == "" {
		return nil
	}
	v := inView{view: conclude(whole, bridged(unmoved(o.Runs))), o: o}
	v.f = v.facts()
	if v.nothing() && !udp {
		j.Inconclusive = joined(j.Inconclusive, say("reason.no-udp", nil))
		return &v.f
	}
	j.Findings = append(v.findings(host), j.Findings...)
	j.Summary = joined(v.summary(), j.Summary)
	if len(v.f.Unknown)+len(v.f.InUse) > 0 {
		j.Inconclusive = joined(j.Inconclusive, v.whyUnknown())
	}
	return &v.f
}

// bridged lets a run go on over ports in use, up to the next one of the same
// outcome: a forwarding does not know who owns a port.
func bridged(runs []Run) []Run {
	var out []Run
	for i, r := range runs {
		if r.State == stateBusy && i > 0 && i+1 < len(runs) && runs[i-1].State == runs[i+1].State && definite(runs[i-1].State) {
			out[len(out)-1].Last = runs[i+1].First - 1
			continue
		}
		out = append(out, r)
	}
	return out
}

func (v inView) facts() InboundFacts {
	o := v.o
	f := InboundFacts{
		Range: o.Range, Method: o.Method, Public: o.Public, Local: o.Local, Arrives: v.list(inArrives), Moved: []MovedFact{},
		LocalFirewall: v.list(inFiltered), Silent: v.list(inSilent),
		InUse: v.list(stateBusy), Unknown: v.list(stateUnknown),
		PacketsSent: o.Sent, ElapsedS: math.Round(float64(o.Elapsed)/100) / 10,
	}
	if c := o.Conf; c != nil {
		f.ConfRange, f.ConfFile = netinfo.PortRange{First: c.First, Last: c.Last}.String(), c.File
	}
	for _, r := range o.Runs {
		if r.State != stateBusy {
			f.PortsProbed += r.Asked
		}
		if r.State == inMoved {
			ports, to := netinfo.PortRange{First: r.First, Last: r.Last}, netinfo.PortRange{First: min(r.To, r.ToLast), Last: max(r.To, r.ToLast)}
			f.Moved = append(f.Moved, MovedFact{ports.String(), to.String()})
		}
	}
	f.LostCallsPct = percent(v.lost(), v.whole.Len())
	return f
}

// lost is the number of ports whose calls have no audio from outside.
func (v inView) lost() int { return v.count(inMoved, inFiltered, inSilent) }

func (v inView) calls() words.Text { return v.view.calls(v.lost(), true) }

// nothing reports that not one packet reached this machine.
func (v inView) nothing() bool {
	return v.count(inArrives, inMoved, inFiltered) == 0 && v.count(inSilent) > 0
}

// translated reports that there is a NAT on the way.
func (v inView) translated() bool { return v.o.Public.IsValid() && v.o.Public != v.o.Local }

func (v inView) summary() words.Text {
	switch {
	case v.lost() == 0 && len(v.f.Unknown)+len(v.f.InUse) == 0:
		return say("summary.arrives", words.Args{"ports": v.f.Range})
	case v.lost() == 0 && len(v.f.Arrives) == 0:
		return say("summary.outside-no-result", words.Args{"range": v.f.Range})
	case v.lost() == 0:
		return say("summary.arrives", words.Args{"ports": portList(v.f.Arrives)})
	case v.nothing():
		return say("summary.nothing-arrives", words.Args{"range": v.f.Range, "calls": v.calls()})
	}
	var ways []words.Text
	for _, w := range []struct {
		why    string
		ranges []string
	}{{inSilent, v.f.Silent}, {inMoved, v.list(inMoved)}, {inFiltered, v.f.LocalFirewall}} {
		if len(w.ranges) > 0 {
			ways = append(ways, say("summary.not-arriving", words.Args{"ports": portList(w.ranges), "why": w.why}))
		}
	}
	return say("summary.outside", words.Args{"ways": ways, "calls": v.calls()})
}

func (v inView) whyUnknown() words.Text {
	switch {
	case v.o.GaveUp != "":
		return problem(words.Cause(v.o.GaveUp))
	case len(v.f.Unknown) > 0:
		return say("reason.outside-unknown", words.Args{"ports": portList(v.f.Unknown)})
	}
	return say("reason.outside-in-use", words.Args{"ports": portList(v.f.InUse)})
}

// findings are what is wrong, the worst first.
func (v inView) findings(host *netinfo.Host) (out []checks.Finding) {
	part := func(id, evidence string, args words.Args, shown any, cures []fixes.Fix) {
		args["calls"] = v.calls()
		out = append(out, checks.Finding{
			ID: id, Severity: checks.Critical, Confidence: checks.Certain, Args: args, Evidence: v.proof(proof(evidence, nil, shown)), Fixes: cures,
		})
	}
	silent, filtered := portList(v.f.Silent), portList(v.f.LocalFirewall)
	switch {
	case v.nothing():
		out = append(out, v.none(host))
	case len(v.f.Silent) > 0:
		part("rtp-ports.inbound-missing", "never-arrived", words.Args{"ports": silent, "nat": v.translated()}, silent, v.cures(host))
	}
	if len(v.f.Moved) > 0 {
		var from []string
		var to []words.Text
		for _, m := range v.f.Moved {
			from, to = append(from, m.Ports), append(to, say("evidence.at", words.Args{"ports": m.Ports, "to": m.To}))
		}
		part("rtp-ports.inbound-moved", "arrived-elsewhere", words.Args{"ports": portList(from)}, to[:min(len(to), mostShown)], v.cures(host))
	}
	if len(v.f.LocalFirewall) > 0 {
		part("rtp-ports.inbound-local-firewall", "dropped-here", words.Args{"ports": filtered}, filtered, nil)
	}
	if v.o.Conf != nil && (len(v.o.Conf.Notes) > 0 || v.o.Conf.Default) {
		out = append(out, v.oddConf())
	}
	return out
}

// cures are the router's commands for the whole range, to this machine.
func (v inView) cures(host *netinfo.Host) []fixes.Fix {
	if !v.translated() {
		return nil
	}
	return fixes.For(fixes.RTPForward, host, map[string]string{
		"RTPRange": v.o.Range, "RTPFirst": strconv.Itoa(v.whole.First), "RTPLast": strconv.Itoa(v.whole.Last), "PBX": v.o.Local.String(),
	})
}
