package packetfilter

import (
	"strconv"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// route is the routing decision: which packets are for this machine, and by
// which interface the others leave.
func (e *evaluation) route(frags []*frag) (in, onward []*frag) {
	for _, f := range frags {
		if !f.newDst.on {
			if e.class.Hook == HookForward {
				onward = append(onward, e.wayBack(f, e.class.Out)...)
			} else {
				in = append(in, e.wayBack(f, "lo")...)
			}
			continue
		}
		here, away := e.apply(f, e.isLocal(f))
		for _, g := range here {
			for _, h := range e.reachable(g) {
				in = append(in, e.wayBack(h, "lo")...)
			}
		}
		for _, g := range away {
			onward = append(onward, e.sendOn(g)...)
		}
	}
	return in, onward
}

// isLocal says whether a rewritten destination is this machine.
func (e *evaluation) isLocal(f *frag) answer {
	if f.newDst.own {
		return certain(true)
	}
	own := e.local.Union(loopback(e.ipv6)).Union(e.broadcasts())
	if len(e.local) == 0 && f.newDst.to.overlap(own) != coverAll {
		return unknown(f, "", because("new-address-own"))
	}
	return refine(f, (*frag).newDsts, own, "new-address-own")
}

// stop ends a frag for a reason that is not in the rules.
func (e *evaluation) stop(f *frag, verdict Decision, with string, why words.Reason) {
	e.end(result{f: f, verdict: verdict, with: with, by: Step{Why: why}})
}

// passIf gives back what a condition lets pass; the rest is stopped, and why says
// by what.
func (e *evaluation) passIf(f *frag, t trit, reason, why words.Reason) []*frag {
	switch t {
	case isYes:
		return []*frag{f}
	case isNo:
		e.stop(f, Dropped, "", why)
		return nil
	}
	yes, no := e.apply(f, unknown(f, string(reason), reason))
	for _, g := range no {
		e.stop(g, Dropped, "", why)
	}
	return yes
}

// reachable stops what is sent on to the loopback: from outside that is let
// through only where the interface is told so (net.ipv4.conf.*.route_localnet;
// IPv6 has no such switch, and drops it).
func (e *evaluation) reachable(f *frag) []*frag {
	if f.newDst.own || f.newDst.to.overlap(loopback(e.ipv6)) == coverNone || e.class.In == "lo" || e.fromHere(f, false) {
		return []*frag{f}
	}
	t := e.class.Host.eitherOn("route_localnet", e.class.In)
	if e.ipv6 {
		t = unsure
	}
	return e.passIf(f, t, because("localnet", "interface", e.class.In),
		because("localnet-off", "to", f.newDst.to.String(), "interface", e.class.In))
}

// sendOn follows a packet that is for another machine through the routes.
func (e *evaluation) sendOn(f *frag) (list []*frag) {
	name := "net.ipv4.ip_forward"
	if e.ipv6 {
		name = "net.ipv6.conf.all.forwarding"
	}
	everybody, rest := e.apply(f, split(f, (*frag).dsts, e.broadcasts()))
	for _, g := range everybody {
		e.stop(g, Dropped, "", because("broadcast"))
	}
	if len(rest) == 0 {
		return nil
	}
	f = rest[0]
	for _, g := range e.passIf(f, e.class.Host.forwards(e.class.In, e.ipv6), because("forwards", "setting", name),
		because("forwards-not", "to", f.newDst.to.String(), "setting", name)) {
		list = append(list, e.leaveBy(g)...)
	}
	return list
}

// leaveBy finds the interface that a packet is sent on by.
func (e *evaluation) leaveBy(f *frag) (list []*frag) {
	left := f.clone()
	left.onward = true
	parts, ok := e.class.Host.ways(f.src, f.newDst.to, e.class.In, f.mark)
	if !ok {
		return []*frag{left}
	}
	for i, p := range parts {
		g := left
		if i < len(parts)-1 {
			yes, no := e.apply(left, refine(left, (*frag).newDsts, p.addrs, "new-address"))
			g, left = yes[0], no[0]
		}
		switch {
		case p.way.kind == "blackhole":
			e.stop(g, Dropped, "", because("blackhole", "to", p.addrs.String()))
		case p.way.refuses():
			e.stop(g, Rejected, "icmp-"+p.way.kind, because("no-route", "to", p.addrs.String()))
		default:
			out := g.clone()
			out.out = p.way.dev
			list = append(list, e.wayBack(out, out.out)...)
		}
	}
	return list
}

// wayBack stops packets whose way back the kernel checks and does not find
// (rp_filter, net/ipv4/fib_frontend.c): with 1 it must lead out of the
// interface they came in by, with 2 out of any. The kernel asks as if the answer
// came in by where the packet goes.
func (e *evaluation) wayBack(f *frag, to string) (list []*frag) {
	value, ok := e.class.Host.reverseFilter(e.class.In)
	if e.ipv6 || !ok || value == 0 || e.class.In == "lo" {
		return []*frag{f}
	}
	answers := f.dst
	if f.newDst.on {
		answers = f.newDst.to
	}
	parts, ok := e.class.Host.ways(answers, f.src, to, bits{known: ^uint32(0)})
	if !ok {
		return e.passIf(f, unsure, because("rp-filter", "interface", e.class.In), because("rp-filter-stops", "interface", e.class.In))
	}
	for _, p := range parts {
		g := f.from(p.addrs)
		switch {
		case p.way.refuses():
			e.stop(g, Dropped, "", because("way-back-refused", "value", strconv.Itoa(value), "interface", e.class.In, "source", p.addrs.String(), "route", p.way.kind))
		case value == 1 && p.way.dev != e.class.In && p.way.kind != "local":
			e.stop(g, Dropped, "", because("way-back-elsewhere", "interface", e.class.In, "source", p.addrs.String(), "out", p.way.dev))
		default:
			list = append(list, g)
		}
	}
	return list
}
