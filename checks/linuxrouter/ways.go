package linuxrouter

import (
	"context"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// maxStops bounds what is kept of rules that tell every port apart.
const maxStops = 40

// evaluate takes the packets of phones, and the answers to them, through the rules.
func (o *Observed) evaluate(ctx context.Context, rules *packetfilter.Ruleset, w *packetfilter.Wording, rt *pbx.Routes) {
	for i := range o.LANs {
		o.LANs[i].Closed = o.closed(rules, rt, o.LANs[i])
		lan := o.LANs[i]
		for _, out := range o.Uplinks {
			for _, use := range o.Need.Ports {
				to := use.To
				if len(to) == 0 {
					to = []netip.Prefix{{}}
				}
				for _, network := range to {
					for _, answers := range []bool{false, true} {
						if o.Cut = o.Cut || len(o.Stops) >= maxStops; ctx.Err() == nil && !o.Cut {
							o.way(rules, w, rt, asked{lan, out, use, network, answers})
						}
					}
				}
			}
		}
	}
}

// closed reports whether not even HTTPS gets out of a LAN, by whatever uplink: then nobody
// meant phones to work there, or nothing works anyway.
func (o *Observed) closed(rules *packetfilter.Ruleset, rt *pbx.Routes, lan LAN) bool {
	https := need.Use{Protocol: "tcp", Ports: need.Ranges(packetfilter.OneNum(443))}
	for _, out := range o.Uplinks {
		for _, x := range rules.Evaluate((asked{lan: lan, out: out, use: https}).class(rt)).Outcomes {
			if !pbx.Stopped(x) {
				return false
			}
		}
	}
	return len(o.Uplinks) > 0
}

// asked is one kind of packet.
type asked struct {
	lan     LAN
	out     string
	use     need.Use
	network netip.Prefix // of the provider; invalid: any
	answers bool         // what comes back to the phones
}

func (a asked) class(rt *pbx.Routes) packetfilter.Class {
	c := packetfilter.Class{
		Protocol: packetfilter.UDP, Hook: packetfilter.HookForward, In: a.lan.Interface, Out: a.out, Src: []netip.Prefix{a.lan.Prefix},
		DstPorts: need.Ports(a.use.Ports), Local: rt.Own(false), Host: rt.Host, State: packetfilter.StateNew,
	}
	if a.use.Protocol == "tcp" {
		c.Protocol = packetfilter.TCP
	}
	if a.network.IsValid() {
		c.Dst = []netip.Prefix{a.network}
	}
	if a.answers {
		c.In, c.Out, c.Src, c.Dst, c.SrcPorts, c.DstPorts = c.Out, c.In, c.Dst, c.Src, c.DstPorts, nil
		c.State = packetfilter.StateEstablished
	}
	return c
}

// way evaluates one kind of packet. A port of which some packets pass is not stopped:
// of all addresses of the world, and of all ports of a phone, some may well be closed.
func (o *Observed) way(rules *packetfilter.Ruleset, w *packetfilter.Wording, rt *pbx.Routes, a asked) {
	o.Asked++
	c := a.class(rt)
	ports := func(x packetfilter.Outcome) packetfilter.NumSet {
		of := x.Region.DstPort
		if a.answers {
			of = x.Region.SrcPort
		}
		if len(of) == 0 {
			return need.Ports(a.use.Ports)
		}
		return of.Intersect(need.Ports(a.use.Ports))
	}
	var passes packetfilter.NumSet
	outcomes := rules.Evaluate(c).Outcomes
	for _, x := range outcomes {
		if !pbx.Stopped(x) {
			passes = passes.Union(ports(x))
		}
	}
	for _, x := range outcomes {
		if x.Verdict == packetfilter.Maybe {
			for _, r := range x.Reasons {
				if !slices.Contains(o.Maybe, r) {
					o.Maybe = append(o.Maybe, r)
				}
			}
		}
		if stopped := ports(x).Subtract(passes); pbx.Stopped(x) && len(stopped) > 0 {
			o.stop(rules, w, c, a, x, stopped)
		}
	}
}

// stop notes what an outcome stops. Packets that one rule stops are one stop.
func (o *Observed) stop(rules *packetfilter.Ruleset, w *packetfilter.Wording, c packetfilter.Class, a asked, x packetfilter.Outcome, ports packetfilter.NumSet) {
	s := Stop{
		LAN: a.lan, Out: a.out, Answers: a.answers, Purpose: a.use.Purpose, Proto: a.use.Protocol, Ports: need.Ranges(ports),
		Rule: pbx.RuleText(x.Decider), Where: pbx.RulePlace(x.Decider), Verdict: string(x.Verdict),
	}
	if a.network.IsValid() {
		s.To = []netip.Prefix{a.network}
	}
	same := func(t Stop) bool {
		return t.LAN == s.LAN && t.Out == s.Out && t.Answers == s.Answers && t.Purpose == s.Purpose && t.Proto == s.Proto && t.Where == s.Where && t.Rule == s.Rule
	}
	if i := slices.IndexFunc(o.Stops, same); i >= 0 {
		t := &o.Stops[i]
		t.Ports = need.Ranges(need.Ports(t.Ports).Union(ports))
		for _, n := range s.To {
			if !slices.Contains(t.To, n) {
				t.To = append(t.To, n)
			}
		}
		return
	}
	if x.Decider.Chain != nil && !a.answers {
		x.Region.DstPort = ports
		s.Edits = rules.Allow(w, c, x, a.lan.Prefix).Rules
	}
	o.Stops = append(o.Stops, s)
}
