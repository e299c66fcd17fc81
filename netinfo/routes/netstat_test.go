package routes

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var sameAddr = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})

// fixture reads a file of testdata/hosts.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../testdata/hosts", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNetstatIsReadAsTheSystemMeansIt(t *testing.T) {
	p, a := netip.MustParsePrefix, netip.MustParseAddr
	tests := map[string]struct {
		file string
		want []Route
	}{
		"a Mac with Tailscale: routes bound to an interface serve nobody else": {"macos-tailscale/netstat-inet.txt", []Route{
			{Dst: p("0.0.0.0/0"), Gateway: a("192.168.1.1"), Interface: "en0", Table: "main"},
			{Dst: p("100.64.0.0/10"), Interface: "utun4", Table: "main"},
			{Dst: p("127.0.0.0/8"), Interface: "lo0", Table: "main"},
			{Dst: p("127.0.0.1/32"), Interface: "lo0", Table: "main"},
			{Dst: p("169.254.0.0/16"), Interface: "en0", Table: "main"},
			{Dst: p("192.168.1.0/24"), Interface: "en0", Table: "main"},
			{Dst: p("192.168.1.1/32"), Interface: "en0", Table: "main"},
			{Dst: p("224.0.0.0/4"), Interface: "en0", Table: "main"},
			{Dst: p("255.255.255.255/32"), Interface: "en0", Table: "main"},
		}},
		"its IPv6": {"macos-tailscale/netstat-inet6.txt", []Route{
			{Dst: p("::/0"), Gateway: a("fe80::62cf:84ff:fe37:1b70"), Interface: "en0", Table: "main"},
			{Dst: p("::1/128"), Interface: "lo0", Table: "main"},
			{Dst: p("2001:db8:1::/64"), Interface: "en0", Table: "main"},
		}},
		"FreeBSD under OpenVPN: rejecting routes lead nowhere": {"freebsd/netstat-inet.txt", []Route{
			{Dst: p("0.0.0.0/0"), Gateway: a("10.0.0.1"), Interface: "em0", Table: "main"},
			{Dst: p("0.0.0.0/1"), Gateway: a("10.8.0.1"), Interface: "tun0", Table: "main"},
			{Dst: p("128.0.0.0/1"), Gateway: a("10.8.0.1"), Interface: "tun0", Table: "main"},
			{Dst: p("10.0.0.0/24"), Interface: "em0", Table: "main"},
			{Dst: p("10.0.0.7/32"), Interface: "lo0", Table: "main"},
			{Dst: p("10.8.0.0/24"), Gateway: a("10.8.0.2"), Interface: "tun0", Table: "main"},
			{Dst: p("10.8.0.1/32"), Interface: "tun0", Table: "main"},
			{Dst: p("127.0.0.1/32"), Interface: "lo0", Table: "main"},
			{Dst: p("198.51.100.9/32"), Gateway: a("10.0.0.1"), Interface: "em0", Table: "main"},
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, parseNetstat(fixture(t, tt.file)), sameAddr); diff != "" {
				t.Errorf("routes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestARPIsReadInEveryLanguage(t *testing.T) {
	a := netip.MustParseAddr
	tests := map[string]struct {
		file string
		want []Neighbour
	}{
		"macOS leaves out leading zeros": {"macos-tailscale/arp.txt", []Neighbour{
			{Addr: a("192.168.1.1"), MAC: "60:cf:84:37:1b:70", Interface: "en0"},
			{Addr: a("192.168.1.2"), Interface: "en0", Unresolved: true},
			{Addr: a("192.168.1.40"), MAC: "00:1e:8f:0a:02:03", Interface: "en0"},
			{Addr: a("224.0.0.251"), MAC: "01:00:5e:00:00:fb", Interface: "en0"},
		}},
		"FreeBSD": {"freebsd/arp.txt", []Neighbour{
			{Addr: a("10.0.0.1"), MAC: "00:0c:42:aa:bb:cc", Interface: "em0"},
			{Addr: a("10.0.0.7"), MAC: "08:00:27:11:22:33", Interface: "em0"},
			{Addr: a("10.0.0.9"), Interface: "em0", Unresolved: true},
		}},
		"a German Windows": {"windows-german/arp.txt", []Neighbour{
			{Addr: a("192.168.1.1"), MAC: "4c:5e:0c:0a:02:03"},
			{Addr: a("192.168.1.255"), MAC: "ff:ff:ff:ff:ff:ff"},
			{Addr: a("224.0.0.22"), MAC: "01:00:5e:00:00:16"},
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, parseARP(fixture(t, tt.file)), sameAddr); diff != "" {
				t.Errorf("neighbours (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMacWiFiIsToldFromCable(t *testing.T) {
	got := parseHardwarePorts(fixture(t, "macos-tailscale/hardwareports.txt"))
	if diff := cmp.Diff([]string{"en0"}, got); diff != "" {
		t.Errorf("Wi-Fi devices (-want +got):\n%s", diff)
	}
}

func TestHardwareAddressIsWrittenOneWay(t *testing.T) {
	for in, want := range map[string]string{
		"0:1e:8f:a:2:3": "00:1e:8f:0a:02:03", "4C-5E-0C-0A-02-03": "4c:5e:0c:0a:02:03",
		"(incomplete)": "", "": "", "link#14": "", "1:2:3:4:5": "", "100:0:0:0:0:0": "", "02:00:00:00:00:00:00:01": "",
	} {
		if got := NormalMAC(in); got != want {
			t.Errorf("NormalMAC(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzNetstat(f *testing.F) {
	for _, name := range []string{"macos-tailscale/netstat-inet.txt", "macos-tailscale/netstat-inet6.txt", "freebsd/netstat-inet.txt", "freebsd/arp.txt", "windows-german/arp.txt"} {
		f.Add(fixture(f, name))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, r := range parseNetstat(b) {
			if !r.Dst.IsValid() || r.Interface == "" {
				t.Errorf("route %+v", r)
			}
		}
		for _, n := range parseARP(b) {
			if !n.Addr.IsValid() || n.MAC == "" && !n.Unresolved {
				t.Errorf("neighbour %+v", n)
			}
		}
		parseHardwarePorts(b)
	})
}
