package blocked

import (
	"strings"
	"testing"
)

// What is known of why a ban has no effect stands in its title.
func TestWhyABanHasNoEffect(t *testing.T) {
	const zones = "-A INPUT -i eth0 -j IN_external_allow\n-A INPUT -j IN_public_deny\n-A IN_external_allow -p udp -j ACCEPT\n-A IN_external_allow -p tcp -j ACCEPT\n-A IN_public_deny -s 198.51.100.7/32 -j DROP"
	for name, tt := range map[string]struct {
		rules  []string
		prints map[string]string
		asked  string
		says   string
	}{
		"a set that no rule asks, and one of a similar name": {
			[]string{"-A INPUT -m set --match-set f2b-asterisk src -j DROP"}, map[string]string{
				"ipset save":              "create f2b-asterisk hash:ip family inet\ncreate f2b-asterisk-udp hash:ip family inet\nadd f2b-asterisk-udp 198.51.100.7\n",
				"fail2ban-client status":  "Status\n|- Number of jail:\t1\n`- Jail list:\tasterisk\n",
				"fail2ban-client version": "1.0.2\n", "fail2ban-client banned": "[{'asterisk': ['198.51.100.7']}]\n",
			}, "198.51.100.7", "fail2ban (asterisk) (it is in f2b-asterisk-udp, which no rule uses; the rules use f2b-asterisk)"},
		"a set that a rule asks, behind one that accepts": {
			[]string{"-A INPUT -p udp -j ACCEPT", "-A INPUT -p tcp -j ACCEPT", "-A INPUT -m set --match-set f2b-asterisk src -j DROP"}, map[string]string{
				"ipset save":              "create f2b-asterisk hash:ip family inet\nadd f2b-asterisk 198.51.100.7\n",
				"fail2ban-client status":  "Status\n|- Number of jail:\t1\n`- Jail list:\tasterisk\n",
				"fail2ban-client version": "1.0.2\n", "fail2ban-client banned": "[{'asterisk': ['198.51.100.7']}]\n",
			}, "198.51.100.7", "fail2ban (asterisk)"},
		"a rule in another zone of firewalld": {
			[]string{":IN_external_allow - [0:0]", ":IN_public_deny - [0:0]", zones}, nil,
			"198.51.100.7", "(it is in firewalld zone public, but the packets go through zone external)"},
		"a rule behind one that accepts": {
			[]string{"-A INPUT -p udp -j ACCEPT", "-A INPUT -p tcp -j ACCEPT", "-A INPUT -s 198.51.100.7/32 -j DROP"}, nil,
			"198.51.100.7", "has no effect on SIP or RTP: iptables"},
	} {
		t.Run(name, func(t *testing.T) {
			p := onPBX(tt.prints)
			p.Prints["iptables-nft-save -c"] = table(tt.rules...)
			r := p.Look(t, Check(), asked(tt.asked))
			title := ""
			for _, f := range r.Findings {
				if f.ID == "blocked.ineffective" {
					title = f.Title
				}
			}
			if !strings.HasSuffix(title, tt.says) {
				t.Errorf("%q, want %q: %+v", title, tt.says, r.Facts.(Facts).Blocks)
			}
		})
	}
}
