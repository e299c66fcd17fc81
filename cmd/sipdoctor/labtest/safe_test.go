package labtest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rules is everything that is loaded, without counters and ages. What a recent
// list remembers of the packet itself, its TTL, nobody can write there.
func (p *pbx) rules() string {
	p.t.Helper()
	out, err := p.node.Command(p.t.Context(), "sh", "-c", `PATH=$PATH:/usr/sbin:/sbin
		nft -s -j list ruleset | sed 's/"handle": [0-9]*/"handle": 0/g'; iptables-legacy-save; ip6tables-legacy-save; iptables-nft-save; ip6tables-nft-save
		ipset save; ip route; ip -6 route; ip rule; ip -6 rule; head -n 1000 /proc/net/xt_recent/*`).CombinedOutput()
	if err != nil && len(out) == 0 {
		p.t.Fatal(err)
	}
	text := regexp.MustCompile(`(?m)^#.*\n|\[\d+:\d+\]|timeout \d+|expires \d+\w*|"expires": \d+|ttl: \d+ +last_seen: .*`).ReplaceAllString(string(out), "")
	return text
}

// Names as somebody could choose them who wants a shell, nft or sed to run what
// is in them. Where a program refuses one, the next is tried.
var evilNames = []string{
	"x;delete table inet guard", "x;add rule inet guard input accept", "$(touch /run/pwned)", "`touch /run/pwned`", "'; touch /run/pwned; '", "\"; touch /run/pwned; \"", "drop", "-f", "a b", "x\ny",
}

// evil builds a server whose tables, chains, sets, comments and files are named
// by somebody who means it ill.
func evil(t *testing.T) *pbx {
	p := openPBX(t, "nft", "iptables", "iptables-legacy", "ipset")
	shell(t, p.node, "ip addr add 192.0.2.200/32 dev lo",
		"nft add table inet guard", "nft add chain inet guard input '{ type filter hook input priority 0 ; policy accept ; }'",
		"nft add rule inet guard input ip saddr 198.51.100.66 drop")
	for i, name := range evilNames {
		address := "192.0.2." + strconv.Itoa(10+i)
		q := strconv.Quote(name)
		json := fmt.Sprintf(`{"nftables":[
			{"add":{"table":{"family":"inet","name":%[1]s}}},
			{"add":{"chain":{"family":"inet","table":%[1]s,"name":%[2]s,"type":"filter","hook":"input","prio":%[4]d,"policy":"accept"}}},
			{"add":{"set":{"family":"inet","table":%[1]s,"name":%[2]s,"type":"ipv4_addr","elem":[%[3]q]}}},
			{"add":{"rule":{"family":"inet","table":%[1]s,"chain":%[2]s,"comment":%[1]s,"expr":[{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":%[3]q}},{"drop":null}]}}},
			{"add":{"rule":{"family":"inet","table":%[1]s,"chain":%[2]s,"expr":[{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":%[5]s}},{"drop":null}]}}}]}`,
			q, q, address, 10+i, strconv.Quote("@"+name))
		p.try("nft -j -f -", json)
		p.try("ipset restore", "create "+strconv.Quote("s"+name)+" hash:ip comment\n")
		for _, words := range [][]string{
			{"ipset", "create", name, "hash:ip", "comment"}, {"ipset", "add", name, address, "comment", name},
			{"iptables-legacy", "-N", name}, {"iptables-legacy", "-A", name, "-s", address, "-m", "comment", "--comment", name, "-j", "DROP"}, {"iptables-legacy", "-I", "INPUT", "-j", name},
			{"iptables", "-I", "INPUT", "-m", "set", "--match-set", name, "src", "-m", "comment", "--comment", name, "-j", "DROP"},
			{"iptables", "-A", "INPUT", "-s", address, "-p", "udp", "-m", "comment", "--comment", name, "-j", "DROP"},
			{"iptables", "-A", "INPUT", "-m", "recent", "--rcheck", "--name", name, "-j", "DROP"},
		} {
			_ = p.node.Command(t.Context(), words[0], words[1:]...).Run()
		}
	}
	return p
}

// try runs a line with text on its input; what is refused was not to be had.
func (p *pbx) try(line, input string) {
	cmd := p.node.Command(p.t.Context(), "sh", "-c", line)
	cmd.Stdin = strings.NewReader(input)
	_ = cmd.Run()
}

// Looking changes nothing: whatever tables and sets are called, the rules are
// the same before and after every command that only reads.
func TestLookingLeavesTheRulesAsTheyAre(t *testing.T) {
	t.Parallel()
	p := evil(t)
	before := p.rules()
	if n := strings.Count(before, "touch /run/pwned"); n < 10 || !strings.Contains(before, "x;delete table inet guard") {
		t.Fatalf("only %d hostile names were taken by the programs:\n%s", n, before)
	}
	report := filepath.Join(t.TempDir(), "r.json")
	bundle := filepath.Join(t.TempDir(), "b.tar.gz")
	for _, args := range [][]string{
		{"why", "192.0.2.10"}, {"why", "192.0.2.0/24", "--format", "json", "--output", report}, {"why", "--verbose", "2001:db8:7::7"},
		{"pbx"}, {"pbx", "--collect", bundle}, {"pbx", "--collect", bundle, "--redact"}, {"pbx", "--root", bundle}, {"why", "192.0.2.11", "--root", bundle},
		{"fix", report}, {"report", report}, {"report", report, "--rejudge"}, {"check", "uplink"},
	} {
		cmd := p.node.Command(t.Context(), os.Getenv(programVar), args...)
		cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() == 2 || cmd.ProcessState.ExitCode() == 3 {
			t.Errorf("%q: %v\n%s", args, err, out)
		}
		if strings.ContainsAny(string(out), "\x1b\x07") {
			t.Errorf("%q prints what a terminal obeys: %q", args, out)
		}
		if d := cmp.Diff(before, p.rules()); d != "" {
			t.Fatalf("%q changed the rules (-before +after)\n%s", args, d)
		}
	}
	p.unharmed()
}

// unharmed fails where something ran that a name had in it.
func (p *pbx) unharmed() {
	p.t.Helper()
	if p.says("ls /run/pwned 2>/dev/null") != "" {
		p.t.Error("a name was run")
	}
	if !strings.Contains(p.rules(), "198.51.100.66") {
		p.t.Error("the table that guards is gone")
	}
}

// Every cure for a server like that is run for real, one address after the
// other: it does what it says or nothing, and the undo restores the rules.
func TestCuresOfAServerWithHostileNames(t *testing.T) {
	t.Parallel()
	p := evil(t)
	cured := 0
	for i := range evilNames {
		address := "192.0.2." + strconv.Itoa(10+i)
		before := p.rules()
		w := p.why(address)
		text, _ := p.fix(w, "--apply")
		p.unharmed()
		if p.rules() != before {
			cured++
		}
		undone, exit := p.fix(w, "--undo")
		if d := cmp.Diff(before, p.rules()); d != "" || exit != 0 {
			t.Errorf("%q: undo exits with %d and leaves (-before +after)\n%s\n%s\n%s\n%s", evilNames[i], exit, d, text, undone, w.text())
		}
	}
	if cured == 0 {
		t.Error("no cure was run")
	}
	p.unharmed()
}

// A cure that takes several rules away, of any back end, is undone rule by rule
// into the places where they were.
func TestUndoOfSeveralRulesIsExact(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		setup []string
	}{
		{"three rules of one chain", []string{"iptables -A INPUT -s 192.0.2.7 -p udp -j DROP", "iptables -A INPUT -s 192.0.2.7 -p tcp -j DROP", "iptables -A INPUT -s 192.0.2.7 -j REJECT"}},
		{"between others, and twice the same", []string{
			"iptables-legacy -A INPUT -s 192.0.2.9 -j ACCEPT", "iptables-legacy -A INPUT -s 192.0.2.7 -j DROP", "iptables-legacy -A INPUT -s 192.0.2.8 -j DROP",
			"iptables-legacy -A INPUT -s 192.0.2.7 -j DROP", "iptables-legacy -A INPUT -s 192.0.2.7 -p udp -j DROP", "iptables-legacy -A INPUT -s 192.0.2.6 -j DROP",
		}},
		{"a rule of its own and one of its network", []string{
			"iptables -A INPUT -s 192.0.2.9 -j ACCEPT", "iptables -A INPUT -s 192.0.2.0/24 -p udp -j DROP", "iptables -A INPUT -s 192.0.2.7 -j DROP", "iptables -A INPUT -s 192.0.2.0/25 -j DROP",
		}},
		{"nftables", []string{
			"nft add table inet t", "nft add chain inet t c '{ type filter hook input priority 0 ; }'", "nft add rule inet t c ip saddr 192.0.2.7 udp dport 5060 counter drop",
			"nft add rule inet t c ip saddr 192.0.2.7 counter drop comment '\"a scanner\"'", "nft add rule inet t c ip saddr 192.0.2.8 drop", "nft add rule inet t c ip saddr 192.0.2.0/24 drop",
			"nft add rule inet t c ip saddr 192.0.2.7 drop",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := openPBX(t, "iptables", "iptables-legacy", "nft")
			shell(t, p.node, tt.setup...)
			before := p.rules()
			w := p.why("192.0.2.7")
			if text, exit := p.fix(w, "--apply"); exit != 0 || !p.passes("192.0.2.7") {
				t.Fatalf("fix --apply exits with %d\n%s\n%s", exit, text, w.text())
			}
			text, exit := p.fix(w, "--undo")
			if d := cmp.Diff(strings.Split(before, "\n"), strings.Split(p.rules(), "\n")); d != "" || exit != 0 {
				t.Errorf("undo exits with %d and leaves (-before +after)\n%s\n%s", exit, d, text)
			}
			// What somebody runs by hand, line by line, is undone by hand as well.
			w = p.why("192.0.2.7")
			commands, undo := w.fixOf(t, w.rep.Result("blocked").Findings[0].ID)
			shell(t, p.node, slices.Concat(commands, undo)...)
			if d := cmp.Diff(strings.Split(before, "\n"), strings.Split(p.rules(), "\n")); d != "" {
				t.Errorf("undone by hand (-before +after)\n%s", d)
			}
		})
	}
}
