package netinfo

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSIPHelperRulesOfOtherMachinesAreFound(t *testing.T) {
	saved := func(program, file string) map[string]string {
		return map[string]string{program + "-save -c": "*raw\n" + fixture(t, "sip-helpers/"+file) + "COMMIT\n"}
	}
	nftables := fixture(t, "sip-helpers/nft.txt")
	_, pre, _ := strings.Cut(nftables, "table inet office")
	pre, mapped0, _ := strings.Cut(pre, "\tchain mapped")
	const office = "table inet office {\n"
	listed := map[string]string{
		"nft -j list tables": `{"nftables": [{"table": {"family": "inet", "name": "office"}}]}`, "nft -a -j list table inet office": fixture(t, "sip-helpers/nft.json"),
		"nft -s -a list chain inet office pre":    office + "\tchain pre" + strings.ReplaceAll(pre[strings.Index(pre, "\tchain pre")+10:], " packets 0 bytes 0", ""),
		"nft -s -a list chain inet office mapped": office + "\tchain mapped" + mapped0,
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
	old := func(automatic string) map[string]string {
		return map[string]string{"/proc/sys/net/netfilter/nf_conntrack_max": "65536", "/proc/sys/net/netfilter/nf_conntrack_helper": automatic, "/proc/modules": "nf_conntrack_sip 1 0 - Live 0x0\n"}
	}
	tests := map[string]struct {
		machine map[string]string
		want    []SIPHelper
	}{
		"iptables-legacy, a comment that a shell would run": {saved("iptables-legacy", "iptables-legacy.txt"), []SIPHelper{
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
		"IPv6, in a chain of its own": {saved("ip6tables-nft", "ip6tables-nft.txt"), []SIPHelper{{
			Tool: "ip6tables-nft", Table: "raw", Chain: "voip", Rule: `-A voip -p udp -m udp --dport 5060 -j CT --helper sip`,
			Del: `ip6tables-nft -t raw -D voip -p udp -m udp --dport 5060 -j CT --helper sip`,
			Add: `ip6tables-nft -t raw -I voip 1 -p udp -m udp --dport 5060 -j CT --helper sip`,
		}}},
		"nftables: FTP's helper and a rule that only looks at the helper stay": {listed, nft},
		"a kernel before 6.0 with automatic helpers": {
			old("1"),
			[]SIPHelper{{
				Tool: "sysctl", Rule: "net.netfilter.nf_conntrack_helper = 1",
				Del: "sysctl -w net.netfilter.nf_conntrack_helper=0", Add: "sysctl -w net.netfilter.nf_conntrack_helper=1",
			}},
		},
		"the same kernel with them switched off": {
			old("0"), nil,
		},
		"a match on the helper is no attachment": {
			map[string]string{"iptables-save -c": "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m helper --helper sip -j ACCEPT\n-A PREROUTING -p tcp --dport 21 -j CT --helper ftp\nCOMMIT\n"}, nil,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := readFilter(t.Context(), machine(t, "linux", tt.machine))
			if diff := cmp.Diff(tt.want, got.helpers, cmpopts.IgnoreFields(SIPHelper{}, "Edit")); diff != "" {
				t.Errorf("rules (-want +got):\n%s\nnot read: %v", diff, got.errs)
			}
		})
	}
}
