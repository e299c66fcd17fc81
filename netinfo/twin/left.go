package twin

import (
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// menus notes the parts of the configuration that the twin does not have.
func (b *builder) menus() {
	for m := range b.cfg.Menus() {
		if !isLeft(m.Path) {
			continue
		}
		rows := 0
		for r := range b.cfg.Rows(m.Path) {
			if !r.Off() && !r.Builtin && r.Get("enabled").Text != "no" {
				rows++
			}
		}
		if rows > 0 {
			b.left = append(b.left, Left{Menu: m.Path, Rows: rows})
		}
	}
	if r := b.cfg.Settings("/interface/bridge/settings"); r.Yes("use-ip-firewall") {
		b.leave("/interface/bridge/settings", r.Line, "use-ip-firewall=yes")
	}
	fast := false
	for r := range b.cfg.Rows("/ip/firewall/filter") {
		if !fast && !r.Off() && r.Get("action").Text == "fasttrack-connection" {
			fast = true
			b.leave("/ip/firewall/filter", r.Line, "action=fasttrack-connection")
		}
	}
}

// assumed are the menus whose values no line sets, of a file that does not tell all.
func assumed(cfg *routeros.Config) (menus []string) {
	sip, _ := cfg.Named("/ip/firewall/service-port", "sip")
	for _, m := range []struct {
		path string
		row  routeros.Row
		name string
	}{{"/ip/firewall/service-port", sip, "disabled"}, {"/ip/firewall/connection/tracking", cfg.Settings("/ip/firewall/connection/tracking"), "udp-timeout"}} {
		if m.row.Item != nil && !cfg.Covers(m.path) && m.row.Get(m.name).Origin != routeros.Set {
			menus = append(menus, m.path)
		}
	}
	return menus
}

// isLeft reports whether a menu changes what becomes of packets, or when, and is not
// rebuilt.
func isLeft(path string) bool {
	for _, prefix := range []string{
		"/queue/tree", "/ip/hotspot", "/interface/bridge/filter", "/interface/bridge/nat", "/interface/wireguard", "/interface/gre", "/interface/ipip",
		"/interface/eoip", "/interface/6to4", "/interface/vxlan", "/interface/l2tp", "/interface/pptp", "/interface/sstp", "/interface/ovpn", "/interface/vrrp",
		"/ip/ipsec/policy", "/ip/ipsec/peer", "/system/script", "/system/scheduler", "/tool/netwatch", "/routing/bgp", "/routing/ospf", "/ip/firewall/layer7-protocol",
		"/ip/proxy", "/ip/upnp/interfaces", "/ip/vrf", "/interface/zerotier", "/interface/pppoe-server", "/interface/bridge/vlan", "/interface/ethernet/switch/rule",
		"/routing/rip/", "/ipv6/dhcp-client",
	} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}
