package labtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// manyBans is how many banned addresses a PBX has that nobody looked after.
const manyBans = 100_000

// BenchmarkWhy is "sipdoctor why" as it is typed, on a machine with 100,000
// banned addresses, beside what people do instead: listing the rules and
// searching the listing. Each way of keeping bans is loaded into a network
// namespace. The aims: a second and 300 MiB, its own and its children's, for
// rules and sets.
func BenchmarkWhy(b *testing.B) {
	need(b, "unshare", "iptables-legacy-restore", "iptables-nft-restore", "ipset", "nft", "grep")
	for _, bb := range []struct{ name, load, list string }{
		{"iptables-legacy-rules", "iptables-legacy-restore < rules", "iptables-legacy -L -n -v"},
		{"iptables-nft-rules", "iptables-nft-restore < rules", "iptables-nft -L -n -v"},
		{"nft-rules", "nft -f nftrules", "nft list ruleset"},
		{"nft-chains", "nft -f nftchains", "nft list ruleset"},
		{"ipset", "ipset restore < set && iptables-nft -A INPUT -m set --match-set bad src -j DROP", "ipset save"},
		{"nft-set", "nft -f nftset", "nft list ruleset"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			dir := b.TempDir()
			writeBans(b, dir)
			listing, _ := inNamespace(b, dir, bb.load, "", bb.list+" | grep -c 10.1.134.159 > /dev/null")
			var took time.Duration
			var most int64
			for b.Loop() {
				t, kib := inNamespace(b, dir, bb.load, "1", os.Getenv(programVar)+" why 10.1.134.159 --quiet > /dev/null")
				took, most = took+t, max(most, kib)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(took.Seconds()/float64(b.N), "s/why")
			b.ReportMetric(listing.Seconds(), "s-listing")
			b.ReportMetric(float64(most)/1024, "MiB-most")
		})
	}
}

// inNamespace loads bans into a fresh network namespace, runs a command there
// and returns how long that took and the most memory that one of its processes
// used, in KiB.
func inNamespace(b *testing.B, dir, load, exit, command string) (time.Duration, int64) {
	b.Helper()
	// The loader leaves before the clock starts, and as an orphan: its memory does
	// not count.
	cmd := exec.Command("unshare", "-n", "sh", "-c",
		"ip link set lo up; rm -f loaded; ( { "+load+"; echo $? > loaded; } & ) < /dev/null > /dev/null; "+
			"until [ -s loaded ]; do sleep 0.1; done; [ $(cat loaded) = 0 ] || exit 99; echo ready; read go; "+command+"; echo $?")
	cmd.Dir = dir
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 64)
	if n, err := out.Read(buf); err != nil || !bytes.HasPrefix(buf[:n], []byte("ready")) {
		b.Fatalf("loading the bans: %q, %v", buf[:n], err)
	}
	begin := time.Now()
	fmt.Fprintln(in, "go")
	n, err := out.Read(buf)
	took := time.Since(begin)
	if got := strings.TrimSpace(string(buf[:n])); err != nil || exit != "" && got != exit {
		b.Fatalf("%s ended with %q, %v", command, got, err)
	}
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	// Only systems with getrusage(2) have this field.
	rss := reflect.Indirect(reflect.ValueOf(cmd.ProcessState.SysUsage())).FieldByName("Maxrss")
	if !rss.IsValid() {
		return took, 0
	}
	return took, rss.Int()
}

// writeBans writes the same bans in every form. Their ban of the last kind is
// found last.
func writeBans(b *testing.B, dir string) {
	b.Helper()
	var rules, nftRules, nftChains, set, nftSet strings.Builder
	rules.WriteString("*filter\n:INPUT ACCEPT [0:0]\n:f2b-asterisk - [0:0]\n" +
		"-A INPUT -p udp -m multiport --dports 5060,5061 -j f2b-asterisk\n-A INPUT -p tcp -m multiport --dports 5060,5061 -j f2b-asterisk\n")
	nftRules.WriteString("table inet f2b {\nchain input {\ntype filter hook input priority -1; policy accept;\n")
	nftChains.WriteString("table ip f2b {\n")
	set.WriteString("create bad hash:ip family inet hashsize 65536 maxelem 200000 timeout 86400\n")
	nftSet.WriteString("table inet f2b {\nset bad {\ntype ipv4_addr\nelements = { 10.255.0.1")
	for i := range manyBans {
		a := fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255)
		rules.WriteString("-A f2b-asterisk -s " + a + "/32 -j REJECT --reject-with icmp-port-unreachable\n")
		nftRules.WriteString("ip saddr " + a + " udp dport 5060 drop\n")
		if i%500 == 0 {
			fmt.Fprintf(&nftChains, "%schain jail%d {\n", strings.Repeat("}\n", min(i, 1)), i/500)
		}
		nftChains.WriteString("ip saddr " + a + " drop\n")
		set.WriteString("add bad " + a + "\n")
		nftSet.WriteString(", " + a)
	}
	rules.WriteString("-A f2b-asterisk -j RETURN\nCOMMIT\n")
	nftRules.WriteString("}\n}\n")
	nftChains.WriteString("}\nchain input {\ntype filter hook input priority -1; policy accept;\n")
	for i := range manyBans / 500 {
		fmt.Fprintf(&nftChains, "udp dport 5060 jump jail%d\n", i)
	}
	nftChains.WriteString("}\n}\n")
	nftSet.WriteString(" }\n}\nchain input {\ntype filter hook input priority -1; policy accept;\nip saddr @bad drop\n}\n}\n")
	for name, text := range map[string]string{"rules": rules.String(), "nftrules": nftRules.String(), "nftchains": nftChains.String(), "set": set.String(), "nftset": nftSet.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
}
