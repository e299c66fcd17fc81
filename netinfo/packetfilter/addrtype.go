package packetfilter

import (
	"net/netip"
	"slices"
)

// addressType answers for the type of an address by asking which addresses have
// it.
func (e *evaluation) addressType(f *frag, field Field, types NumSet) answer {
	const unicast, local, broadcast, multicast = 1, 2, 3, 5
	dst := field != FieldSrcType
	is := func(set AddrSet) question {
		return func(g *frag) answer { return e.address(g, dst, set) }
	}
	own := func(g *frag) answer { return e.localAddress(g, dst) }
	switch {
	case field == FieldDstTypeIn:
		h := e.class.Host
		if h == nil || h.Addrs == nil || e.class.In == "" || f.newDst.on && len(f.newDst.to) == 0 || e.ipv6 {
			return unknown(f, "", because("interface-addresses"))
		}
		own = is(addrsOf(h.AddressesOf(e.class.In, false)...)) // those of other interfaces are anybody's
	case dst && (f.newDst.own || f.newDst.on && e.hook == HookInput && f.newDst.to.overlap(e.broadcasts()) == coverNone):
		return certain(types.Contains(local)) // rewritten, and come here all the same
	}
	var list []question
	if types.Contains(multicast) {
		list = append(list, is(multicasts(e.ipv6)))
	}
	if types.Contains(broadcast) && !e.ipv6 {
		list = append(list, is(e.broadcasts()))
	}
	if types.Contains(local) {
		list = append(list, own)
	}
	if types.Contains(unicast) {
		list = append(list, func(g *frag) answer { return e.oneOf(g, is(e.special()), own).negate(true) })
	}
	for _, x := range types {
		// The other types come from routes (blackhole, unreachable, anycast …),
		// which are not in the ruleset.
		if x.Hi > multicast || x.Lo == 0 || x.Contains(4) {
			list = append(list, func(g *frag) answer { return unknown(g, "", because("address-type")) })
			break
		}
	}
	return e.oneOf(f, list...)
}

// Contains reports whether v is in the span.
func (x Span[T]) Contains(v T) bool { return x.Lo.Compare(v) <= 0 && x.Hi.Compare(v) >= 0 }

// localAddress says whether the address is one of this machine's.
func (e *evaluation) localAddress(f *frag, dst bool) answer {
	switch {
	case dst && f.newDst.on && e.hook == HookInput: // or it would not have come here
		return e.address(f, true, e.broadcasts()).negate(true)
	case dst && !f.newDst.on && e.class.Hook == HookInput:
		// Where the packet goes: to this machine, if it is for one machine at all.
		return e.address(f, true, e.special()).negate(true)
	}
	a := e.address(f, dst, e.local.Union(loopback(e.ipv6)))
	switch {
	case a.kind == answerYes || len(e.local) > 0:
		return a
	case dst:
		return unknown(f, "", because("own-address"))
	case e.class.Hook != HookOutput:
		return a // our own addresses do not arrive from outside (kernel: martian source)
	}
	return certain(true) // what this machine sends has its address
}

// packetType answers for the type the network card gave the packet: it follows
// from the destination.
func (e *evaluation) packetType(f *frag, types NumSet) answer {
	const host, broadcast, multicast = 0, 1, 2
	if e.class.Hook == HookOutput {
		return unknown(f, "", because("sent-packet-type"))
	}
	var to AddrSet
	if types.Contains(multicast) {
		to = to.Union(multicasts(e.ipv6))
	}
	if types.Contains(broadcast) {
		to = to.Union(e.broadcasts())
	}
	if types.Contains(host) {
		to = to.Union(everyAddr(e.ipv6).Subtract(e.special()))
	}
	return split(f, (*frag).dsts, to)
}

// special are the addresses of more than one machine.
func (e *evaluation) special() AddrSet { return multicasts(e.ipv6).Union(e.broadcasts()) }

func multicasts(ipv6 bool) AddrSet {
	if ipv6 {
		return AddrSet{PrefixSpan(netip.PrefixFrom(netip.AddrFrom16([16]byte{0xff}), 8))}
	}
	return AddrSet{PrefixSpan(netip.PrefixFrom(netip.AddrFrom4([4]byte{224}), 4))}
}

// broadcasts are the addresses that packets to everybody have; IPv6 has none.
func (e *evaluation) broadcasts() AddrSet {
	if e.ipv6 {
		return nil
	}
	all := []netip.Addr{netip.AddrFrom4([4]byte{255, 255, 255, 255})}
	if h := e.class.Host; h != nil {
		all = append(all, slices.DeleteFunc(slices.Clone(h.Broadcast), netip.Addr.Is6)...)
	}
	return addrsOf(all...)
}
