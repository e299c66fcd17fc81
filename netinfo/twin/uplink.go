package twin

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// mtu is that of an interface, in bytes: as it is set, or what PPPoE leaves of an Ethernet
// frame (RFC 2516, section 7); 0: nothing sets it.
func (b *builder) mtu(name string) int {
	const least = 576 // what every host takes (RFC 791)
	for m := range b.cfg.Menus() {
		kind, ok := strings.CutPrefix(m.Path, "/interface/")
		r, named := b.cfg.Named(m.Path, name)
		if !ok || !named {
			continue
		}
		for _, key := range []string{"max-mtu", "mtu"} {
			if n, err := strconv.Atoi(r.Get(key).Text); err == nil && n >= least && n <= 1<<14 {
				return n
			}
		}
		return map[string]int{"pppoe-client": 1492}[kind]
	}
	return 0
}

// uplink gives a port that leads outwards the provider's router at its other end, of IPv4
// where any way leads there by IPv4.
func (b *builder) uplink(p *plug) {
	is4 := func(list []netip.Prefix) bool {
		return slices.ContainsFunc(list, func(a netip.Prefix) bool { return a.Addr().Is4() })
	}
	outward := slices.Contains(b.outward, p.name)
	if !is4(p.Addrs) && outward {
		block := b.block("203.0.113.0/24")
		p.Addrs = append(p.Addrs, netip.PrefixFrom(nth(block, 1), block.Bits()))
	}
	for _, own := range p.Addrs {
		if gateway := b.gatewayIn(own); gateway.IsValid() {
			p.Far = append(p.Far, netip.PrefixFrom(gateway, own.Bits()))
		} else {
			p.Far = append(p.Far, hosts([]netip.Prefix{own})...)
		}
	}
	if !is4(p.Far) && outward { // an address without a network, and nothing says who is at the other end
		p.Far = append(p.Far, netip.PrefixFrom(nth(b.block("203.0.113.0/24"), 2), 32))
	}
}

// gatewayIn is the gateway of a default route in the network of an address.
func (b *builder) gatewayIn(own netip.Prefix) netip.Addr {
	for r := range b.cfg.Rows(routeMenu(own.Addr())) {
		if dst, ok := dstOf(r); !ok || r.Off() || dst.Bits() != 0 {
			continue
		}
		for g := range strings.SplitSeq(r.Get("gateway").Text, ",") {
			host, _, _ := strings.Cut(g, "%")
			if a, err := netip.ParseAddr(host); err == nil && own.Contains(a) && a != own.Addr() {
				return a
			}
		}
	}
	return netip.Addr{}
}

// clients are the interfaces that get their address from the provider.
func (b *builder) clients() (names []string) {
	for m := range b.cfg.Menus() {
		key := ""
		switch m.Path {
		case "/ip/dhcp-client":
			key = "interface"
		case "/interface/pppoe-client", "/interface/lte", "/interface/ppp-client":
			key = "name"
		}
		if key == "" {
			continue
		}
		for r := range b.cfg.Rows(m.Path) {
			name := r.Get(key).Text
			if key == "name" {
				name = r.InterfaceName()
			}
			if !r.Off() && !r.Builtin && !b.cfg.Down(name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// isSixUplink reports whether a default route of IPv6 leads out by a port.
func (b *builder) isSixUplink(p *plug) bool {
	for r := range b.cfg.Rows("/ipv6/route") {
		dst, ok := dstOf(r)
		host, name, _ := strings.Cut(r.Get("gateway").Text, "%")
		a, err := netip.ParseAddr(host)
		if !ok || r.Off() || dst.Bits() != 0 {
			continue
		}
		if name == p.name || host == p.name || err == nil && p.Reaches(a) {
			return true
		}
	}
	return false
}
