package labtest

import (
	"strings"
	"testing"
)

// One fail2ban with a jail for each way in which it bans.
const jailsOfEveryKind = `[DEFAULT]
findtime = 10m
maxretry = 3
bantime = 20m
backend = polling
filter = asterisk
port = 5060,5061

[asterisk]
maxretry = 3
enabled = true
logpath = /var/log/asterisk/messages

[sip-allports]
enabled = true
logpath = /var/log/asterisk/allports
action = iptables-allports[name=ALL, protocol=all]

[sip-legacy]
enabled = true
logpath = /var/log/asterisk/legacy
action = iptables-multiport[name=LEGACY, port="5060,5061", protocol=udp, iptables="iptables-legacy <lockingopt>"]

[sip-ipset]
enabled = true
logpath = /var/log/asterisk/ipset
action = iptables-ipset-proto6[name=IPSET, port="5060,5061", protocol=udp]

[sip-nft]
enabled = true
logpath = /var/log/asterisk/nft
action = nftables-multiport[name=NFT, port="5060,5061", protocol="udp,tcp"]

[sip-nftall]
enabled = true
logpath = /var/log/asterisk/nftall
action = nftables-allports[name=NFTALL, protocol="tcp,udp"]

[sip-route]
enabled = true
logpath = /var/log/asterisk/route
action = route[blocktype=blackhole]

[sip-tcp]
enabled = true
logpath = /var/log/asterisk/tcp
action = iptables-multiport[name=TCPONLY, port="5060,5061", protocol=tcp]

[recidive]
filter = recidive
enabled = true
logpath = /var/log/fail2ban.log
maxretry = 2
action = iptables-allports[name=recidive, protocol=all]
`

func TestEveryBanOfFail2banIsFoundAndFreed(t *testing.T) {
	t.Parallel()
	p := openPBX(t, "fail2ban-server", "iptables", "iptables-legacy", "ipset", "nft")
	p.fail2ban(jailsOfEveryKind)
	p.until("fail2ban", func() bool { return strings.Contains(p.client("status"), "sip-tcp") })
	for _, x := range []struct{ log, address string }{
		{"messages", "192.0.2.11"}, {"allports", "192.0.2.12"}, {"legacy", "192.0.2.13"}, {"ipset", "192.0.2.14"},
		{"nft", "192.0.2.15"}, {"nftall", "192.0.2.16"}, {"route", "192.0.2.17"}, {"tcp", "192.0.2.18"}, {"messages", "2001:db8:7::7"}, {"messages", "192.0.2.21"},
		// Two jails have it, so that for repeaters has it as well.
		{"messages", "192.0.2.20"}, {"ipset", "192.0.2.20"},
	} {
		p.failures("/var/log/asterisk/"+x.log, x.address, "110", 3)
	}
	p.until("the bans", func() bool { return strings.Count(p.client("banned"), "192.0.2.") == 12 })
	p.client("set", "asterisk", "banip", "192.0.2.96/28")
	shell(t, p.node,
		"iptables -I INPUT -s 192.0.2.21 -j DROP", "ipset create blocklist hash:net", "ipset add blocklist 192.0.2.21",
		"iptables -A INPUT -m set --match-set blocklist src -j DROP", "ip route add blackhole 192.0.2.21",
		"iptables -I f2b-asterisk-udp -s 192.0.2.22 -j DROP", "iptables -I f2b-asterisk-tcp -s 192.0.2.22 -j DROP")
	for _, tt := range []struct {
		name string
		proof
	}{
		{"iptables on the SIP ports", proof{from: "192.0.2.11", jail: "asterisk", timed: true, because: "Wrong password"}},
		{"iptables on all ports", proof{from: "192.0.2.12", jail: "sip-allports", timed: true, because: "Wrong password", byHand: true}},
		{"iptables-legacy", proof{from: "192.0.2.13", jail: "sip-legacy", timed: true, because: "Wrong password", verdict: "partly"}},
		{"an ipset", proof{from: "192.0.2.14", jail: "sip-ipset", timed: true, because: "Wrong password", verdict: "partly"}},
		{"nftables on the SIP ports", proof{from: "192.0.2.15", jail: "sip-nft", timed: true, because: "Wrong password"}},
		{"nftables on all ports", proof{from: "192.0.2.16", jail: "sip-nftall", timed: true, because: "Wrong password"}},
		{"a black hole in the routes", proof{from: "192.0.2.17", jail: "sip-route", timed: true, because: "Wrong password"}},
		{"IPv6", proof{from: "2001:db8:7::7", jail: "asterisk", timed: true, because: "Wrong password"}},
		{"twice, and for repeating it", proof{from: "192.0.2.20", jail: "recidive"}},
		{"a whole network", proof{from: "192.0.2.100", jail: "asterisk", timed: true}},
		{"four at once", proof{from: "192.0.2.21", jail: "asterisk", timed: true, because: "Wrong password"}},
		{"a rule that fail2ban forgot", proof{from: "192.0.2.22", layer: "iptables", says: "left by fail2ban asterisk"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := tt.proof
			if x.layer == "" {
				x.layer = "fail2ban"
			}
			p.with(t).prove(x)
		})
	}
	t.Run("a ban on TCP does not affect a phone that uses UDP", func(t *testing.T) { banOnTCP(p.with(t)) })
	t.Run("two addresses in one call, and a network", func(t *testing.T) { severalAsked(p.with(t)) })
	t.Run("rules that change while they are read", func(t *testing.T) { changingRules(p.with(t)) })
	t.Run("the lasting cure", func(t *testing.T) { lastingCure(p.with(t)) })
}

func banOnTCP(p *pbx) {
	t := p.t
	if !p.passes("192.0.2.18") {
		t.Fatal("UDP is stopped")
	}
	w := p.why("192.0.2.18")
	if w.exit != 1 || w.facts.Verdict != "partly" || !w.block("fail2ban", "sip-tcp").Effective {
		t.Errorf("on all ports\n%s", w.text())
	}
	w = p.why("192.0.2.18", "--udp", "5060")
	b := w.block("fail2ban", "sip-tcp")
	if w.exit != 0 || w.facts.Verdict != "allowed" || b == nil || b.Effective || b.Why != "covers-only: tcp 5060,5061" {
		t.Errorf("on UDP\n%s", w.text())
	}
	if f := w.rep.Result("blocked").Findings; len(f) == 0 || f[len(f)-1].ID != "blocked.ineffective" || f[len(f)-1].Title != "A ban on 192.0.2.18 has no effect on SIP or RTP: fail2ban (sip-tcp)" {
		t.Errorf("findings\n%s", w.text())
	}
}

func severalAsked(p *pbx) {
	w := p.why("192.0.2.200", "192.0.2.11", "192.0.2.0/24")
	if w.exit != 1 || w.facts.Address != "192.0.2.11" || len(w.facts.Addresses) != 3 || !strings.Contains(w.rep.Result("blocked").Summary, "2 of 3 addresses") {
		p.t.Errorf("three asked for\n%s", w.text())
	}
	for _, f := range w.facts.Addresses {
		if want := map[string]string{"192.0.2.200": "allowed", "192.0.2.11": "blocked", "192.0.2.0/24": "partly"}[f.Address]; f.Verdict != want {
			p.t.Errorf("%s: %s, want %s", f.Address, f.Verdict, want)
		}
	}
}

// Other rules come and go while the listing is made; what is said of the
// address stays right.
func changingRules(p *pbx) {
	busy := p.node.Command(p.t.Context(), "sh", "-c", "while :; do iptables -I INPUT -s 192.0.2.250 -j DROP; nft add table inet churn; iptables -D INPUT -s 192.0.2.250 -j DROP; nft delete table inet churn; done")
	if err := busy.Start(); err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = busy.Process.Kill(); _ = busy.Wait() }()
	for range 3 {
		if w := p.why("192.0.2.11"); w.exit != 1 || w.facts.Verdict != "blocked" {
			p.t.Errorf("while rules change\n%s", w.text())
		}
		if w := p.why("192.0.2.200"); w.exit != 0 || w.facts.Verdict != "allowed" {
			p.t.Errorf("of a stranger, while rules change\n%s", w.text())
		}
	}
}

// An address that was freed and exempted is not banned for the same failures
// again, nor after fail2ban has read its configuration anew.
func lastingCure(p *pbx) {
	t := p.t
	const freed, marker = "192.0.2.11", "192.0.2.31"
	// --yes alone frees it; to spare it for good is a decision of its own.
	if text, exit := p.fix(p.why(freed), "--apply", "--only", "fail2ban-ignore"); exit != 0 || !strings.Contains(text, "jail.d/zz-sipdoctor-asterisk") {
		t.Fatalf("fix exits with %d\n%s", exit, text)
	}
	if text, exit := p.fix(p.why(freed), "--apply"); exit != 0 || !p.passes(freed) {
		t.Fatalf("fix exits with %d\n%s", exit, text)
	}
	p.failures("/var/log/asterisk/messages", freed, "110", 9)
	p.failures("/var/log/asterisk/messages", marker, "110", 3)
	p.until("the ban of another", func() bool { return strings.Contains(p.client("get", "asterisk", "banip"), marker) })
	if !p.passes(freed) || strings.Contains(p.client("get", "asterisk", "banip"), freed) {
		t.Errorf("it is banned again\n%s", p.why(freed).text())
	}
	p.client("reload")
	if list := p.client("get", "asterisk", "ignoreip"); !strings.Contains(list, freed) {
		t.Errorf("after a reload fail2ban ignores %s", list)
	}
	w := p.why(freed)
	if len(w.rep.Result("blocked").Findings) > 0 {
		t.Errorf("it still has findings\n%s", w.text())
	}
}
