package conntrack

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// BannedFlow is a connection that exists, of an address whose new packets are
// stopped: its own are let in as established.
type BannedFlow struct {
	netinfo.Flow
	Rule words.Reason `json:"rule"` // that stops new packets
}

// maxSIPPorts bounds the ports whose flows are listed, and maxBannedFlows what
// is kept of them.
const (
	maxSIPPorts    = 8
	maxBannedFlows = 50
)

// flows looks for connections to the SIP ports whose first packet the rules of
// now would stop, though they let strangers in: a ban came after them, and does
// not reach them.
func (o *Observed) flows(ctx context.Context, sys platform.System, filter pbx.Filter, routes *pbx.Routes, ast pbx.Asterisk) {
	ports := pbx.SIPPorts(ast.Wanted())
	for _, p := range ports[:min(len(ports), maxSIPPorts)] {
		list, err := netinfo.ReadFlows(ctx, sys, p.Protocol, p.Port)
		if errors.Is(err, platform.ErrNotCollected) {
			return // the bundle is older than this question
		}
		if err != nil {
			o.Notes = append(o.Notes, platform.Words(err).Reason().In("conntrack.note.flows", "why"))
			return // it is the same for all ports
		}
		o.banned(filter, routes, list, p.Protocol, p.Port)
	}
}

// banned keeps the flows whose addresses the rules stop.
func (o *Observed) banned(filter pbx.Filter, routes *pbx.Routes, list []netinfo.Flow, protocol string, port uint16) {
	var from []netip.Prefix
	for _, f := range list {
		a := f.From.Addr()
		if p := netip.PrefixFrom(a, a.BitLen()); f.Answered && !a.IsLoopback() && !slices.Contains(from, p) {
			from = append(from, p)
		}
	}
	for _, group := range routes.ByWayIn(from) {
		stranger := []netip.Prefix{pbx.Nobody(group[0].Addr().Is6())}
		if pbx.Verdict(filter.Rules, routes.FirstPackets(stranger, protocol, pbx.Port(port))) != packetfilter.Accepted {
			continue
		}
		for _, x := range filter.Rules.Evaluate(routes.FirstPackets(group, protocol, pbx.Port(port))).Outcomes {
			if !pbx.Stopped(x) || byCount(x) {
				continue
			}
			for _, f := range list {
				if f.Answered && (len(x.Region.Src) == 0 || x.Region.Src.Contains(f.From.Addr())) && goesOn(filter.Rules, routes, f, protocol, port) && len(o.Banned) < maxBannedFlows {
					o.Banned = append(o.Banned, BannedFlow{f, pbx.RuleAt(x.Decider)})
				}
			}
		}
	}
}

// goesOn reports whether the packets of a flow that exists are let in.
func goesOn(rules *packetfilter.Ruleset, routes *pbx.Routes, f netinfo.Flow, protocol string, port uint16) bool {
	c := routes.FirstPackets([]netip.Prefix{netip.PrefixFrom(f.From.Addr(), f.From.Addr().BitLen())}, protocol, pbx.Port(port))
	c.State, c.SrcPorts = packetfilter.StateEstablished, packetfilter.OneNum(packetfilter.Num(f.From.Port()))
	c.Dst = []netip.Prefix{netip.PrefixFrom(f.To.Addr(), f.To.Addr().BitLen())}
	return pbx.Verdict(rules, c) == packetfilter.Accepted
}

// byCount reports whether packets are stopped because there were many: a limit
// that an office ran into, and no ban.
func byCount(x packetfilter.Outcome) bool {
	return slices.ContainsFunc(append(slices.Clone(x.Trace), x.Decider), func(s packetfilter.Step) bool {
		return pbx.HasMatch(s.Rule, func(m *packetfilter.RecentMatch) bool { return m.HitCount > 1 })
	})
}

// mostNamed bounds the addresses in a title.
const mostNamed = 3

// bannedFlows is about connections that outlive a ban.
func bannedFlows(list []BannedFlow) checks.Finding {
	f := checks.Finding{ID: "conntrack.banned-flow", Severity: checks.Warning, Confidence: checks.Certain}
	var who []netip.Addr
	var steps []command.Step
	for _, x := range list {
		steps = pbx.AddStep(steps, command.Step{Do: []command.Command{x.End()}})
		if a := x.From.Addr(); !slices.Contains(who, a) {
			who = append(who, a)
		}
		flow := words.Args{"protocol": strings.ToUpper(x.Protocol), "from": x.From, "port": x.To.Port()}
		f.Evidence = append(f.Evidence,
			checks.Proof(words.Say("conntrack.evidence.connection", nil), nil, words.Say("conntrack.evidence.flow", flow)),
			checks.Proof(words.Say("conntrack.evidence.new-packets", nil), nil, words.Say("conntrack.evidence.stopped", words.Args{"rule": x.Rule})))
	}
	f.Args = words.Args{"who": who, "some": who[:min(len(who), mostNamed)]}
	f.Fixes = fixes.Build("end-banned-connections", "", nil, steps...)
	return f
}
