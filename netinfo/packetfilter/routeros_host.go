package packetfilter

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/netinfo/routes"
)

// RouterOSHost is what a packet meets on a MikroTik router besides its rules. Its
// addresses and routes are known only where all of them stand in the configuration:
// what DHCP, PPP, routing protocols, rules and marks bring is not in an export.
func RouterOSHost(c *routeros.Config) *Host {
	h := &Host{Switches: map[string]int{}, Under: map[string][]string{}, IPsec: routes.AnswerOf(hasRouterOSIPsec(c))}
	settings := c.Settings("/ip/settings")
	number := map[string]int{"yes": 1, "no": 0, "strict": 1, "loose": 2}
	h.set("ipv4/ip_forward", number, settings.Get("ip-forward"))
	h.set("ipv4/conf/all/rp_filter", number, settings.Get("rp-filter"))
	for m := range c.Menus() {
		for r := range c.Rows(m.Path) {
			for _, name := range []string{r.Get("interface").Text, r.Get("name").Text} {
				if name != "" { // RouterOS has one switch for all interfaces
					h.set("ipv4/conf/"+name+"/rp_filter", number, settings.Get("rp-filter"))
				}
			}
		}
	}
	for r := range c.Rows("/interface/bridge/port") {
		bridge := r.Get("bridge").Text
		h.Under[bridge] = append(h.Under[bridge], r.Get("interface").Text)
	}
	for r := range c.Rows("/interface/vlan") {
		h.Under[r.Get("name").Text] = []string{r.Get("interface").Text}
	}
	if isStaticRouterOS(c) {
		h.Tables = routerOSRoutes(c)
	}
	return h
}

// set takes over a setting whose value is known.
func (h *Host) set(name string, number map[string]int, v routeros.Value) {
	if n, ok := number[v.Text]; ok {
		h.Switches[name] = n
	}
}

// isStaticRouterOS reports whether every address and route of the router stands in
// its configuration.
func isStaticRouterOS(c *routeros.Config) bool {
	for m := range c.Menus() {
		switch {
		case strings.HasSuffix(m.Path, "-client"), strings.HasPrefix(m.Path, "/routing/"), m.Path == "/ip/route/rule", m.Path == "/ip/vrf":
			for r := range c.Rows(m.Path) {
				if !r.Off() && !(r.Builtin && r.Line == 0) {
					return false
				}
			}
		}
	}
	for _, table := range []string{"/ip/firewall/mangle", "/ipv6/firewall/mangle"} {
		for r := range c.Rows(table) {
			if !r.Off() && r.Get("action").Text == "mark-routing" {
				return false
			}
		}
	}
	return true
}

// routerOSRoutes are the addresses with the routes to their networks, and the
// static routes. One whose gateway stands in no network is not active.
func routerOSRoutes(c *routeros.Config) (t routes.Tables) {
	for a := range c.Addresses() {
		t.Addrs = append(t.Addrs, routes.Addr{Addr: a.Prefix.Addr(), Interface: a.Interface, Primary: true})
		t.Routes = append(t.Routes, Route{Dst: a.Link(), Interface: a.Interface, Table: "main"})
	}
	direct := slices.Clone(t.Routes)
	for r := range c.Rows("/ip/route") {
		dst, err := netip.ParsePrefix(r.Get("dst-address").Text)
		if err != nil || r.Off() || r.Get("routing-mark").Text != "" || !slices.Contains([]string{"", "main"}, r.Get("routing-table").Text) {
			continue
		}
		metric, _ := parseMetric(r.Get("distance").Text)
		if kind := r.Refusal(); kind != "" {
			t.Routes = append(t.Routes, Route{Dst: dst, Kind: kind, Table: "main", Metric: metric})
			continue
		}
		gateway := r.Get("gateway").Text
		a, err := netip.ParseAddr(gateway)
		if err != nil && c.Down(gateway) {
			continue
		}
		if err != nil {
			t.Routes = append(t.Routes, Route{Dst: dst, Interface: gateway, Table: "main", Metric: metric})
			continue
		}
		i := slices.IndexFunc(direct, func(d Route) bool { return d.Dst.Contains(a) })
		if i >= 0 {
			t.Routes = append(t.Routes, Route{Dst: dst, Interface: direct[i].Interface, Gateway: a, Table: "main", Metric: metric})
		}
	}
	return t
}

// parseMetric is the distance of a route.
func parseMetric(s string) (n int64, ok bool) {
	for _, d := range s {
		if d < '0' || d > '9' || n > 255 {
			return 0, false
		}
		n = n*10 + int64(d-'0')
	}
	return n, s != ""
}

// hasRouterOSIPsec reports whether the router may have policies of IPsec, which are
// made by hand, by a peer, or by a tunnel with a secret.
func hasRouterOSIPsec(c *routeros.Config) bool {
	for m := range c.Menus() {
		switch strings.TrimPrefix(m.Path, "/interface/") {
		case "/ip/ipsec/peer", "/ip/ipsec/identity", "gre", "gre6", "ipip", "ipipv6", "eoip", "eoipv6", "6to4":
			return true
		case "l2tp-client", "l2tp-server/server":
			for r := range c.Rows(m.Path) {
				if use := r.Get("use-ipsec").Text; use != "" && use != "no" {
					return true
				}
			}
		}
	}
	return false
}
