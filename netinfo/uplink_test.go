package netinfo

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/platform"
)

func iface(name string, kind platform.LinkKind, addrs ...string) platform.Interface {
	i := platform.Interface{Name: name, Kind: kind, MTU: 1500, Up: true}
	for _, a := range addrs {
		i.Addrs = append(i.Addrs, netip.MustParsePrefix(a))
	}
	return i
}

func route(dst, gateway, name string, metric int) platform.Route {
	r := platform.Route{Dst: netip.MustParsePrefix(dst), Interface: name, Metric: metric}
	if gateway != "" {
		r.Gateway = netip.MustParseAddr(gateway)
	}
	return r
}

// always is a system whose policy routing sends everything one way.
func always(name string) func(context.Context, netip.Addr) (platform.Route, error) {
	return func(_ context.Context, to netip.Addr) (platform.Route, error) {
		if to.Is6() {
			return platform.Route{}, errors.New("network is unreachable")
		}
		return platform.Route{Interface: name}, nil
	}
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
		"a PC on cable": {w: way{tables: platform.Tables{Interfaces: []platform.Interface{lo, eth}, Routes: []platform.Route{home}}}, want: cable},
		"a PC whose VPN leaves the default route and takes both halves (OpenVPN)": {w: way{tables: platform.Tables{
			Interfaces: []platform.Interface{lo, eth, iface("tun0", platform.KindTunnel, "10.8.0.2/24")},
			Routes:     []platform.Route{home, route("0.0.0.0/1", "10.8.0.1", "tun0", 0), route("128.0.0.0/1", "10.8.0.1", "tun0", 0)},
		}}, want: through("tun0")},
		"a VPN that took the upper half only": {w: way{tables: platform.Tables{
			Interfaces: []platform.Interface{lo, eth, iface("tun0", platform.KindTunnel)},
			Routes:     []platform.Route{home, route("128.0.0.0/1", "10.8.0.1", "tun0", 0)},
		}}, want: through("tun0")},
		"a VPN by policy routing (wg-quick): the main table looks innocent": {w: way{
			tables: platform.Tables{Interfaces: []platform.Interface{lo, eth, iface("wg0", platform.KindTunnel, "10.7.0.2/32")}, Routes: []platform.Route{home}},
			ask:    always("wg0"),
		}, want: through("wg0")},
		"a VPN into the company only is no VPN for phones": {w: way{tables: platform.Tables{
			Interfaces: []platform.Interface{lo, eth, iface("tun0", platform.KindTunnel)},
			Routes:     []platform.Route{home, route("10.0.0.0/8", "10.8.0.1", "tun0", 0)},
		}}, want: cable},
		"L2TP: a PPP interface over the office's cable": {w: way{tables: platform.Tables{
			Interfaces: []platform.Interface{lo, eth, iface("ppp0", platform.KindPPP, "10.9.0.2/32")},
			Routes:     []platform.Route{route("0.0.0.0/0", "", "ppp0", 50), home, route("203.0.113.9/32", "192.168.88.1", "eth0", 0)},
		}}, want: through("ppp0")},
		"PPPoE: a PPP interface that is the line itself": {w: way{tables: platform.Tables{
			Interfaces: []platform.Interface{lo, iface("eth1", platform.KindEthernet, "192.168.88.1/24"), {Name: "ppp0", Kind: platform.KindPPP, MTU: 1492, Up: true, Addrs: []netip.Prefix{netip.MustParsePrefix("203.0.113.5/32")}}},
			Routes:     []platform.Route{route("0.0.0.0/0", "", "ppp0", 0), route("192.168.88.0/24", "", "eth1", 0)},
		}}, want: Uplink{Interface: "ppp0", Local: []netip.Addr{netip.MustParseAddr("203.0.113.5")}, MTU: 1492, DefaultRoute: true, Kind: "ppp"}},
		"Wi-Fi beside a cable: the lower metric wins": {w: way{tables: platform.Tables{
			Interfaces: []platform.Interface{lo, eth, iface("wlan0", platform.KindWireless, "192.168.88.20/24")},
			Routes:     []platform.Route{route("0.0.0.0/0", "192.168.88.1", "wlan0", 600), home},
		}}, want: cable},
		"the user chose the Wi-Fi by its address": {w: way{tables: platform.Tables{
			Interfaces: []platform.Interface{lo, eth, iface("wlan0", platform.KindWireless, "192.168.88.20/24")},
			Routes:     []platform.Route{home, route("0.0.0.0/0", "192.168.88.1", "wlan0", 600)},
		}}, bind: "192.168.88.20", want: Uplink{
			Interface: "wlan0", Wireless: true, Local: []netip.Addr{netip.MustParseAddr("192.168.88.20")}, Gateway: gw, MTU: 1500, DefaultRoute: true, Kind: "wireless"}},
		"an office with IPv6": {w: way{tables: platform.Tables{
			Interfaces: []platform.Interface{lo, iface("eth0", platform.KindEthernet, "2001:db8::10/64", "192.168.88.10/24", "fe80::1/64")},
			Routes:     []platform.Route{home, route("::/0", "fe80::99", "eth0", 100)},
		}}, want: Uplink{Interface: "eth0", Local: []netip.Addr{local[0], netip.MustParseAddr("2001:db8::10")}, Gateway: gw,
			Gateway6: netip.MustParseAddr("fe80::99"), MTU: 1500, DefaultRoute: true, Kind: "ethernet", IPv6: true}},
		"an office with local IPv6 only": {w: way{tables: platform.Tables{
			Interfaces: []platform.Interface{lo, iface("eth0", platform.KindEthernet, "192.168.88.10/24", "fd00::10/64")},
			Routes:     []platform.Route{home, route("::/0", "fe80::99", "eth0", 100)},
		}}, want: Uplink{Interface: "eth0", Local: []netip.Addr{local[0], netip.MustParseAddr("fd00::10")}, Gateway: gw,
			Gateway6: netip.MustParseAddr("fe80::99"), MTU: 1500, DefaultRoute: true, Kind: "ethernet"}},
		"no cable": {w: way{tables: platform.Tables{Interfaces: []platform.Interface{lo, unplugged}}},
			want: Uplink{Interface: "eth0", MTU: 1500, Kind: "ethernet", Down: true}},
		"an address but no way out": {w: way{tables: platform.Tables{Interfaces: []platform.Interface{lo, unplugged, iface("eth1", platform.KindEthernet, "169.254.3.4/16")}}},
			want: Uplink{Interface: "eth1", Local: []netip.Addr{netip.MustParseAddr("169.254.3.4")}, MTU: 1500, Kind: "ethernet"}},
		"nothing at all": {},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var bind netip.Addr
			if tt.bind != "" {
				bind = netip.MustParseAddr(tt.bind)
			}
			if diff := cmp.Diff(tt.want, tt.w.uplink(context.Background(), bind), sameAddr); diff != "" {
				t.Errorf("uplink (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUplinkFromTheTextsOfAMac(t *testing.T) {
	tables := hostTables(t, []platform.Interface{
		iface("lo0", platform.KindLoopback, "127.0.0.1/8"), iface("en0", platform.KindEthernet, "192.168.1.23/24", "2001:db8:1::23/64"), iface("utun4", platform.KindTunnel, "100.87.112.117/32"),
	}, map[string]string{
		"netstat -rn -f inet": "macos-tailscale/netstat-inet.txt", "netstat -rn -f inet6": "macos-tailscale/netstat-inet6.txt",
		"arp -an": "macos-tailscale/arp.txt", "networksetup -listallhardwareports": "macos-tailscale/hardwareports.txt",
	})
	u := way{tables: tables}.uplink(context.Background(), netip.Addr{})
	if u.Interface != "en0" || !u.Wireless || u.VPN || !u.IPv6 || u.Gateway.String() != "192.168.1.1" {
		t.Errorf("uplink %+v", u)
	}
}

func TestUplinkFromTheTextsOfFreeBSDUnderOpenVPN(t *testing.T) {
	tables := hostTables(t, []platform.Interface{
		iface("em0", platform.KindEthernet, "10.0.0.7/24"), iface("tun0", platform.KindTunnel, "10.8.0.2/24"),
	}, map[string]string{"netstat -rn -f inet": "freebsd/netstat-inet.txt"})
	u := way{tables: tables}.uplink(context.Background(), netip.Addr{})
	if u.Interface != "em0" || !u.VPN || u.VPNInterface != "tun0" || u.Gateway.String() != "10.0.0.1" {
		t.Errorf("uplink %+v", u)
	}
}
