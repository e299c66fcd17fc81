package netinfo

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sipdoctor/sipdoctor/platform"
)

func TestSIPHelperRulesOfOtherMachinesAreFound(t *testing.T) {
	texts := func(files ...string) (list []platform.Text) {
		programs := map[string]string{
			"iptables-legacy.txt": "iptables-legacy -t raw -S", "iptables-nft.txt": "iptables-nft -t raw -S", "ip6tables-nft.txt": "ip6tables-nft -t raw -S",
			"nft.json": "nft -a -j list ruleset", "nft.txt": "nft -a list ruleset",
		}
		for _, f := range files {
			list = append(list, platform.Text{Program: programs[f], Output: fixture(t, "sip-helpers/"+f)})
		}
		return list
	}
	still := func(chain, rule string) string {
		return "nft -s -a list chain inet office " + chain + " | sed 's/^[[:space:]]*//' | grep -Fxq -e '" + rule + "' && "
	}
	mapped := `ct helper set meta l4proto . th dport map { tcp . 21 : "ftp-std", tcp . 5060 : "sip-tcp", udp . 5060 : "sip-udp" }`
	nft := []SIPHelper{
		{
			Tool: "nft", Table: "inet office", Chain: "pre", Rule: `udp dport { 5060, 5080 } counter ct helper set "sip-udp" comment "the phones"`,
			Del: still("pre", `udp dport { 5060, 5080 } counter ct helper set "sip-udp" comment "the phones" # handle 9`) + "nft delete rule inet office pre handle 9",
			Add: still("pre", `tcp dport 21 ct helper set "ftp-std" # handle 10`) + `nft insert rule inet office pre handle 10 'udp dport { 5060, 5080 } counter ct helper set "sip-udp" comment "the phones"'`,
		},
		{
			Tool: "nft", Table: "inet office", Chain: "pre", Rule: `iifname "eth1" tcp dport 5060 ct helper set "sip-tcp"`,
			Del: still("pre", `iifname "eth1" tcp dport 5060 ct helper set "sip-tcp" # handle 11`) + "nft delete rule inet office pre handle 11",
			Add: `nft add rule inet office pre 'iifname "eth1" tcp dport 5060 ct helper set "sip-tcp"'`,
		},
		{
			Tool: "nft", Table: "inet office", Chain: "mapped", Rule: mapped,
			Del: still("mapped", mapped+" # handle 13") + "nft delete rule inet office mapped handle 13",
			Add: "nft add rule inet office mapped '" + mapped + "'",
		},
	}
	tests := map[string]struct {
		texts []platform.Text
		want  []SIPHelper
	}{
		"iptables-legacy, a comment that a shell would run": {texts("iptables-legacy.txt"), []SIPHelper{
			{
				Tool: "iptables-legacy", Table: "raw", Chain: "PREROUTING",
				Rule: `-A PREROUTING -i eth1 -p udp -m udp --dport 5060 -m comment --comment "don\'t touch $(phones)" -j CT --helper sip`,
				Del:  `iptables-legacy -t raw -D PREROUTING -i eth1 -p udp -m udp --dport 5060 -m comment --comment 'don'\''t touch $(phones)' -j CT --helper sip`,
				Add:  `iptables-legacy -t raw -I PREROUTING 2 -i eth1 -p udp -m udp --dport 5060 -m comment --comment 'don'\''t touch $(phones)' -j CT --helper sip`,
			},
			{
				Tool: "iptables-legacy", Table: "raw", Chain: "OUTPUT", Rule: `-A OUTPUT -p tcp -m tcp --dport 5060 -j CT --helper sip`,
				Del: `iptables-legacy -t raw -D OUTPUT -p tcp -m tcp --dport 5060 -j CT --helper sip`,
				Add: `iptables-legacy -t raw -I OUTPUT 1 -p tcp -m tcp --dport 5060 -j CT --helper sip`,
			},
		}},
		"IPv6, in a chain of its own": {texts("ip6tables-nft.txt"), []SIPHelper{{
			Tool: "ip6tables-nft", Table: "raw", Chain: "voip", Rule: `-A voip -p udp -m udp --dport 5060 -j CT --helper sip`,
			Del: `ip6tables-nft -t raw -D voip -p udp -m udp --dport 5060 -j CT --helper sip`,
			Add: `ip6tables-nft -t raw -I voip 1 -p udp -m udp --dport 5060 -j CT --helper sip`,
		}}},
		"nftables: FTP's helper and a rule that only looks at the helper stay": {texts("nft.json", "nft.txt"), nft},
		"an nft without JSON": {texts("nft.txt"), nft},
		"a kernel before 6.0 with automatic helpers": {
			[]platform.Text{{Program: "sysctl net.netfilter.nf_conntrack_helper", Output: []byte("net.netfilter.nf_conntrack_helper = 1\n")}},
			[]SIPHelper{{
				Tool: "sysctl", Rule: "net.netfilter.nf_conntrack_helper = 1",
				Del: "sysctl -w net.netfilter.nf_conntrack_helper=0", Add: "sysctl -w net.netfilter.nf_conntrack_helper=1",
			}},
		},
		"the same kernel with them switched off": {
			[]platform.Text{{Program: "sysctl net.netfilter.nf_conntrack_helper", Output: []byte("net.netfilter.nf_conntrack_helper = 0\n")}}, nil,
		},
		"a comment with a line that looks like the rule": {
			[]platform.Text{{Program: "nft -a list ruleset", Output: []byte("table inet x {\n\tct helper h {\n\t\ttype \"sip\" protocol udp\n\t}\n\tchain c {\n" +
				"\t\tudp dport 5060 ct helper set \"h\" # handle 3\n\t\taccept comment \"x\n\t\tct helper set \"h\" accept # handle 3\n\t\ty\" # handle 4\n\t}\n}\n")}}, nil,
		},
		"a match on the helper is no attachment": {
			[]platform.Text{{Program: "iptables -t raw -S", Output: []byte("-A PREROUTING -m helper --helper sip -j ACCEPT\n-A PREROUTING -p tcp --dport 21 -j CT --helper ftp\n")}}, nil,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ReadSIPHelpers(tt.texts)
			if err != nil && !errors.Is(err, errNoNFTJSON) {
				t.Error(err)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(SIPHelper{}, "Edit")); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzSIPHelpers(f *testing.F) {
	for _, name := range []string{"iptables-legacy.txt", "nft.json", "nft.txt"} {
		f.Add(fixture(f, "sip-helpers/"+name), fixture(f, "sip-helpers/nft.txt"))
	}
	f.Add([]byte(`-A X --comment "\`), []byte("table inet x {\n\tchain c {\n # handle 99999999999999999999\n"))
	f.Fuzz(func(t *testing.T, one, other []byte) {
		list, _ := ReadSIPHelpers([]platform.Text{
			{Program: "iptables -t raw -S", Output: one}, {Program: "nft -a -j list ruleset", Output: one}, {Program: "nft -a list ruleset", Output: other},
		})
		for _, h := range list {
			if h.Del == "" || h.Add == "" {
				t.Errorf("a rule without commands: %+v", h)
			}
		}
	})
}
