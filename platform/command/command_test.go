package command

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// hostile are names that somebody could give to a table, a set, a jail, a file
// or an interface, in the hope that a shell or nft runs them.
func hostile() []string {
	return []string{
		"$(touch pwned)", "`touch pwned`", ";touch pwned;", "x|touch pwned", "x&&touch pwned", "x&touch pwned&", ">pwned", "<(touch pwned)",
		"'; touch pwned; '", `"; touch pwned; "`, `\`, `'\''`, "*", "~", "!!", "#", "${HOME}", "a b", "{x,y}", "x;add table ip pwned", `"; add table ip pwned; "`,
	}
}

// Whatever a word is, a shell hands it on unchanged.
func TestAShellReadsBackWhatWasQuoted(t *testing.T) {
	needShell(t)
	words := append(hostile(), "", "-F", "--", "é", "1.2.3.4/32")
	out, err := inShell(t, t.TempDir(), "printf '%s\\n' "+Quote(words...))
	if err != nil {
		t.Fatal(err, out)
	}
	if d := cmp.Diff(strings.Join(words, "\n")+"\n", out); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// A name is an argument or there is no command: in every place that takes one.
func TestAHostileNameIsAnArgumentOrThereIsNoCommand(t *testing.T) {
	needShell(t)
	rule := func(name string) NFTRule {
		return NFTRule{Family: "inet", Table: name, Chain: name, Handle: 4, Text: name}
	}
	ipt := func(name string) IPTablesRule {
		return IPTablesRule{Program: "iptables", Table: name, Chain: name, Position: 2, Words: []string{"--comment", name}, Listed: "-A " + name}
	}
	for _, name := range hostile() {
		for _, c := range []Command{
			New("ipset", "del").Values(name, name),
			New("fail2ban-client", "set").Values(name).Words("banip").Values("192.0.2.1"),
			New("firewall-cmd").Option("--zone=", name).Option("--remove-source=", name),
			New("nft", "delete", "element").NFT("inet", name, name).Spec("{ " + name + " }"),
			New("nft", "add", "rule").NFT("inet", "t", "c").Spec(name),
			WaitUntilFails(New("ipset", "-q", "test").Values(name, name)),
			WaitUntilFails(New("nft", "get", "element").NFT("inet", "t", "s").Spec("{ " + name + " }")),
			rule(name).Delete(), rule(name).InsertBefore(name), rule(name).Append(name), rule(name).DeleteMarked(name),
			ipt(name).Delete(), ipt(name).Restore(), ipt(name).InsertBefore(1, "--comment", name), ipt(name).Append("--comment", name),
			DeleteLine("/etc/hosts.deny", 2, name), InsertLine("/etc/hosts.deny", 2, name), InsertLine("/etc/hosts.deny", 1, name),
			Recent(name, "-"+name, 1), New(name, "del"),
			DeleteLine("/etc/asterisk/"+name, 1, name),
		} {
			line, err := c.Line()
			if err != nil {
				continue
			}
			for _, ran := range programsOf(t, line) {
				switch ran {
				case "ipset", "fail2ban-client", "firewall-cmd", "nft", "iptables", "timeout", "sh", "sed", "grep", "seq", "cp", "rm", "cat", "head":
				default:
					t.Errorf("%q: %s starts %q", name, line, ran)
				}
			}
		}
	}
}

// programsOf runs a line with programs that only note their names, and returns
// those; "a file" when one appeared.
func programsOf(t *testing.T, line string) []string {
	t.Helper()
	dir := t.TempDir()
	bin, log := filepath.Join(dir, "bin"), filepath.Join(dir, "log")
	if err := os.MkdirAll(filepath.Join(dir, "work"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	stub := "#!/bin/sh\necho \"${0##*/}\" >> " + Quote(log) + "\n"
	for _, p := range []string{"ipset", "fail2ban-client", "firewall-cmd", "nft", "iptables", "timeout", "sh", "sed", "grep", "seq", "cp", "rm", "cat", "head", "touch", "id"} {
		if err := os.WriteFile(filepath.Join(bin, p), []byte(stub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// Files of /etc and /proc must not be written by the test.
	line = strings.NewReplacer("/etc/hosts.deny", "hosts.deny", "/proc/net/xt_recent/", "recent").Replace(line)
	cmd := exec.Command("/bin/sh", "-c", line)
	cmd.Dir, cmd.Env = filepath.Join(dir, "work"), []string{"PATH=" + bin}
	_ = cmd.Run()
	b, _ := os.ReadFile(log)
	ran := strings.Fields(string(b))
	for _, f := range []string{"pwned", "work/pwned"} {
		if _, err := os.Stat(filepath.Join(dir, f)); err == nil {
			ran = append(ran, "a file "+f)
		}
	}
	return ran
}

func TestWhatCannotBeWrittenIsDescribed(t *testing.T) {
	for _, c := range []struct {
		name string
		c    Command
		says string
	}{
		{"a line break in a name", New("ipset", "del").Values("a\nreboot", "x"), `"a\nreboot"`},
		{"an escape sequence", New("ipset", "del").Values("\x1b]0;x\a", "x"), `\x1b]0;x`},
		{"text that runs backwards", New("ipset", "del").Values("a\u202eb", "x"), `\u202e`},
		{"not UTF-8", New("ipset", "del").Values("\xff", "x"), `\xff`},
		{"a set that is an option", New("ipset", "del").Values("-F", "x"), "option"},
		{"nothing", New("ipset", "del").Values("", "x"), "option"},
		{"a shell", New("sh", "-c").Values("reboot"), "not a command that cures use"},
		{"a flush", New("nft", "flush", "ruleset"), "not a command that cures use"},
		{"a whole table", New("nft", "delete", "table").NFT("inet", "x"), "not a command that cures use"},
		{"a flushed chain", New("iptables", "-F"), "not a command that cures use"},
		{"a deleted chain", New("iptables", "-t", "filter", "-X", "x"), "not a command that cures use"},
		{"a set that is destroyed", New("ipset", "destroy").Values("x"), "not a command that cures use"},
		{"a file of the system", DeleteLine("/etc/shadow", 1, "x"), "not a file that cures change"},
		{"a file behind a step upwards", DeleteLine("/etc/asterisk/../shadow", 1, "x"), "not a file that cures change"},
		{"a list outside of /proc", Recent("../../../tmp/x", "-1.2.3.4", 1), "not the name of a recent list"},
		{"a table with a blank", New("nft", "delete", "element").NFT("inet", "a b", "s").Spec("{ 1.2.3.4 }"), `"a b"`},
		{"two statements of nft", New("nft", "add", "rule").NFT("inet", "t", "c").Spec("drop; flush ruleset"), "more than one statement"},
		{"a comment that hides the rest", New("nft", "add", "rule").NFT("inet", "t", "c").Spec("drop # x"), "more than one statement"},
		{"an open string", New("nft", "add", "rule").NFT("inet", "t", "c").Spec(`drop comment "x`), "open string"},
		{"no command", Command{}, "no command"},
		{"a description with a name in it", Impossible("the table %s", "a\n\x1b[2J"), `a\n\x1b[2J`},
	} {
		line, err := c.c.Line()
		if err == nil || !strings.Contains(err.Error(), c.says) || line != "" {
			t.Errorf("%s: %q, %v, want %q", c.name, line, err, c.says)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n\x1b\u202e") {
			t.Errorf("%s: the description %q is not safe to print", c.name, err)
		}
	}
	if line, err := New("nft", "add", "rule").NFT("inet", "t", "c").Spec(`drop comment "a; b # c"`).Line(); err != nil {
		t.Errorf("signs in a string: %q %v", line, err)
	}
}

// A saved report can come from anybody: its commands are quoted anew, and only
// those that this program would write.
func TestCommandsFromAReport(t *testing.T) {
	for _, c := range []Command{
		New("ipset", "del").Values("a b", "192.0.2.1"), DeleteLine("/etc/hosts.deny", 3, "ALL: 192.0.2.1"), {},
		WaitUntilFails(New("ipset", "-q", "test").Values("s", "192.0.2.1")),
		NFTRule{Family: "inet", Table: "t", Chain: "c", Handle: 4, Text: "drop"}.Delete(), Impossible("a name with %q", "\n"),
	} {
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var back Command
		if err := json.Unmarshal(b, &back); err != nil || back.String() != c.String() || !back.Equal(c) && c.Err() == nil {
			t.Errorf("%s became %s %v, not %s", b, back, err, c)
		}
	}
	for _, text := range []string{
		`{"args":["rm","-rf","/"]}`, `{"args":["nft","flush","ruleset"]}`, `{"form":"reboot"}`, `{"form":"delete-line","args":["1e reboot","/etc/hosts.deny","x","/etc/hosts.deny","1"]}`,
		`{"form":"delete-line","args":["1","/etc/hosts.deny","x","1e reboot","/etc/hosts.deny"]}`, `{"form":"insert-line","args":["1","x\n2e reboot","/etc/hosts.deny"]}`,
		`{"form":"wait-until-fails","args":["reboot"]}`, `{"form":"recent","args":["/etc/passwd","1","x","/etc/passwd"]}`, `{"form":"nft-delete","args":["inet","t;flush ruleset","c","x","inet","t","c","4"]}`,
		`{"form":"nft-delete","args":["inet","t","c","x","inet","t;flush ruleset","c","4"]}`, `{"form":"iptables-insert","args":["rm","-t","x","1","y","rm","t","c","1","z"]}`,
		`{"form":"iptables-insert","args":["sh","t","c","1","y","iptables","t","c","1","z"]}`, `{"form":"delete-line"}`,
	} {
		var c Command
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			continue
		}
		if line, err := c.Line(); err == nil {
			t.Errorf("%s became %s", text, line)
		}
	}
}

// The forms that edit files do it exactly, and back.
func TestLinesOfFilesAreTakenAndPutBack(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the lines are for GNU sed on Linux")
	}
	const file = "/etc/hosts.deny"
	for _, text := range []string{
		"ALL : 192.0.2.1\n", "# a\nsshd: 192.0.2.1/[x] \\ $HOME 'quoted' * ^\n# b\n", "a\nb\nALL: 192.0.2.1\n", "a\n  \tALL: 192.0.2.1 \\\\ & \n", "ALL: 192.0.2.1\nALL: 192.0.2.1\n",
	} {
		for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
			if !strings.Contains(line, "192") || strings.ContainsRune(line, '\t') && DeleteLine(file, i+1, line).Err() != nil {
				continue
			}
			dir := t.TempDir()
			edit := func(c Command) string {
				l, err := c.Line()
				if err != nil {
					t.Fatal(err)
				}
				if out, err := inShell(t, dir, strings.ReplaceAll(l, file, "f")); err != nil {
					t.Fatalf("%s: %v %s", l, err, out)
				}
				b, _ := os.ReadFile(filepath.Join(dir, "f"))
				return string(b)
			}
			if err := os.WriteFile(filepath.Join(dir, "f"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			lines := strings.SplitAfter(text, "\n")
			want := strings.Join(slices.Delete(lines, i, i+1), "")
			if got := edit(DeleteLine(file, i+1, line)); got != want {
				t.Errorf("%q without line %d: %q", text, i+1, got)
			}
			if got := edit(InsertLine(file, i+1, line)); got != text {
				t.Errorf("%q put back: %q", text, got)
			}
			l, _ := DeleteLine(file, 1, "something else").Line()
			if out, err := inShell(t, dir, strings.ReplaceAll(l, file, "f")); err == nil {
				t.Errorf("a line that has changed was deleted: %s", out)
			}
		}
	}
}

func TestPlainValues(t *testing.T) {
	for _, v := range []string{"192.0.2.1", "2001:db8::/32", "10000-20000", "10000:20000", "eth0.5", "asterisk-iptables", "pbx.example.net"} {
		if !IsPlain(v) {
			t.Errorf("%q is refused", v)
		}
	}
	for _, v := range append(hostile(), "", "-x", "a\nb", "[::1]", "%$", "a;b", "é", "a=b") {
		if IsPlain(v) {
			t.Errorf("%q passed", v)
		}
	}
}

func needShell(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("no POSIX shell on this machine")
	}
}

func inShell(t *testing.T, dir, line string) (string, error) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", line)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// However strange the words, a line that is written reads back as its words.
func FuzzLine(f *testing.F) {
	for _, h := range hostile() {
		f.Add(h, "192.0.2.1")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		c := New("ipset", "del").Values(a, b)
		line, err := c.Line()
		if err != nil {
			return
		}
		if got := split(t, line); !slices.Equal(got, []string{"ipset", "del", a, b}) {
			t.Fatalf("%q reads as %q", line, got)
		}
	})
}

// split reads a line of plain and quoted words, as a POSIX shell does, and
// knows nothing else: an active sign outside of quotes is a failure.
func split(t *testing.T, line string) (words []string) {
	t.Helper()
	var w strings.Builder
	inWord, inQuote := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case inQuote && c == '\'':
			inQuote = false
		case inQuote:
			w.WriteByte(c)
		case c == '\'':
			inQuote, inWord = true, true
		case c == '\\' && i+1 < len(line):
			i++
			w.WriteByte(line[i])
			inWord = true
		case c == ' ':
			if inWord {
				words = append(words, w.String())
			}
			w.Reset()
			inWord = false
		case strings.IndexByte("$`;&|<>()*?[]#~!\"{}\n\t", c) >= 0:
			t.Fatalf("%q is not quoted in %q", c, line)
		default:
			w.WriteByte(c)
			inWord = true
		}
	}
	if inQuote {
		t.Fatalf("an open quote in %q", line)
	}
	if inWord {
		words = append(words, w.String())
	}
	return words
}
