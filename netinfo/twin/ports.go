package twin

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }

// maxPorts bounds the interfaces that are built. A larger router's first ones are.
const maxPorts = 24

// ports are the interfaces with addresses, and the uplinks.
func (b *builder) ports() {
	uplinks := b.cfg.Uplinks()
	for a := range b.cfg.Addresses() {
		if !usable(a.Prefix) {
			continue
		}
		switch p := b.plug(a.Interface); {
		case p == nil: // a tunnel without its other end, or one too many
			b.leave("/ip/address", a.Row.Line, "interface="+a.Interface)
		case !slices.Contains(p.Addrs, a.Prefix):
			p.Addrs = append(p.Addrs, a.Prefix)
		}
	}
	for _, name := range append(uplinks, b.clients()...) {
		b.plug(name)
	}
	for i := range b.plugs {
		p := &b.plugs[i]
		p.Uplink = slices.Contains(uplinks, p.name) || slices.Contains(b.clients(), p.name)
		switch {
		case p.Uplink:
			b.uplink(p)
		default:
			p.Far = hosts(p.Addrs)
		}
	}
}

// usable reports whether an address can be given to an interface here.
func usable(p netip.Prefix) bool {
	a := p.Addr()
	return !a.IsLoopback() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLinkLocalUnicast()
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
			if !r.Off() && !r.Builtin {
				names = append(names, r.Get(key).Text)
			}
		}
	}
	return names
}

// isTunnel reports whether an interface is one of those that need another end.
func (b *builder) isTunnel(name string) bool {
	for m := range b.cfg.Menus() {
		kind, ok := strings.CutPrefix(m.Path, "/interface/")
		if !ok || !slices.Contains([]string{
			"wireguard", "gre", "gre6", "ipip", "ipipv6", "eoip", "eoipv6", "6to4", "vxlan", "zerotier", "l2tp-client", "pptp-client", "sstp-client", "ovpn-client",
			"l2tp-server", "pptp-server", "sstp-server", "ovpn-server", "pppoe-server",
		}, kind) {
			continue
		}
		if r, ok := b.cfg.Named(m.Path, name); ok && r.Get("name").Text == name {
			return true
		}
	}
	return false
}

// plug is the port of that name, which is added where it is missing; nil where it
// cannot be built.
func (b *builder) plug(name string) *plug {
	for i := range b.plugs {
		if b.plugs[i].name == name {
			return &b.plugs[i]
		}
	}
	if name == "" || b.isTunnel(name) || len(b.plugs) == maxPorts {
		return nil
	}
	b.plugs = append(b.plugs, plug{name: name, Port: lab.Port{Name: b.device(name)}})
	return &b.plugs[len(b.plugs)-1]
}

// device is what an interface is called in the lab: as in RouterOS, where the kernel
// takes the name (dev_valid_name of net/core/dev.c).
func (b *builder) device(name string) string {
	if d, ok := b.devices[name]; ok {
		return d
	}
	const longest = 15
	tame := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' {
			return r
		}
		return '_'
	}, name)
	taken := func(d string) bool {
		for _, other := range b.devices {
			if other == d {
				return true
			}
		}
		return d == "lo" || d == "all" || d == "default" || strings.Trim(d, ".") == ""
	}
	d := tame[:min(len(tame), longest)]
	for n := 1; taken(d); n++ {
		tail := fmt.Sprint("_", n)
		d = tame[:min(len(tame), longest-len(tail))] + tail
	}
	b.devices[name] = d
	return d
}

// uplink gives a port that leads outwards the provider's router at its other end.
func (b *builder) uplink(p *plug) {
	if !slices.ContainsFunc(p.Addrs, func(a netip.Prefix) bool { return a.Addr().Is4() }) {
		p.Addrs = append(p.Addrs, b.standIn())
	}
	for _, own := range p.Addrs {
		if gateway := b.gatewayIn(own); gateway.IsValid() {
			p.Far = append(p.Far, netip.PrefixFrom(gateway, own.Bits()))
		} else {
			p.Far = append(p.Far, hosts([]netip.Prefix{own})...)
		}
	}
}

// standIn is a network for an uplink whose address no export tells: a documentation
// network (RFC 5737) or one of those for measurements (RFC 2544) that the
// configuration does not use.
func (b *builder) standIn() netip.Prefix {
	candidates := []string{"203.0.113.1/24", "192.0.2.1/24"}
	for i := range 64 {
		candidates = append(candidates, fmt.Sprintf("198.18.%d.1/24", i))
	}
	for _, c := range candidates {
		p := netip.MustParsePrefix(c)
		free := true
		for _, plug := range b.plugs {
			free = free && !slices.ContainsFunc(plug.Addrs, p.Overlaps)
		}
		if free {
			return p
		}
	}
	return netip.MustParsePrefix("203.0.113.1/24")
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

// hosts are addresses for the other end: one in each network.
func hosts(own []netip.Prefix) (list []netip.Prefix) {
	for _, p := range own {
		network := p.Masked()
		for _, n := range []int{10, 11, 1, 2} {
			a := network.Addr()
			for range n {
				a = a.Next()
			}
			last := a.Next() // of IPv4, the last address is everybody's
			if network.Contains(a) && a != p.Addr() && (!a.Is4() || p.Bits() >= 31 || network.Contains(last)) && !slices.ContainsFunc(own, func(o netip.Prefix) bool { return o.Addr() == a }) {
				list = append(list, netip.PrefixFrom(a, p.Bits()))
				break
			}
		}
	}
	return list
}

func routeMenu(a netip.Addr) string {
	if a.Is6() {
		return "/ipv6/route"
	}
	return "/ip/route"
}

func dstOf(r routeros.Row) (netip.Prefix, bool) {
	text := r.Get("dst-address").Text
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err == nil
}
