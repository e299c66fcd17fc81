package conntrack

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Moved is a rule that gives this machine's own SIP or RTP packets another
// source port.
type Moved struct {
	Purpose string `json:"purpose"` // sip or rtp
	Ports   string `json:"ports"`
	Rule    string `json:"rule"`
	Where   string `json:"where"`
	// Spare are rules before it that leave these packets alone; empty where the
	// tool's own words are needed.
	Spare []packetfilter.RuleEdit `json:"spare,omitempty"`
}

// moved takes this machine's own packets to somebody out through the rules.
func moved(rules *packetfilter.Ruleset, wording *packetfilter.Wording, routes *pbx.Routes, all []pbx.Ports) (list []Moved) {
	anybody := pbx.Nobody(false)
	for _, ports := range all {
		if ports.Protocol != "udp" {
			continue // over TCP nobody is called back at the port that called
		}
		here := routes.Arrivals(anybody.Addr(), nil)[0]
		for _, o := range rules.Evaluate(routes.AnswersAt(here, anybody, ports)).Outcomes {
			for _, s := range o.Trace {
				if pbx.HasMatch(s.Rule, func(*packetfilter.Unknown) bool { return true }) {
					break // whether packets come to what follows is not known
				}
				sourceNAT := s.What == string(packetfilter.SNAT) || s.What == string(packetfilter.Masquerade)
				m := Moved{Purpose: ports.Purpose, Ports: pbx.WritePorts(ports.Set), Rule: pbx.RuleText(s), Where: pbx.RulePlace(s)}
				known := slices.ContainsFunc(list, func(x Moved) bool { return x.Where == m.Where && x.Ports == m.Ports })
				if o.Moved && sourceNAT && !known {
					m.Spare = spare(s, wording, ports)
					list = append(list, m)
				}
			}
		}
	}
	return list
}

// spare accepts the packets right before the rule, so that it does not see them.
func spare(s packetfilter.Step, wording *packetfilter.Wording, ports pbx.Ports) (list []packetfilter.RuleEdit) {
	anybody := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	for _, e := range s.AllowBefore(wording, anybody, packetfilter.UDP, ports.Set).Rules {
		i := slices.Index(e.Accept, "--dports")
		if e.IPTables == nil || i < 0 {
			return nil
		}
		e.Accept = slices.Clone(e.Accept)
		e.Accept[i] = "--sports"
		list = append(list, e)
	}
	return list
}

// movedPorts is about the packet filter that answers from other ports than
// Asterisk.
func movedPorts(list []Moved) checks.Finding {
	f := checks.Finding{ID: "conntrack.source-port-moved", Severity: checks.Critical, Confidence: checks.Certain}
	var edits []packetfilter.RuleEdit
	var purposes []string // RTP, SIP
	for _, m := range list {
		purposes = append(purposes, strings.ToUpper(m.Purpose))
		f.Evidence = append(f.Evidence, checks.Proof(words.Say("conntrack.evidence.own-packets", words.Args{"ports": m.Ports}),
			words.Say("conntrack.evidence.unmoved", nil), words.Say("conntrack.evidence.moved", words.Args{"where": m.Where, "rule": m.Rule})))
		edits = append(edits, m.Spare...)
	}
	slices.Sort(purposes)
	f.Args, f.Fixes = words.Args{"purposes": slices.Compact(purposes)}, pbx.EditFilter("spare-own-ports", nil, edits)
	return f
}
