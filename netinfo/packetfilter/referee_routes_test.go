//go:build linux

package packetfilter_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform"
)

// What becomes of a packet hangs on more than the rules: on switches, routes,
// policy rules and sockets. The kernel is the referee of these too. Every world
// is made by chance: translation to other machines, to the loopback and to whole
// networks, proxies, chains of single interfaces, recent lists, broadcasts,
// fragments.
func TestTheKernelAgreesAboutTheWayOn(t *testing.T) {
	t.Parallel()
	seed, n := seedAndCount(t)
	if !alone(t, fmt.Sprintf("%s=%d", seedEnv, seed), fmt.Sprintf("%s=%d", countEnv, n)) {
		return
	}
	g := newGround(t)
	cases, maybes := 0, 0
	reasons := map[string]int{}
	for i := range uint64(n) {
		d := &dice{Rand: rand.New(rand.NewPCG(seed+i, 11)), hook: "input"}
		w := d.world()
		bad, list := g.judgeWorld(t, w, w.shotsFor(d.worldShots(40)))
		cases += len(list)
		for _, o := range list {
			if o.Verdict == packetfilter.Maybe {
				maybes++
				reasons[strings.Join(allSaid(o.Reasons), "; ")]++
			}
		}
		if len(bad) > 0 {
			t.Errorf("seed %d:\n%s%s", seed+i, strings.Join(w.commands, "\n")+"\n"+w.nft, "\n"+describe(w.script, bad))
		}
		if t.Failed() {
			break
		}
	}
	t.Logf("%d worlds, %d cases, %d of them maybe", n, cases, maybes)
	for reason, n := range reasons {
		t.Logf("%5d  %s", n, reason)
	}
	if maybes*100 > 5*cases {
		t.Errorf("%d of %d answers are maybe, more than one in twenty", maybes, cases)
	}
}

// world is a script and what is set besides.
type world struct {
	script   script
	commands []string // of the machine, as a shell line each
	undo     []string
	nft      string // chains of single interfaces
}

func (w *world) do(do, undo string) {
	w.commands = append(w.commands, do)
	if undo != "" {
		w.undo = append(w.undo, undo)
	}
}

func (w *world) sysctl(name string, value int, usual int) {
	w.do(fmt.Sprintf("sysctl -qw net.%s=%d", name, value), fmt.Sprintf("sysctl -qw net.%s=%d", name, usual))
}

func (d *dice) world() (w world) {
	if d.chance(25) {
		w.sysctl("ipv4.ip_forward", 0, 1)
	}
	if d.chance(30) {
		w.sysctl("ipv4.conf."+pick(d, "all", "eth0", "eth1")+".route_localnet", 1, 0)
		w.undo[len(w.undo)-1] = "for i in all eth0 eth1; do sysctl -qw net.ipv4.conf.$i.route_localnet=0; done"
	}
	if d.chance(30) {
		name := "ipv4.conf." + pick(d, "all", "eth0", "eth1") + ".rp_filter"
		w.sysctl(name, 1+d.IntN(2), 0)
	}
	for range d.IntN(3) {
		r := fmt.Sprintf("%s %s", pick(d, "blackhole", "unreachable", "prohibit"), pick(d, "10.1.2.3", "10.1.0.0/16", "203.0.113.128/25", "172.16.5.8/31"))
		w.do("ip route add "+r+" 2>/dev/null", "ip route del "+r+" 2>/dev/null")
	}
	for i := range d.IntN(3) {
		r := fmt.Sprintf("pref %d %s", 70+i, pick(d, "from 10.1.2.0/24 blackhole", "to 203.0.113.0/25 prohibit", "to 10.1.2.3 unreachable", "iif eth0 blackhole", "fwmark 1 blackhole", "from 5.6.7.8 table 100", "not from 10.0.0.0/8 table 100"))
		w.do("ip rule add "+r, "ip rule del "+r)
	}
	if d.chance(50) {
		w.do("ip route add 203.0.113.200 via 192.0.2.254 dev eth0 table 100", "ip route flush table 100")
	}
	tool := &w.script.legacy4
	if d.chance(50) {
		tool = &w.script.nft4
	}
	*tool = append(*tool, d.translations()...)
	*tool = append(*tool, d.proxies()...)
	*tool = append(*tool, d.worldFilter()...)
	for range d.IntN(4) {
		w.do("echo +"+pick(d, "10.1.2.3", "10.1.2.4", "5.6.7.8")+" > /proc/thread-self/net/xt_recent/old", "")
	}
	if d.chance(40) {
		w.nft = d.deviceChains()
	}
	return w
}

func (d *dice) translations() []line {
	out := []line{{"*nat", true}, {":PREROUTING ACCEPT [0:0]", true}}
	for range 1 + d.IntN(4) {
		target := pick(d, "DNAT --to-destination 203.0.113.2", "DNAT --to-destination 203.0.113.200:5060", "DNAT --to-destination 198.18.0.9", "DNAT --to-destination 127.0.0.1",
			"DNAT --to-destination 10.99.0.1:10000", "DNAT --to-destination 203.0.113.130", "DNAT --to-destination 198.51.100.1", "NETMAP --to 203.0.113.0/24", "NETMAP --to 10.99.0.0/24", "REDIRECT --to-ports 20000", "ACCEPT")
		match := pick(d, "", "", fmt.Sprintf(" --dport %d", d.port()), " --dport "+d.portRange(":"))
		out = append(out, line{"-A PREROUTING -p " + pick(d, "udp", "tcp") + d.side() + match + " -j " + target, false})
	}
	return append(out, line{"COMMIT", true})
}

func (d *dice) side() string {
	return pick(d, "", "", " -i eth0", " -d 192.0.2.1", " -s 10.0.0.0/8", " -m addrtype --dst-type LOCAL", " -m addrtype --dst-type BROADCAST")
}

func (d *dice) proxies() []line {
	out := []line{{"*mangle", true}, {":PREROUTING ACCEPT [0:0]", true}}
	for range d.IntN(3) {
		out = append(out, line{"-A PREROUTING -p " + pick(d, "udp", "tcp") + d.side() + " " + pick(d, "-j TPROXY --on-port 5999 --tproxy-mark 0x1/0x1", "-m rpfilter --invert -j DROP", "-m rpfilter --loose -j ACCEPT", "-m rpfilter --invert --loose -j DROP", "-j MARK --set-mark 1", "-j ACCEPT", "-j MARK --set-mark 2"), false})
	}
	return append(out, line{"COMMIT", true})
}

func (d *dice) worldFilter() []line {
	out := []line{{"*filter", true}, {":INPUT " + pick(d, "ACCEPT", "DROP") + " [0:0]", true}, {":FORWARD " + pick(d, "ACCEPT", "DROP") + " [0:0]", true}}
	for range 3 + d.IntN(8) {
		match := pick(d, "", " -i eth0", " -d 203.0.113.0/25", " -d 127.0.0.0/8", " -d 10.99.0.1", " -s 10.1.0.0/16", " -m recent --rcheck --name bad --rsource", " -m recent --set --name bad --rsource",
			" -m recent --rcheck --name old --rsource --hitcount 2", " -m pkttype --pkt-type broadcast", " -m addrtype --dst-type BROADCAST", " -m conntrack --ctstate DNAT", " -f", " ! -f",
			fmt.Sprintf(" -p udp --dport %d", d.port()), " -p tcp --dport "+d.portRange(":"), " -m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 1 --hashlimit-mode srcip --hashlimit-name few", " -m hashlimit --hashlimit-above 1/hour --hashlimit-burst 1 --hashlimit-mode srcip --hashlimit-name more",
			" -m addrtype --dst-type LOCAL --limit-iface-in", " -m addrtype ! --dst-type UNICAST", " -m policy --dir in --pol none", " -m helper --helper sip", " -m connlimit --connlimit-above 5000 --connlimit-mask 32", " -p esp", " -m conntrack --ctstate NEW")
		chain := pick(d, "INPUT", "FORWARD")
		if chain == "FORWARD" && d.chance(40) {
			match += pick(d, " -o eth0", " -o eth1", " ! -o eth1")
		}
		out = append(out, line{"-A " + chain + match + " -j " + pick(d, "ACCEPT", "DROP", "RETURN"), false})
	}
	return append(out, line{"COMMIT", true})
}

func (d *dice) deviceChains() string {
	var b strings.Builder
	b.WriteString("table netdev cards {\n")
	for i := range 1 + d.IntN(2) {
		hook, devices := pick(d, "ingress", "ingress", "egress"), pick(d, `device "eth0"`, `device "eth1"`, `devices = { eth0, eth1 }`)
		fmt.Fprintf(&b, "chain c%d { type filter hook %s %s priority %d; policy %s;\n meta protocol 0x88b5 accept\n", i, hook, devices, i, pick(d, "accept", "accept", "drop"))
		for range d.IntN(3) {
			fmt.Fprintf(&b, "%s %s\n", pick(d, "ip saddr 10.1.0.0/16", "udp dport 5060", "ip daddr 203.0.113.0/24", "tcp dport 5000-6000"), pick(d, "drop", "accept"))
		}
		b.WriteString("}\n")
	}
	b.WriteString("}\ntable inet metered {\nset seen { type ipv4_addr; flags dynamic; }\nset old { type ipv4_addr; flags dynamic; elements = { 10.1.2.4 } }\n" +
		"chain early { type filter hook prerouting priority -10; policy accept;\n")
	for i := range d.IntN(3) {
		fmt.Fprintf(&b, "%s %s\n", pick(d, "fib saddr . iif oif missing", "fib saddr oif exists", "fib saddr . iif oif exists", "fib daddr . iif type local", "fib daddr . iif type != { local, broadcast, multicast }",
			"add @seen { ip saddr limit rate over 1/hour burst 1 packets }", "add @old { ip saddr limit rate 1/hour burst 1 packets }", fmt.Sprintf("meter some%d { ip saddr limit rate 1/hour burst 1 packets }", i), `ct helper != "sip"`, "meta ipsec missing"),
			pick(d, "drop", "drop", "accept", "counter"))
	}
	return b.String() + "}\n}\n"
}

// worldShots are packets of IPv4 to this machine, some to everybody.
func (d *dice) worldShots(n int) (list []shot) {
	for i := range n {
		s := shot{hook: "input", in: pick(d, "eth0", "eth0", "eth1"), src: d.host(false), dst: d.dst(false), sport: uint16(20000 + i), dport: uint16(d.port())}
		if s.proto = pick[uint8](d, protoUDP, protoUDP, protoTCP); s.proto == protoTCP {
			s.flags = tcpSYN
		}
		if s.proto == protoUDP && d.chance(15) {
			s.dst, s.in = netip.MustParseAddr(pick(d, "192.0.2.255", "255.255.255.255")), "eth0"
		}
		s.fragmented = s.proto == protoUDP && d.chance(20)
		list = append(list, s)
	}
	return unique(list)
}

// shotsFor leaves one shot of each source where a rule remembers who came
// before.
func (w world) shotsFor(list []shot) (out []shot) {
	seen := map[netip.Addr]bool{}
	remembers := strings.Contains(w.script.book().legacy4+w.script.book().nft4, "recent --set") || strings.Contains(w.nft+w.script.book().legacy4+w.script.book().nft4, "1/hour")
	for _, s := range list {
		if !remembers || !seen[s.src] {
			out = append(out, s)
		}
		seen[s.src] = true
	}
	return out
}

// judgeWorld sets the world up, fires, compares, and takes it down.
func (g *ground) judgeWorld(t *testing.T, w world, shots []shot) (bad []disagreement, said []packetfilter.Outcome) {
	t.Helper()
	shell := func(lines []string) {
		for _, l := range lines {
			_ = exec.Command("sh", "-c", l).Run() // a route may be there already
		}
	}
	slices.Reverse(w.undo)
	defer shell(w.undo)
	must(t, g.load(w.script.book()))
	if w.nft != "" {
		_, err := run(w.nft, "nft", "-f", "-")
		must(t, err)
	}
	shell(w.commands)
	sys := platform.ThisSystem()
	rules, unread := packetfilter.Load(t.Context(), sys)
	for _, u := range unread {
		if !u.Aside {
			t.Errorf("not read: %s %s", u.What, u.Why)
		}
	}
	host, err := packetfilter.ReadHost(t.Context(), sys)
	must(t, err)
	host.SocketsRead = true
	got := g.fire(t, slices.Clone(shots))
	for i, s := range shots {
		c := s.class()
		c.Host, c.Fragments = host, s.fragmented
		for _, o := range rules.Evaluate(c).Outcomes {
			said = append(said, o)
			stopped := got[i].verdict != "accept" && (o.Verdict == packetfilter.Dropped || o.Verdict == packetfilter.Rejected)
			if o.Verdict != packetfilter.Maybe && !stopped && !agrees(s, o, got[i]) {
				bad = append(bad, disagreement{s, got[i], o, "alone"})
			}
		}
	}
	return bad, said
}
