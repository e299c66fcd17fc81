package fixes

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
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

// names leaves out what only a run can prove.
func names(list []Fix) []string {
	var out []string
	for _, f := range list {
		if f.IfProven {
			continue
		}
		out = append(out, f.Platform+"/"+f.ID)
	}
	return out
}

// Of two routers in a row each gets its own fix, and says by its address which is
// meant.
func TestTwoRoutersInARowAreToldApart(t *testing.T) {
	h := office("mikrotik", "7.15")
	h.Beyond = &netinfo.Beyond{Addr: netip.MustParseAddr("192.168.178.1"), Router: netinfo.Router{Platform: "mikrotik", Version: "6.49"}}
	at := func(problem string) (list []string) {
		for _, f := range For(problem, h, map[string]string{"Phone": "192.168.88.10", "SIPPort": "5060", "UDPTimeout": "120"}) {
			if f.At != "" {
				list = append(list, f.Platform+" "+f.At)
			}
		}
		return slices.Compact(list)
	}
	both := []string{"mikrotik 192.168.88.1", "mikrotik 192.168.178.1"}
	for problem, want := range map[string][]string{SIPALG: both, UDPTimeout: both, RTPForward: nil} {
		if diff := cmp.Diff(want, at(problem)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", problem, diff)
		}
	}
	h.Beyond = nil
	if got := at(SIPALG); got != nil {
		t.Errorf("of a single router: %v", got)
	}
}

func TestTheRoutersOwnCureComesFirst(t *testing.T) {
	phoneWithHelper := office("mikrotik", "7.15")
	phoneWithHelper.SIPHelpers = []netinfo.SIPHelper{nftHelper(1, 4, `udp dport 5060 ct helper set "sip"`, nil)}
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
			if strings.Contains(tt.want, "<") != strings.Contains(list[0].Note, "Replace <address of the provider> with your own values.") {
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
	phones, tls := nftHelper(2, 6, `udp dport { 5060, 5061 } ct helper set "sip"`, nil), nftHelper(3, 7, `tcp dport 5060 ct helper set "sip"`, nil)
	phones.Edit.Next = tls.Edit.NFT
	h.SIPHelpers = []netinfo.SIPHelper{
		phones, tls,
		iptablesHelper("ip6tables-legacy", "-p", "udp", "--dport", "5060", "-j", "CT", "--helper", "sip"),
		{Tool: "sysctl"},
	}
	got := hostFixes(h)
	if diff := cmp.Diff([]string{"linux-nftables/remove-this-hosts-sip-helper", "linux-iptables/remove-this-hosts-sip-helper", "linux-modules/remove-this-hosts-sip-helper"}, names(got)); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
	still := func(rule string) string {
		return "nft -s -a list chain inet fw4 pre | sed 's/^[[:space:]]*//' | grep -Fxq -e '" + rule + "' && "
	}
	want := []string{
		still(`tcp dport 5060 ct helper set "sip" # handle 7`) + "nft delete rule inet fw4 pre handle 7",
		still(`udp dport { 5060, 5061 } ct helper set "sip" # handle 6`) + "nft delete rule inet fw4 pre handle 6", flushSIPEntries(),
	}
	if diff := cmp.Diff(want, got[0].Commands); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	// The rule after the first one is gone as well: both go to the end, in order.
	want = []string{`nft add rule inet fw4 pre 'udp dport { 5060, 5061 } ct helper set "sip"'`, `nft add rule inet fw4 pre 'tcp dport 5060 ct helper set "sip"'`}
	if diff := cmp.Diff(want, got[0].Undo); diff != "" {
		t.Errorf("rules go back in their order (-want +got)\n%s", diff)
	}
	for _, f := range got {
		if f.Where != "this-host" || f.Form != FormShell || f.Persistent || !strings.HasPrefix(f.Commands[len(f.Commands)-1], "if command -v conntrack") {
			t.Errorf("%+v", f)
		}
	}
}

func nftHelper(position int, handle uint64, text string, next *command.NFTRule) netinfo.SIPHelper {
	return netinfo.SIPHelper{Tool: "nft", Edit: &packetfilter.RuleEdit{
		Position: position, Next: next, NFT: &command.NFTRule{Family: "inet", Table: "fw4", Chain: "pre", Handle: handle, Text: text},
	}}
}

func iptablesHelper(program string, words ...string) netinfo.SIPHelper {
	return netinfo.SIPHelper{Tool: program, Edit: &packetfilter.RuleEdit{
		Position: 1, IPTables: &command.IPTablesRule{Program: program, Table: "raw", Chain: "PREROUTING", Position: 1, Words: words},
	}}
}

// A report can come from a stranger: what is not a rule that attaches the
// helper is not a cure, and what a shell or nft would run is not a command.
func TestAReportFromAStrangerCannotSmuggleCommands(t *testing.T) {
	helper := []string{"-p", "udp", "-j", "CT", "--helper", "sip"}
	with := func(change func(*command.IPTablesRule)) netinfo.SIPHelper {
		h := iptablesHelper("iptables", helper...)
		change(h.Edit.IPTables)
		return h
	}
	nft := func(change func(*command.NFTRule)) netinfo.SIPHelper {
		h := nftHelper(1, 4, `udp dport 5060 ct helper set "sip"`, nil)
		change(h.Edit.NFT)
		return h
	}
	for name, h := range map[string]netinfo.SIPHelper{
		"another program":           with(func(r *command.IPTablesRule) { r.Program = "rm" }),
		"a shell":                   with(func(r *command.IPTablesRule) { r.Program = "sh" }),
		"another table":             with(func(r *command.IPTablesRule) { r.Table = "filter" }),
		"another rule":              with(func(r *command.IPTablesRule) { r.Words = []string{"-j", "ACCEPT"} }),
		"a line break":              with(func(r *command.IPTablesRule) { r.Words = append(r.Words, "\nreboot") }),
		"a turned-round text":       with(func(r *command.IPTablesRule) { r.Words = append(r.Words, "\u202e") }),
		"a chain that is an option": with(func(r *command.IPTablesRule) { r.Chain = "-F" }),
		"two statements of nft":     nft(func(r *command.NFTRule) { r.Text += "; flush ruleset" }),
		"an open string of nft":     nft(func(r *command.NFTRule) { r.Text += `"` }),
		"a table that is a script":  nft(func(r *command.NFTRule) { r.Table = "x;flush ruleset" }),
		"a variable of nft":         nft(func(r *command.NFTRule) { r.Text += " $x" }),
		"an accept": func() netinfo.SIPHelper {
			h := nft(func(*command.NFTRule) {})
			h.Edit.Accept = []string{"accept"}
			return h
		}(),
		"nothing": {Tool: "nft"},
	} {
		for _, f := range hostFixes(&netinfo.Host{SIPHelpers: []netinfo.SIPHelper{h}}) {
			if f.Form != FormAdvice {
				t.Errorf("%s became commands: %q undo %q", name, f.Commands, f.Undo)
			}
		}
	}
	quoted := hostFixes(&netinfo.Host{SIPHelpers: []netinfo.SIPHelper{iptablesHelper("iptables", append(helper, "-m", "comment", "--comment", "it's $(reboot); `reboot`")...)}})
	if len(quoted) != 1 || quoted[0].Form != FormShell || !strings.Contains(quoted[0].Commands[0], `'it'\''s $(reboot); `+"`reboot`'") {
		t.Errorf("a comment with signs in it: %+v", quoted)
	}
}

func FuzzFill(f *testing.F) {
	f.Add("-d {{.PBX}} x", "198.51.100.7")
	f.Add("{{.PBX}}{{.PBX}}", "{{.Phone}}")
	f.Fuzz(func(t *testing.T, line, value string) {
		r := row{Commands: []string{line}}
		x := filling{vals: values(r, nil, map[string]string{"PBX": value}), ok: true, lang: words.English, used: words.Args{}}
		got := x.one(line)
		if x.ok && !strings.ContainsAny(line, "\n;&|$") && strings.ContainsAny(got, "\n;&|$") {
			t.Errorf("%q with %q became %q", line, value, got)
		}
	})
}

// Names of hosts, servers, interfaces, jails and networks fill the lines of the
// catalogue. One that is not plain in every shell and console leaves its row out.
func TestNoNameChangesALineOfTheCatalogue(t *testing.T) {
	for _, name := range []string{
		"$(reboot)", "`reboot`", "x;reboot", "x|reboot", "x&reboot", "x>f", "x'y", `x"y`, `x\`, "-x", "a b", "x\nreboot", "\x1b[2J", "x\u202ey", "*", "[a]", "{a,b}", "!", "x=y", "$x", "%(x)s", "é",
	} {
		vars := map[string]string{}
		for _, v := range knownVariables() {
			vars[v] = name
		}
		for _, problem := range problems() {
			for _, platform := range Platforms(words.English) {
				for _, f := range append(On(problem, platform.Slug, vars), For(problem, office(platform.Slug, ""), vars)...) {
					for _, line := range slices.Concat(f.Commands, f.Undo, f.Verify, []string{f.Title, f.Note}) {
						if strings.Contains(line, name) && len(name) > 1 {
							t.Errorf("%q reached %s/%s: %s", name, f.Platform, f.ID, line)
						}
					}
				}
			}
		}
	}
}

func TestWhatARunMayProveIsOfferedOnTop(t *testing.T) {
	var proven []string
	for _, f := range For(SIPALG, office("mikrotik", "7.15"), nil) {
		if f.IfProven {
			proven = append(proven, f.ID+": "+f.ReliesOn)
		}
	}
	if diff := cmp.Diff([]string{"use-tcp: tcp 5060"}, proven); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A box that writes a range in its own way gets the ends of the one that the caller
// knows.
func TestARangeOfPortsIsSplitWhereTheBoxWantsItsEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		vars map[string]string
		want string
	}{
		"a range":              {map[string]string{"RTPRange": "16384-32767"}, "5 permit udp any any range 16384 32767"},
		"both ends":            {map[string]string{"RTPRange": "1-2", "RTPFirst": "3000", "RTPLast": "4000"}, "5 permit udp any any range 3000 4000"},
		"nothing known":        {nil, "5 permit udp any any range 10000 65535"},
		"a range from a joker": {map[string]string{"RTPRange": "1-2; reload"}, "5 permit udp any any range 10000 65535"},
	} {
		list := On(RTPPorts, "cisco-ios", tt.vars)
		if len(list) != 1 || !slices.Contains(list[0].Commands, tt.want) {
			t.Errorf("%s: no %q in %+v", name, tt.want, list)
		}
	}
}
