package labtest

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// setsAlone bans by sets, and leaves the rules that ask them to somebody else.
const setsAlone = `[Definition]
actionstart = ipset create f2b-<name> hash:ip timeout 0 -exist
actionban = ipset add f2b-<name> <ip> timeout 0 -exist
actionunban = ipset del f2b-<name> <ip> -exist
actionstop = ipset destroy f2b-<name>
`

// jailThat is one jail on one log.
func jailThat(bans string) string {
	return "[DEFAULT]\nbackend = polling\nfilter = asterisk\nbantime = 1h\nlogpath = /var/log/asterisk/messages\n[asterisk]\nenabled = true\n" + bans
}

// guards is what "pbx fail2ban" says.
func (p *pbx) guards() told {
	p.t.Helper()
	rep, exit := run(p.t, p.node, "pbx", "--format", "json", "fail2ban")
	return told{rep: rep, exit: exit}
}

// finds is the first finding of a check.
func (w told) finds(t testing.TB, check string) checks.Finding {
	t.Helper()
	r := w.rep.Result(check)
	if r == nil || len(r.Findings) == 0 {
		t.Fatalf("%s finds nothing: %+v", check, r)
	}
	return r.Findings[0]
}

// Bans that stop nobody are found by taking the banned through the rules; the
// cure that is printed makes them stop packets, and the undo takes it back.
func TestBansThatStopNobody(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, bans string
		before     []string // typed before fail2ban starts
		after      []string // and after the ban
		id, says   string
	}{
		{"nftables on all ports, of TCP alone", "action = nftables-allports[name=asterisk]\n", nil, nil, "fail2ban.ports-open", "leaves udp/5060 open"},
		{"iptables on all ports, of TCP alone", "banaction = iptables-allports\naction = %(banaction)s[name=asterisk]\n", nil, nil, "fail2ban.ports-open", "leaves udp/5060 open"},
		{"sets that no rule asks", "action = setonly[name=asterisk-tcp, actname=a]\n         setonly[name=asterisk-udp, actname=b]\n",
			[]string{"ipset create f2b-asterisk hash:ip", "iptables -A INPUT -m set --match-set f2b-asterisk src -j DROP"}, nil,
			"fail2ban.no-effect", "it fills the sets f2b-asterisk-tcp, f2b-asterisk-udp, but the rules use f2b-asterisk"},
		{"a firewall that was loaded anew", "action = iptables-allports[name=asterisk, protocol=all]\n", nil,
			[]string{"iptables -F", "iptables -X"}, "fail2ban.no-effect", "they are in no loaded rule or set"},
		{"a rule before it that accepts everybody", "action = iptables-allports[name=asterisk, protocol=all]\n", nil,
			[]string{"iptables -I INPUT -p udp -j ACCEPT", "iptables -I INPUT -p tcp -j ACCEPT"}, "fail2ban.no-effect", "these packets never reach its rules"},
		{"a SIP server in a container", "action = iptables-allports[name=asterisk, protocol=all]\n", []string{
			"sysctl -qw net.ipv4.ip_forward=1", "iptables -N DOCKER-USER", "iptables -A FORWARD -j DOCKER-USER", "iptables -A FORWARD -j ACCEPT",
			"iptables -t nat -A PREROUTING -p udp --dport 5060 -j DNAT --to-destination " + lab.ResponderAddr,
			"iptables -t nat -A PREROUTING -p tcp --dport 5060:5061 -j DNAT --to-destination " + lab.ResponderAddr,
			"iptables -t nat -A POSTROUTING -d " + lab.ResponderAddr + " -j MASQUERADE",
		}, nil, "fail2ban.no-effect", "they are in INPUT, and the packets are forwarded"},
		{"a SIP server on another host, by nftables", "action = nftables-allports[name=asterisk, protocol=\"tcp,udp\"]\n", []string{
			"sysctl -qw net.ipv4.ip_forward=1", "nft add table ip n", "nft 'add chain ip n pre { type nat hook prerouting priority -100; }'", "nft 'add chain ip n post { type nat hook postrouting priority 100; }'",
			"nft add rule ip n pre udp dport 5060 dnat to " + lab.ResponderAddr, "nft add rule ip n pre tcp dport 5060-5061 dnat to " + lab.ResponderAddr,
			"nft add rule ip n post ip daddr " + lab.ResponderAddr + " masquerade",
		}, nil, "fail2ban.no-effect", "they are in INPUT, and the packets are forwarded"},
		{"a set that forgets after a second", "action = shortset[name=asterisk]\n", nil, []string{"sleep 2"},
			"fail2ban.no-effect", "the set f2b-asterisk drops them after 1 s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := openPBX(t, "fail2ban-server", "iptables", "ipset", "nft")
			p.write("/etc/fail2ban/action.d/setonly.conf", setsAlone)
			p.write("/etc/fail2ban/action.d/shortset.conf", strings.NewReplacer("timeout 0 -exist\nactionban", "timeout 1 -exist\n            iptables -A INPUT -m set --match-set f2b-<name> src -j DROP\nactionban", "<ip> timeout 0", "<ip>").Replace(setsAlone))
			shell(t, p.node, tt.before...)
			p.fail2ban(jailThat(tt.bans))
			p.until("fail2ban", func() bool { return strings.Contains(p.client("status"), "asterisk") })
			const banned, other = "192.0.2.7", "192.0.2.8"
			p.client("set", "asterisk", "banip", banned)
			p.until("the ban", func() bool { return strings.Contains(p.client("get", "asterisk", "banip"), banned) })
			time.Sleep(time.Second) // the action runs after the answer
			shell(t, p.node, tt.after...)
			if !p.passes(banned) {
				t.Fatal("the ban stops packets to begin with")
			}
			w := p.guards()
			f := w.finds(t, "fail2ban")
			if w.exit != 1 || f.ID != tt.id || f.Severity != checks.Critical || !strings.Contains(f.Title, tt.says) {
				t.Errorf("exit %d, %s %s: %q, want %s with %q", w.exit, f.ID, f.Severity, f.Title, tt.id, tt.says)
			}
			if len(f.Fixes) == 0 {
				t.Fatal("there is no cure")
			}
			shell(t, p.node, f.Fixes[0].Commands...)
			p.until("the ban to stop packets", func() bool { return !p.passes(banned) })
			if !p.passes(other) {
				t.Error("the cure stops somebody else")
			}
			if after := p.guards(); slices.ContainsFunc(after.rep.Result("fail2ban").Findings, func(g checks.Finding) bool { return g.ID == f.ID }) {
				t.Errorf("after the cure it still says %+v", after.rep.Result("fail2ban").Findings)
			}
			shell(t, p.node, f.Fixes[0].Undo...)
			if f.Fixes[0].ID != "fail2ban-ban-again" {
				p.until("the undo", func() bool { return p.passes(banned) })
			}
		})
	}
}

func (p *pbx) write(name, text string) {
	p.t.Helper()
	cmd := p.node.Command(p.t.Context(), "sh", "-c", `cat > "$0"`, name)
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("writing %s: %v\n%s", name, err, out)
	}
}

// One jail without a log keeps all of fail2ban from starting. There is no
// systemd in the lab: its command starts the server as systemd would.
func TestAFail2banThatRefusesToStart(t *testing.T) {
	t.Parallel()
	p := openPBX(t, "fail2ban-server", "fail2ban-client")
	dir := t.TempDir()
	service := "#!/bin/sh\ncase \"$1\" in\nstop) fail2ban-client stop;;\n*) exec fail2ban-client -b start;;\nesac\n"
	if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte(service), 0o700); err != nil {
		t.Fatal(err)
	}
	typed := func(lines ...string) {
		for _, l := range lines {
			shell(t, p.node, "PATH="+dir+":$PATH; "+l)
		}
	}
	p.write("/etc/fail2ban/jail.local", jailThat("action = iptables-allports[name=asterisk, protocol=all]\n[sshd]\nfilter = sshd\nenabled = true\nlogpath = /var/log/no-such.log\n"))
	p.write("/var/log/asterisk/messages", "[2026-01-01 00:00:00] Asterisk 20.0 built by root\n")
	t.Cleanup(func() { _, _ = p.node.Command(context.Background(), "fail2ban-client", "stop").CombinedOutput() })
	w := p.guards()
	f := w.finds(t, "fail2ban")
	if w.exit != 1 || f.ID != "fail2ban.no-logs" || f.Severity != checks.Critical || f.Title != "Jail sshd is enabled and its log /var/log/no-such.log is missing: fail2ban refuses to start" {
		t.Fatalf("exit %d, %s %s: %q", w.exit, f.ID, f.Severity, f.Title)
	}
	i := slices.IndexFunc(f.Fixes, func(x fixes.Fix) bool { return x.ID == "fail2ban-start-without" })
	if i < 0 {
		t.Fatalf("the cures are %+v", f.Fixes)
	}
	typed(f.Fixes[i].Commands...)
	p.until("fail2ban", func() bool { return strings.Contains(p.client("status"), "asterisk") })
	if after := p.guards(); after.exit != 0 {
		t.Errorf("after the cure: exit %d, %+v", after.exit, after.rep.Result("fail2ban").Findings)
	}
	typed(f.Fixes[i].Undo...)
	p.until("the end of fail2ban", func() bool { return p.client("ping") == "" })
	if again := p.guards(); again.finds(t, "fail2ban").ID != "fail2ban.no-logs" {
		t.Errorf("after the undo: %+v", again.rep.Result("fail2ban").Findings)
	}
}

// A fail2ban that died leaves its bans in the packet filter: no command to its
// server frees anybody.
func TestABanOfADeadFail2ban(t *testing.T) {
	t.Parallel()
	p := openPBX(t, "fail2ban-server", "fail2ban-client", "iptables")
	p.fail2ban(jailThat("action = iptables-allports[name=asterisk, protocol=all]\n"))
	p.until("fail2ban", func() bool { return strings.Contains(p.client("status"), "asterisk") })
	const banned = "192.0.2.7"
	p.client("set", "asterisk", "banip", banned)
	p.until("the ban", func() bool { return !p.passes(banned) })
	shell(t, p.node, "kill -9 $(cat /var/run/fail2ban/fail2ban.pid)")
	p.until("the end of fail2ban", func() bool { return p.client("ping") == "" })
	w := p.why(banned)
	if b := w.block("fail2ban", "asterisk"); w.exit != 1 || b == nil || !b.Asleep {
		t.Fatalf("%s", w.text())
	}
	commands, undo := w.fixOf(t, "blocked.banned")
	if strings.Contains(strings.Join(commands, "\n"), "fail2ban-client") {
		t.Errorf("nobody takes these commands: %q", commands)
	}
	shell(t, p.node, commands...)
	if !p.passes(banned) {
		t.Errorf("it is not freed by %q", commands)
	}
	shell(t, p.node, undo...)
	if p.passes(banned) {
		t.Errorf("it is not banned again by %q", undo)
	}
}

// The rule that accepts established connections stands before the ban.
func TestAConnectionThatOutlivesItsBan(t *testing.T) {
	t.Parallel()
	p := openPBX(t, "iptables", "conntrack")
	const banned = "192.0.2.7"
	shell(t, p.node, "iptables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT", "iptables -A INPUT -p udp --dport 5060 -j ACCEPT")
	conn := p.dial(banned)
	if !p.answers(conn) {
		t.Fatal("it is not let in to begin with")
	}
	shell(t, p.node, "iptables -I INPUT 2 -s "+banned+" -j DROP")
	if !p.answers(conn) || p.passes(banned) {
		t.Fatal("the connection does not go on, or new ones do")
	}
	rep, exit := run(t, p.node, "pbx", "--format", "json", "conntrack")
	f := told{rep: rep, exit: exit}.finds(t, "conntrack")
	if exit != 0 || f.ID != "conntrack.banned-flow" || f.Severity != checks.Warning || len(f.Fixes) != 1 {
		t.Fatalf("exit %d: %+v", exit, f)
	}
	if w := p.why(banned); !slices.ContainsFunc(w.rep.Result("blocked").Findings, func(f checks.Finding) bool { return f.ID == "blocked.connection-goes-on" }) {
		t.Errorf("why does not say so\n%s", w.text())
	}
	shell(t, p.node, f.Fixes[0].Commands...)
	if p.answers(conn) {
		t.Errorf("%q does not end it", f.Fixes[0].Commands)
	}
}

// A rule that translates what is forwarded takes the PBX's own RTP as well and
// gives it another port; the cure spares it, and the undo is exact.
func TestSourceNATThatMovesThePBXsOwnPorts(t *testing.T) {
	t.Parallel()
	p := openPBX(t, "iptables")
	shell(t, p.node, "iptables -t nat -A POSTROUTING -p udp -j MASQUERADE --random")
	if p.arrivesFrom(10_000) == 10_000 {
		t.Fatal("the port is not moved to begin with")
	}
	before := p.rules()
	rep, exit := run(t, p.node, "pbx", "--format", "json", "conntrack")
	f := told{rep: rep, exit: exit}.finds(t, "conntrack")
	if exit != 1 || f.ID != "conntrack.source-port-moved" || f.Severity != checks.Critical || len(f.Fixes) != 1 {
		t.Fatalf("exit %d: %+v", exit, f)
	}
	shell(t, p.node, f.Fixes[0].Commands...)
	for _, port := range []int{10_002, 20_000} {
		if got := p.arrivesFrom(port); got != port {
			t.Errorf("after the cure a packet from port %d arrives from %d", port, got)
		}
	}
	if rep, exit := run(t, p.node, "pbx", "--format", "json", "conntrack"); exit != 0 {
		t.Errorf("after the cure: exit %d, %+v", exit, rep.Result("conntrack").Findings)
	}
	shell(t, p.node, f.Fixes[0].Undo...)
	if after := p.rules(); after != before {
		t.Errorf("the undo leaves\n%s\ninstead of\n%s", after, before)
	}
}

// arrivesFrom is the source port with which a packet of the PBX arrives outside;
// 0 if none does.
func (p *pbx) arrivesFrom(port int) (from int) {
	p.t.Helper()
	const outside = "192.0.2.9"
	var listener, sender *net.UDPConn
	err := p.outside.Do(func() (err error) {
		listener, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(outside)})
		return err
	})
	if err == nil {
		defer listener.Close()
		err = p.node.Do(func() (err error) {
			sender, err = net.ListenUDP("udp4", &net.UDPAddr{Port: port})
			return err
		})
	}
	if err != nil {
		p.t.Fatal(err)
	}
	defer sender.Close()
	for range 4 { // the first may die of address resolution
		_, _ = sender.WriteTo([]byte("x"), listener.LocalAddr())
		_ = listener.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if _, addr, err := listener.ReadFromUDPAddrPort(make([]byte, 16)); err == nil {
			return int(addr.Port())
		}
	}
	return 0
}
