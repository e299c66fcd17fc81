package blocked

import (
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
)

// twoSides is a server with a public address on eth0, a LAN on eth1 and
// containers behind docker0.
const twoSides = `[{"type":"local","dst":"192.0.2.1","dev":"eth0","table":"local","prefsrc":"192.0.2.1"},
{"type":"local","dst":"10.99.0.1","dev":"eth1","table":"local","prefsrc":"10.99.0.1"},
{"dst":"192.0.2.0/24","dev":"eth0"},{"dst":"10.99.0.0/24","dev":"eth1"},{"dst":"172.17.0.0/16","dev":"docker0"},
{"dst":"default","gateway":"192.0.2.254","dev":"eth0"}]`

// A rule with -d is about one own address. The verdict is about the one that the
// packets come to, and the cure opens that one alone.
func TestRulesThatTellOwnAddressesApart(t *testing.T) {
	const alias = `{"type":"local","dst":"192.0.2.5","dev":"eth0","table":"local","prefsrc":"192.0.2.1"},`
	const second = `{"type":"local","dst":"203.0.113.1","dev":"ppp0","table":"local","prefsrc":"203.0.113.1"},{"dst":"default","dev":"ppp0","metric":900},`
	const bound = "[udp]\ntype=transport\nprotocol=udp\nbind=10.99.0.1\n"
	for _, tt := range []struct {
		name    string
		routes  string // more of them
		rules   []string
		pjsip   string
		from    string
		verdict string
		status  checks.Status
		says    string // of the summary
		notes   string // of another finding
		run     []string
	}{
		{
			name: "a ban on the LAN's address does not touch who comes from outside", rules: []string{"-A INPUT -d 10.99.0.1/32 -s 198.51.100.0/24 -p udp -j DROP"},
			verdict: "allowed", status: checks.Pass, says: "is let in on UDP 5060 at 192.0.2.1", notes: "198.51.100.7 is not let in on UDP 5060 at 10.99.0.1",
		}, {
			name: "the port is open at the public address only", rules: []string{"-P", "-A INPUT -d 192.0.2.1/32 -p udp --dport 5060 -j ACCEPT", "-A INPUT -j DROP"},
			verdict: "allowed", status: checks.Pass, says: "is let in on UDP 5060 at 192.0.2.1", notes: "198.51.100.7 is not let in on UDP 5060 at 10.99.0.1",
		}, {
			name: "a phone in the LAN comes to the LAN's address", rules: []string{"-A INPUT -d 192.0.2.1/32 -p udp --dport 5060 -j ACCEPT", "-A INPUT -j DROP"}, from: "10.99.0.7",
			verdict: "blocked", status: checks.Fail, says: "10.99.0.7 is blocked at 10.99.0.1 by the firewall: -A INPUT -j DROP", notes: "10.99.0.7 is let in on UDP 5060 at 192.0.2.1",
			run: []string{"iptables-nft -t filter -S INPUT 2 | grep -Fxq -e '-A INPUT -j DROP' && iptables-nft -t filter -I INPUT 2 -s 10.99.0.7/32 -d 10.99.0.1/32 -p udp -m multiport --dports 5060 -j ACCEPT"},
		}, {
			name: "the cure keeps the destination and the interface of the rule", rules: []string{"-A INPUT -d 192.0.2.1/32 -i eth0 -p udp -j DROP"},
			verdict: "blocked", status: checks.Fail, says: "is blocked at 192.0.2.1 by the firewall",
			run: []string{"iptables-nft -t filter -S INPUT 1 | grep -Fxq -e '-A INPUT -d 192.0.2.1/32 -i eth0 -p udp -j DROP' && iptables-nft -t filter -I INPUT 1 -s 198.51.100.7/32 -d 192.0.2.1/32 -i eth0 -p udp -m multiport --dports 5060 -j ACCEPT"},
		}, {
			name: "a ban on its network at the public address", rules: []string{"-A INPUT -s 198.51.100.0/24 -d 192.0.2.1/32 -j DROP"},
			verdict: "blocked", status: checks.Fail, says: "is blocked at 192.0.2.1 by iptables",
			run: []string{"iptables-nft -t filter -S INPUT 1 | grep -Fxq -e '-A INPUT -s 198.51.100.0/24 -d 192.0.2.1/32 -j DROP' && iptables-nft -t filter -I INPUT 1 -s 198.51.100.7/32 -d 192.0.2.1/32 -p udp -m multiport --dports 5060 -j ACCEPT"},
		}, {
			name: "a second address of the interface is open, the first is not", routes: alias, rules: []string{"-A INPUT -d 192.0.2.5/32 -j ACCEPT", "-A INPUT -j DROP"},
			verdict: "partly", status: checks.Warn, says: "198.51.100.7 is let in at 192.0.2.5 but not at 192.0.2.1",
			run: []string{"iptables-nft -t filter -S INPUT 2 | grep -Fxq -e '-A INPUT -j DROP' && iptables-nft -t filter -I INPUT 2 -s 198.51.100.7/32 -d 192.0.2.1/32 -p udp -m multiport --dports 5060 -j ACCEPT"},
		}, {
			name: "a second line to the Internet is closed", routes: second, rules: []string{"-A INPUT -i ppp0 -j DROP"},
			verdict: "allowed", status: checks.Pass, says: "is let in on UDP 5060 at 192.0.2.1", notes: "198.51.100.7 is not let in on UDP 5060 at 203.0.113.1",
		}, {
			name: "Asterisk binds the LAN's address", pjsip: bound, rules: []string{"-A INPUT -d 192.0.2.1/32 -j DROP"},
			verdict: "allowed", status: checks.Pass, says: "is let in on UDP 5060 at 10.99.0.1", notes: "198.51.100.7 is not let in on UDP 5060 at 192.0.2.1",
		}, {
			name: "Asterisk binds the LAN's address, which is closed", pjsip: bound, rules: []string{"-A INPUT -d 10.99.0.1/32 -j DROP"},
			verdict: "blocked", status: checks.Fail, says: "is blocked at 10.99.0.1",
		}, {
			name: "rules that do not tell them apart need no address", rules: []string{"-A INPUT -p udp -j DROP"},
			verdict: "blocked", status: checks.Fail, says: "198.51.100.7 is blocked by the firewall",
			run: []string{"iptables-nft -t filter -S INPUT 1 | grep -Fxq -e '-A INPUT -p udp -j DROP' && iptables-nft -t filter -I INPUT 1 -s 198.51.100.7/32 -p udp -m multiport --dports 5060 -j ACCEPT"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := onPBX(map[string]string{"ip -j route show table all": strings.Replace(twoSides, "[", "["+tt.routes, 1)})
			p.Prints["iptables-nft-save -c"] = table(slices.DeleteFunc(tt.rules, func(r string) bool { return r == "-P" })...)
			if tt.pjsip != "" {
				p.Files["/etc/asterisk/pjsip.conf"] = tt.pjsip
			}
			in := asked("198.51.100.7")
			if tt.from != "" {
				in = asked(tt.from)
			}
			in.UDPPorts = "5060"
			r := p.Look(t, Check(), in)
			if f := r.Facts.(Facts); f.Verdict != tt.verdict || r.Status != tt.status || !strings.Contains(r.Summary, tt.says) {
				t.Errorf("%s, %s: %q; want %s, %s: %q", f.Verdict, r.Status, r.Summary, tt.verdict, tt.status, tt.says)
			}
			if tt.notes != "" && !slices.ContainsFunc(r.Findings, func(f checks.Finding) bool { return strings.Contains(f.Title, tt.notes) && f.Severity == checks.Info }) {
				t.Errorf("no note says %q: %+v", tt.notes, r.Findings)
			}
			if tt.run == nil {
				return
			}
			if len(r.Findings) == 0 || len(r.Findings[0].Fixes) == 0 {
				t.Fatalf("no cure: %+v", r.Findings)
			}
			if got := r.Findings[0].Fixes[0].Commands; !slices.Equal(got, tt.run) {
				t.Errorf("the cure is\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(tt.run, "\n"))
			}
		})
	}
}

// Every port that the user names gets its own answer: one that is open does not
// make up for one that is closed.
func TestEachPortThatIsNamedCounts(t *testing.T) {
	rules := []string{"-A INPUT -p udp -m udp --dport 10000:20000 -j ACCEPT", "-A INPUT -j DROP"}
	for _, tt := range []struct{ name, udp, verdict, says string }{
		{"SIP is closed, RTP is open", "5060,10000-20000", "partly", "198.51.100.7 is let in on UDP 10000-20000 but not on UDP 5060"},
		{"SIP alone", "5060", "blocked", "198.51.100.7 is blocked"},
		{"RTP alone", "10000-20000", "allowed", "198.51.100.7 is let in on UDP 10000-20000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := onPBX(map[string]string{"iptables-nft-save -c": table(rules...)})
			in := asked("198.51.100.7")
			in.UDPPorts = tt.udp
			r := p.Look(t, Check(), in)
			if f := r.Facts.(Facts); f.Verdict != tt.verdict || !strings.HasPrefix(r.Summary, tt.says) || (r.Status == checks.Fail) != (tt.verdict != "allowed") {
				t.Errorf("%s, %s: %q; want %s: %q", f.Verdict, r.Status, r.Summary, tt.verdict, tt.says)
			}
		})
	}
}

// A PBX in a container: its packets pass FORWARD, so that is where bans act and
// where cures belong.
func TestAPBXInAContainer(t *testing.T) {
	docker := func(users ...string) string {
		return "*nat\n:PREROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n" +
			"-A DOCKER ! -i docker0 -p udp -m udp --dport 5060 -j DNAT --to-destination 172.17.0.2:5060\n-A DOCKER ! -i docker0 -p udp -m udp --dport 10000 -j DNAT --to-destination 172.17.0.2:10000\nCOMMIT\n" +
			"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:DOCKER - [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n-A FORWARD -o docker0 -j DOCKER\n" +
			"-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p udp -m udp --dport 5060 -j ACCEPT\n" + strings.Join(users, "\n") + "\nCOMMIT\n"
	}
	for _, tt := range []struct {
		name, udp string
		users     []string
		off       bool
		verdict   string
		status    checks.Status
		says      string
		why       string // a ban has no effect
		run       []string
	}{
		{name: "the container is reached", udp: "5060", verdict: "allowed", status: checks.Pass, says: "is let in on UDP 5060 (forwarded to 172.17.0.2 port 5060)"},
		{
			name: "a ban in INPUT does nothing", udp: "5060", users: []string{"-A INPUT -s 198.51.100.7/32 -j DROP"}, verdict: "allowed", status: checks.Warn,
			says: "is let in on UDP 5060", why: "it is in INPUT, but UDP 5060 is forwarded to 172.17.0.2 port 5060 and passes FORWARD instead",
		}, {
			name: "a ban in DOCKER-USER acts", udp: "5060", users: []string{"-A DOCKER-USER -s 198.51.100.7/32 -j DROP"}, verdict: "blocked", status: checks.Fail,
			says: "is blocked by iptables", run: []string{"iptables-nft -t filter -D DOCKER-USER -s 198.51.100.7/32 -j DROP"},
		}, {
			name: "a port that is published and not let through", udp: "10000", verdict: "blocked", status: checks.Fail, says: "is blocked by the firewall: policy drop",
			run: []string{"iptables-nft -t filter -A DOCKER-USER -s 198.51.100.7/32 -d 172.17.0.2/32 -p udp -m multiport --dports 10000 -j ACCEPT"},
		}, {
			name: "the machine does not forward", udp: "5060", off: true, verdict: "blocked", status: checks.Fail, says: "net.ipv4.ip_forward is off",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := onPBX(map[string]string{"ip -j route show table all": twoSides, "iptables-nft-save -c": docker(tt.users...)})
			if p.Files["/proc/sys/net/ipv4/ip_forward"] = "1\n"; tt.off {
				p.Files["/proc/sys/net/ipv4/ip_forward"] = "0\n"
			}
			in := asked("198.51.100.7")
			in.UDPPorts = tt.udp
			r := p.Look(t, Check(), in)
			if f := r.Facts.(Facts); f.Verdict != tt.verdict || r.Status != tt.status || !strings.Contains(r.Summary, tt.says) {
				t.Errorf("%s, %s: %q; want %s, %s: %q", f.Verdict, r.Status, r.Summary, tt.verdict, tt.status, tt.says)
			}
			if tt.why != "" && !slices.ContainsFunc(r.Findings, func(f checks.Finding) bool {
				return f.ID == "blocked.ineffective" && f.Severity == checks.Warning && f.Evidence[0].Got == tt.why && strings.Contains(strings.Join(f.Advice, " "), "DOCKER-USER")
			}) {
				t.Errorf("no finding says %q: %+v", tt.why, r.Findings)
			}
			if tt.run != nil && (len(r.Findings) == 0 || !slices.Equal(r.Findings[0].Fixes[0].Commands, tt.run)) {
				t.Errorf("the cure is %+v, not %q", r.Findings, tt.run)
			}
		})
	}
}

// A rule sends SIP to another port: whether that is good depends on who listens
// there.
func TestAPortThatIsRedirected(t *testing.T) {
	const rules = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -m udp --dport 5060 -j REDIRECT --to-ports 5160\nCOMMIT\n"
	const header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"
	for _, tt := range []struct {
		name, sockets string
		verdict       string
		status        checks.Status
	}{
		{"nothing listens there", header, "blocked", checks.Fail},
		{"Asterisk listens there", header + "   1: 00000000:1428 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0\n", "allowed", checks.Pass},
		{"the sockets were not read", "", "allowed", checks.Pass},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := onPBX(map[string]string{"iptables-nft-save -c": rules})
			if tt.sockets != "" {
				p.Files["/proc/net/udp"] = tt.sockets
			}
			in := asked("198.51.100.7")
			in.UDPPorts = "5060"
			r := p.Look(t, Check(), in)
			if f := r.Facts.(Facts); f.Verdict != tt.verdict || r.Status != tt.status {
				t.Errorf("%s, %s: %q", f.Verdict, r.Status, r.Summary)
			}
			if tt.status == checks.Fail && (r.Findings[0].ID != "blocked.sent-nowhere" || r.Findings[0].Title != "UDP 5060 is redirected to port 5160, where nothing listens") {
				t.Errorf("%+v", r.Findings)
			}
		})
	}
}
