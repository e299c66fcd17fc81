package server

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// FirstPackets are new packets of some addresses, of one family, to ports of
// this machine.
func (w *Ways) FirstPackets(from []netip.Prefix, protocol string, ports packetfilter.NumSet) packetfilter.Class {
	c := packetfilter.Class{
		Protocol: Ports{Protocol: protocol}.Number(), Src: from, DstPorts: ports, Hook: packetfilter.HookInput,
		In: w.Interface(from[0].Addr()), State: packetfilter.StateNew, IPv6: from[0].Addr().Is6(),
	}
	for _, a := range w.Local {
		if a.Is6() == c.IPv6 && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			c.Local = append(c.Local, a)
		}
	}
	return c
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
