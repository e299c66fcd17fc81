package fixes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// These tests type the printed commands, as they are, into a Linux router: a
// network namespace of its own with real nft, iptables and conntrack.

// router runs script with sh in new network and mount namespaces, where HOME
// is an empty folder and /etc/sysctl.d is thrown away afterwards. A machine
// that cannot is skipped, unless SIPDOCTOR_LAB=require.
func router(t *testing.T, script string, tools ...string) string {
	t.Helper()
	skip := t.Skipf
	if os.Getenv("SIPDOCTOR_LAB") == "require" {
		skip = t.Fatalf
	}
	if runtime.GOOS != "linux" {
		t.Skip("the commands are for Linux")
	}
	flags := "-nm"
	if os.Getuid() != 0 {
		flags = "-rnm"
	}
	path := "PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin"
	start := func(script string) ([]byte, error) {
		c := exec.Command("unshare", flags, "sh", "-c", script)
		// Without root the usual lock file in /run cannot be opened.
		c.Env = []string{path, "HOME=" + t.TempDir(), "LC_ALL=C", "XTABLES_LOCKFILE=" + filepath.Join(t.TempDir(), "lock")}
		c.Dir = "/"
		return c.CombinedOutput()
	}
	need := []string{"ip link set lo up", "mount -t tmpfs none /etc/sysctl.d"}
	for _, tool := range tools {
		need = append(need, "command -v "+tool)
	}
	if out, err := start(strings.Join(need, " && ")); err != nil {
		skip("no network namespace with %v here: %v %s", tools, err, out)
	}
	out, err := start("set -e\nip link set lo up\nmount -t tmpfs none /etc/sysctl.d\n" + script)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// dump shows every loaded rule. The legacy tools are asked only for tables
// that exist, so that a table which a command made by accident shows; without
// root the kernel does not tell which exist.
const dump = `dump() { nft list ruleset 2> /dev/null; for i in ip ip6; do n=/proc/net/${i}_tables_names; echo "$i: $(cat $n 2> /dev/null)";
if [ ! -r $n ] || grep -q . $n; then for t in raw filter; do ${i}tables-legacy-save -c -t $t | grep -v '^#'; done; fi; done; true; }
`

// typed are the commands as a script, each with a shell of its own as the Fix
// promises; what they say goes to a file.
func typed(lines []string, says string) string {
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "sh -c %s >> %s 2>&1 || { cat %s; exit 1; }\n", quoted(l), says, says)
	}
	return b.String()
}

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func shellFix(t *testing.T, ref string) Fix {
	t.Helper()
	r := findRow(catalogue(), ref)
	if r == nil {
		t.Fatalf("no row %s", ref)
	}
	f, ok := r.build("box", values(*r, nil, nil))
	if !ok {
		t.Fatalf("%s has a hole", ref)
	}
	return f
}

// A ruleset and what must become of it: lines that vanish, and lines that
// turn into others.
type ruleset struct {
	name, load string
	gone       []string
	changed    map[string]string
	says       string // on the administrator's screen
}

// want is the dump after the fix.
func (r ruleset) want(t *testing.T, before string) string {
	t.Helper()
	lines := strings.Split(before, "\n")
	for _, g := range r.gone {
		n := len(lines)
		lines = slices.DeleteFunc(lines, func(l string) bool { return strings.TrimSpace(l) == g })
		if len(lines) == n {
			t.Fatalf("%q was never loaded:\n%s", g, before)
		}
	}
	for i, l := range lines {
		if c, ok := r.changed[strings.TrimSpace(l)]; ok {
			lines[i] = l[:len(l)-len(strings.TrimLeft(l, "\t "))] + c
		}
	}
	return strings.Join(lines, "\n")
}

// check loads the ruleset, types the fix, types it again, and types the undo.
func (r ruleset) check(t *testing.T, f Fix) {
	t.Helper()
	dir := t.TempDir()
	script := dump + "cd " + quoted(dir) + "\n" + r.load + "\ndump > before\n" +
		typed(f.Commands, "said") + "dump > after\n" + typed(f.Commands, "said-again") + "dump > again\n" +
		typed(f.Undo, "said-undo") + "dump > restored; ls -A $HOME > left\n"
	router(t, script, "nft", "iptables-nft", "iptables-legacy", "ip6tables-legacy", "conntrack")
	got := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if diff := cmp.Diff(r.want(t, got("before")), got("after")); diff != "" {
		t.Errorf("after the fix (-want +got)\n%s\n%s", diff, got("said"))
	}
	if diff := cmp.Diff(got("after"), got("again")); diff != "" {
		t.Errorf("the second run changed something (-first +second)\n%s", diff)
	}
	if diff := cmp.Diff(got("before"), got("restored")); diff != "" {
		t.Errorf("after undo (-before +after)\n%s\n%s", diff, got("said-undo"))
	}
	if left := got("left"); left != "" {
		t.Errorf("left behind after undo: %s", left)
	}
	if said := got("said"); !strings.Contains(said, r.says) || r.says == "" && strings.Contains(said, "rror") {
		t.Errorf("said %q, want %q in it", said, r.says)
	}
}
