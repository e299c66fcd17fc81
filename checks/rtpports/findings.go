package rtpports

import (
	"math"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// findings are what is wrong, the worst first.
func (v view) findings(f Facts, host *netinfo.Host) []checks.Finding {
	out := []checks.Finding{}
	switch {
	case count(v.verdicts, stateLocal) > 0:
		out = append(append(out, v.localFilter(f)), v.blockedWays(f, host)...)
	case v.blocked() > 0 && v.nothingOpen():
		out = append(out, v.allBlocked(f, host))
	default:
		out = append(out, v.blockedWays(f, host)...)
	}
	if v.sessions() > 0 {
		out = append(out, v.fullTable())
	}
	if p := v.o.Plain; p != nil && p.BlockedAnswered > 0 {
		out = append(out, v.contentDecides())
	}
	if p := v.o.Plain; p != nil && p.OpenAsked >= plainPorts && p.OpenAnswered == 0 {
		out = append(out, v.onlyRTP())
	}
	if n := len(v.o.Sources); n > 1 && v.o.Sources[n-1].Answered > 0 {
		out = append(out, v.sourceBlocked())
	}
	return out
}

// common is the evidence of every finding about blocked ports.
func (v view) common(f Facts) []checks.Evidence {
	ev := []checks.Evidence{proof("bar", nil, bar(v.whole, v.verdicts)), proof("open", nil, portList(f.Open))}
	for _, i := range v.o.ICMP {
		ev = append(ev, checks.Proof(say("evidence.icmp", words.Args{"hop": i.Hop}), nil,
			say("evidence.icmp-ports", words.Args{"meaning": i.Meaning, "n": i.Ports, "range": netinfo.PortRange{First: i.First, Last: i.Last}})))
	}
	if f.Source != "" {
		ev = append(ev, proof("source", nil, f.Source))
	}
	if v.o.Canaries > 0 {
		ev = append(ev, proof("control", nil, say("evidence.controls", words.Args{"answered": v.o.Canaries - v.o.CanariesLost, "asked": v.o.Canaries})))
	}
	return ev
}

// proof is evidence whose name is a message.
func proof(name string, want, got any) checks.Evidence {
	return checks.Proof(say("evidence."+name, nil), want, got)
}

// blockedWays are up to two findings, one a direction.
func (v view) blockedWays(f Facts, host *netinfo.Host) []checks.Finding {
	f.BlockedOutbound = list(v.verdicts, stateOutbound) // this computer's own filter has a finding of its own
	var out []checks.Finding
	for _, way := range []struct {
		id, evidence string
		ranges       []string
	}{{"rtp-ports.blocked-outbound", "never-arrived", f.BlockedOutbound}, {"rtp-ports.blocked-return", "answer-lost", f.BlockedReturn}} {
		if len(way.ranges) == 0 {
			continue
		}
		out = append(out, checks.Finding{
			ID: way.id, Severity: checks.Critical, Confidence: checks.Certain,
			Args:     words.Args{"ports": portList(way.ranges), "calls": v.calls()},
			Evidence: append([]checks.Evidence{proof(way.evidence, nil, portList(way.ranges))}, v.common(f)...),
			Fixes:    v.cures(host),
		})
	}
	return out
}

// cures open the whole range: every port of it has to pass.
func (v view) cures(host *netinfo.Host) []fixes.Fix {
	return fixes.For(fixes.RTPPorts, host, map[string]string{"RTPRange": v.o.Range, "PBX": v.o.Target.String()})
}

// allBlocked needs care: a responder whose own firewall is closed looks like
// an office whose is.
func (v view) allBlocked(f Facts, host *netinfo.Host) checks.Finding {
	return checks.Finding{
		ID: "rtp-ports.all-blocked", Severity: checks.Critical, Confidence: checks.Likely,
		Args:     words.Args{"back": len(f.BlockedReturn) > 0, "range": f.Range},
		Evidence: append(v.common(f), proof("sources-tried", nil, sourcePorts(v.o.Sources))),
		Fixes:    v.cures(host),
	}
}

func sourcePorts(list []Source) (out []int) {
	for _, s := range list {
		out = append(out, int(s.Local.Port()))
	}
	return out
}

func (v view) localFilter(f Facts) checks.Finding {
	return checks.Finding{
		ID: "rtp-ports.local-filter", Severity: checks.Critical, Confidence: checks.Certain, Heard: true,
		Args: words.Args{"ports": portList(list(v.verdicts, stateLocal))},
		Evidence: append([]checks.Evidence{proof("refused", nil, say("evidence.packets", words.Args{"n": v.o.LocalFilter}))},
			v.common(f)...),
	}
}

// RouterTable is the ID of the finding that the router has no room for new flows.
const RouterTable = "rtp-ports.router-table"

// fullTable names the router's limit.
func (v view) fullTable() checks.Finding {
	var t Trip
	for _, t = range v.o.Trips {
		if t.Step {
			break
		}
	}
	held := twoDigits(t.Answered)
	return checks.Finding{
		ID: RouterTable, Severity: checks.Warning, Confidence: checks.Likely,
		Args: words.Args{"held": held, "entries": max(t.Answered/4, 256)},
		Evidence: []checks.Evidence{
			proof("flows-before", nil, say("evidence.passed", words.Args{"n": held})),
			proof("flows-after", nil, say("evidence.failed", words.Args{"n": t.Failed, "rate": t.Rate})),
		},
	}
}

// twoDigits rounds to two digits.
func twoDigits(n int) int {
	unit := 1
	for n/unit >= 100 {
		unit *= 10
	}
	return int(math.Round(float64(n)/float64(unit))) * unit
}

func (v view) contentDecides() checks.Finding {
	p := v.o.Plain
	return checks.Finding{
		ID: "rtp-ports.rtp-dropped", Severity: checks.Critical, Confidence: checks.Certain,
		Evidence: []checks.Evidence{notRTP("same", p.BlockedAnswered, p.BlockedAsked)},
	}
}

func (v view) onlyRTP() checks.Finding {
	return checks.Finding{
		ID: "rtp-ports.only-rtp", Severity: checks.Info, Confidence: checks.Likely,
		Evidence: []checks.Evidence{notRTP("open", 0, v.o.Plain.OpenAsked)},
	}
}

// notRTP is evidence of packets that are no RTP, to open ports or to the same.
func notRTP(which string, answered, asked int) checks.Evidence {
	return checks.Proof(say("evidence.not-rtp", words.Args{"which": which}), nil, say("evidence.answered", words.Args{"n": answered, "asked": asked}))
}

func (v view) sourceBlocked() checks.Finding {
	n := len(v.o.Sources) - 1
	last, silent := v.o.Sources[n].Local, sourcePorts(v.o.Sources[:n])
	return checks.Finding{
		ID: "rtp-ports.source-port", Severity: checks.Warning, Confidence: checks.Likely,
		Args:     words.Args{"silent": silent, "works": last.Port()},
		Evidence: []checks.Evidence{proof("source", silent, last)},
	}
}
