package pbx

import (
	"context"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// Routes are the machine's own addresses, its routes, and what else the kernel
// asks on a packet's way.
type Routes struct {
	Host     *packetfilter.Host
	Local    []netip.Addr
	Gateways []netip.Addr // of the default routes
	Err      error        `json:"-"` // why the routes are missing
}

// Routes reads the routing tables, the switches of forwarding and the sockets.
func (p *PBX) Routes(ctx context.Context) *Routes {
	return p.routes.get(func() *Routes {
		h, err := packetfilter.ReadHost(ctx, p.Sys)
		rt := &Routes{Host: h, Err: err}
		for _, a := range h.Addrs {
			if !slices.Contains(rt.Local, a.Addr) {
				rt.Local = append(rt.Local, a.Addr)
			}
		}
		for _, r := range h.Routes {
			if gw := r.Gateway; gw.IsValid() && r.Dst.Bits() == 0 && !gw.IsLinkLocalUnicast() && !slices.Contains(rt.Gateways, gw) {
				rt.Gateways = append(rt.Gateways, gw)
			}
		}
		sockets, notes := netinfo.ReadSockets(ctx, p.Sys)
		h.SocketsRead = len(notes) == 0
		for _, x := range sockets {
			p := Ports{Protocol: x.Protocol}
			h.Sockets = append(h.Sockets, packetfilter.HostSocket{Protocol: p.Number(), Addr: x.Local.Addr(), Port: x.Local.Port()})
		}
		return rt
	})
}

// Arrival is where packets come in: by an interface, for some of the machine's
// own addresses.
type Arrival struct {
	In string // empty: not known
	To []netip.Addr
}

// Arrivals are where packets from an address come in, and for which of the
// machine's own addresses: those of the interface and those of no link (on the
// loopback, as failover addresses are). bound are the addresses that Asterisk
// binds; none means all. Without routes there is one, of all addresses.
func (rt *Routes) Arrivals(from netip.Addr, bound []netip.Addr) (list []Arrival) {
	bound = slices.DeleteFunc(slices.Clone(bound), func(a netip.Addr) bool { return a.Is6() != from.Is6() })
	for _, in := range rt.Host.InterfacesTo(from) {
		to := rt.Host.AddressesOf(in, from.Is6())
		if in != "lo" {
			to = append(to, slices.DeleteFunc(rt.Host.AddressesOf("lo", from.Is6()), netip.Addr.IsLoopback)...)
		}
		if len(bound) > 0 {
			here := slices.DeleteFunc(slices.Clone(to), func(a netip.Addr) bool { return !slices.Contains(bound, a) })
			if to = here; len(here) == 0 {
				to = bound
			}
		}
		if len(to) == 0 || in == "lo" {
			to = rt.Own(from.Is6())
		}
		list = append(list, Arrival{in, to})
	}
	if list == nil {
		list = []Arrival{{"", rt.Own(from.Is6())}}
	}
	return list
}

// Own are the machine's addresses of one family that others can reach.
func (rt *Routes) Own(ipv6 bool) (list []netip.Addr) {
	for _, a := range rt.Local {
		if a.Is6() == ipv6 && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			list = append(list, a)
		}
	}
	return list
}
