package routeros

import (
	"maps"
	"slices"
	"strings"
)

// A Wanted is a menu to ask a router for, and of what: what is not asked for, such as a
// password, does not leave the router.
type Wanted struct {
	Path string
	Only []string // the properties; empty: all
}

const (
	connections4 = "/ip/firewall/connection"
	connections6 = "/ipv6/firewall/connection"
	interfaces   = "/interface"
)

// otherMenus are those without a table of which it matters whether they have items:
// tunnels, policies and routes that are not in the configuration itself.
func otherMenus() (list []Wanted) {
	for path, only := range map[string]string{
		"/ppp/profile":                  "interface-list",
		"/interface/l2tp-client":        "connect-to add-default-route default-route-distance use-ipsec",
		"/interface/pptp-client":        "connect-to add-default-route default-route-distance",
		"/interface/sstp-client":        "connect-to add-default-route default-route-distance",
		"/interface/ovpn-client":        "connect-to add-default-route",
		"/interface/l2tp-server/server": "enabled use-ipsec",
		"/ip/ipsec/peer":                "address",
		"/ip/ipsec/identity":            "peer",
		"/ip/vrf":                       "interfaces",
		"/routing/ospf/instance":        "",
		"/routing/ospf/network":         "network",
		"/routing/bgp/connection":       "",
		"/routing/bgp/peer":             "",
		"/routing/rip/instance":         "",
		"/routing/rip/interface":        "interface",
	} {
		list = append(list, Wanted{path, append([]string{".id", "dynamic", "default", "name", "disabled", "comment"}, strings.Fields(only)...)})
	}
	slices.SortFunc(list, func(a, b Wanted) int { return strings.Compare(a.Path, b.Path) })
	return list
}

// WantedMenus are what a Config is made of where the router cannot be told to export. A
// router does not have all of them.
func WantedMenus() (list []Wanted) {
	for _, path := range slices.Sorted(maps.Keys(tables().Menus)) {
		if path == connections4 || path == connections6 || strings.HasPrefix(path, "/system/") {
			continue
		}
		w := Wanted{Path: path}
		// Of a rule every property matters, known or not. Of the others those that are
		// known do.
		if spec := tables().Menus[path]; spec.Partial {
			w.Only = []string{".id", "dynamic", "invalid"}
			for _, name := range slices.Sorted(maps.Keys(spec.properties)) {
				if !secret(name) {
					w.Only = append(w.Only, name)
				}
			}
			if !slices.Contains(w.Only, "name") && slices.Contains(spec.ReadOnly, "name") {
				w.Only = append(w.Only, "name")
			}
		}
		list = append(list, w)
	}
	list = append(list, Wanted{Path: interfaces, Only: []string{".id", "dynamic", "name", "type", "comment", "disabled"}})
	return append(list, otherMenus()...)
}

// secret reports whether a property may hold what nobody else must know.
func secret(name string) bool {
	return slices.Contains([]string{"password", "private-key", "preshared-key", "secret", "user", "source", "on-event"}, name)
}
