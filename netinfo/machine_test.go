package netinfo

import (
	"errors"
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
func machine(t testing.TB, goos string, saved map[string]string) platform.System {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{"sipdoctor.json": `{"version": "1", "root": true, "absent": [], "os": "` + goos + `"}`}
	for name, text := range saved {
		if !strings.HasPrefix(name, "/") {
			name = "commands/" + strings.ReplaceAll(name, " ", "_")
		}
		files[name] = text
	}
	for name, text := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	sys, err := platform.OpenBundle(dir)
	if err != nil {
		t.Fatal(err)
	}
	return sys
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
