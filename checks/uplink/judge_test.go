package uplink

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/judged"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

func office(change func(*netinfo.Host)) *netinfo.Host {
	h := &netinfo.Host{OS: "linux", Uplink: netinfo.Uplink{
		Interface: "eth0", Kind: "ethernet", Local: []netip.Addr{netip.MustParseAddr("192.168.88.10")},
		Gateway: netip.MustParseAddr("192.168.88.1"), GatewayMAC: "4c:5e:0c:01:02:03", GatewayVendor: "MikroTik", MTU: 1500, DefaultRoute: true,
	}}
	if change != nil {
		change(h)
	}
	return h
}

// told is what a user reads of it.
func told(t *testing.T, o Observation, h *netinfo.Host) checks.Result {
	t.Helper()
	return judged.Of(t, Check(), o, h)
}

func TestUplinkInWords(t *testing.T) {
	tests := map[string]struct {
		host     *netinfo.Host
		named    []Named
		summary  string
		findings []string // ID and severity
	}{
		"an office on cable": {host: office(nil), summary: "cable, gateway MikroTik 192.168.88.1, MTU 1500"},
		"the lab: a virtual cable, a router nobody made": {
			host:    office(func(h *netinfo.Host) { h.Uplink.GatewayVendor = "" }),
			summary: "cable, gateway 192.168.88.1, MTU 1500",
		},
		"a TP-Link with OpenWrt on it": {
			host: office(func(h *netinfo.Host) {
				h.Uplink.GatewayVendor = "TP-LINK TECHNOLOGIES CO.,LTD."
				h.Router = &netinfo.Router{Platform: "openwrt", Vendor: "OpenWrt", Confidence: "certain"}
			}),
			summary: "cable, gateway OpenWrt 192.168.88.1, MTU 1500",
		},
		"an office with IPv6": {
			host: office(func(h *netinfo.Host) { h.Uplink.IPv6 = true }), summary: "cable, gateway MikroTik 192.168.88.1, MTU 1500, IPv6",
		},
		"a laptop on Wi-Fi": {
			host:    office(func(h *netinfo.Host) { h.Uplink.Wireless, h.Uplink.Kind = true, "wireless" }),
			summary: "Wi-Fi, gateway MikroTik 192.168.88.1, MTU 1500", findings: []string{"uplink.wireless info"},
		},
		"a laptop in the company's VPN": {
			host:    office(func(h *netinfo.Host) { h.Uplink.VPN, h.Uplink.VPNInterface = true, "wg0" }),
			summary: "VPN wg0 over cable, gateway MikroTik 192.168.88.1, MTU 1500", findings: []string{"uplink.vpn warning"},
		},
		"a line with tiny packets": {
			host:    office(func(h *netinfo.Host) { h.Uplink.MTU = 1280 }),
			summary: "cable, gateway MikroTik 192.168.88.1, MTU 1280", findings: []string{"uplink.mtu warning"},
		},
		"PPPoE is ordinary": {
			host: office(func(h *netinfo.Host) {
				h.Uplink.Kind, h.Uplink.MTU, h.Uplink.Gateway, h.Uplink.GatewayVendor = "ppp", 1492, netip.Addr{}, ""
			}),
			summary: "PPP line, no gateway address, MTU 1492",
		},
		"a mobile router with 464XLAT": {
			host:    office(func(h *netinfo.Host) { h.Uplink.Local = []netip.Addr{netip.MustParseAddr("192.0.0.2")} }),
			summary: "cable, gateway MikroTik 192.168.88.1, MTU 1500", findings: []string{"uplink.ipv4-over-ipv6 info"},
		},
		"a gateway that nobody owns": {
			host:     office(func(h *netinfo.Host) { h.Uplink.GatewayUnresolved, h.Uplink.GatewayVendor = true, "" }),
			summary:  "The gateway does not answer (cable, gateway 192.168.88.1, MTU 1500)",
			findings: []string{"uplink.gateway-silent warning"},
		},
		"the cable is out": {
			host:    office(func(h *netinfo.Host) { h.Uplink = netinfo.Uplink{Interface: "eth0", Kind: "ethernet", Down: true} }),
			summary: "no Internet connection: eth0 has no link", findings: []string{"uplink.none critical"},
		},
		"DHCP did not answer": {
			host: office(func(h *netinfo.Host) {
				h.Uplink = netinfo.Uplink{Interface: "eth0", Local: []netip.Addr{netip.MustParseAddr("169.254.3.4")}}
			}),
			summary:  "no Internet connection: no DHCP server answered, eth0 has a self-assigned address",
			findings: []string{"uplink.none critical"},
		},
		"no network card": {
			host:    office(func(h *netinfo.Host) { h.Uplink = netinfo.Uplink{} }),
			summary: "no Internet connection: no network interface", findings: []string{"uplink.none critical"},
		},
		"a closed network with the responder in it": {
			host:     office(func(h *netinfo.Host) { h.Uplink.Gateway, h.Uplink.DefaultRoute = netip.Addr{}, false }),
			named:    []Named{{Host: "192.168.88.2:8765", Source: netip.MustParseAddr("192.168.88.10")}},
			summary:  "no Internet connection: no default route",
			findings: []string{"uplink.none warning"},
		},
		"the cable is out, whatever the routing table still says": {
			host: office(func(h *netinfo.Host) {
				h.Uplink.Down = true
				h.Contacts = []netinfo.Contact{{Addr: netip.MustParseAddr("192.168.88.2"), Sent: 5, WaitedMS: 3000}}
			}),
			named:    []Named{{Host: "192.168.88.2:8765", Addrs: []netip.Addr{netip.MustParseAddr("192.168.88.2")}, Source: netip.MustParseAddr("192.168.88.10")}},
			summary:  "no Internet connection: eth0 has no link",
			findings: []string{"uplink.none critical"},
		},
		"a closed network whose responder is silent": {
			host: office(func(h *netinfo.Host) {
				h.Uplink.Gateway, h.Uplink.DefaultRoute = netip.Addr{}, false
				h.Contacts = []netinfo.Contact{{Addr: netip.MustParseAddr("192.168.88.2"), Sent: 5, WaitedMS: 3000}}
			}),
			named:    []Named{{Host: "192.168.88.2:8765", Addrs: []netip.Addr{netip.MustParseAddr("192.168.88.2")}, Source: netip.MustParseAddr("192.168.88.10")}},
			summary:  "no Internet connection: no default route",
			findings: []string{"uplink.none critical"},
		},
		"a closed network with the responder out of reach": {
			host:     office(func(h *netinfo.Host) { h.Uplink.Gateway, h.Uplink.DefaultRoute = netip.Addr{}, false }),
			named:    []Named{{Host: "203.0.113.9", Error: "network is unreachable"}},
			summary:  "no Internet connection: no default route",
			findings: []string{"uplink.none critical"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			j := told(t, Observation{Named: tt.named}, tt.host)
			var got []string
			for _, f := range j.Findings {
				got = append(got, f.ID+" "+string(f.Severity))
				if f.Title == "" || f.Explanation == "" || len(f.Evidence) == 0 || f.Confidence == "" {
					t.Errorf("a finding without title, explanation, evidence or confidence: %+v", f)
				}
			}
			if diff := cmp.Diff(tt.findings, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if j.Summary != tt.summary {
				t.Errorf("summary %q, want %q", j.Summary, tt.summary)
			}
		})
	}
}

func TestFactsFollowTheContract(t *testing.T) {
	j := judge(Observation{}, office(nil))
	got, err := json.Marshal(j.Facts)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"interface":"eth0","wireless":false,"local":["192.168.88.10"],"gateway":"192.168.88.1","gateway_mac":"4c:5e:0c:01:02:03","gateway_vendor":"MikroTik","mtu":1500,"ipv6":false,"vpn":false}`
	if string(got) != want {
		t.Errorf("facts\n%s\nwant\n%s", got, want)
	}
	empty, _ := json.Marshal(judge(Observation{}, &netinfo.Host{}).Facts)
	if !strings.Contains(string(empty), `"local":[]`) {
		t.Errorf("no addresses must be an empty list: %s", empty)
	}
}

func TestNothingKnownIsSkippedNotPassed(t *testing.T) {
	if j := judge(Observation{}, nil); j.Skip.IsZero() {
		t.Errorf("judged %+v", j)
	}
}

func TestLoopbackHasNoUplinkToJudge(t *testing.T) {
	h := &netinfo.Host{Uplink: netinfo.Uplink{Interface: "lo", Kind: "loopback", Local: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, MTU: 65536}}
	if j := judge(Observation{}, h); j.Skip.IsZero() || len(j.Findings) != 0 {
		t.Errorf("judged %+v", j)
	}
}

func TestNamedServersAreLookedUp(t *testing.T) {
	env := &checks.Env{Net: &islandNetwork{}, Inputs: checks.Inputs{Responder: "192.168.88.2:8765", SIPServers: []string{"pbx.example.net"}}}
	env.Host = func(context.Context) (*netinfo.Host, error) { return &netinfo.Host{}, nil }
	o, err := observe(t.Context(), env)
	want := []Named{
		{
			Host: "192.168.88.2:8765", Kind: kindResponder, Port: 8765,
			Addrs: []netip.Addr{netip.MustParseAddr("192.168.88.2")}, Source: netip.MustParseAddr("192.168.88.10"),
		},
		{Host: "pbx.example.net", Kind: kindSIP, Port: 5060, Error: "looking up pbx.example.net: no such host"},
	}
	if diff := cmp.Diff(want, o.Named, cmpopts.EquateComparable(netip.Addr{})); diff != "" || err != nil {
		t.Errorf("(-want +got):\n%s%v", diff, err)
	}
}

// islandNetwork knows the way to its neighbours and no names.
type islandNetwork struct{ platform.Network }

func (*islandNetwork) LookupAddrs(_ context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	return nil, errors.New("no such host")
}

func (*islandNetwork) SourceFor(netip.Addr) (netip.Addr, error) {
	return netip.MustParseAddr("192.168.88.10"), nil
}
