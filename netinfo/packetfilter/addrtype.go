package packetfilter

import "net/netip"

// addressType answers for the type of an address or packet by asking which
// addresses have it.
func (e *evaluation) addressType(f *frag, field Field, types NumSet) answer {
	const unicast, local, broadcast, multicast = 1, 2, 3, 5
	yes, no := []*frag(nil), []*frag{f}
	add := func(test func(*frag) answer) {
		y, rest := e.applyAll(no, test)
		yes, no = append(yes, y...), rest
	}
	if field == FieldPktType {
		e.packetType(types, add)
		return pieces(f, yes, no)
	}
	dst := field == FieldDstType || field == FieldDstTypeIn
	if field == FieldDstTypeIn {
		h := e.class.Host
		if h == nil || h.Addrs == nil || e.class.In == "" || f.newDst.on && len(f.newDst.to) == 0 || e.ipv6 {
			return unknown(f, "", because("interface-addresses"))
		}
		defer func(local AddrSet) { e.local, e.typeIn = local, false }(e.local)
		e.local, e.typeIn = nil, true
		for _, a := range h.AddressesOf(e.class.In, false) {
			e.local = e.local.Union(AddrSet{{a, a}})
		}
	}
	if dst && !e.typeIn && f.newDst.on && e.hook == HookInput && f.newDst.to.overlap(e.broadcasts()) == coverNone {
		return certain(types.Contains(local)) // rewritten, and come here all the same
	}
	if dst && !e.typeIn && f.newDst.own {
		return certain(types.Contains(local))
	}
	is := func(set AddrSet) func(*frag) answer {
		return func(g *frag) answer { return e.address(g, dst, set) }
	}
	if types.Contains(multicast) {
		add(is(multicasts(e.ipv6)))
	}
	if types.Contains(broadcast) && !e.ipv6 {
		add(is(e.broadcasts()))
	}
	if types.Contains(local) {
		add(func(g *frag) answer { return e.localAddress(g, dst) })
	}
	if types.Contains(unicast) { // all other addresses
		special, plain := e.applyAll(no, is(multicasts(e.ipv6).Union(e.broadcasts())))
		own, others := e.applyAll(plain, func(g *frag) answer { return e.localAddress(g, dst) })
		no, yes = append(special, own...), append(yes, others...)
	}
	for _, x := range types {
		// The other types come from routes (blackhole, unreachable, anycast …),
		// which are not in the ruleset.
		if x.Hi > multicast || x.Lo == 0 || x.Contains(4) {
			add(func(g *frag) answer { return unknown(g, "", because("address-type")) })
			break
		}
	}
	return pieces(f, yes, no)
}

// Contains reports whether v is in the span.
func (x Span[T]) Contains(v T) bool { return x.Lo.Compare(v) <= 0 && x.Hi.Compare(v) >= 0 }

// localAddress says whether the address is one of this machine's.
func (e *evaluation) localAddress(f *frag, dst bool) answer {
	own := e.local.Union(loopback(e.ipv6))
	if e.typeIn { // those of other interfaces are anybody's
		return e.address(f, dst, e.local)
	}
	if dst && f.newDst.on && e.hook == HookInput { // or it would not have come here
		return e.address(f, true, e.broadcasts()).negate(true)
	}
	if dst && !f.newDst.on && e.class.Hook == HookInput {
		// Where the packet goes: to this machine, if it is for one machine at all.
		special := multicasts(e.ipv6).Union(e.broadcasts())
		return e.address(f, true, special).negate(true)
	}
	a := e.address(f, dst, own)
	if a.kind == answerYes || len(e.local) > 0 {
		return a
	}
	if !dst && e.class.Hook != HookOutput {
		return a // our own addresses do not arrive from outside (kernel: martian source)
	}
	if !dst {
		return certain(true) // what this machine sends has its address
	}
	return unknown(f, "", because("own-address"))
}

// packetType answers for the type the network card gave the packet: it follows
// from the destination.
func (e *evaluation) packetType(types NumSet, add func(func(*frag) answer)) {
	const host, broadcast, multicast = 0, 1, 2
	if e.class.Hook == HookOutput {
		add(func(g *frag) answer { return unknown(g, "", because("sent-packet-type")) })
		return
	}
	dst := func(set AddrSet) func(*frag) answer {
		return func(g *frag) answer { return split(g, dimDst.addrs, set) }
	}
	if types.Contains(multicast) {
		add(dst(multicasts(e.ipv6)))
	}
	if types.Contains(broadcast) {
		add(dst(e.broadcasts()))
	}
	if types.Contains(host) {
		special := multicasts(e.ipv6).Union(e.broadcasts())
		add(func(g *frag) answer { return split(g, dimDst.addrs, special).negate(true) })
	}
}

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
	limited := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	all := AddrSet{{limited, limited}}
	if h := e.class.Host; h != nil {
		for _, a := range h.Broadcast {
			if a.Is4() {
				all = append(all, Span[netip.Addr]{a, a})
			}
		}
	}
	return NewSpans(all...)
}
