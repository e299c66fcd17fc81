package blocked

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The responsive firewall of FreePBX remembers packets and when they came: that
// tells until when it holds an address, and the undo restores all of them.
func TestTheResponsiveFirewallTellsUntilWhen(t *testing.T) {
	const rules = "-A INPUT -p udp -m udp --dport 5060 -j fpbxrfw\n-A fpbxrfw -m recent --rcheck --seconds 86400 --hitcount 1 --name ATTACKER --mask 255.255.255.255 --rsource -j DROP\n" +
		"-A fpbxrfw -m recent --rcheck --seconds 60 --hitcount 3 --name SIGNALLING --mask 255.255.255.255 --rsource -j DROP\n"
	for _, tt := range []struct {
		name, list string
		ages       []int         // of the remembered packets in seconds, oldest first
		until      time.Duration // after now
		undo       string
	}{
		{"an attacker, for a day after the last try", "ATTACKER", []int{900, 100}, 24*time.Hour - 100*time.Second, "for n in $(seq 2)"},
		{"too many in a minute, until the third last is a minute old", "SIGNALLING", []int{90, 20, 10, 5}, 40 * time.Second, "for n in $(seq 4)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := onPBX(map[string]string{"iptables-nft-save -c": strings.Replace(table(rules), ":FORWARD", ":fpbxrfw - [0:0]\n:FORWARD", 1)})
			// The clock 1,000 s after the start, at 250 Hz.
			const now = 1<<32 - 300*250 + 1000*250
			p.Files["/proc/timer_list"] = fmt.Sprintf("now at 1000000000000 nsecs\njiffies: %d\n", now)
			var stamps []string
			for _, age := range tt.ages {
				stamps = append(stamps, fmt.Sprint(now-250*age))
			}
			p.Files["/proc/net/xt_recent/ATTACKER"] = ""
			p.Files["/proc/net/xt_recent/"+tt.list] = fmt.Sprintf("src=198.51.100.7 ttl: 57 last_seen: %s oldest_pkt: %d %s\n", stamps[len(stamps)-1], len(stamps), strings.Join(stamps, ", "))
			in := asked("198.51.100.7")
			in.UDPPorts = "5060"
			r := p.Look(t, Check(), in)
			f := r.Facts.(Facts)
			if f.Verdict != "blocked" || len(f.Blocks) != 1 || !f.Blocks[0].Until.Equal(p.Now().Add(tt.until)) {
				t.Fatalf("%s: %+v", f.Verdict, f.Blocks)
			}
			if undo := r.Findings[0].Fixes[0].Undo; len(undo) != 1 || !strings.Contains(undo[0], tt.undo) {
				t.Errorf("the undo is %q", undo)
			}
			if advice := strings.Join(r.Findings[0].Advice, " "); !strings.Contains(advice, "Networks") || strings.Contains(advice, "Blacklist") {
				t.Errorf("it advises %q", advice)
			}
		})
	}
}

// firewalld's rules are those of a zone: one for another zone does nothing.
func TestABanInAnotherZone(t *testing.T) {
	const listing = `{"nftables": [{"table": {"family": "inet", "name": "firewalld"}},
{"chain": {"family": "inet", "table": "firewalld", "name": "filter_INPUT", "type": "filter", "hook": "input", "prio": 10, "policy": "accept"}},
{"chain": {"family": "inet", "table": "firewalld", "name": "filter_IN_external"}}, {"chain": {"family": "inet", "table": "firewalld", "name": "filter_IN_external_allow"}},
{"chain": {"family": "inet", "table": "firewalld", "name": "filter_IN_public"}}, {"chain": {"family": "inet", "table": "firewalld", "name": "filter_IN_public_deny"}},
{"rule": {"family": "inet", "table": "firewalld", "chain": "filter_INPUT", "handle": 1, "expr": [{"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "eth0"}}, {"goto": {"target": "filter_IN_external"}}]}},
{"rule": {"family": "inet", "table": "firewalld", "chain": "filter_INPUT", "handle": 2, "expr": [{"goto": {"target": "filter_IN_public"}}]}},
{"rule": {"family": "inet", "table": "firewalld", "chain": "filter_IN_external", "handle": 3, "expr": [{"jump": {"target": "filter_IN_external_allow"}}]}},
{"rule": {"family": "inet", "table": "firewalld", "chain": "filter_IN_external_allow", "handle": 4, "expr": [{"accept": null}]}},
{"rule": {"family": "inet", "table": "firewalld", "chain": "filter_IN_public", "handle": 5, "expr": [{"jump": {"target": "filter_IN_public_deny"}}]}},
{"rule": {"family": "inet", "table": "firewalld", "chain": "filter_IN_public_deny", "handle": 6, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "198.51.100.7"}}, {"drop": null}]}}]}`
	p := onPBX(map[string]string{
		"nft -j list tables":                  `{"nftables": [{"table": {"family": "inet", "name": "firewalld"}}]}`,
		"nft -a -j list table inet firewalld": listing,
	})
	r := p.Look(t, Check(), asked("198.51.100.7"))
	const want = "it is in firewalld zone public, but the packets go through zone external"
	if f := r.Facts.(Facts); f.Verdict != "allowed" || len(r.Findings) != 1 || r.Findings[0].Evidence[0].Got != want {
		t.Errorf("%s: %+v", f.Verdict, r.Findings)
	}
}
