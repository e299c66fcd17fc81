package blocked

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/pbxtest"
)

// A server with one address and a default route by eth0.
const routeTable = `[{"type":"local","dst":"192.0.2.1","dev":"eth0","table":"local"},
{"dst":"192.0.2.0/24","dev":"eth0","table":"main"},{"dst":"default","gateway":"192.0.2.254","dev":"eth0","table":"main"}]`

func onPBX(prints map[string]string) *pbxtest.PBX {
	p := &pbxtest.PBX{Prints: map[string]string{
		"ip -j route show table all": routeTable,
		"nft -j list tables":         `{"nftables": []}`, "iptables-nft-save -c": "", "ip6tables-nft-save -c": "",
	}, Files: map[string]string{}}
	for k, v := range prints {
		p.Prints[k] = v
	}
	return p
}

func asked(list ...string) checks.Inputs {
	var in checks.Inputs
	for _, a := range list {
		p, err := netip.ParsePrefix(a)
		if err != nil {
			addr := netip.MustParseAddr(a)
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		in.Addresses = append(in.Addresses, p)
	}
	return in
}

func table(rules ...string) string {
	return "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" + strings.Join(rules, "\n") + "\nCOMMIT\n"
}

func TestWhyAnAddressIsBlocked(t *testing.T) {
	const ban = "-A f2b-sip -s 198.51.100.7/32 -j REJECT --reject-with icmp-port-unreachable"
	for _, tt := range []struct {
		name    string
		rules   []string
		prints  map[string]string
		in      checks.Inputs
		verdict string
		says    string   // in the title of the first finding
		ids     []string // of the findings
		run     []string // commands of the first fix
	}{
		{
			name: "nobody is banned", in: asked("198.51.100.7"), verdict: "allowed",
		}, {
			name: "a ban of fail2ban on both protocols", in: asked("198.51.100.7"), verdict: "blocked",
			rules: []string{":f2b-sip - [0:0]", "-A INPUT -p udp -m multiport --dports 5060,5061 -j f2b-sip", "-A INPUT -p tcp -m multiport --dports 5060,5061 -j f2b-sip", ban, "-A f2b-sip -j RETURN"},
			says:  "198.51.100.7 is blocked by iptables (left by fail2ban sip)", ids: []string{"blocked.banned"},
			run: []string{"iptables-nft -t filter -D f2b-sip -s 198.51.100.7/32 -j REJECT --reject-with icmp-port-unreachable"},
		}, {
			name: "another address in the same chain", in: asked("198.51.100.8"), verdict: "allowed",
			rules: []string{":f2b-sip - [0:0]", "-A INPUT -p udp -m multiport --dports 5060,5061 -j f2b-sip", ban, "-A f2b-sip -j RETURN"},
		}, {
			name: "a ban on TCP spares a phone that uses UDP", in: asked("198.51.100.7"), verdict: "partly",
			rules: []string{":f2b-sip - [0:0]", "-A INPUT -p tcp -m multiport --dports 5060,5061 -j f2b-sip", ban, "-A f2b-sip -j RETURN"},
			says:  "on some ports", ids: []string{"blocked.banned"},
		}, {
			name: "a ban behind the rule that accepts everybody has no effect", in: asked("198.51.100.7"), verdict: "allowed",
			rules: []string{"-A INPUT -p udp -j ACCEPT", "-A INPUT -p tcp -j ACCEPT", "-A INPUT -s 198.51.100.7/32 -j DROP"},
			says:  "has no effect", ids: []string{"blocked.ineffective"},
		}, {
			name: "a whole network is banned: an accept goes before it", in: asked("198.51.100.7"), verdict: "blocked",
			rules: []string{"-A INPUT -i lo -j ACCEPT", "-A INPUT -s 198.51.100.0/24 -j DROP"},
			says:  "is blocked by iptables", ids: []string{"blocked.banned"},
			run: []string{
				"iptables-nft -t filter -S INPUT 2 | grep -Fxq -e '-A INPUT -s 198.51.100.0/24 -j DROP' && iptables-nft -t filter -I INPUT 2 -s 198.51.100.7/32 -p udp -m multiport --dports 5060 -j ACCEPT",
				"iptables-nft -t filter -S INPUT 3 | grep -Fxq -e '-A INPUT -s 198.51.100.0/24 -j DROP' && iptables-nft -t filter -I INPUT 3 -s 198.51.100.7/32 -p tcp -m multiport --dports 5060:5061 -j ACCEPT",
				"iptables-nft -t filter -S INPUT 4 | grep -Fxq -e '-A INPUT -s 198.51.100.0/24 -j DROP' && iptables-nft -t filter -I INPUT 4 -s 198.51.100.7/32 -p udp -m multiport --dports 10000:20000 -j ACCEPT",
			},
		}, {
			name: "an ipset holds it twice over", in: asked("198.51.100.7"), verdict: "blocked",
			rules:  []string{"-A INPUT -m set --match-set f2b-a src -j DROP", "-A INPUT -m set --match-set f2b-b src -j DROP"},
			prints: map[string]string{"ipset save": "create f2b-a hash:ip family inet timeout 600\nadd f2b-a 198.51.100.7 timeout 300\ncreate f2b-b hash:ip family inet\nadd f2b-b 198.51.100.7\n"},
			says:   "is blocked by ipset", ids: []string{"blocked.banned"},
			run: []string{"ipset del f2b-b 198.51.100.7", "ipset del f2b-a 198.51.100.7"},
		}, {
			name: "no rule lets anybody in", in: asked("198.51.100.7"), verdict: "blocked",
			rules: []string{"-P INPUT DROP", "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-A INPUT -j DROP"},
			says:  "The firewall does not let 198.51.100.7 in", ids: []string{"blocked.not-let-in"},
		}, {
			name: "SIP is let in, RTP only as an answer", in: asked("198.51.100.7"), verdict: "partly",
			rules: []string{"-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-A INPUT -p udp --dport 5060 -j ACCEPT", "-A INPUT -p tcp --dport 5060:5061 -j ACCEPT", "-A INPUT -j DROP"},
			says:  "RTP from 198.51.100.7 is let in only as a reply", ids: []string{"blocked.not-let-in"},
		}, {
			name: "a port that is closed for everyone is no ban", in: asked("198.51.100.7"), verdict: "allowed",
			rules: []string{"-A INPUT -p udp --dport 5060 -j ACCEPT", "-A INPUT -p udp --dport 10000:20000 -j ACCEPT", "-A INPUT -j DROP"},
		}, {
			name: "a limit decides, and nobody knows how", in: asked("198.51.100.7"), verdict: "unknown",
			rules: []string{"-A INPUT -p udp --dport 5060 -m limit --limit 5/sec -j ACCEPT", "-A INPUT -p udp --dport 5060 -j DROP"},
			ids:   nil,
		}, {
			name: "one of a network is banned", in: asked("198.51.100.0/24"), verdict: "partly",
			rules: []string{"-A INPUT -s 198.51.100.7/32 -j DROP"},
			says:  "198.51.100.0/24 is blocked on some ports", ids: []string{"blocked.banned"},
		}, {
			name: "only the ports that were asked for count", in: checks.Inputs{Addresses: asked("198.51.100.7").Addresses, UDPPorts: "5060"}, verdict: "allowed",
			rules: []string{"-A INPUT -s 198.51.100.7/32 -p tcp -j DROP"},
			says:  "has no effect", ids: []string{"blocked.ineffective"},
		}, {
			name: "a black hole in the routes", in: asked("198.51.100.7"), verdict: "blocked",
			prints: map[string]string{"ip -j route show table all": strings.Replace(routeTable, "[", `[{"type":"blackhole","dst":"198.51.100.7","table":"main"},`, 1)},
			says:   "is blocked by route", ids: []string{"blocked.banned"},
			run: []string{"ip route del blackhole 198.51.100.7"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := onPBX(tt.prints)
			var rules []string
			for _, r := range tt.rules {
				if !strings.HasPrefix(r, "-P ") {
					rules = append(rules, r)
				}
			}
			p.Prints["iptables-nft-save -c"] = table(rules...)
			r := p.Look(t, Check(), tt.in)
			if f := r.Facts.(Facts); f.Verdict != tt.verdict {
				t.Errorf("verdict %s, want %s: %s %s", f.Verdict, tt.verdict, r.Summary, r.Reason)
			}
			var ids []string
			for _, f := range r.Findings {
				ids = append(ids, f.ID)
			}
			if !slices.Equal(ids, tt.ids) {
				t.Errorf("findings %v, want %v: %+v", ids, tt.ids, r.Facts.(Facts).Blocks)
			}
			if len(r.Findings) == 0 {
				return
			}
			if f := r.Findings[0]; !strings.Contains(f.Title, tt.says) {
				t.Errorf("it says %q, without %q", f.Title, tt.says)
			}
			if tt.run != nil && len(r.Findings[0].Fixes) > 0 {
				if got := r.Findings[0].Fixes[0].Commands; !slices.Equal(got, tt.run) {
					t.Errorf("the cure is\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(tt.run, "\n"))
				}
			}
		})
	}
}

// Without root nothing is said about packets, and what root would add is.
func TestWithoutRootNothingIsClaimed(t *testing.T) {
	p := onPBX(nil)
	p.NotRoot = true
	p.Denied = []string{"iptables-nft-save -c", "ip6tables-nft-save -c", "nft -j list tables", "ipset save"}
	r := p.Look(t, Check(), asked("198.51.100.7"))
	if r.Status != checks.Inconclusive || !strings.Contains(r.Reason, "sudo") {
		t.Errorf("%s: %q", r.Status, r.Reason)
	}
}

// A layer that holds bans of its own and hangs leaves the question open, and is
// named; one whose bans are rules of the packet filter is only named.
func TestALayerThatHangs(t *testing.T) {
	const socket = "/var/run/fail2ban/fail2ban.sock"
	for _, tt := range []struct {
		name   string
		hung   []string
		status checks.Status
		reason string
		note   string
	}{
		{"all answer", nil, checks.Pass, "", ""},
		{"fail2ban's server", []string{socket}, checks.Inconclusive, "fail2ban did not answer: whether 198.51.100.7 is banned there is not known", "fail2ban's socket " + socket + " does not answer"},
		{"fail2ban's client", []string{"fail2ban-client"}, checks.Inconclusive, "fail2ban did not answer", "fail2ban-client: running fail2ban-client status: no answer"},
		{"Kamailio", []string{"kamcmd"}, checks.Inconclusive, "kamailio did not answer", "kamcmd htable.listTables: no answer"},
		{"two of them", []string{socket, "kamcmd"}, checks.Inconclusive, "fail2ban and kamailio did not answer", "no answer"},
		{"iptables, while nftables answers", []string{"iptables-nft-save"}, checks.Inconclusive, "no answer", "iptables-nft-save: running iptables-nft-save -c: no answer"},
		{"nftables, while iptables answers", []string{"nft"}, checks.Inconclusive, "no answer", "nft"},
		{"firewalld, whose rules are in the packet filter", []string{"firewall-cmd"}, checks.Pass, "", "firewall-cmd"},
		{"CrowdSec, whose rules are there too", []string{"cscli"}, checks.Pass, "", "cscli"},
		{"Asterisk", []string{"asterisk"}, checks.Pass, "", "the running Asterisk was not asked"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := onPBX(map[string]string{"iptables-nft-save -c": table()})
			p.Files["/etc/fail2ban/jail.conf"] = "[DEFAULT]\n"
			p.Files["/etc/firewalld/zones/public.xml"] = "<zone></zone>"
			p.Hung = tt.hung
			r := p.Look(t, Check(), asked("198.51.100.7"))
			if r.Status != tt.status || !strings.Contains(r.Reason, tt.reason) {
				t.Errorf("%s: %q, %q; want %s: %q", r.Status, r.Summary, r.Reason, tt.status, tt.reason)
			}
			if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, tt.note) {
				t.Errorf("the notes %q do not tell %q", notes, tt.note)
			}
			if wide := p.Look(t, Check(), asked("198.51.100.7", "198.51.100.8")); wide.Status != tt.status {
				t.Errorf("two addresses: %s: %s", wide.Status, wide.Summary)
			}
		})
	}
	p := onPBX(map[string]string{"iptables-nft-save -c": table("-A INPUT -s 198.51.100.7/32 -j DROP")})
	p.Hung = []string{socket}
	if r := p.Look(t, Check(), asked("198.51.100.7")); r.Status != checks.Fail {
		t.Errorf("what the packet filter drops stays blocked: %s: %s", r.Status, r.Summary)
	}
}

// A cure that frees more than was asked for says so.
func TestAWiderBanIsFreedWhole(t *testing.T) {
	p := onPBX(map[string]string{"ip -j route show table all": strings.Replace(routeTable, "[", `[{"type":"blackhole","dst":"198.51.100.0/24","table":"main"},`, 1)})
	p.Prints["iptables-nft-save -c"] = table()
	r := p.Look(t, Check(), asked("198.51.100.7"))
	if len(r.Findings) == 0 || len(r.Findings[0].Fixes) == 0 {
		t.Fatalf("no cure: %+v", r)
	}
	if note := r.Findings[0].Fixes[0].Note; !strings.Contains(note, "198.51.100.0/24: all of it is freed") {
		t.Errorf("the note is %q", note)
	}
}

// Rules that are loaded while the program that lists them is missing are no
// open door.
func TestRulesNobodyCanListAreNotTakenForNone(t *testing.T) {
	p := onPBX(nil)
	delete(p.Prints, "iptables-nft-save -c")
	p.Files["/proc/net/ip_tables_names"] = "filter\nnat\n"
	r := p.Look(t, Check(), asked("198.51.100.7"))
	if r.Status != checks.Inconclusive || !strings.Contains(r.Reason, "no iptables-save is installed") {
		t.Errorf("%s: %s, %s", r.Status, r.Summary, r.Reason)
	}
}

// Rules that were not read are not "no rules": what the others accept is not
// known. What they drop, and addresses of the other family, are.
func TestAPacketFilterThatWasReadInPart(t *testing.T) {
	const cut = "*filter\n:INPUT ACCEPT [0:0]\n"
	guard := map[string]string{"nft -j list tables": `{"nftables": [{"table": {"family": "inet", "name": "guard"}}]}`, "iptables-nft-save -c": table("-A INPUT -s 198.51.100.7/32 -j DROP")}
	for _, tt := range []struct {
		name, address string
		prints        map[string]string
		verdict       string
		status        checks.Status
		says          string
	}{
		{"a table that nobody could list", "198.51.100.8", guard, "unknown", checks.Inconclusive, "table inet guard is loaded"},
		{"a ban that was read stands", "198.51.100.7", guard, "blocked", checks.Fail, ""},
		{"a listing that is cut off", "198.51.100.8", map[string]string{"iptables-nft-save -c": cut}, "unknown", checks.Inconclusive, "ends before COMMIT"},
		{"IPv6 is cut off, the address is IPv4", "198.51.100.8", map[string]string{"iptables-nft-save -c": table(), "ip6tables-nft-save -c": cut}, "allowed", checks.Pass, ""},
		{"IPv4 is cut off, the address is IPv6", "2001:db8::8", map[string]string{"iptables-nft-save -c": cut}, "allowed", checks.Pass, ""},
		{"IPv6 is cut off, the address is IPv6", "2001:db8::8", map[string]string{"ip6tables-nft-save -c": cut}, "unknown", checks.Inconclusive, "ip6tables-nft: the listing of table filter ends before COMMIT"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := onPBX(tt.prints).Look(t, Check(), asked(tt.address))
			if got := r.Facts.(Facts).Verdict; got != tt.verdict || r.Status != tt.status || !strings.Contains(r.Reason, tt.says) {
				t.Errorf("%s, %s: %q, %q", got, r.Status, r.Summary, r.Reason)
			}
		})
	}
}

// A set of nftables that takes no networks holds the first address of a banned
// one, and nobody else of it is stopped.
func TestANetworkInASetThatTakesNone(t *testing.T) {
	p := onPBX(map[string]string{
		"nft -j list tables": `{"nftables": [{"table": {"family": "ip", "name": "crowdsec"}}]}`,
		"nft -a -j list table ip crowdsec": `{"nftables": [{"table": {"family": "ip", "name": "crowdsec"}},
{"set": {"family": "ip", "table": "crowdsec", "name": "list", "type": "ipv4_addr", "flags": ["timeout"], "elem": [{"elem": {"val": "203.0.113.0", "timeout": 14400, "expires": 14000}}]}},
{"chain": {"family": "ip", "table": "crowdsec", "name": "in", "type": "filter", "hook": "input", "prio": -10, "policy": "accept"}},
{"rule": {"family": "ip", "table": "crowdsec", "chain": "in", "handle": 4, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "@list"}}, {"drop": null}]}}]}`,
	})
	p.Prints["cscli decisions list -a -o json --ip 203.0.113.66"] = `[{"decisions":[{"duration":"3h50m0s","id":7,"origin":"cscli","scenario":"manual ban","scope":"Range","type":"ban","value":"203.0.113.0/24"}],"start_at":"2026-11-22T09:00:00Z"}]`
	r := p.Look(t, Check(), asked("203.0.113.66"))
	const want = `the set list holds only the first address of 203.0.113.0/24: it was created without "flags interval"`
	if f := r.Facts.(Facts); f.Verdict != "allowed" || len(r.Findings) != 1 || r.Findings[0].Evidence[0].Got != want {
		t.Errorf("%s: %+v %v", f.Verdict, r.Findings, r.Notes)
	}
}
