package packetfilter

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// run takes the class through the hooks (the order is that of the kernel's
// ip_rcv, ip_local_deliver, ip_forward and ip_output).
func (e *evaluation) run() {
	f := e.start()
	if len(f.src) == 0 || len(f.dst) == 0 || len(f.sport) == 0 || len(f.dport) == 0 {
		return
	}
	frags := []*frag{f}
	if e.class.Hook == HookOutput {
		frags = e.at(HookOutput, frags)
		e.pass(e.at(HookEgress, e.at(HookPostrouting, frags)))
		return
	}
	frags = e.at(HookIngress, frags)
	frags = e.at(HookPrerouting, frags)
	in, onward := e.route(frags)
	e.pass(e.at(HookInput, in))
	onward = e.at(HookForward, onward)
	e.pass(e.at(HookEgress, e.at(HookPostrouting, onward)))
}

// pass makes outcomes of what came through every hook.
func (e *evaluation) pass(frags []*frag) {
	for _, f := range frags {
		e.end(result{f: f, verdict: Accepted, by: f.accept})
	}
}

func (e *evaluation) end(o result) {
	e.outcomes = append(e.outcomes, o)
}

// giveUp ends a frag that cannot be followed any further.
func (e *evaluation) giveUp(f *frag, by Step, reason words.Reason) {
	e.end(result{f: f, verdict: Maybe, by: by, reason: reason})
}

func loopback(ipv6 bool) AddrSet {
	if ipv6 {
		return AddrSet{{netip.IPv6Loopback(), netip.IPv6Loopback()}}
	}
	return AddrSet{PrefixSpan(netip.PrefixFrom(netip.AddrFrom4([4]byte{127}), 8))}
}

// at takes frags through all base chains of a hook.
func (e *evaluation) at(hook HookName, frags []*frag) []*frag {
	for _, c := range e.rules.chains[hookKey{hook, e.ipv6}] {
		if len(frags) == 0 {
			return nil
		}
		e.hook, e.priority, e.nat = hook, c.Base.Priority, c.Base.Type == "nat"
		e.accepted = nil
		var skipped []*frag
		frags, skipped = e.entering(c, frags)
		e.depth = 0
		for _, f := range e.chain(c, frags) {
			e.policy(c, f)
		}
		frags = e.tidy(append(skipped, e.accepted...), Step{Chain: c})
	}
	return frags
}

// entering says which frags a base chain sees: nat chains only those whose
// translation is not settled, ingress chains only those of their devices.
func (e *evaluation) entering(c *Chain, frags []*frag) (in, skipped []*frag) {
	for _, f := range frags {
		settled := f.natDst
		if e.hook == HookPostrouting || e.hook == HookInput {
			settled = f.natSrc
		}
		switch {
		case e.nat && (settled || f.untracked || e.class.State == StateInvalid):
			skipped = append(skipped, f)
		case len(c.Base.Devices) > 0 || c.Base.AnyDevice:
			yes, no := e.apply(f, e.onDevice(c, f))
			in, skipped = append(in, yes...), append(skipped, no...)
		default:
			in = append(in, f)
		}
	}
	return in, skipped
}

// onDevice says whether a packet passes one of the interfaces that an ingress
// or egress chain acts on. One that comes in by a bridge or a VLAN has passed
// what that is made of, and only parts of it, too.
func (e *evaluation) onDevice(c *Chain, f *frag) answer {
	m := &Match{Field: FieldIn, Names: c.Base.Devices}
	if e.hook == HookEgress {
		m.Field = FieldOut
	}
	if c.Base.AnyDevice {
		return unknown(f, "device:"+c.Name, because("device-unlisted", "chain", c.Name))
	}
	a := e.test(f, m)
	name := e.class.In
	if e.hook == HookEgress {
		name = cmp.Or(f.out, e.class.Out)
	}
	if h := e.class.Host; a.kind == answerNo && h != nil {
		for _, d := range c.Base.Devices {
			if slices.Contains(h.Under[name], d) {
				return unknown(f, "device:"+c.Name, because("device-part", "device", d, "interface", name))
			}
		}
	}
	return a
}

// policy ends a frag's way through a base chain at its end.
func (e *evaluation) policy(c *Chain, f *frag) {
	step := Step{Chain: c, What: "policy"}
	switch {
	case c.Incomplete:
		e.giveUp(f, step, incomplete(c))
	case c.Base.Policy == Drop:
		f = f.after(step)
		e.end(result{f: f, verdict: Dropped, by: step})
	default:
		e.accept(f, step)
	}
}

// accept passes f to the next base chain.
func (e *evaluation) accept(f *frag, by Step) {
	f = f.clone()
	if by.Rule != nil {
		f.trace = f.trace.with(by)
	}
	decides := !e.nat && (e.hook == HookInput || e.hook == HookForward || e.hook == HookOutput)
	if f.accept.Chain == nil || decides && (by.Rule != nil || f.accept.Rule == nil && f.accept.Chain.Base != nil && f.accept.Chain.Base.Hook != e.hook) {
		f.accept = by
	}
	e.accepted = e.tidy(append(e.accepted, f), by)
}
