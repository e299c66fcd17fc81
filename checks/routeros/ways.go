package routeros

import (
	"context"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// filter is a router's packet filter.
type filter struct {
	cfg   *ros.Config
	rules *packetfilter.Ruleset
	host  *packetfilter.Host
	own   []netip.Addr
}

func (e *export) filter(cfg *ros.Config) filter {
	return filter{cfg: cfg, rules: packetfilter.New(packetfilter.ReadRouterOS(cfg)), host: packetfilter.RouterOSHost(cfg), own: e.ownAddresses("")}
}

// evaluate takes the packets that matter through the rules.
func (e *export) evaluate(ctx context.Context, o *Observed) {
	f := e.filter(e.Config)
	for i := range o.LANs {
		lan := &o.LANs[i]
		lan.Closed = f.closed(*lan, o.Uplinks)
		for _, out := range outs(o.Uplinks) {
			for _, u := range e.need.Ports {
				if ctx.Err() != nil {
					return
				}
				o.Ways = append(o.Ways, f.ways(e, *lan, out, u)...)
			}
		}
	}
	e.stopped(f, o)
	e.open(f, o)
}

// outs are the interfaces to ask about: one that is not known if no uplink is.
func outs(uplinks []string) []string {
	if len(uplinks) == 0 {
		return []string{""}
	}
	const most = 8 // bounds the evaluation
	return uplinks[:min(len(uplinks), most)]
}

// class are the packets from a LAN to ports of a network; the zero Prefix is any.
func (f filter) class(lan LAN, out string, protocol string, ports packetfilter.NumSet, to netip.Prefix) packetfilter.Class {
	c := packetfilter.Class{
		Protocol: packetfilter.UDP, Hook: packetfilter.HookForward, In: lan.Interface, Out: out,
		Src: []netip.Prefix{lan.Prefix}, DstPorts: ports, Local: f.own, Host: f.host,
	}
	if protocol == "tcp" {
		c.Protocol = packetfilter.TCP
	}
	if to.IsValid() {
		c.Dst = []netip.Prefix{to}
	}
	return c
}

// closed reports whether not even HTTPS gets out of a LAN, by whatever uplink: then
// nobody meant phones to work there, or nothing works anyway.
func (f filter) closed(lan LAN, uplinks []string) bool {
	for _, out := range outs(uplinks) {
		for _, o := range f.rules.Evaluate(f.class(lan, out, "tcp", packetfilter.OneNum(443), netip.Prefix{})).Outcomes {
			if !pbx.Stopped(o) {
				return false
			}
		}
	}
	return true
}

// ways are what becomes of one kind of packet; destinations that fare alike are put
// together.
func (f filter) ways(e *export, lan LAN, out string, u Use) (list []Way) {
	to := u.To
	if len(to) == 0 {
		to = []netip.Prefix{{}}
	}
	for _, network := range to {
		for _, w := range f.way(e, lan, out, u, network) {
			i := slices.IndexFunc(list, w.joins)
			if i < 0 {
				list = append(list, w)
			} else {
				list[i].To = append(list[i].To, w.To...)
			}
		}
	}
	return list
}

// joins reports whether another way differs by its destination alone.
func (w Way) joins(o Way) bool {
	return w.Verdict == o.Verdict && w.Partly == o.Partly && w.Rule == o.Rule && w.Table == o.Table && w.Line == o.Line &&
		slices.Equal(w.Ports, o.Ports) && slices.Equal(w.Reasons, o.Reasons)
}

// way evaluates one kind of packet to one network.
func (f filter) way(e *export, lan LAN, out string, u Use, to netip.Prefix) (list []Way) {
	asked := portSet(u.Ports)
	outcomes := f.rules.Evaluate(f.class(lan, out, u.Protocol, asked, to)).Outcomes
	portsOf := func(o packetfilter.Outcome) packetfilter.NumSet {
		if len(o.Region.DstPort) == 0 {
			return asked
		}
		return o.Region.DstPort.Intersect(asked)
	}
	elsewhere := func(i int) (others packetfilter.NumSet) { // ports of which some packets fare otherwise
		for k, o := range outcomes {
			if k != i && fate(o) != fate(outcomes[i]) {
				others = others.Union(portsOf(o))
			}
		}
		return others
	}
	for i, o := range outcomes {
		others := elsewhere(i)
		for _, part := range []struct {
			ports  packetfilter.NumSet
			partly bool
		}{{portsOf(o).Subtract(others), false}, {portsOf(o).Intersect(others), true}} {
			if len(part.ports) == 0 {
				continue
			}
			w := Way{From: lan.Prefix, In: lan.Interface, Out: out, Purpose: u.Purpose, Protocol: u.Protocol,
				Ports: portRanges(part.ports), Partly: part.partly}
			if to.IsValid() {
				w.To = []netip.Prefix{to}
			}
			list = append(list, f.decided(e, w, o))
		}
	}
	return list
}

// decided fills in what decides about a way.
func (f filter) decided(e *export, w Way, o packetfilter.Outcome) Way {
	w.Verdict, w.Reasons = string(o.Verdict), o.Reasons
	if o.Decider.Why != "" {
		w.Reasons = append(slices.Clone(w.Reasons), o.Decider.Why)
	}
	if row, ok := f.row(o.Decider); ok {
		w.Rule, w.Line, w.Table = cut(row.Text()), row.Line, place(o.Decider)
	}
	return w
}

// fate is what becomes of packets, whether they are told so or not.
func fate(o packetfilter.Outcome) packetfilter.Decision {
	if pbx.Stopped(o) {
		return packetfilter.Dropped
	}
	return o.Verdict
}

// place is the menu and the chain of a rule, with its number among those that are
// not disabled.
func place(s packetfilter.Step) string { return s.Chain.Table().Name + " " + s.Chain.Name }

// row is the rule of a step as it stands in the configuration; ok is false if no rule
// of it decides. The front end counts the rules of a chain that are in force.
func (f filter) row(s packetfilter.Step) (found ros.Row, ok bool) {
	if s.Rule == nil || s.Chain == nil || s.Chain.Table() == nil || s.Chain.Table().Family != packetfilter.FamilyIP {
		return found, false
	}
	n := 0
	for row := range f.cfg.Rows("/ip/firewall/" + s.Chain.Table().Name) {
		if row.Off() || row.Invalid || row.Get("chain").Text != s.Chain.Name {
			continue
		}
		if n++; n == s.Rule.Position {
			return row, row.Text() == s.Rule.Text
		}
	}
	return found, false
}

func portSet(list []netinfo.PortRange) packetfilter.NumSet {
	var spans []packetfilter.Span[packetfilter.Num]
	for _, r := range list {
		spans = append(spans, packetfilter.Span[packetfilter.Num]{Lo: packetfilter.Num(r.First), Hi: packetfilter.Num(r.Last)})
	}
	return packetfilter.NewSpans(spans...)
}

func portRanges(s packetfilter.NumSet) (list []netinfo.PortRange) {
	for _, x := range s {
		list = append(list, netinfo.PortRange{First: int(x.Lo), Last: int(x.Hi)})
	}
	return list
}

// reasonsOf are why it cannot be told what becomes of some packets.
func reasonsOf(list []Way) (out []words.Reason) {
	for _, w := range list {
		for _, r := range w.Reasons {
			if !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	return out
}
