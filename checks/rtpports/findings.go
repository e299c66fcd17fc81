package rtpports

import (
	"math"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// findings are what is wrong, the worst first.
func (v outView) findings(host *netinfo.Host) []checks.Finding {
	out := []checks.Finding{}
	switch {
	case v.count(stateLocal) > 0:
		out = append(append(out, v.localFilter()), v.blockedWays(host)...)
	case v.blocked() > 0 && v.nothingOpen():
		out = append(out, v.allBlocked(host))
	default:
		out = append(out, v.blockedWays(host)...)
	}
	if t := v.full(); t.Answered > 0 {
		out = append(out, fullTable(t))
	}
	if v.o.Plain != nil {
		out = append(out, contentDecides(*v.o.Plain)...)
	}
	if n := len(v.o.Sources); n > 1 && v.o.Sources[n-1].Answered > 0 {
		out = append(out, v.sourceBlocked())
	}
	return out
}

// common is the evidence of every finding about blocked ports.
func (v outView) common() []checks.Evidence {
	ev := []checks.Evidence{proof("bar", nil, v.bar()), proof("open", nil, portList(v.f.Open))}
	for _, i := range v.o.ICMP {
		ev = append(ev, checks.Proof(say("evidence.icmp", words.Args{"hop": i.Hop}), nil,
			say("evidence.icmp-ports", words.Args{"meaning": i.Meaning, "n": i.Ports, "range": netinfo.PortRange{First: i.First, Last: i.Last}})))
	}
	if v.f.Source != "" {
		ev = append(ev, proof("source", nil, v.f.Source))
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
func (v outView) blockedWays(host *netinfo.Host) []checks.Finding {
	var out []checks.Finding
	for _, way := range []struct {
		id, evidence string
		ranges       []string
	}{{"rtp-ports.blocked-outbound", "never-arrived", v.list(stateOutbound)}, {"rtp-ports.blocked-return", "answer-lost", v.f.BlockedReturn}} {
		if len(way.ranges) == 0 {
			continue
		}
		out = append(out, checks.Finding{
			ID: way.id, Severity: checks.Critical, Confidence: checks.Certain,
			Args:     words.Args{"ports": portList(way.ranges), "calls": v.calls()},
			Evidence: append([]checks.Evidence{proof(way.evidence, nil, portList(way.ranges))}, v.common()...),
			Fixes:    v.cures(host),
		})
	}
	return out
}

// cures open the whole range: every port of it has to pass.
func (v outView) cures(host *netinfo.Host) []fixes.Fix {
	return fixes.For(fixes.RTPPorts, host, map[string]string{"RTPRange": v.o.Range, "PBX": v.o.Target.String()})
}

// allBlocked needs care: a responder whose own firewall is closed looks like
// an office whose is.
func (v outView) allBlocked(host *netinfo.Host) checks.Finding {
	return checks.Finding{
		ID: "rtp-ports.all-blocked", Severity: checks.Critical, Confidence: checks.Likely,
		Args:     words.Args{"back": len(v.f.BlockedReturn) > 0, "range": v.f.Range},
		Evidence: append(v.common(), proof("sources-tried", nil, sourcePorts(v.o.Sources))),
		Fixes:    v.cures(host),
	}
}

func sourcePorts(list []Source) (out []int) {
	for _, s := range list {
		out = append(out, int(s.Local.Port()))
	}
	return out
}

func (v outView) localFilter() checks.Finding {
	return checks.Finding{
		ID: "rtp-ports.local-filter", Severity: checks.Critical, Confidence: checks.Certain, Heard: true,
		Args: words.Args{"ports": portList(v.list(stateLocal))},
		Evidence: append([]checks.Evidence{proof("refused", nil, say("evidence.packets", words.Args{"n": v.o.LocalFilter}))},
			v.common()...),
	}
}

// RouterTable is the ID of the finding that the router has no room for new flows.
const RouterTable = "rtp-ports.router-table"

// fullTable names the router's limit.
func fullTable(t Trip) checks.Finding {
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

func twoDigits(n int) int {
	unit := 1
	for n/unit >= 100 {
		unit *= 10
	}
	return int(math.Round(float64(n)/float64(unit))) * unit
}

// contentDecides is about packets that are not RTP, where they fare otherwise.
func contentDecides(p Plain) (out []checks.Finding) {
	found := func(id string, s checks.Severity, c checks.Confidence, which string, answered, asked int) {
		got := say("evidence.answered", words.Args{"n": answered, "asked": asked})
		ev := checks.Proof(say("evidence.not-rtp", words.Args{"which": which}), nil, got)
		out = append(out, checks.Finding{ID: id, Severity: s, Confidence: c, Evidence: []checks.Evidence{ev}})
	}
	if p.BlockedAnswered > 0 {
		found("rtp-ports.rtp-dropped", checks.Critical, checks.Certain, "same", p.BlockedAnswered, p.BlockedAsked)
	}
	if p.OpenAsked >= plainPorts && p.OpenAnswered == 0 {
		found("rtp-ports.only-rtp", checks.Info, checks.Likely, "open", 0, p.OpenAsked)
	}
	return out
}

func (v outView) sourceBlocked() checks.Finding {
	n := len(v.o.Sources) - 1
	last, silent := v.o.Sources[n].Local, sourcePorts(v.o.Sources[:n])
	return checks.Finding{
		ID: "rtp-ports.source-port", Severity: checks.Warning, Confidence: checks.Likely,
		Args:     words.Args{"silent": silent, "works": last.Port()},
		Evidence: []checks.Evidence{proof("source", silent, last)},
	}
}
