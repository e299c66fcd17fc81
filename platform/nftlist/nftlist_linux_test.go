package nftlist

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// alone goes into a network namespace of the test's own, which ends with it.
func alone(t *testing.T) {
	t.Helper()
	_, err := exec.LookPath("nft")
	if err == nil {
		runtime.LockOSThread() // and never unlocked: the thread ends with the test
		err = unix.Unshare(unix.CLONE_NEWNET)
	}
	if err != nil {
		if os.Getenv("SIPDOCTOR_LAB") == "require" {
			t.Fatalf("SIPDOCTOR_LAB=require, but %v", err)
		}
		t.Skipf("needs nft and a network namespace: %v", err)
	}
}

func load(t *testing.T, script string) {
	t.Helper()
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader("flush ruleset\n" + script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s\n%s", err, out, script)
	}
}

// asked is nft, and what it was asked for.
type asked struct{ lines []string }

func (a *asked) nft(ctx context.Context, args ...string) ([]byte, error) {
	a.lines = append(a.lines, strings.Join(args, " "))
	return exec.CommandContext(ctx, "nft", args...).Output()
}

// objects are the parts of a listing; sets in rules have no order.
func objects(t *testing.T, listing []byte) (list []any) {
	t.Helper()
	var all struct {
		NFTables []map[string]any `json:"nftables"`
	}
	if err := json.Unmarshal(listing, &all); err != nil {
		t.Fatalf("%v in %s", err, listing)
	}
	for _, o := range all.NFTables {
		if o["metainfo"] == nil {
			list = append(list, map[string]any(o))
		}
	}
	return list
}

// same compares the table with nft's own listing, and returns what nft was
// asked for besides.
func same(t *testing.T, family, name string) (lines []string) {
	t.Helper()
	var a asked
	want, err := a.nft(t.Context(), "-a", "-j", "list", "table", family, name)
	if err != nil {
		t.Fatal(err)
	}
	a.lines = nil
	got, err := Table(t.Context(), family, name, 0, a.nft)
	if err != nil {
		t.Fatalf("%v (asked %q)", err, a.lines)
	}
	if d := cmp.Diff(objects(t, want), objects(t, got)); d != "" {
		text, _ := exec.Command("nft", "-a", "list", "table", family, name).Output()
		t.Errorf("table %s %s (-nft +here):\n%s\n%s", family, name, d, text)
	}
	return a.lines
}

// unknownOf are the rules of a chain that are not known.
func unknownOf(t *testing.T, family, script string) (list []string) {
	t.Helper()
	before, rest, _ := strings.Cut(script, "policy ")
	first, rest, _ := strings.Cut(rest, "\n")
	rest, _, _ = strings.Cut(rest, "}\n")
	for _, rule := range strings.Split(rest, "\n") {
		if !strings.HasPrefix(rule, "}") && rule != "" {
			load(t, before+"policy "+first+"\n"+rule+"\n}\nchain other {\naccept\n}\n}\n")
			if lines := same(t, family, "t"); len(lines) > 1 {
				list = append(list, rule)
			}
		}
	}
	return list
}

// forms are matches that are known, by what a rule must have asked before.
type forms struct {
	*rand.Rand
	family string
}

func (f forms) one(list ...string) string { return list[f.IntN(len(list))] }

func (f forms) v4() string {
	return f.one("ip saddr ", "ip daddr ") + f.one("", "", "!= ") + f.one("10.1.2.3", "10.0.0.0/8", "10.128.0.0/9", "172.16.0.0/12", "192.0.2.0/24",
		"192.0.2.128/31", "192.0.2.5-192.0.2.77", "0.0.0.0/1", "@bans", "@nets", "{ 1.2.3.4, 5.6.7.8, 255.255.255.254 }", "{ 10.0.0.0/8, 11.0.0.1-11.0.0.9, 12.0.0.1 }")
}

func (f forms) v6() string {
	return f.one("ip6 saddr ", "ip6 daddr ") + f.one("", "", "!= ") + f.one("2001:db8::1", "2001:db8::/32", "2001:db8::/33", "2001:db8::/127", "fe80::/10", "::1",
		"::ffff:1.2.3.4", "2001:db8::5-2001:db8::7", "@bans6", "{ 2001:db8::1, 2001:db8::2 }", "{ 2001:db8::/32, fe80::1-fe80::9 }")
}

func (f forms) match() string {
	six := f.family == "ip6" || f.family == "inet" && f.IntN(2) == 0
	switch f.IntN(5) {
	case 0, 1:
		if six {
			return f.v6()
		}
		return f.v4()
	case 2:
		return f.one("udp", "tcp", "sctp", "dccp", "udplite") + f.one(" sport ", " dport ") + f.one("", "", "!= ") +
			f.one("5060", "5060-5080", "65535", "1-1023", "{ 22, 80 }", "{ 5060-5061, 10000-20000, 7 }", "@ports")
	case 3:
		return f.one(`iifname "lo"`, `oifname != "eth0"`, `iifname "eth*"`, `iifname "ppp0.7@x"`, "iif lo", "oif != lo", "meta mark 0x1", "meta mark != 0x80000000")
	}
	return "ct state " + f.one("new", "established,related", "invalid", "untracked,new,invalid")
}

func (f forms) verdict() string {
	return f.one("drop", "drop", "accept", "return", "continue", "jump sub", "goto sub") + f.one("", "", ` comment "banned by hand"`, ` comment "é <b> & \\"`)
}

// rule is one of a match or two of different kinds; what two matches of one
// kind become is nft's own.
func (f forms) rule() string {
	list := []string{f.match()}
	if second := f.match(); strings.Fields(second)[0] != strings.Fields(list[0])[0] {
		list = append(list, second)
	}
	if joined := strings.Join(list, " "); strings.Contains(joined, "ip ") && strings.Contains(joined, "ip6 ") || strings.Count(joined, "port ") > 1 {
		list = list[:1]
	}
	return strings.Join(append(list, f.one("", "counter", "counter packets 7 bytes 9007199254740993"), f.verdict()), " ")
}

const sets = `set bans { type ipv4_addr; flags timeout; elements = { 1.2.3.4, 5.6.7.8 } }
set nets { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 11.0.0.5-11.0.0.9 } }
set bans6 { type ipv6_addr; }
set ports { type inet_service; elements = { 5060 } }
`

// Long chains are made of few forms. Whatever their values, the table reads
// just as nft lists it, and nft is asked for its sets alone.
func TestATableReadsAsNftListsIt(t *testing.T) {
	alone(t)
	seed := uint64(20261129)
	for round := range 30 {
		f := forms{rand.New(rand.NewPCG(seed, uint64(round))), []string{"inet", "ip", "ip6"}[round%3]}
		s := "table " + f.family + " t {\n" + sets + "chain sub { }\nchain in {\ntype filter hook " + f.one("input", "prerouting", "output") + " priority " +
			f.one("filter", "-150", "filter + 5") + "; policy " + f.one("accept", "drop") + ";\n"
		for range 60 {
			s += f.rule() + "\n"
		}
		s += "}\nchain other {\n" + strings.Repeat("accept\n", 100) + "}\n}\n"
		load(t, s)
		for _, line := range same(t, f.family, "t") {
			if line != "-a -j list sets table "+f.family+" t" {
				t.Errorf("round %d: asked for %q, for the sake of %q", round, line, unknownOf(t, f.family, s))
			}
		}
		if t.Failed() {
			return
		}
	}
}

// A chain with a rule of any other form is left to nft, whole, and the others
// are not.
func TestAnUnknownRuleLeavesItsChainToNft(t *testing.T) {
	alone(t)
	for _, rule := range []string{
		"udp dport 5060 limit rate 5/second accept", "tcp flags syn drop", "meta l4proto { tcp, udp } th dport 5060 drop", "ct state vmap { new : drop }",
		"ip saddr . udp dport { 1.2.3.4 . 5060 } drop", "log prefix \"x\" drop", "meta mark set 1", "fib saddr oif missing drop", "ip saddr & 0.0.0.255 == 0.0.0.7 drop",
		"icmp type echo-request accept", "ct state != new drop", "udp dport >= 5060 drop", "meta protocol ip drop", "reject", "meta l4proto gre drop",
		"ip saddr { 1.2.3.4 comment \"x\" } drop", "ct mark 1 drop", "ip6 saddr ::1.2.3.4 drop", "add @seen { ip saddr }", "tcp dport vmap { 22 : accept }",
		"ip protocol tcp tcp dport 22 drop", "meta nfproto ipv4 ip saddr 1.2.3.4 meta nfproto ipv4 drop", "meta l4proto tcp ip saddr 1.2.3.4 tcp dport 22 drop",
		"meta nfproto ipv4 reject with icmp host-unreachable", "tcp dport 22 reject with tcp reset", "ip saddr 1.2.3.4 reject", "ip saddr 1.2.3.4 reject with icmp host-unreachable",
		"ip6 saddr fe80::1 reject with icmpv6 admin-prohibited", "ip saddr 1.2.3.4 reject with icmpx no-route", "meta nfproto ipv6 drop", "meta l4proto tcp drop", "ip protocol udp drop",
		"meta l4proto != tcp drop", "meta nfproto ipv4 meta l4proto udp drop", "udp sport 5 udp dport 7 drop", "ip saddr 1.2.3.4 ip daddr 5.6.7.8 drop", "ip saddr 0.0.0.0-255.255.255.255 drop",
	} {
		load(t, "table inet t {\nset seen { type ipv4_addr; flags dynamic,timeout; }\nchain odd {\n"+rule+"\n}\nchain plain {\nip saddr 1.2.3.4 drop\nip saddr 1.2.3.5 drop\n}\n}\n")
		lines := same(t, "inet", "t")
		t.Logf("%s: asked %d", rule, len(lines))
	}
}

// What the listing would have to say besides chains, rules and sets is nft's to
// say, and so is a table that hangs on many of its answers.
func TestATableOfOtherThingsIsLeftToNft(t *testing.T) {
	alone(t)
	many := "table inet t {\n"
	for i := range maxAsked + 1 {
		many += fmt.Sprintf("chain c%d { icmp type echo-request drop; }\n", i)
	}
	for name, s := range map[string]string{
		"asleep": "table inet t { flags dormant; }", "counter": "table inet t { counter c {\n}\n}", "many": many + "}",
		"another family": "table netdev t { }", "half": "table inet t { chain a { icmp type echo-request drop; }\n chain b { ip saddr 1.2.3.4 drop; }\n }",
	} {
		load(t, s)
		var a asked
		out, err := Table(t.Context(), strings.Fields(s)[1], "t", 0, a.nft)
		switch half := slices.Contains(a.lines, "-a -j list chain inet t a"); {
		case name == "half" && (err != nil || !half):
			t.Errorf("%s: %v, asked %q", name, err, a.lines)
		case name != "half" && !errors.Is(err, errors.ErrUnsupported):
			t.Errorf("%s: %s, %v", name, out, err)
		}
	}
}

// saved makes a rule of iptables.
func (f forms) saved(chain string) string {
	net, other := "10.0.0.0/8", []string{"10.1.2.3/32", "10.128.0.0/9", "192.0.2.128/31", "172.16.0.0/12"}
	reject := []string{"icmp-port-unreachable", "icmp-host-prohibited", "icmp-admin-prohibited"}
	if f.family == "ip6" {
		net, other = "2001:db8::/32", []string{"2001:db8::1/128", "2001:db8::/33", "fe80::/10", "::ffff:1.2.3.4/128"}
		reject = []string{"icmp6-port-unreachable", "icmp6-adm-prohibited"}
	}
	s := fmt.Sprintf("[%d:%d] -A %s", f.IntN(3), f.IntN(100), chain)
	for _, option := range []string{"-s", "-d"} {
		s += f.one("", "", " ", " ! ")
		if strings.HasSuffix(s, " ") {
			s += option + " " + f.one(append(other, net)...)
		}
	}
	tcp := f.IntN(3) == 0
	if tcp {
		s += " -p tcp"
	}
	s += f.one("", "", " -i eth0", " ! -i eth+", " ! -p udp")
	if tcp {
		s = strings.ReplaceAll(s, " ! -p udp", "")
	}
	s += f.one("", "", " -m comment --comment hand-1", ` -m comment --comment "by hand: -c 0 0 -j DROP"`)
	if tcp && f.IntN(2) == 0 {
		return s + " -j REJECT --reject-with tcp-reset"
	}
	return s + f.one(" -j DROP", " -j ACCEPT", " -j RETURN", " -j sub", " -g sub", " -j REJECT --reject-with "+f.one(reject...))
}

// Rules of iptables are read as its own program lists them. What is in the
// middle of a chain and of another form makes the chain the program's.
func TestIPTablesReadsAsItsProgramListsIt(t *testing.T) {
	alone(t)
	for round := range 30 {
		f := forms{rand.New(rand.NewPCG(20261129, uint64(round))), []string{"ip", "ip6"}[round%2]}
		program := map[string]string{"ip": "iptables-nft", "ip6": "ip6tables-nft"}[f.family]
		s := "*mangle\n:PREROUTING ACCEPT [3:4]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -m mark --mark 0x1 -j ACCEPT\nCOMMIT\n*nat\n:OUTPUT ACCEPT [1:2]\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -o eth0 -j MASQUERADE\nCOMMIT\n*filter\n:INPUT DROP [5:7]\n:sub - [0:0]\n:a - [0:0]\n-A INPUT -m state --state NEW -j a\n[7:8] -A INPUT -p udp -m udp --dport 5060 -j a\n"
		for range 40 {
			s += f.saved("a") + "\n"
		}
		load(t, "")
		cmd := exec.Command(program+"-restore", "-c")
		cmd.Stdin = strings.NewReader(s + "COMMIT\n*raw\n:OUTPUT DROP [0:0]\n-A PREROUTING -j ACCEPT\nCOMMIT\n*security\n-A INPUT -j ACCEPT\nCOMMIT\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s\n%s", err, out, s)
		}
		want, err := exec.Command(program+"-save", "-c").Output()
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		got, err := Save(t.Context(), f.family == "ip6", 0, func(_ context.Context, args ...string) ([]byte, error) {
			lines = append(lines, strings.Join(args, " "))
			return exec.Command(program, args...).Output()
		})
		if err != nil {
			t.Fatalf("round %d: %v, asked %q", round, err, lines)
		}
		if d := cmp.Diff(withoutRemarks(want), withoutRemarks(got)); d != "" {
			t.Fatalf("round %d (-%s-save +here):\n%s", round, program, d)
		}
		if len(lines) != 3 {
			t.Errorf("round %d: asked %q", round, lines)
		}
	}
}

func withoutRemarks(listing []byte) (list []string) {
	for line := range strings.Lines(string(listing)) {
		if line[0] != '#' {
			list = append(list, line)
		}
	}
	return list
}
