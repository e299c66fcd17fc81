package routeros

import (
	"context"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// evaluate takes the packets that matter through the rules.
func (e *export) evaluate(ctx context.Context, o *Observed) {
	f := e.filter(e.Config)
	for i := range o.LANs {
		o.LANs[i].Closed = f.closed(o.LANs[i], o.Uplinks)
		rules := map[string]filter{outward: f.inside(o.LANs[i]), answers: f}
		for _, out := range outs(o.Uplinks) {
			for _, u := range e.need.Ports {
				for _, direction := range []string{outward, answers} {
					if o.Cut = o.Cut || ctx.Err() != nil || len(o.Ways) > maxWays; !o.Cut {
						o.Ways = append(o.Ways, rules[direction].ways(direction, o.LANs[i], out, u)...)
					}
				}
			}
		}
	}
	if len(o.Ways) > maxWays {
		o.Ways, o.Cut = o.Ways[:maxWays], true
	}
	e.stopped(o)
	e.open(f, o)
	e.more(f.newcomers(), o)
	e.bans(f, o)
	e.dead(o)
	e.qos(f, o)
	e.six(o)
	o.Cut = o.Cut || f.late()
}

// more looks at what the rules do besides, with phones and others that no rule has
// banned.
func (e *export) more(f filter, o *Observed) {
	e.forwards(f, o)
	e.hairpin(f, o)
	e.insides(f, o)
	e.forwardFixes(o)
	e.routing(f, o)
	e.split(f, o)
	e.moved(f, o)
	e.untracked(f, o)
	e.untranslated(f, o)
	e.redirected(f, o)
}

// maxWays bounds what is kept of rules that tell every port and phone apart.
const maxWays = 400

// maxUplinks bounds the uplinks that are asked about.
const maxUplinks = 8

// outs are the interfaces to ask about: one that is not known if no uplink is.
func outs(uplinks []string) []string {
	if len(uplinks) == 0 {
		return []string{""}
	}
	return uplinks[:min(len(uplinks), maxUplinks)]
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
func (f filter) ways(direction string, lan LAN, out string, u Use) (list []Way) {
	to := u.To
	if len(to) == 0 {
		to = []netip.Prefix{{}}
	}
	for _, network := range to {
		asked := Way{Direction: direction, From: lan.Prefix, In: lan.Interface, Out: out, Purpose: u.Purpose, Protocol: u.Protocol, Ports: u.Ports}
		if network.IsValid() {
			asked.To = []netip.Prefix{network}
		}
		for _, w := range f.way(asked, network) {
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

// joins reports whether another way of the same use differs by its destination alone.
func (w Way) joins(o Way) bool { return w.decidedAs(o) && slices.Equal(w.Ports, o.Ports) }

// decidedAs reports whether the same decides about two ways of the same use.
func (w Way) decidedAs(o Way) bool {
	return w.Verdict == o.Verdict && w.Partly == o.Partly && w.Rule == o.Rule && w.Table == o.Table && w.Line == o.Line && slices.Equal(w.Reasons, o.Reasons)
}

// way evaluates one kind of packet to one network.
func (f filter) way(asked Way, to netip.Prefix) (list []Way) {
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
			if len(part.ports) == 0 || part.partly && pbx.Stopped(o) && !matters(class, o, w.Purpose, to) {
				continue
			}
			w.Partly = part.partly
			w = f.decided(w, o)
			i := slices.IndexFunc(list, w.decidedAs)
			if i < 0 {
				i, list = len(list), append(list, w)
				list[i].Ports = nil
			}
			list[i].Ports = need.Ranges(need.Ports(list[i].Ports).Union(part.ports))
		}
	}
	return list
}

// matters reports whether it may harm that a part of the packets is stopped. Of all
// addresses of the world some may well be closed, and of the ports of a phone those at
// which it does not take SIP.
func matters(c packetfilter.Class, o packetfilter.Outcome, purpose string, to netip.Prefix) bool {
	all := packetfilter.NumSet{{Lo: 0, Hi: 65535}}
	if len(c.DstPorts) > 0 || len(o.Region.DstPort) == 0 || len(all.Subtract(o.Region.DstPort)) == 0 {
		return to.IsValid()
	}
	return purpose == "sip" && o.Region.DstPort.Contains(5060) && (to.IsValid() || size(o.Region.Src) > half)
}

// decided fills in what decides about a way.
func (f filter) decided(w Way, o packetfilter.Outcome) Way {
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
