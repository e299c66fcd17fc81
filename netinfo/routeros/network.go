package routeros

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"
	"strings"
)

// An Address is one of the router's own.
type Address struct {
	Prefix    netip.Prefix // the address with the length of its network
	Interface string
	Row       Row
}

// Link is the network that the router reaches at this address: the one that it is in, or
// the other end of a link, if the address has a length of its own alone.
func (a Address) Link() netip.Prefix {
	if peer, err := netip.ParseAddr(a.Row.Get("network").Text); err == nil && a.Prefix.IsSingleIP() {
		return netip.PrefixFrom(peer, peer.BitLen())
	}
	return a.Prefix.Masked()
}

// Addresses are the router's own addresses that are in use: not disabled, nor on an
// interface that is. Those that it gets by DHCP or PPP no export tells.
func (c *Config) Addresses() iter.Seq[Address] {
	return func(yield func(Address) bool) {
		down := c.down()
		for _, path := range []string{"/ip/address", "/ipv6/address"} {
			for r := range c.Rows(path) {
				p, err := netip.ParsePrefix(r.Get("address").Text)
				if a, err2 := netip.ParseAddr(r.Get("address").Text); err != nil && err2 == nil {
					p, err = netip.PrefixFrom(a, a.BitLen()), nil
				}
				name := r.Get("interface").Text
				if err == nil && !r.Off() && !down[name] && !yield(Address{p, name, r}) {
					return
				}
			}
		}
	}
}

// Down reports whether an interface is disabled, or stands on one that is, as VLANs and
// PPPoE do. Whether a cable is plugged in no export tells.
func (c *Config) Down(name string) bool { return c.down()[name] }

func (c *Config) down() map[string]bool {
	down := map[string]bool{}
	for more := true; more; { // once for each interface that stands on another
		more = false
		for m := range c.below("/interface") {
			if !isInterfaceMenu(m.Path) {
				continue
			}
			for r := range c.Rows(m.Path) {
				name, under := r.InterfaceName(), r.Get("interface").Text
				if name != "" && !down[name] && (r.Off() || down[under]) {
					down[name], more = true, true
				}
			}
		}
	}
	return down
}

// InterfaceName is what an item of an /interface menu is called: a port that nobody
// renamed has its default name.
func (r Row) InterfaceName() string {
	return cmp.Or(r.Get("name").Text, r.Get("default-name").Text)
}

// interfaceOf is the last part of the menu of an interface: vlan, wireguard.
func (c *Config) interfaceOf(name string) string {
	for m := range c.below("/interface") {
		if !isInterfaceMenu(m.Path) {
			continue
		}
		if _, ok := c.Named(m.Path, name); ok && name != "" {
			return strings.TrimPrefix(m.Path, "/interface/")
		}
	}
	return ""
}

// Tunnel is the kind of an interface of a VPN, which needs another end: "wireguard";
// "" where name is not one.
func (c *Config) Tunnel(name string) string {
	kind := c.interfaceOf(name)
	if slices.Contains([]string{
		"wireguard", "gre", "gre6", "ipip", "ipipv6", "eoip", "eoipv6", "6to4", "vxlan", "zerotier", "l2tp-client", "pptp-client", "sstp-client", "ovpn-client",
		"l2tp-server", "pptp-server", "sstp-server", "ovpn-server", "pppoe-server",
	}, kind) {
		return kind
	}
	return ""
}

// Members are the interfaces of an interface list. whole is false if there may be
// more of them, or others: those that come and go, and those of a list that nobody
// defined.
func (c *Config) Members(list string) (names []string, whole bool) { return c.members(list, 0) }

func (c *Config) members(list string, deep int) (names []string, whole bool) {
	const maxLists = 20 // lists that include each other
	row, ok := c.Named("/interface/list", list)
	if !ok || deep > maxLists || slices.Contains([]string{"all", "dynamic", "static"}, list) {
		return nil, false
	}
	whole = true
	for r := range c.Rows("/interface/list/member") {
		if r.Get("list").Text == list && !r.Off() {
			names = append(names, r.Get("interface").Text)
		}
	}
	for r := range c.Rows("/ppp/profile") { // an interface of PPP joins it when it comes up
		whole = whole && r.Get("interface-list").Text != list
	}
	for other := range listOf(row.Get("include").Text) {
		more, all := c.members(other, deep+1)
		names, whole = append(names, more...), whole && all
	}
	for other := range listOf(row.Get("exclude").Text) {
		less, all := c.members(other, deep+1)
		// What comes and goes is excluded for certain only while it is not named.
		whole = whole && (all || other == "dynamic")
		names = slices.DeleteFunc(names, func(n string) bool { return slices.Contains(less, n) })
	}
	slices.Sort(names)
	return slices.Compact(names), whole
}

// listOf are the values of a property that takes several.
func listOf(s string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for v := range strings.SplitSeq(s, ",") {
			if v != "" && !yield(v) {
				return
			}
		}
	}
}

// Uplinks are the interfaces by which a default route leads out, in the order in
// which the configuration names them: those of static routes, and of clients that
// bring one.
func (c *Config) Uplinks() (names []string) {
	down := c.down()
	add := func(name string) {
		if name != "" && !down[name] && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for r := range c.Rows("/ip/route") {
		if r.Off() || r.Get("dst-address").Text != "0.0.0.0/0" {
			continue
		}
		for gateway := range listOf(r.Get("gateway").Text) {
			name, _ := c.NextHop(gateway)
			add(name)
		}
	}
	for r := range c.Rows("/ip/dhcp-client") {
		if !r.Off() && r.Get("add-default-route").Text != "no" {
			add(r.Get("interface").Text)
		}
	}
	for m := range c.below("/interface") {
		if !isInterfaceMenu(m.Path) || !strings.HasSuffix(m.Path, "-client") {
			continue
		}
		for r := range c.Rows(m.Path) {
			if !r.Off() && r.Yes("add-default-route") {
				add(r.InterfaceName())
			}
		}
	}
	return names
}

// NextHop is the interface that a gateway is reached by: an interface itself, an
// address in one's network, or both: 203.0.113.1%ether1. An address that is in none is
// looked up in the other static routes, as with the gateways of recursive routes;
// address is that of the last gateway, if it has one. name is empty if nothing tells.
func (c *Config) NextHop(gateway string) (name string, address netip.Addr) {
	const maxHops = 4 // routes that lead to each other
	for range maxHops {
		host, name, both := strings.Cut(gateway, "%")
		a, err := netip.ParseAddr(host)
		switch {
		case both:
			return name, a
		case err != nil:
			return gateway, a
		}
		for own := range c.Addresses() {
			if own.Link().Contains(a) {
				return own.Interface, a
			}
		}
		if gateway = c.routeTo(a); gateway == "" {
			break
		}
	}
	return "", netip.Addr{}
}

// Refusal is how a route refuses packets, by the name that the kernel has for it; empty if
// it does not. Version 6 has types of routes, and 7 a flag.
func (r Row) Refusal() string {
	if kind := r.Get("type").Text; slices.Contains([]string{"blackhole", "prohibit", "unreachable"}, kind) {
		return kind
	}
	if r.Yes("blackhole") {
		return "blackhole"
	}
	return ""
}

// routeTo is the gateway of the narrowest static route to an address, the default
// routes aside; empty if there is none.
func (c *Config) routeTo(a netip.Addr) (gateway string) {
	best := 0
	for r := range c.Rows("/ip/route") {
		p, err := netip.ParsePrefix(r.Get("dst-address").Text)
		if err == nil && !r.Off() && p.Bits() > best && p.Contains(a) {
			best, gateway = p.Bits(), r.Get("gateway").Text
		}
	}
	gateway, _, _ = strings.Cut(gateway, ",")
	return gateway
}
