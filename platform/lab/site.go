package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// A Site is an office whose router is configured to order: as somebody's own is. The
// other boxes are those of every office, and one host in each further network of
// the router.
type Site struct {
	Ports  []Port
	Routes []SiteRoute // of the router, besides those to the networks of its ports
	Rules  []Rule      // that choose another table of routes
	Script string      // for nft, with which the router's packet filter is loaded
	// RewritesSIP reports that the script attaches the SIP helper. The office is not
	// built where that would change nothing.
	RewritesSIP bool
	Settings    []Setting // of the router's kernel, once the filter is loaded
	Shapers     []Shaper
	// Phone is where check runs: an address in a network of a port that is no uplink;
	// invalid: there is none, and the phone hangs on nothing.
	Phone   netip.Addr
	Servers Servers // the zero value are the usual ones
}

// A Port is an interface of the router.
type Port struct {
	Name   string // at most 15 bytes, as the kernel takes them
	Addrs  []netip.Prefix
	MTU    int  // bytes, at both ends; 0: the kernel's
	Uplink bool // it leads to the Internet
	// Far are the addresses of what is at the other end: the provider's router, or
	// a host of the network. The phone's need not be among them.
	Far []netip.Prefix
	// Behind are networks that are reached through the uplink besides the router's
	// addresses: those that it does not translate.
	Behind []netip.Prefix
}

// A SiteRoute is a route of the router.
type SiteRoute struct {
	Dst    netip.Prefix
	Via    netip.Addr // invalid: what Dst names is on the link itself
	Dev    string
	Metric int
	Table  int // 0: main
	Refuse Refusal
}

// Refusal is what a route or a rule does with packets instead of sending them on. The zero
// value sends them on.
type Refusal byte

const (
	Blackhole   Refusal = iota + 1 // drops them
	Unreachable                    // answers that the host is not reached
	Prohibit                       // answers that it is forbidden
)

// A Rule sends packets to a table of routes. Zero fields match everything.
type Rule struct {
	Priority   int
	Mark, Mask uint32
	Src, Dst   netip.Prefix
	In         string
	Table      int
	Refuse     Refusal
}

// A Shaper limits the packets that leave by an interface with the priority 1:Class, which
// the script gives them.
type Shaper struct {
	Dev   string
	Class uint16
	Rate  uint64 // bits a second
	Queue int    // packets that wait, of the first shaper of an interface; more are dropped
}

// A Setting is a file below /proc/sys/net.
type Setting struct{ Key, Value string }

// Servers are the IPv4 addresses of the servers on the Internet side.
type Servers struct {
	Gateway    netip.Addr // of the servers
	Responder  netip.Addr
	Responder2 netip.Addr // of the same responder; invalid: it has one address
	SIP, STUN  netip.Addr
}

func usualServers() Servers {
	return Servers{
		netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr(ResponderAddr), netip.MustParseAddr(ResponderAddr2),
		netip.MustParseAddr(SIPServerAddr), netip.MustParseAddr(STUNServerAddr),
	}
}

// BuildSite makes the namespaces of s and wires them, as Build does. The packet filter
// is loaded by nft, of the package nftables.
func BuildSite(ctx context.Context, s Site) (*Office, error) {
	s.Servers = cmp.Or(s.Servers, usualServers())
	p, err := sitePlan(s)
	if err == nil && s.RewritesSIP {
		err = proveHelper(ctx)
	}
	if err != nil {
		return nil, err
	}
	o := &Office{Scenario: Scenario{Name: "twin"}, Servers: s.Servers}
	nodes, err := o.build(ctx, p)
	if err != nil {
		o.Close()
		return nil, fmt.Errorf("building the office %q: %w", o.Scenario.Name, err)
	}
	o.name(nodes)
	if err := o.Routers[0].Do(func() error { return shape(s.Shapers) }); err != nil && !errors.Is(err, errNoShapers) {
		o.Close()
		return nil, err
	}
	for _, l := range p.links[:len(s.Ports)] {
		o.Ends = append(o.Ends, nodes[l.a.node])
	}
	return o, nil
}

// errNoShapers says that the kernel has no shapers. A site is built without them.
var errNoShapers = errors.New("this kernel shapes no traffic")

// routerMAC is the hardware address of a port, of a block that is MikroTik's (IEEE
// registration 4C-5E-0C): by it check recognises the router.
func routerMAC(i int) net.HardwareAddr {
	return net.HardwareAddr{0x4c, 0x5e, 0x0c, 0, byte(i >> 8), byte(i)}
}

// sitePlan lays the site out.
func sitePlan(s Site) (*plan, error) {
	home := slices.IndexFunc(s.Ports, func(p Port) bool { return !p.Uplink && p.Reaches(s.Phone) })
	if home < 0 && s.Phone.IsValid() {
		return nil, fmt.Errorf("no port of the router has a network with %s in it", s.Phone)
	}
	p := &plan{names: s.names()}
	p.nodes = []nodePlan{{name: phoneNode}}
	for i := range s.Ports {
		if !s.Ports[i].Uplink && i != home {
			p.nodes = append(p.nodes, nodePlan{name: lanNode(i)})
		}
	}
	router := routerNode(0)
	p.nodes = append(p.nodes,
		nodePlan{name: router, forwards: true, script: s.Script, settings: s.Settings, rules: s.Rules},
		nodePlan{name: internetNode, forwards: true, script: providerScript, settings: []Setting{{"ipv4/conf/all/proxy_arp", "1"}}}) // servers may stand in the network of an uplink
	for i, port := range s.Ports {
		far := endPlan{node: lanNode(i), dev: hostInterface, addrs: port.Far}
		switch {
		case port.Uplink:
			far.node, far.dev = internetNode, fmt.Sprintf("%s%d", officeSide, i)
		case i == home:
			far.node, far.addrs = phoneNode, port.with(s.Phone)
		}
		p.links = append(p.links, linkPlan{a: far, b: endPlan{node: router, dev: port.Name, addrs: port.Addrs, mac: routerMAC(i)}, mtu: port.MTU})
		p.routes = append(append(p.routes, port.peers(router, far)...), port.backward(far)...)
	}
	for _, r := range s.Routes {
		p.routes = append(p.routes, routePlan{node: router, dst: r.Dst, via: r.Via, dev: r.Dev, metric: r.Metric, table: r.Table, refuse: r.Refuse})
	}
	p.addServers(s.Servers)
	return p, nil
}

// names are those that resolve inside.
func (s Site) names() map[string][]string {
	names := map[string][]string{
		"responder.lab": {s.Servers.Responder.String()}, "sip.lab": {s.Servers.SIP.String()}, "stun.lab": {s.Servers.STUN.String()},
	}
	for _, p := range s.Ports {
		for _, own := range p.Addrs {
			if own.Contains(s.Phone) {
				names["router.lab"] = []string{own.Addr().String()}
			}
		}
	}
	return names
}

func lanNode(i int) string { return fmt.Sprintf("lan%d", i) }

// Reaches reports whether a is on the port's link: in one of its networks and not the
// router's, or the address at the other end of a link that has no network.
func (p Port) Reaches(a netip.Addr) bool {
	return slices.ContainsFunc(p.Addrs, func(own netip.Prefix) bool { return own.Contains(a) && own.Addr() != a }) ||
		slices.ContainsFunc(p.Far, func(f netip.Prefix) bool { return f.Addr() == a })
}

// peers are the routes between addresses of the port and of its other end that share no
// network.
func (p Port) peers(router string, far endPlan) (list []routePlan) {
	add := func(node, dev string, from, to []netip.Prefix) {
		for _, t := range to {
			if !slices.ContainsFunc(from, func(f netip.Prefix) bool { return f.Contains(t.Addr()) }) {
				list = append(list, routePlan{node: node, dst: netip.PrefixFrom(t.Addr(), t.Addr().BitLen()), dev: dev})
			}
		}
	}
	add(router, p.Name, p.Addrs, far.addrs)
	add(far.node, far.dev, far.addrs, p.Addrs)
	return list
}

// with are the addresses of the host at the other end, of which a is the first.
func (p Port) with(a netip.Addr) (list []netip.Prefix) {
	for _, own := range p.Addrs {
		if own.Contains(a) {
			list = append(list, netip.PrefixFrom(a, own.Bits()))
		}
	}
	for _, f := range p.Far {
		if f.Addr().Is4() != a.Is4() {
			list = append(list, f)
		}
	}
	return list
}

// backward are the routes of what is at the other end of the port: by the router to
// everything from a LAN, and to what is behind it from an uplink.
func (p Port) backward(far endPlan) (list []routePlan) {
	for _, own := range p.Addrs {
		dsts := p.Behind
		if !p.Uplink {
			dsts = prefixes("0.0.0.0/0", "::/0")
		}
		for _, dst := range dsts {
			known := slices.ContainsFunc(list, func(r routePlan) bool { return r.dst == dst })
			near := p.Uplink || slices.ContainsFunc(far.addrs, func(f netip.Prefix) bool { return f.Contains(own.Addr()) })
			if dst.Addr().Is4() == own.Addr().Is4() && !known && near {
				list = append(list, routePlan{node: far.node, dst: dst, via: own.Addr(), dev: far.dev})
			}
		}
	}
	return list
}

// providerScript is the address translation of the provider, for offices whose
// uplink has a private address, or one of a carrier (RFC 6598): what stands there in
// life no configuration of the router tells, but some box does translate.
const providerScript = `table ip nat {
	chain postrouting {
		type nat hook postrouting priority srcnat;
		oifname { "responder", "sip", "stun" } ip saddr { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 } masquerade
	}
}
`
