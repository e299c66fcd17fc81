package firewall

import (
	"maps"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/pbxtest"
)

const routes = `[{"type":"local","dst":"192.0.2.1","dev":"eth0","table":"local"},{"dst":"default","gateway":"192.0.2.254","dev":"eth0","table":"main"}]`

func TestWhetherThePBXIsOpenWhereItMustBe(t *testing.T) {
	const answers = "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
	for _, tt := range []struct {
		name   string
		rules  []string
		status checks.Status
		says   string
	}{
		{"no rule at all", nil, checks.Pass, "RTP 10000-20000 is open"},
		{"SIP and RTP are open, the rest is not", []string{answers, "-A INPUT -p udp --dport 5060 -j ACCEPT", "-A INPUT -p tcp --dport 5060:5061 -j ACCEPT", "-A INPUT -p udp --dport 10000:20000 -j ACCEPT", "-A INPUT -j DROP"}, checks.Pass, "open"},
		{"half of the RTP range is closed", []string{answers, "-A INPUT -p udp --dport 5060 -j ACCEPT", "-A INPUT -p tcp --dport 5060:5061 -j ACCEPT", "-A INPUT -p udp --dport 10000:14999 -j ACCEPT", "-A INPUT -j DROP"}, "", "15000-20000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &pbxtest.PBX{Prints: map[string]string{
				"ip -j route show table all": routes, "nft -j list tables": `{"nftables": []}`, "ip6tables-nft-save -c": "",
				"iptables-nft-save -c": "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" + strings.Join(tt.rules, "\n") + "\nCOMMIT\n",
			}, Files: map[string]string{}}
			r := p.Look(t, Check(), checks.Inputs{})
			if tt.status != "" && r.Status != tt.status || tt.status == "" && r.Status == checks.Pass || !strings.Contains(r.Summary, tt.says) {
				t.Errorf("%s: %q, findings %+v", r.Status, r.Summary, r.Findings)
			}
		})
	}
}

// What the rules that were read accept, others may drop; what they drop stays
// dropped.
func TestAFirewallThatWasReadInPart(t *testing.T) {
	const cut = "*raw\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\n"
	for _, tt := range []struct {
		name   string
		prints map[string]string
		status checks.Status
		says   string
	}{
		{"the listing is cut off", map[string]string{"iptables-nft-save -c": cut}, checks.Inconclusive, "ends before COMMIT"},
		{"a table of nft was not listed", map[string]string{"iptables-nft-save -c": cut + "COMMIT\n", "nft -j list tables": `{"nftables": [{"table": {"family": "inet", "name": "guard"}}]}`}, checks.Inconclusive, "table inet guard is loaded"},
		{"only IPv6 is cut off", map[string]string{"iptables-nft-save -c": cut + "COMMIT\n", "ip6tables-nft-save -c": cut}, checks.Pass, ""},
		{"what is closed is closed", map[string]string{"iptables-nft-save -c": cut + "-A INPUT -j DROP\nCOMMIT\n", "nft -j list tables": `{"nftables": [{"table": {"family": "inet", "name": "guard"}}]}`}, checks.Warn, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &pbxtest.PBX{Prints: map[string]string{"ip -j route show table all": routes, "nft -j list tables": `{"nftables": []}`}, Files: map[string]string{}}
			maps.Copy(p.Prints, tt.prints)
			if r := p.Look(t, Check(), checks.Inputs{}); r.Status != tt.status || !strings.Contains(r.Reason, tt.says) {
				t.Errorf("%s: %q, %q, findings %+v", r.Status, r.Summary, r.Reason, r.Findings)
			}
		})
	}
}

// A rule with -d is about one own address: the range that is open at the one is
// not "closed to everyone" for the sake of another, and its cure opens that one.
func TestTheFirewallOfAPBXWithSeveralAddresses(t *testing.T) {
	const two = `[{"type":"local","dst":"192.0.2.1","dev":"eth0","table":"local","prefsrc":"192.0.2.1"},{"type":"local","dst":"192.0.2.5","dev":"eth0","table":"local","prefsrc":"192.0.2.1"},{"dst":"default","gateway":"192.0.2.254","dev":"eth0"}]`
	for _, tt := range []struct {
		name   string
		rules  []string
		status checks.Status
		says   string
		run    string
	}{
		{"open at the second", []string{"-A INPUT -d 192.0.2.5/32 -p udp --dport 5060 -j ACCEPT", "-A INPUT -d 192.0.2.5/32 -p udp --dport 10000:20000 -j ACCEPT", "-A INPUT -j DROP"}, checks.Pass, "RTP 10000-20000 is open", ""},
		{"it says at which", []string{"-A INPUT -d 192.0.2.5/32 -j ACCEPT", "-A INPUT -j DROP"}, checks.Pass, "at 192.0.2.5", ""},
		{"half of it is open there", []string{"-A INPUT -d 192.0.2.5/32 -p udp --dport 10000:14999 -j ACCEPT", "-A INPUT -j DROP"}, checks.Fail, "15000-20000", "-s 0.0.0.0/0 -d 192.0.2.5/32 -p udp -m multiport --dports 15000:20000 -j ACCEPT"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &pbxtest.PBX{Prints: map[string]string{
				"ip -j route show table all": two, "nft -j list tables": `{"nftables": []}`, "ip6tables-nft-save -c": "",
				"iptables-nft-save -c": "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" + strings.Join(tt.rules, "\n") + "\nCOMMIT\n",
			}, Files: map[string]string{}}
			r := p.Look(t, Check(), checks.Inputs{})
			if r.Status != tt.status || !strings.Contains(r.Summary, tt.says) {
				t.Errorf("%s: %q, findings %+v", r.Status, r.Summary, r.Findings)
			}
			if tt.run != "" && !strings.Contains(r.Findings[0].Fixes[0].Commands[0], tt.run) {
				t.Errorf("the cure is %q", r.Findings[0].Fixes[0].Commands)
			}
		})
	}
}
