package firewall

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/pbxtest"
)

// legacy is a PBX with these rules of iptables in its filter table.
func legacy(rules ...string) *pbxtest.PBX {
	return &pbxtest.PBX{Prints: map[string]string{
		"ip -j route show table all": routes, "nft -j list tables": `{"nftables": []}`, "ip6tables-nft-save -c": "",
		"iptables-nft-save -c": "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" + strings.Join(rules, "\n") + "\nCOMMIT\n",
	}, Files: map[string]string{}}
}

// modern is a PBX with one rule of nftables in its input chain, as nft 1.0.6
// lists its expressions.
func modern(exprs string) *pbxtest.PBX {
	table := `{"nftables": [{"table": {"family": "inet", "name": "f", "handle": 1}}, {"chain": {"family": "inet", "table": "f", "name": "input", "handle": 1, "type": "filter", "hook": "input", "prio": 0, "policy": "accept"}}, {"set": {"family": "inet", "name": "m", "table": "f", "type": "ipv4_addr", "handle": 2, "size": 1000, "flags": ["timeout"], "timeout": 60}}, ` +
		`{"rule": {"family": "inet", "table": "f", "chain": "input", "handle": 3, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": 5060}}, ` + exprs + `, {"drop": null}]}}]}`
	return &pbxtest.PBX{Prints: map[string]string{
		"ip -j route show table all": routes, "ip6tables-nft-save -c": "", "iptables-nft-save -c": "",
		"nft -j list tables": `{"nftables": [{"table": {"family": "inet", "name": "f", "handle": 1}}]}`, "nft -a -j list table inet f": table,
	}, Files: map[string]string{}}
}

// An office whose phones register again at the same time, after an outage,
// meets limits that one phone never does.
func TestLimitsThatAnOfficeMeetsAfterAnOutage(t *testing.T) {
	const (
		answers = "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
		accept  = "-A INPUT -p udp --dport 5060 -j ACCEPT"
		set     = "-A INPUT -p udp --dport 5060 -m conntrack --ctstate NEW -m recent --set --name S --mask 255.255.255.255 --rsource"
	)
	check := func(seconds, hits int, list string) string {
		return fmt.Sprintf("-A INPUT -p udp --dport 5060 -m recent --rcheck --seconds %d --hitcount %d --name %s --mask 255.255.255.255 --rsource -j DROP", seconds, hits, list)
	}
	for _, tt := range []struct {
		name string
		pbx  *pbxtest.PBX
		says string // in the title; empty: no such finding
	}{
		{"no limit", legacy(answers, accept), ""},
		{"ufw limit: it counts a connection, then looks", legacy(answers, set, check(30, 6, "S"), accept), "UDP 5060 is limited to 5 new connections in 30 s per address"},
		{"it looks, then counts", legacy(answers, check(30, 6, "S"), set, accept), "UDP 5060 is limited to 6 new connections in 30 s per address"},
		{"every packet counts", legacy(set, check(60, 10, "S"), accept), "UDP 5060 is limited to 9 packets in 60 s per address"},
		{"a list of those who are banned is no limit", legacy(answers, check(86400, 1, "BANNED"), accept), ""},
		{"49 packets in ten seconds are too few", legacy(answers, check(10, 49, "S"), set, accept), "limited to 49 new connections in 10 s"},
		{"50 are enough", legacy(answers, check(10, 50, "S"), set, accept), ""},
		{"the limit stands behind the rule that lets SIP in", legacy(answers, accept, set, check(30, 6, "S")), ""},
		{"another port is limited", legacy(answers, "-A INPUT -p tcp --dport 22 -m recent --update --seconds 30 --hitcount 6 --name S --mask 255.255.255.255 --rsource -j DROP", accept), ""},
		{"hashlimit, for each address", legacy(answers, "-A INPUT -p udp --dport 5060 -m hashlimit --hashlimit-upto 3/sec --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name sip -j ACCEPT", "-A INPUT -p udp --dport 5060 -j DROP"), "UDP 5060 is limited to 3 new connections in 1 s per address"},
		{"hashlimit that lets an office in", legacy(answers, "-A INPUT -p udp --dport 5060 -m hashlimit --hashlimit-upto 6/min --hashlimit-burst 60 --hashlimit-mode srcip --hashlimit-name sip -j ACCEPT", "-A INPUT -p udp --dport 5060 -j DROP"), ""},
		{"limit, for everybody together", legacy(answers, "-A INPUT -p udp --dport 5060 -m limit --limit 2/sec -j ACCEPT", "-A INPUT -p udp --dport 5060 -j DROP"), "UDP 5060 is limited to 2 new connections in 1 s for all senders together"},
		{"hashlimit that stops what is above it", legacy(answers, "-A INPUT -p udp --dport 5060 -m hashlimit --hashlimit-above 3/sec --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name sip -j DROP"), "UDP 5060 is limited to 3 new connections in 1 s per address"},
		{"hashlimit behind the rule that lets SIP in", legacy(answers, accept, "-A INPUT -p udp --dport 5060 -m hashlimit --hashlimit-above 3/sec --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name sip -j DROP"), ""},
		{"hashlimit of another port", legacy(answers, "-A INPUT -p udp --dport 53 -m hashlimit --hashlimit-above 3/sec --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name dns -j DROP"), ""},
		{"hashlimit in a chain for another interface", legacy(answers, ":other - [0:0]", "-A INPUT -i eth7 -j other", "-A other -p udp -m hashlimit --hashlimit-above 3/sec --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name sip -j DROP"), ""},
		{"a port that is open beside one that is closed", legacy(answers, "-A INPUT -p tcp --dport 5061 -j DROP", "-A INPUT -p tcp --dport 5060 -m recent --set --name T --mask 255.255.255.255 --rsource", "-A INPUT -p tcp --dport 5060 -m recent --rcheck --seconds 30 --hitcount 6 --name T --mask 255.255.255.255 --rsource -j DROP"), "TCP 5060-5061 is limited to 5 new connections in 30 s per address"},
		{"a port that is closed anyway", legacy(answers, "-A INPUT -p udp --dport 5060 -m hashlimit --hashlimit-upto 3/sec --hashlimit-mode srcip --hashlimit-name sip -j LOG", "-A INPUT -p udp --dport 5060 -j DROP"), ""},
		{"a limit of what is logged stops nothing", legacy(answers, "-A INPUT -p udp --dport 5060 -m limit --limit 3/min -j LOG", accept), ""},
		{"connections at a time", legacy(answers, "-A INPUT -p udp --dport 5060 -m connlimit --connlimit-above 4 --connlimit-mask 32 --connlimit-saddr -j DROP", accept), "UDP 5060 is limited to 4 new connections at a time per address"},
		{"nft limit", modern(`{"limit": {"rate": 4, "burst": 5, "per": "second", "inv": true}}`), "UDP 5060 is limited to 4 packets in 1 s for all senders together"},
		{"nft limit whose burst lets an office in", modern(`{"limit": {"rate": 60, "burst": 100, "per": "hour", "inv": true}}`), ""},
		{"nft meter", modern(`{"meter": {"key": {"payload": {"protocol": "ip", "field": "saddr"}}, "stmt": {"limit": {"rate": 6, "burst": 5, "per": "minute", "inv": true}}, "size": 65535, "name": "mm"}}`), "UDP 5060 is limited to 6 packets in 60 s per address"},
		{"nft set that counts each source", modern(`{"set": {"op": "add", "elem": {"payload": {"protocol": "ip", "field": "saddr"}}, "set": "@m", "stmt": [{"limit": {"rate": 6, "burst": 8, "per": "minute", "inv": true}}]}}`), "UDP 5060 is limited to 6 packets in 60 s per address"},
		{"nft meter of connections", modern(`{"meter": {"key": {"payload": {"protocol": "ip", "field": "saddr"}}, "stmt": {"ct count": {"val": 3, "inv": true}}, "size": 65535, "name": "mm"}}`), "UDP 5060 is limited to 3 packets at a time per address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := tt.pbx.Look(t, Check(), checks.Inputs{})
			title := ""
			for _, f := range r.Findings {
				if f.ID == "firewall.sip-limited" {
					title = f.Title
					if f.Severity != checks.Warning || r.Status != checks.Warn && r.Status != checks.Fail {
						t.Errorf("%s, %s", f.Severity, r.Status)
					}
				}
			}
			if tt.says == "" != (title == "") || !strings.Contains(title, tt.says) {
				t.Errorf("%q, want %q (%s: %s)", title, tt.says, r.Status, r.Summary)
			}
		})
	}
}
