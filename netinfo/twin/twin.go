// Package twin rebuilds the office of a MikroTik router as an office of the lab, from
// the router's own configuration: its networks, routes, packet filter, address
// translation, SIP helper and timeouts, on the kernel that RouterOS runs on too. What
// it cannot rebuild it lists.
package twin

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// A Twin is the office of a configuration.
type Twin struct {
	Site lab.Site
	Left []Left
	// Queues are those that are built with the shapers of Site, and left out where the
	// kernel has none.
	Queues []Left
	// Assumed are the menus that the configuration may lack, though they matter: what is
	// built is as RouterOS ships it.
	Assumed []string
	// Devices are the names that the interfaces of the router have in the lab.
	Devices map[string]string
	// Phone is the interface in whose network the phone stands; empty: no such network
	// is known.
	Phone string
	// Uplink reports whether a way to the Internet of IPv4 is known.
	Uplink bool

	told []span // what the configuration tells apart
}

// Left is something of the configuration that the twin does not have.
type Left struct {
	Menu string
	Line int // of the rule that is left out; 0: it is about all of the menu
	// What is the property of the rule that cannot be rebuilt. Empty: the rows are
	// left out as they are.
	What string
	Rows int // that are left out
}

// Options say what is asked of the twin. The zero value asks for a phone in the first
// network behind the router.
type Options struct {
	// LAN is the interface in whose network the phone stands.
	LAN string
	// Phone is its address there, which a PBX needs; invalid: a free one.
	Phone netip.Addr
}

// ErrNoPhone says that the phone's address is in no network behind the router.
var ErrNoPhone = errors.New("the address is in no network behind the router")

// Of is the twin of a configuration. Where the configuration tells of no network behind
// the router, there is no phone in it.
func Of(cfg *routeros.Config, o Options) (*Twin, error) {
	b := &builder{cfg: cfg, devices: map[string]string{}, tables: map[string]int{}, told: toldApart(cfg)}
	b.noSix = cfg.Settings("/ipv6/settings").Yes("disable-ipv6")
	b.ports(o)
	home, err := b.home(o)
	if err != nil {
		return nil, err
	}
	b.routes()
	b.behind()
	b.queues()
	t := &Twin{Devices: b.devices, Uplink: b.leadsOut(netip.IPv4Unspecified()) != "", told: b.told}
	s := &t.Site
	s.Servers = b.servers()
	s.Script = b.script()
	s.Settings, s.Routes, s.Rules = b.settings(), b.paths, b.choices
	s.RewritesSIP, s.Shapers = b.helped, b.shapers
	if home >= 0 {
		t.Phone, s.Phone = b.plugs[home].name, b.phone(home, o)
	}
	for _, p := range b.plugs {
		s.Ports = append(s.Ports, p.Port)
	}
	b.menus()
	t.Left = b.left
	if len(b.shapings) > 0 {
		t.Queues = []Left{{Menu: "/queue/simple", Rows: len(b.shapings)}}
	}
	t.Assumed = assumed(cfg)
	return t, nil
}

// builder collects a twin.
type builder struct {
	cfg      *routeros.Config
	outward  []string        // the interfaces that lead out
	built    map[string]bool // the interfaces that are built
	told     []span
	shapers  []lab.Shaper
	shapings []shaping
	noSix    bool // IPv6 is switched off
	plugs    []plug
	devices  map[string]string // by the name that RouterOS has
	tables   map[string]int    // of routes
	paths    []lab.SiteRoute
	choices  []lab.Rule
	left     []Left
	helped   bool // the SIP helper is on
}

// plug is a port with its name in RouterOS.
type plug struct {
	lab.Port
	name string
}

// home is the port in whose network the phone stands; -1 if there is none.
func (b *builder) home(o Options) (int, error) {
	isLAN := func(p plug) bool { return !p.Uplink && p.peer(true).IsValid() }
	if o.Phone.IsValid() {
		i := slices.IndexFunc(b.plugs, func(p plug) bool { return isLAN(p) && p.free(o.Phone) })
		if i < 0 {
			return 0, ErrNoPhone
		}
		return i, nil
	}
	i := slices.IndexFunc(b.plugs, func(p plug) bool { return isLAN(p) && p.name == o.LAN })
	if i < 0 {
		i = slices.IndexFunc(b.plugs, isLAN)
	}
	return i, nil
}

// free reports whether a host of the port's networks may have this address.
func (p plug) free(a netip.Addr) bool {
	return slices.ContainsFunc(p.Addrs, func(own netip.Prefix) bool { return own.Contains(a) }) &&
		!slices.ContainsFunc(p.Addrs, func(own netip.Prefix) bool { return own.Addr() == a })
}

// phone is where the phone stands unless that is given: at an address that no rule names
// alone, as it does servers.
func (b *builder) phone(home int, o Options) netip.Addr {
	if o.Phone.IsValid() {
		return o.Phone
	}
	const first, last = 10, 250
	p, usual := b.plugs[home], b.plugs[home].peer(true)
	i := slices.IndexFunc(p.Addrs, func(own netip.Prefix) bool { return own.Contains(usual) })
	for n := first; i >= 0 && n < last; n++ {
		if a := nth(p.Addrs[i], n); p.free(a) && p.Addrs[i].Contains(a.Next()) && !b.named(a) {
			return a
		}
	}
	return usual
}

// named reports whether something in the configuration is about this address alone.
func (b *builder) named(a netip.Addr) bool {
	for r := range b.cfg.Rows("/ip/firewall/nat") {
		if r.Get("to-addresses").Text == a.String() && !r.Off() {
			return true
		}
	}
	return slices.Contains(b.told, span{a, a})
}

// peer is what is at the other end; invalid: nothing of this family.
func (p plug) peer(v4 bool) netip.Addr {
	for _, far := range p.Far {
		if far.Addr().Is4() == v4 {
			return far.Addr()
		}
	}
	return netip.Addr{}
}

// leave notes a rule that is left out.
func (b *builder) leave(menu string, line int, what string) {
	b.left = append(b.left, Left{Menu: menu, Line: line, What: what, Rows: 1})
}

// settings are those of the router's kernel.
func (b *builder) settings() (list []lab.Setting) {
	filter := map[string]string{"no": "0", "strict": "1", "loose": "2"}
	rp, ok := filter[b.cfg.Settings("/ip/settings").Get("rp-filter").Text]
	if !ok {
		rp = "0"
	}
	list = append(list, lab.Setting{Key: "ipv4/conf/all/rp_filter", Value: rp}, lab.Setting{Key: "ipv4/conf/default/rp_filter", Value: rp})
	if b.cfg.Settings("/ip/settings").Get("ip-forward").Text == "no" {
		list = append(list, lab.Setting{Key: "ipv4/ip_forward", Value: "0"})
	}
	if b.cfg.Settings("/ipv6/settings").Get("forward").Text == "no" {
		list = append(list, lab.Setting{Key: "ipv6/conf/all/forwarding", Value: "0"})
	}
	tracking := b.cfg.Settings("/ip/firewall/connection/tracking")
	for _, s := range [][2]string{{"udp-timeout", "udp_timeout"}, {"udp-stream-timeout", "udp_timeout_stream"}} {
		if d, ok := tracking.Get(s[0]).Duration(); ok && d.Seconds() >= 1 {
			list = append(list, lab.Setting{Key: "netfilter/nf_conntrack_" + s[1], Value: seconds(d)})
		}
	}
	return list
}
