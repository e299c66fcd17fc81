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
	rows  map[string][]ros.Row // that are in force, by table and chain
}

func (e *export) filter(cfg *ros.Config) filter {
	f := filter{cfg: cfg, rules: packetfilter.New(packetfilter.ReadRouterOS(cfg)), host: packetfilter.RouterOSHost(cfg), own: e.ownAddresses(""), rows: map[string][]ros.Row{}}
	for _, table := range []string{"raw", "mangle", "nat", "filter"} {
		for row := range cfg.Rows("/ip/firewall/" + table) {
			if place := table + " " + row.Get("chain").Text; !row.Off() && !row.Invalid {
				f.rows[place] = append(f.rows[place], row)
			}
		}
	}
	return f
}

// evaluate takes the packets that matter through the rules.
func (e *export) evaluate(ctx context.Context, o *Observed) {
	f := e.filter(e.Config)
	for i := range o.LANs {
		lan := &o.LANs[i]
		lan.Closed = f.closed(*lan, o.Uplinks)
		for _, out := range outs(o.Uplinks) {
			for _, u := range e.need.Ports {
				if o.Cut = ctx.Err() != nil || len(o.Ways) > maxWays; o.Cut {
					return
				}
				for _, direction := range []string{outward, answers} {
					o.Ways = append(o.Ways, f.ways(e, direction, *lan, out, u)...)
				}
			}
		}
	}
	e.stopped(o)
	e.open(f, o)
}

// maxWays bounds what is kept of rules that tell every port and phone apart.
const maxWays = 400

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

// asked are the packets of a way, with its ports as they stand in outcomes.
func (f filter) asked(w Way, to netip.Prefix) (packetfilter.Class, func(packetfilter.Outcome) packetfilter.NumSet) {
	ports := portSet(w.Ports)
	c := f.class(LAN{Prefix: w.From, Interface: w.In}, w.Out, w.Protocol, ports, to)
	of := func(o packetfilter.Outcome) packetfilter.NumSet { return o.Region.DstPort }
	if w.Direction == answers { // of a connection that exists, to whatever port of the phone
		c.In, c.Out, c.Src, c.Dst, c.SrcPorts, c.DstPorts = c.Out, c.In, c.Dst, c.Src, ports, nil
		c.State = packetfilter.StateEstablished
		of = func(o packetfilter.Outcome) packetfilter.NumSet { return o.Region.SrcPort }
	}
	return c, func(o packetfilter.Outcome) packetfilter.NumSet {
		if list := of(o); len(list) > 0 {
			return list.Intersect(ports)
		}
		return ports
	}
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
func (f filter) ways(e *export, direction string, lan LAN, out string, u Use) (list []Way) {
	to := u.To
	if len(to) == 0 {
		to = []netip.Prefix{{}}
	}
	for _, network := range to {
		asked := Way{Direction: direction, From: lan.Prefix, In: lan.Interface, Out: out, Purpose: u.Purpose, Protocol: u.Protocol, Ports: u.Ports}
		if network.IsValid() {
			asked.To = []netip.Prefix{network}
		}
		for _, w := range f.way(e, asked, network) {
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
	return w.Direction == o.Direction && w.Verdict == o.Verdict && w.Partly == o.Partly && w.Rule == o.Rule && w.Table == o.Table && w.Line == o.Line &&
		slices.Equal(w.Ports, o.Ports) && slices.Equal(w.Reasons, o.Reasons)
}

// way evaluates one kind of packet to one network.
func (f filter) way(e *export, asked Way, to netip.Prefix) (list []Way) {
	class, portsOf := f.asked(asked, to)
	outcomes := f.rules.Evaluate(class).Outcomes
	spans := map[packetfilter.Decision][]packetfilter.Span[packetfilter.Num]{}
	for _, o := range outcomes {
		spans[fate(o)] = append(spans[fate(o)], portsOf(o)...)
	}
	fates := map[packetfilter.Decision]packetfilter.NumSet{}
	for d, list := range spans {
		fates[d] = packetfilter.NewSpans(list...)
	}
	for _, o := range outcomes {
		var others packetfilter.NumSet // ports of which some packets fare otherwise
		for d, ports := range fates {
			if d != fate(o) {
				others = others.Union(ports)
			}
		}
		for _, part := range []struct {
			ports  packetfilter.NumSet
			partly bool
		}{{portsOf(o).Subtract(others), false}, {portsOf(o).Intersect(others), true}} {
			w := asked
			// Of all addresses of the world some may well be closed.
			if len(part.ports) == 0 || part.partly && pbx.Stopped(o) && !to.IsValid() && !(w.Purpose == "sip" && toSomePorts(class, o)) {
				continue
			}
			w.Ports, w.Partly = portRanges(part.ports), part.partly
			list = append(list, f.decided(e, w, o))
		}
	}
	return list
}

// toSomePorts reports whether answers meet an outcome by the port of the phone.
func toSomePorts(c packetfilter.Class, o packetfilter.Outcome) bool {
	all := packetfilter.NumSet{{Lo: 0, Hi: 65535}}
	return len(c.DstPorts) == 0 && len(o.Region.DstPort) > 0 && len(all.Subtract(o.Region.DstPort)) > 1
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

// place is the menu and the chain of a rule.
func place(s packetfilter.Step) string { return s.Chain.Table().Name + " " + s.Chain.Name }

// row is the rule of a step as it stands in the configuration; ok is false if no rule
// of it decides. The front end counts the rules of a chain that are in force.
func (f filter) row(s packetfilter.Step) (found ros.Row, ok bool) {
	if s.Rule == nil || s.Chain == nil || s.Chain.Table() == nil || s.Chain.Table().Family != packetfilter.FamilyIP {
		return found, false
	}
	rows := f.rows[place(s)]
	if s.Rule.Position < 1 || s.Rule.Position > len(rows) {
		return found, false
	}
	found = rows[s.Rule.Position-1]
	return found, found.Text() == s.Rule.Text
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
