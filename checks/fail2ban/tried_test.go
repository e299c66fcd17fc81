package fail2ban

import (
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/pbxtest"
)

// The addresses that a jail bans now are taken through the loaded rules, of
// both families, on every SIP port.
func TestBansAreTakenThroughTheRules(t *testing.T) {
	const (
		end    = "COMMIT\n"
		drop4  = "-A INPUT -s 198.51.100.7/32 -j DROP\n"
		drop6  = "-A INPUT -s 2001:db8::7/128 -j DROP\n"
		chains = "*filter\n:INPUT ACCEPT [0:0]\n"
	)
	for _, tt := range []struct {
		name   string
		v4, v6 string
		status checks.Status
		says   string
	}{
		{"both are stopped", chains + drop4 + end, chains + drop6 + end, checks.Pass, "SIP is guarded by asterisk (2 banned)"},
		{"the one of IPv6 is not", chains + drop4 + end, chains + end, checks.Warn, "Jail asterisk bans 2001:db8::7, which gets in on udp/5060, tcp/5060, tcp/5061"},
		{"neither is", chains + end, chains + end, checks.Fail, "Bans of jail asterisk have no effect"},
		{"UDP is not", chains + strings.Replace(drop4, "-j", "-p tcp -j", 1) + end, chains + strings.Replace(drop6, "-j", "-p tcp -j", 1) + end, checks.Fail, "leaves udp/5060 open"},
		{"the listing is cut off, and the rest may stop them", chains, chains + drop6 + end, checks.Inconclusive, "cannot be decided from the rules alone"},
		{"a table was not read that may stop them", chains + end, chains + end, checks.Inconclusive, "guard"},
		{"a limit decides", chains + "-A INPUT -s 198.51.100.7/32 -m limit --limit 1/sec -j ACCEPT\n" + drop4 + end, chains + drop6 + end, checks.Inconclusive, "limit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &pbxtest.PBX{
				Files: map[string]string{"/etc/fail2ban/jail.conf": "[asterisk]\nenabled = true\nbantime = 3600\nlogpath = /var/log/asterisk/messages\naction = iptables-allports[protocol=all]\n", "/var/log/asterisk/messages": "x\n"},
				Prints: map[string]string{
					"ip -j route show table all": `[{"type":"local","dst":"192.0.2.1","dev":"eth0","table":"local"},{"dst":"default","gateway":"192.0.2.254","dev":"eth0","table":"main"},{"type":"local","dst":"2001:db8::1","dev":"eth0","table":"local"},{"dst":"default","gateway":"2001:db8::fe","dev":"eth0","table":"main"}]`,
					"nft -j list tables":         `{"nftables": []}`, "iptables-nft-save -c": tt.v4, "ip6tables-nft-save -c": tt.v6,
					"fail2ban-client status": "Status\n|- Number of jail:\t1\n`- Jail list:\tasterisk\n", "fail2ban-client version": "1.0.2\n",
					"fail2ban-client banned": "[{'asterisk': ['198.51.100.7', '2001:db8::7']}]\n",
				},
			}
			if tt.says == "guard" {
				p.Prints["nft -j list tables"] = `{"nftables": [{"table": {"family": "inet", "name": "guard"}}]}`
			}
			r := p.Look(t, Check(), checks.Inputs{})
			says := r.Summary + r.Reason
			if len(r.Findings) > 0 {
				says = r.Findings[0].Title
			}
			if r.Status != tt.status || !strings.Contains(says, tt.says) {
				t.Errorf("%s: %q, want %s: %q; %+v", r.Status, says, tt.status, tt.says, r.Findings)
			}
		})
	}
}
