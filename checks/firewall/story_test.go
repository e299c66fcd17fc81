package firewall

import (
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
