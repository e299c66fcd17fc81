package netinfo

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/netinfo/routes"
	"github.com/sipdoctor/sipdoctor/platform"
)

// Representatives of the two halves of the IPv4 Internet, and of IPv6. They
// are only looked up in the routing table; nothing is sent to them. A VPN that
// leaves the default route alone takes 0.0.0.0/1 and 128.0.0.0/1 instead, so
// both halves are asked.
const (
	lowerHalf = "8.8.8.8"
	upperHalf = "193.0.14.129"
	ipv6World = "2001:4860:4860::8888"
)

// way finds the machine's way to the Internet in its tables.
type way struct {
	interfaces []routes.Interface
	tables     routes.Tables
}

// uplink describes the way out. bind, when valid, is the local address that
// the user chose to check from.
func (w way) uplink(bind netip.Addr) Uplink {
	var u Uplink
	if i, ok := w.interfaceOf(bind); ok {
		u.VPN = i.Kind == platform.KindTunnel
		if u.VPN {
			u.VPNInterface = i.Name
		}
		r, _ := w.defaultVia(false, func(n string) bool { return n == i.Name })
		r6, _ := w.defaultVia(true, func(n string) bool { return n == i.Name })
		return w.describe(u, i.Name, r, r6)
	}
	out, ok := w.route(lowerHalf)
	// IPv4 decides: a 6in4 tunnel beside an ordinary line takes no call astray.
	for _, to := range []string{lowerHalf, upperHalf} {
		if r, there := w.route(to); there && w.tunnels(r.Interface) {
			u.VPN, u.VPNInterface = true, r.Interface
			break
		}
	}
	out6, ok6 := w.route(ipv6World)
	if u.VPN {
		// Phones do not sit inside the tunnel: describe what lies under it.
		out, ok = w.underTunnel(false)
		out6, ok6 = w.underTunnel(true)
		u.DefaultRoute = true
	}
	switch {
	case ok:
		return w.describe(u, out.Interface, out, out6)
	case ok6:
		return w.describe(u, out6.Interface, routes.Route{}, out6)
	case u.VPN:
		return w.describe(u, u.VPNInterface, routes.Route{}, routes.Route{})
	}
	return w.describe(u, w.idle(), routes.Route{}, routes.Route{})
}

// describe fills in the facts about the chosen interface and its gateways. A
// default route of IPv6 counts only on the same interface.
func (w way) describe(u Uplink, name string, r, r6 routes.Route) Uplink {
	u.Interface = name
	u.Gateway = r.Gateway
	u.DefaultRoute = u.DefaultRoute || r.Dst.IsValid() || r6.Dst.IsValid()
	if r6.Interface == name {
		u.Gateway6 = r6.Gateway
	}
	i, ok := w.byName(name)
	if !ok {
		return u
	}
	u.MTU, u.SpeedMbps, u.Kind = i.MTU, i.SpeedMbps, string(i.Kind)
	u.Wireless = i.Kind == platform.KindWireless
	u.Down = !i.Up
	for _, p := range i.Addrs {
		if a := p.Addr(); !a.IsLinkLocalUnicast() || a.Is4() {
			u.Local = append(u.Local, a)
		}
	}
	slices.SortStableFunc(u.Local, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	global := slices.ContainsFunc(u.Local, func(a netip.Addr) bool { return a.Is6() && a.IsGlobalUnicast() && !a.IsPrivate() })
	u.IPv6 = global && r6.Interface == name && r6.Dst.IsValid()
	return u
}

// networks are those of this machine's interfaces that lie in the office. An
// address alone (/32, /128) is not a network.
func (w way) networks() (list []netip.Prefix) {
	for _, i := range w.interfaces {
		if !solid(i.Kind) && i.Kind != platform.KindTAP {
			continue
		}
		for _, p := range i.Addrs {
			if n := p.Masked(); !p.IsSingleIP() && !n.Addr().IsLinkLocalUnicast() && !slices.Contains(list, n) {
				list = append(list, n)
			}
		}
	}
	return list
}

// route looks up the way to an address; it reports false where there is none,
// as behind a blackhole or on a machine that takes every address for its own.
func (w way) route(to string) (routes.Route, bool) {
	r, _ := w.tables.Way(routes.Out(netip.MustParseAddr(to)))
	i, _ := w.byName(r.Interface)
	ok := r.Interface != "" && !r.Refuses() && r.Kind != "local" && i.Kind != platform.KindLoopback
	if !ok {
		return routes.Route{}, false
	}
	return r, true
}

// tunnels reports whether traffic through the named interface leaves this
// office by a tunnel. A TAP or PPP interface may be the office's own line
// (PPPoE, a modem); it is a tunnel when another interface has a gateway too,
// for the tunnel's packets must leave by something.
func (w way) tunnels(name string) bool {
	i, ok := w.byName(name)
	if !ok {
		return false
	}
	switch i.Kind {
	case platform.KindTunnel:
		return true
	case platform.KindTAP, platform.KindPPP:
		return slices.ContainsFunc(w.mainTable(), func(r routes.Route) bool {
			other, ok := w.byName(r.Interface)
			single := r.Dst.Bits() == 0 || r.Dst.IsSingleIP()
			return ok && r.Interface != name && r.Gateway.IsValid() && r.Gateway.Is4() && single && solid(other.Kind)
		})
	}
	return false
}

// solid reports whether an interface of this kind can carry a tunnel's packets.
func solid(k platform.LinkKind) bool {
	return k == platform.KindEthernet || k == platform.KindWireless || k == platform.KindMobile
}

// underTunnel finds the gateway that the tunnel's own packets take: the default
// route of a solid interface, or the host route that a VPN program lays to its
// server.
func (w way) underTunnel(v6 bool) (routes.Route, bool) {
	isSolid := func(name string) bool {
		i, ok := w.byName(name)
		return ok && solid(i.Kind)
	}
	if r, ok := w.defaultVia(v6, isSolid); ok {
		return r, true
	}
	for _, r := range w.mainTable() {
		if r.Dst.Addr().Is6() == v6 && r.Dst.IsSingleIP() && r.Gateway.IsValid() && isSolid(r.Interface) {
			return r, true
		}
	}
	return routes.Route{}, false
}

// defaultVia returns the best default route through an interface that pass
// accepts.
func (w way) defaultVia(v6 bool, pass func(name string) bool) (best routes.Route, found bool) {
	for _, r := range w.mainTable() {
		if r.Dst.Bits() == 0 && r.Dst.Addr().Is6() == v6 && pass(r.Interface) && (!found || r.Metric < best.Metric) {
			best, found = r, true
		}
	}
	return best, found
}

// mainTable are the routes of the main table that lead somewhere.
func (w way) mainTable() []routes.Route {
	return slices.DeleteFunc(slices.Clone(w.tables.Routes), func(r routes.Route) bool { return r.Table != "main" || r.Refuses() })
}

// idle names the interface to show when there is no way out: one with an
// address before one without, a live one before a dead one.
func (w way) idle() string {
	best, bestRank := "", -1
	for _, i := range w.interfaces {
		if !solid(i.Kind) {
			continue
		}
		rank := 0
		if i.Up {
			rank++
		}
		if slices.ContainsFunc(i.Addrs, func(p netip.Prefix) bool { return !p.Addr().IsLinkLocalUnicast() }) {
			rank += 2
		}
		if rank > bestRank {
			best, bestRank = i.Name, rank
		}
	}
	return best
}

func (w way) byName(name string) (routes.Interface, bool) {
	for _, i := range w.interfaces {
		if i.Name == name && name != "" {
			return i, true
		}
	}
	return routes.Interface{}, false
}

// interfaceOf finds the interface that has an address.
func (w way) interfaceOf(a netip.Addr) (routes.Interface, bool) {
	for _, i := range w.interfaces {
		if a.IsValid() && slices.ContainsFunc(i.Addrs, func(p netip.Prefix) bool { return p.Addr() == a }) {
			return i, true
		}
	}
	return routes.Interface{}, false
}
