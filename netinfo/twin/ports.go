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
func (b *builder) ports(o Options) {
	b.outward = append(b.cfg.Uplinks(), b.clients()...)
	b.choose(o)
	for a := range b.cfg.Addresses() {
		p := b.plug(a.Interface)
		switch {
		case a.Row.Get("from-pool").Text != "":
			b.leave("/ipv6/address", a.Row.Line, "from-pool="+a.Row.Get("from-pool").Text)
		case b.noSix && a.Prefix.Addr().Is6(), !usable(a.Prefix): // of every interface, or of none
		case p == nil: // a tunnel without its other end, or one too many
			b.leave("/ip/address", a.Row.Line, "interface="+a.Interface)
		case !slices.Contains(p.Addrs, a.Prefix):
			p.Addrs = append(p.Addrs, a.Prefix)
			if peer := a.Link(); a.Prefix.IsSingleIP() && peer != a.Prefix && peer.Addr().Is4() {
				p.Far = append(p.Far, peer)
			}
		}
	}
	for _, name := range b.outward {
		b.plug(name)
	}
	for i := range b.plugs {
		p := &b.plugs[i]
		switch p.Uplink = slices.Contains(b.outward, p.name) || b.isSixUplink(p); {
		case p.Uplink:
			b.uplink(p)
		default:
			p.Far = append(p.Far, hosts(p.Addrs)...)
		}
	}
}

// choose says which interfaces are built: at most maxPorts, those that lead out and the
// phone's first.
func (b *builder) choose(o Options) {
	names := append(slices.Clone(b.outward), o.LAN)
	var rest []string
	for a := range b.cfg.Addresses() {
		if a.Prefix.Contains(o.Phone) {
			names = append(names, a.Interface)
		}
		rest = append(rest, a.Interface)
	}
	b.built = map[string]bool{}
	for _, name := range append(names, rest...) {
		if name != "" && len(b.built) < maxPorts && !b.isTunnel(name) {
			b.built[name] = true
		}
	}
}

// usable reports whether an address can be given to an interface here.
func usable(p netip.Prefix) bool {
	a := p.Addr()
	return !a.IsLoopback() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLinkLocalUnicast()
}

// isTunnel reports whether an interface is one of those that need another end. The
// Internet by a client, such as one of L2TP, is a cable as good as any.
func (b *builder) isTunnel(name string) bool {
	kind := b.cfg.Tunnel(name)
	return kind != "" && !(strings.HasSuffix(kind, "-client") && slices.Contains(b.outward, name))
}

// plug is the port of that name, which is added where it is missing; nil where it
// cannot be built.
func (b *builder) plug(name string) *plug {
	for i := range b.plugs {
		if b.plugs[i].name == name {
			return &b.plugs[i]
		}
	}
	if !b.built[name] {
		return nil
	}
	b.plugs = append(b.plugs, plug{name: name, Port: lab.Port{Name: b.device(name), MTU: b.mtu(name)}})
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
