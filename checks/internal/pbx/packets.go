package pbx

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// FirstPackets are new packets of some addresses that come in by one way (see
// ByWayIn) to ports of this machine.
func (rt *Routes) FirstPackets(from []netip.Prefix, protocol string, ports packetfilter.NumSet) packetfilter.Class {
	return rt.PacketsAt(rt.Arrivals(from[0].Addr(), nil)[0], from, Ports{Protocol: protocol, Set: ports})
}

// PacketsAt are new packets of some addresses of one family that come in at one
// place.
func (rt *Routes) PacketsAt(at Arrival, from []netip.Prefix, ports Ports) packetfilter.Class {
	ipv6 := from[0].Addr().Is6()
	return packetfilter.Class{
		Protocol: ports.Number(), Src: from, Dst: Single(at.To), DstPorts: ports.Set, Hook: packetfilter.HookInput,
		In: at.In, State: packetfilter.StateNew, IPv6: ipv6, Local: rt.Own(ipv6), Host: rt.Host,
	}
}

// Single are the networks of one address each; one that is not known has none.
func Single(list []netip.Addr) (out []netip.Prefix) {
	for _, a := range list {
		if a.IsValid() {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	return out
}

// AnswersAt are this machine's own packets to somebody, from the ports at which
// his come in.
func (rt *Routes) AnswersAt(at Arrival, to netip.Prefix, ports Ports) packetfilter.Class {
	c := rt.PacketsAt(at, []netip.Prefix{to}, ports)
	c.Hook, c.Src, c.Dst, c.Out, c.In = packetfilter.HookOutput, c.Dst, c.Src, c.In, ""
	c.SrcPorts, c.DstPorts = ports.Set, nil
	return c
}

// ByWayIn puts together the addresses of one family whose packets come in by
// the same interface.
func (rt *Routes) ByWayIn(list []netip.Prefix) (groups [][]netip.Prefix) {
	type way struct {
		ipv6 bool
		in   string
	}
	at := map[way]int{} // in groups
	for _, p := range list {
		w := way{p.Addr().Is6(), rt.Host.InterfaceTo(p.Addr())}
		if _, ok := at[w]; !ok {
			at[w], groups = len(groups), append(groups, nil)
		}
		groups[at[w]] = append(groups[at[w]], p)
	}
	return groups
}

// Nobody is an address that no rule names: the last but one of a network that
// is reserved for the future (RFC 1112, section 4), or of the discard prefix
// (RFC 6666).
func Nobody(ipv6 bool) netip.Prefix {
	if ipv6 {
		return netip.MustParsePrefix("100::ffff:ffff:ffff:fffe/128")
	}
	return netip.MustParsePrefix("240.255.255.254/32")
}

// Port is the set of one port.
func Port(n uint16) packetfilter.NumSet { return packetfilter.OneNum(packetfilter.Num(n)) }

// Verdict is what becomes of the packets of c that fare worst: Accepted only
// where all of them are.
func Verdict(rules *packetfilter.Ruleset, c packetfilter.Class) packetfilter.Decision {
	worst := packetfilter.Maybe
	for i, o := range rules.Evaluate(c).Outcomes {
		if i == 0 || o.Verdict != packetfilter.Accepted {
			worst = o.Verdict
		}
	}
	return worst
}

// Stopped reports whether an outcome is that packets do not pass.
func Stopped(o packetfilter.Outcome) bool {
	return o.Verdict == packetfilter.Dropped || o.Verdict == packetfilter.Rejected
}

// AddressText writes a network as people do: without the length if it is a
// single address.
func AddressText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
