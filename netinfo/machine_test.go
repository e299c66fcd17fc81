package netinfo

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/platform"
)

// fixture reads a file of testdata/hosts.
func fixture(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../testdata/hosts", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// machine is a saved machine: files by path, and by command line what programs
// print.
func machine(t testing.TB, goos string, with map[string]string) platform.System {
	t.Helper()
	files := map[string]string{"sipdoctor.json": `{"version": "1", "root": true, "absent": [], "os": "` + goos + `"}`}
	for name, text := range with {
		if !strings.HasPrefix(name, "/") {
			name = "commands/" + strings.ReplaceAll(name, " ", "_")
		}
		files[name] = text
	}
	return saved(t, files)
}

func TestUplinkFromTheTextsOfAMac(t *testing.T) {
	u := ReadHost(t.Context(), machine(t, "darwin", map[string]string{
		"ip -j -d address": `[{"ifname": "lo0", "kind": "loopback", "flags": ["UP", "LOWER_UP"], "addr_info": [{"local": "127.0.0.1", "prefixlen": 8}]},
			{"ifname": "en0", "kind": "ethernet", "flags": ["UP", "LOWER_UP"], "addr_info": [{"local": "192.168.1.23", "prefixlen": 24}, {"local": "2001:db8:1::23", "prefixlen": 64}]},
			{"ifname": "utun4", "kind": "tunnel", "flags": ["UP", "LOWER_UP"], "addr_info": [{"local": "100.87.112.117", "prefixlen": 32}]}]`,
		"netstat -rn -f inet": fixture(t, "macos-tailscale/netstat-inet.txt"), "netstat -rn -f inet6": fixture(t, "macos-tailscale/netstat-inet6.txt"),
		"arp -an": fixture(t, "macos-tailscale/arp.txt"), "networksetup -listallhardwareports": fixture(t, "macos-tailscale/hardwareports.txt"),
	}), netip.Addr{}).Uplink
	if u.Interface != "en0" || !u.Wireless || u.VPN || !u.IPv6 || u.Gateway.String() != "192.168.1.1" || u.GatewayMAC != "60:cf:84:37:1b:70" {
		t.Errorf("uplink %+v", u)
	}
}

func TestUplinkFromTheTextsOfFreeBSDUnderOpenVPN(t *testing.T) {
	u := ReadHost(t.Context(), machine(t, "freebsd", map[string]string{
		"ip -j -d address": `[{"ifname": "em0", "kind": "ethernet", "flags": ["UP", "LOWER_UP"], "addr_info": [{"local": "10.0.0.7", "prefixlen": 24}]},
			{"ifname": "tun0", "kind": "tunnel", "flags": ["UP", "LOWER_UP"], "addr_info": [{"local": "10.8.0.2", "prefixlen": 24}]}]`,
		"netstat -rn -f inet": fixture(t, "freebsd/netstat-inet.txt"),
	}), netip.Addr{}).Uplink
	if u.Interface != "em0" || !u.VPN || u.VPNInterface != "tun0" || u.Gateway.String() != "10.0.0.1" || u.Down {
		t.Errorf("uplink %+v", u)
	}
}

// What a bundle does not hold is unknown, not absent.
func TestAnUplinkThatWasNotRead(t *testing.T) {
	const address = `[{"ifname": "eth0", "flags": ["UP", "LOWER_UP"], "addr_info": [{"local": "192.0.2.1", "prefixlen": 24}]}]`
	for name, c := range map[string]struct {
		saved map[string]string
		want  bool
	}{
		"neither interfaces nor routes": {map[string]string{"/etc/hostname": "pbx"}, true},
		"interfaces only":               {map[string]string{"ip -j -d address": address}, true},
		"routes only":                   {map[string]string{"ip -j route show table all": "[]"}, true},
		"an empty listing of routes":    {map[string]string{"ip -j -d address": address, "ip -j route show table all": ""}, true},
		"both, and there is no route":   {map[string]string{"ip -j -d address": address, "ip -j route show table all": "[]"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if u := ReadHost(t.Context(), machine(t, "linux", c.saved), netip.Addr{}).Uplink; u.Unread != c.want || u.DefaultRoute {
				t.Errorf("%+v", u)
			}
		})
	}
}
