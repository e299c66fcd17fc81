package fixes

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo"
)

func office(platform, version string) *netinfo.Host {
	return &netinfo.Host{
		Uplink: netinfo.Uplink{
			Gateway: netip.MustParseAddr("192.168.88.1"),
			Local:   []netip.Addr{netip.MustParseAddr("fd00::10"), netip.MustParseAddr("192.168.88.10")},
		},
		Router: &netinfo.Router{Platform: platform, Version: version},
	}
}

func names(list []Fix) []string {
	var out []string
	for _, f := range list {
		out = append(out, f.Platform+"/"+f.ID)
	}
	return out
}

func TestTheRoutersOwnCureComesFirst(t *testing.T) {
	phoneWithHelper := office("mikrotik", "7.15")
	phoneWithHelper.SIPHelpers = []netinfo.SIPHelper{{Tool: "nft", Del: "nft delete rule inet t c handle 4", Add: `nft 'add rule inet t c udp dport 5060 ct helper set "sip"'`}}
	tests := []struct {
		name, problem string
		host          *netinfo.Host
		want          []string
	}{
		{"a MikroTik", SIPALG, office("mikrotik", "6.49.10"),
			[]string{"mikrotik/disable-sip-helper", "generic/use-tls", "generic/use-another-port"}},
		{"a MikroTik, and this machine has a helper rule itself", SIPALG, phoneWithHelper,
			[]string{"mikrotik/disable-sip-helper", "linux-nftables/remove-this-hosts-sip-helper", "generic/use-tls", "generic/use-another-port"}},
		{"nobody knows what the router is", SIPALG, office("", ""), []string{"generic/find-the-switch", "generic/use-tls"}},
		{"a router the catalogue does not know", SIPALG, office("toaster", ""), []string{"generic/find-the-switch", "generic/use-tls"}},
		{"no host at all", SIPALG, nil, []string{"generic/find-the-switch", "generic/use-tls"}},
		{"RouterOS 7 can do endpoint-independent NAT", SymmetricNAT, office("mikrotik", "7.0"),
			[]string{"mikrotik/endpoint-independent-nat", "generic/consistent-nat", "generic/use-media-relay"}},
		{"RouterOS 6 cannot", SymmetricNAT, office("mikrotik", "6.49.10 (long-term)"),
			[]string{"mikrotik/upgrade-for-endpoint-independent-nat", "generic/consistent-nat", "generic/use-media-relay"}},
		{"an old FortiGate", SIPALG, office("fortigate", "v6.0.18"), []string{"fortigate/disable-voip-alg-before-6-2-2", "generic/use-tls", "generic/use-another-port"}},
		{"a FortiGate on the very release", SIPALG, office("fortigate", "v6.2.2"), []string{"fortigate/disable-voip-alg", "generic/use-tls", "generic/use-another-port"}},
		{"a FortiGate of unknown release", SIPALG, office("fortigate", ""),
			[]string{"fortigate/disable-voip-alg", "fortigate/disable-voip-alg-before-6-2-2", "generic/use-tls", "generic/use-another-port"}},
		{"an OpenWrt with nftables", SIPALG, office("openwrt", "23.05.3"),
			[]string{"openwrt/stop-automatic-helpers", "openwrt/remove-sip-helper-rules", "generic/use-tls", "generic/use-another-port"}},
		{"an OpenWrt with iptables", SIPALG, office("openwrt", "21.02.7"),
			[]string{"openwrt/stop-automatic-helpers", "openwrt/remove-sip-helper-rules-fw3", "generic/use-tls", "generic/use-another-port"}},
		{"a pfSense, which has none", SIPALG, office("pfsense", ""), []string{"pfsense/no-sip-alg-here", "generic/use-tls", "generic/use-another-port"}},
		{"helper rules say nothing about double NAT", DoubleNAT, phoneWithHelper,
			[]string{"mikrotik/see-outer-address", "generic/bridge-mode", "generic/ask-for-public-address"}},
		{"a problem nobody knows", "ghosts", office("mikrotik", ""), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, names(For(tt.problem, tt.host, nil))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestCommandsAreFilledIn(t *testing.T) {
	provider := map[string]string{"PBX": "198.51.100.7", "SIPPort": "5080"}
	tests := []struct {
		name, problem string
		host          *netinfo.Host
		vars          map[string]string
		want          string
	}{
		{"the provider's address and port", SIPPortBlocked, office("linux-iptables", ""), provider,
			"iptables -I FORWARD -p udp -d 198.51.100.7 --dport 5080 -j ACCEPT"},
		{"a placeholder where nobody knows the address", SIPPortBlocked, office("linux-iptables", ""), nil,
			"iptables -I FORWARD -p udp -d <address of the provider> --dport 5060 -j ACCEPT"},
		{"five minutes by default", UDPTimeout, office("mikrotik", ""), nil, "/ip firewall connection tracking set udp-stream-timeout=300s"},
		{"or what the provider asks for", UDPTimeout, office("mikrotik", ""), map[string]string{"UDPTimeout": "130"},
			"/ip firewall connection tracking set udp-stream-timeout=130s"},
		{"a host name from a stranger that is a command", SIPPortBlocked, office("linux-iptables", ""), map[string]string{"PBX": "x; reboot"},
			"iptables -I FORWARD -p udp -d <address of the provider> --dport 5060 -j ACCEPT"},
		{"a host name with a line break", SIPPortBlocked, office("linux-iptables", ""), map[string]string{"PBX": "a\nreboot"},
			"iptables -I FORWARD -p udp -d <address of the provider> --dport 5060 -j ACCEPT"},
		{"a host name that is an option", SIPPortBlocked, office("linux-iptables", ""), map[string]string{"PBX": "-j"},
			"iptables -I FORWARD -p udp -d <address of the provider> --dport 5060 -j ACCEPT"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list := For(tt.problem, tt.host, tt.vars)
			if len(list) == 0 || list[0].Platform != tt.host.Router.Platform || list[0].Commands[1] != tt.want {
				t.Fatalf("want %q, got %+v", tt.want, list)
			}
			if strings.Contains(tt.want, "<") != strings.Contains(list[0].Note, "Put your own values for <address of the provider>.") {
				t.Errorf("the note does not tell about the placeholder: %q", list[0].Note)
			}
		})
	}
}

func TestTheLinesThatNobodyVerifiedAreMarkedAsTheyAreShown(t *testing.T) {
	port := map[string]string{"SIPPort": "5080"}
	tests := []struct {
		name, platform string
		want           []string
	}{
		{"the line that ends sessions on an ASA", "cisco-asa", []string{"clear conn port 5080"}},
		{"the router of the Deco app", "tp-link", []string{"Deco app: More > Advanced > SIP ALG: off"}},
		{"everything of a MikroTik has been seen", "mikrotik", nil},
		{"everything of a FortiGate has been seen", "fortigate", nil},
		{"a row that is marked as a whole names no lines", "unifi", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list := For(SIPALG, office(tt.platform, ""), port)
			if len(list) == 0 || list[0].Platform != tt.platform {
				t.Fatalf("not the router's own: %+v", list)
			}
			if diff := cmp.Diff(tt.want, list[0].UnverifiedLines); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAFixWithAnUnknownVariableIsNotShown(t *testing.T) {
	r := row{ID: "x", Problem: SIPALG, Title: "X", Commands: []string{"set {{.WAN}}"}}
	if f, ok := r.build("box", values(r, office("", ""), nil)); ok {
		t.Errorf("shown with a hole in it: %+v", f)
	}
	f, ok := r.build("box", values(r, office("", ""), map[string]string{"WAN": "eth1"}))
	if !ok || f.Commands[0] != "set eth1" {
		t.Errorf("not filled: %+v", f)
	}
}

func TestNobodyCanSpoilTheCatalogue(t *testing.T) {
	first := For(SIPALG, office("mikrotik", ""), nil)
	first[0].Commands[0], first[0].Undo[0] = "spoilt", "spoilt"
	if again := For(SIPALG, office("mikrotik", ""), nil); again[0].Commands[0] == "spoilt" || again[0].Undo[0] == "spoilt" {
		t.Error("a caller changed the catalogue")
	}
}

func TestVersionsAreReadAsRoutersWriteThem(t *testing.T) {
	tests := []struct {
		version string
		want    []int
	}{
		{"7.15.3 (stable)", []int{7, 15, 3}}, {"v7.0", []int{7}}, {"6.49rc1", []int{6, 49}}, {" 23.05.3", []int{23, 5, 3}},
		{"", nil}, {"snapshot", nil}, {"1..2", []int{1}}, {"99999999999999999999", nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, leadingNumbers(tt.version)); diff != "" {
			t.Errorf("%q (-want +got)\n%s", tt.version, diff)
		}
	}
}

func TestThisHostsRulesBecomeExactCommands(t *testing.T) {
	h := office("", "")
	h.SIPHelpers = []netinfo.SIPHelper{
		{Tool: "nft", Del: "nft delete rule inet fw4 pre handle 6", Add: `nft "add rule inet fw4 pre position 5 udp dport { 5060, 5061 } ct helper set \"sip\""`},
		{Tool: "nft", Del: "nft delete rule inet fw4 pre handle 7", Add: `nft 'insert rule inet fw4 pre tcp dport 5060 ct helper set "sip"'`},
		{Tool: "ip6tables-legacy", Del: "ip6tables-legacy -t raw -D PREROUTING -p udp --dport 5060 -j CT --helper sip", Add: "ip6tables-legacy -t raw -I PREROUTING 1 -p udp --dport 5060 -j CT --helper sip"},
		{Tool: "sysctl", Del: "sysctl -w net.netfilter.nf_conntrack_helper=0", Add: "sysctl -w net.netfilter.nf_conntrack_helper=1"},
	}
	got := hostFixes(h)
	if diff := cmp.Diff([]string{"linux-nftables/remove-this-hosts-sip-helper", "linux-iptables/remove-this-hosts-sip-helper", "linux-modules/remove-this-hosts-sip-helper"}, names(got)); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{h.SIPHelpers[0].Del, h.SIPHelpers[1].Del, flushSIPEntries()}, got[0].Commands); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{h.SIPHelpers[0].Add, h.SIPHelpers[1].Add}, got[0].Undo); diff != "" {
		t.Errorf("rules go back in their order (-want +got)\n%s", diff)
	}
	for _, f := range got {
		if f.Where != "this-host" || f.Form != FormShell || f.Persistent || !strings.HasPrefix(f.Commands[len(f.Commands)-1], "if command -v conntrack") {
			t.Errorf("%+v", f)
		}
	}
}

func TestAReportFromAStrangerCannotSmuggleCommands(t *testing.T) {
	add := "iptables -t raw -A PREROUTING -p udp --dport 5060 -j CT --helper sip"
	for _, del := range []string{
		"rm -rf /", "", "iptables -t raw -D PREROUTING -j CT --helper sip; reboot", "iptables -t raw -D PREROUTING -j CT --helper sip && reboot",
		"iptables -t raw -D PREROUTING $(reboot) -j CT --helper sip", "iptables -t raw -D PREROUTING `reboot` -j CT --helper sip",
		"iptables -t raw -D PREROUTING -j CT --helper sip\nreboot", "iptables -t raw -D PREROUTING 1", "iptables -t raw -F", "iptables -F",
		`nft delete rule inet t c "a\\"; reboot; " handle 4`, `nft delete rule inet t c \" ; reboot \" handle 4`, `nft delete rule x "y handle 4`, "nft flush ruleset",
		"nft delete table inet t", `nft delete rule inet t > /etc/passwd handle 4`, "sysctl -w kernel.core_pattern=x", `nft delete rule inet t c handle 4 \`,
		"iptables -t raw -D PREROUTING -j CT --helper sip \u202e", `nft delete rule inet t "$(reboot)" handle 4`, "sysctl -w net.netfilter.nf_conntrack_helper=0 kernel.panic=1",
	} {
		for _, rule := range []netinfo.SIPHelper{{Tool: "nft", Del: del, Add: add}, {Tool: "nft", Del: add, Add: del}} {
			if got := hostFixes(&netinfo.Host{SIPHelpers: []netinfo.SIPHelper{rule}}); len(got) > 0 {
				t.Errorf("%q became a fix: %+v", del, got)
			}
		}
	}
	if !plainCommand(`nft 'add rule inet t c ct mark & 0xff == 1 udp dport 5060 ct helper set "sip" comment "it costs $1; really"'`) {
		t.Error("a quoted rule with signs in it was refused")
	}
}

func FuzzPlainCommand(f *testing.F) {
	f.Add("iptables -t raw -D PREROUTING -p udp -m comment --comment \"a \\\" b\" -j CT --helper sip")
	f.Add(`nft 'add rule inet t c udp dport 5060 ct helper set "sip"'`)
	f.Fuzz(func(t *testing.T, cmd string) {
		if plainCommand(cmd) && strings.ContainsAny(cmd, "\n\r\x00`\x1b") && !strings.Contains(cmd, "'") {
			t.Errorf("%q passed", cmd)
		}
	})
}

func FuzzFill(f *testing.F) {
	f.Add("-d {{.PBX}} x", "198.51.100.7")
	f.Add("{{.PBX}}{{.PBX}}", "{{.Phone}}")
	f.Fuzz(func(t *testing.T, line, value string) {
		r := row{Commands: []string{line}}
		got, _, ok := fill(line, values(r, nil, map[string]string{"PBX": value}))
		if ok && !strings.ContainsAny(line, "\n;&|$") && strings.ContainsAny(got, "\n;&|$") {
			t.Errorf("%q with %q became %q", line, value, got)
		}
	})
}
