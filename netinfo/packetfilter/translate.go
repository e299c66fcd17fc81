package packetfilter

import (
	"net/netip"
)

// maxMapped bounds the destinations that are translated one by one: a class is
// for the addresses of one machine.
const maxMapped = 64

// mapNetwork gives every destination the first bits of a network and leaves it
// the last of its own (xt_NETMAP.c).
func (e *evaluation) mapNetwork(f *frag, to netip.Prefix) (list []*frag) {
	n := 0
	for _, x := range f.dst {
		for a := x.Lo; ; a = a.Next() {
			if n++; n > maxMapped {
				break
			}
			g := f.clone()
			g.dst, g.newDst = addrsOf(a), rewrite[netip.Addr]{on: true, to: addrsOf(mapped(a, to))}
			list = append(list, g)
			if a == x.Hi {
				break
			}
		}
	}
	if n > maxMapped {
		f.newDst = rewrite[netip.Addr]{on: true}
		return []*frag{f}
	}
	return list
}

// mapped is an address with the first bits of a network.
func mapped(a netip.Addr, to netip.Prefix) netip.Addr {
	from, b := to.Masked().Addr().AsSlice(), a.AsSlice()
	if len(from) != len(b) {
		return a
	}
	for i := range b {
		keep := byte(0xff) >> min(max(to.Bits()-8*i, 0), 8)
		b[i] = from[i]&^keep | b[i]&keep
	}
	out, _ := netip.AddrFromSlice(b)
	return out
}

// tproxy hands the packet to a socket of this machine. Without one, iptables
// drops it and a rule of nft ends (xt_TPROXY.c, nft_tproxy.c). A socket must
// also have asked for packets to foreign addresses, which nothing lists.
func (e *evaluation) tproxy(c *Chain, r *Rule, next int, x *NAT, f *frag, w *walk) {
	native := c.table.Tool == ToolNFT
	if e.class.Protocol != UDP && e.class.Protocol != TCP {
		w.fall = append(w.fall, f)
		return
	}
	ports := x.Ports
	if ports == nil {
		ports = f.dport
	}
	name := protocolName(e.class.Protocol)
	taken, left := []*frag(nil), []*frag{f}
	if _, none := e.class.Host.ListensAll(e.class.Protocol, ports); !none {
		reason := because("tproxy", "protocol", name, "ports", ports.String())
		taken, left = e.apply(f, unknown(f, string(reason), reason))
	}
	for _, g := range left {
		if native {
			w.fall = append(w.fall, g)
			continue
		}
		step := Step{Chain: c, Rule: r, What: Drop.String()}
		e.end(result{f: g.after(step), verdict: Dropped, with: "TPROXY", by: step})
	}
	for _, g := range taken {
		if native {
			e.rule(c, r, next, g, w)
			continue
		}
		e.accept(g, Step{Chain: c, Rule: r, What: string(x.Kind)})
	}
}
