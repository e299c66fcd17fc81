package netinfo

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sipdoctor/sipdoctor/netinfo/routes"
	"github.com/sipdoctor/sipdoctor/platform"
)

var sameAddr = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})

func iface(name string, kind platform.LinkKind, addrs ...string) routes.Interface {
	i := routes.Interface{Name: name, Kind: kind, MTU: 1500, Up: true}
	for _, a := range addrs {
		i.Addrs = append(i.Addrs, netip.MustParsePrefix(a))
	}
	return i
}

func route(dst, gateway, name string, metric int64) routes.Route {
	r := routes.Route{Dst: netip.MustParsePrefix(dst), Interface: name, Table: "main", Metric: metric}
	if gateway != "" {
		r.Gateway = netip.MustParseAddr(gateway)
	}
	return r
}

func TestUplinkOfManyMachines(t *testing.T) {
	lo := iface("lo", platform.KindLoopback, "127.0.0.1/8")
	eth := iface("eth0", platform.KindEthernet, "192.168.88.10/24", "fe80::1/64")
	home := route("0.0.0.0/0", "192.168.88.1", "eth0", 100)
	unplugged := iface("eth0", platform.KindEthernet)
	unplugged.Up = false
	gw := netip.MustParseAddr("192.168.88.1")
	local := []netip.Addr{netip.MustParseAddr("192.168.88.10")}
	cable := Uplink{Interface: "eth0", Local: local, Gateway: gw, MTU: 1500, DefaultRoute: true, Kind: "ethernet"}
	through := func(vpn string) Uplink {
		u := cable
		u.VPN, u.VPNInterface = true, vpn
		return u
	}
	tests := map[string]struct {
		w    way
		bind string
		want Uplink
	}{
		"a PC on cable": {w: way{interfaces: []routes.Interface{lo, eth}, tables: routes.Tables{Routes: []routes.Route{home}}}, want: cable},
		"a PC whose VPN leaves the default route and takes both halves (OpenVPN)": {w: way{interfaces: []routes.Interface{lo, eth, iface("tun0", platform.KindTunnel, "10.8.0.2/24")}, tables: routes.Tables{Routes: []routes.Route{home, route("0.0.0.0/1", "10.8.0.1", "tun0", 0), route("128.0.0.0/1", "10.8.0.1", "tun0", 0)}}}, want: through("tun0")},
		"a VPN that took the upper half only":                                     {w: way{interfaces: []routes.Interface{lo, eth, iface("tun0", platform.KindTunnel)}, tables: routes.Tables{Routes: []routes.Route{home, route("128.0.0.0/1", "10.8.0.1", "tun0", 0)}}}, want: through("tun0")},
		"a VPN by policy routing (wg-quick): the main table looks innocent": {w: way{
			interfaces: []routes.Interface{lo, eth, iface("wg0", platform.KindTunnel, "10.7.0.2/32")},
			tables: routes.Tables{
				Routes:   []routes.Route{home, {Dst: netip.MustParsePrefix("0.0.0.0/0"), Interface: "wg0", Table: "51820"}},
				Policies: []routes.Policy{{Table: "local"}, {Table: "main", Least: 1}, {Not: true, Mark: 51820, Mask: ^uint32(0), Table: "51820"}, {Table: "main"}},
			},
		}, want: through("wg0")},
		"a VPN into the company only is no VPN for phones": {w: way{interfaces: []routes.Interface{lo, eth, iface("tun0", platform.KindTunnel)}, tables: routes.Tables{Routes: []routes.Route{home, route("10.0.0.0/8", "10.8.0.1", "tun0", 0)}}}, want: cable},
		"L2TP: a PPP interface over the office's cable":    {w: way{interfaces: []routes.Interface{lo, eth, iface("ppp0", platform.KindPPP, "10.9.0.2/32")}, tables: routes.Tables{Routes: []routes.Route{route("0.0.0.0/0", "", "ppp0", 50), home, route("203.0.113.9/32", "192.168.88.1", "eth0", 0)}}}, want: through("ppp0")},
		"PPPoE: a PPP interface that is the line itself":   {w: way{interfaces: []routes.Interface{lo, iface("eth1", platform.KindEthernet, "192.168.88.1/24"), {Name: "ppp0", Kind: platform.KindPPP, MTU: 1492, Up: true, Addrs: []netip.Prefix{netip.MustParsePrefix("203.0.113.5/32")}}}, tables: routes.Tables{Routes: []routes.Route{route("0.0.0.0/0", "", "ppp0", 0), route("192.168.88.0/24", "", "eth1", 0)}}}, want: Uplink{Interface: "ppp0", Local: []netip.Addr{netip.MustParseAddr("203.0.113.5")}, MTU: 1492, DefaultRoute: true, Kind: "ppp"}},
		"Wi-Fi beside a cable: the lower metric wins":      {w: way{interfaces: []routes.Interface{lo, eth, iface("wlan0", platform.KindWireless, "192.168.88.20/24")}, tables: routes.Tables{Routes: []routes.Route{route("0.0.0.0/0", "192.168.88.1", "wlan0", 600), home}}}, want: cable},
		"the user chose the Wi-Fi by its address": {w: way{interfaces: []routes.Interface{lo, eth, iface("wlan0", platform.KindWireless, "192.168.88.20/24")}, tables: routes.Tables{Routes: []routes.Route{home, route("0.0.0.0/0", "192.168.88.1", "wlan0", 600)}}}, bind: "192.168.88.20", want: Uplink{
			Interface: "wlan0", Wireless: true, Local: []netip.Addr{netip.MustParseAddr("192.168.88.20")}, Gateway: gw, MTU: 1500, DefaultRoute: true, Kind: "wireless"}},
		"an office with IPv6": {w: way{interfaces: []routes.Interface{lo, iface("eth0", platform.KindEthernet, "2001:db8::10/64", "192.168.88.10/24", "fe80::1/64")}, tables: routes.Tables{Routes: []routes.Route{home, route("::/0", "fe80::99", "eth0", 100)}}}, want: Uplink{Interface: "eth0", Local: []netip.Addr{local[0], netip.MustParseAddr("2001:db8::10")}, Gateway: gw,
			Gateway6: netip.MustParseAddr("fe80::99"), MTU: 1500, DefaultRoute: true, Kind: "ethernet", IPv6: true}},
		"an office with local IPv6 only": {w: way{interfaces: []routes.Interface{lo, iface("eth0", platform.KindEthernet, "192.168.88.10/24", "fd00::10/64")}, tables: routes.Tables{Routes: []routes.Route{home, route("::/0", "fe80::99", "eth0", 100)}}}, want: Uplink{Interface: "eth0", Local: []netip.Addr{local[0], netip.MustParseAddr("fd00::10")}, Gateway: gw,
			Gateway6: netip.MustParseAddr("fe80::99"), MTU: 1500, DefaultRoute: true, Kind: "ethernet"}},
		"no cable": {w: way{interfaces: []routes.Interface{lo, unplugged}},
			want: Uplink{Interface: "eth0", MTU: 1500, Kind: "ethernet", Down: true}},
		"an address but no way out": {w: way{interfaces: []routes.Interface{lo, unplugged, iface("eth1", platform.KindEthernet, "169.254.3.4/16")}},
			want: Uplink{Interface: "eth1", Local: []netip.Addr{netip.MustParseAddr("169.254.3.4")}, MTU: 1500, Kind: "ethernet"}},
		"nothing at all": {},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var bind netip.Addr
			if tt.bind != "" {
				bind = netip.MustParseAddr(tt.bind)
			}
			if diff := cmp.Diff(tt.want, tt.w.uplink(bind), sameAddr); diff != "" {
				t.Errorf("uplink (-want +got):\n%s", diff)
			}
		})
	}
}
