package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// A line becomes a comment, or its option gets another name, and back, if the line
// is still the one that was meant.
func TestOptionsAreCommentedAndRenamed(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the lines are for GNU sed on Linux")
	}
	const file = "/etc/asterisk/pjsip.conf"
	for _, text := range []string{"[a]\nsetvar=x=1\nother=2\n", "[a]\n  setvar = a;b\n", "[a]\nsetvar+=x\n", "[a]\nsetvar => setvar\n"} {
		for name, pair := range map[string][2]Command{
			"comment": {CommentLine(file, 2, "setvar"), UncommentLine(file, 2, "setvar")},
			"rename":  {RenameOption(file, 2, "setvar", "set_var"), RenameOption(file, 2, "set_var", "setvar")},
		} {
			dir := t.TempDir()
			edit := func(c Command) (string, error) {
				l, err := c.Line()
				if err != nil {
					t.Fatal(err)
				}
				_, err = inShell(t, dir, strings.ReplaceAll(l, file, "f"))
				b, _ := os.ReadFile(filepath.Join(dir, "f"))
				return string(b), err
			}
			if err := os.WriteFile(filepath.Join(dir, "f"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			want := strings.Replace(text, "\n", "\n;", 1)
			if name == "rename" {
				want = strings.Replace(text, "setvar", "set_var", 1)
			}
			if got, err := edit(pair[0]); err != nil || got != want {
				t.Errorf("%s of %q: %q %v", name, text, got, err)
			}
			if got, err := edit(pair[0]); err == nil || got != want {
				t.Errorf("%s again of %q: %q %v", name, text, got, err)
			}
			if got, err := edit(pair[1]); err != nil || got != text {
				t.Errorf("%s back of %q: %q %v", name, text, got, err)
			}
		}
	}
}

// Names of options come from strangers, and commands from reports.
func TestOnlyOptionsAreEdited(t *testing.T) {
	const file = "/etc/asterisk/pjsip.conf"
	for _, name := range append(hostile(), "a/b", "x.*", "", "e reboot") {
		for _, c := range []Command{CommentLine(file, 1, name), UncommentLine(file, 1, name), RenameOption(file, 1, name, "b"), RenameOption(file, 1, "a", name), CommentLine("/etc/asterisk/../passwd", 1, "a")} {
			if line, err := c.Line(); err == nil && !optionName.MatchString(name) {
				t.Errorf("%q became %s", name, line)
			}
		}
	}
	for _, text := range []string{
		`{"form":"rename-option","args":["1","/etc/asterisk/a","^[[:space:]]*a[[:space:]]*[+]*=","1s/a/b/e","/etc/asterisk/a"]}`,
		`{"form":"rename-option","args":["1","/etc/asterisk/a","^[[:space:]]*a[[:space:]]*[+]*=","2s/a/b/","/etc/asterisk/a"]}`,
		`{"form":"rename-option","args":["1","/etc/asterisk/a","^[[:space:]]*a[[:space:]]*[+]*=","1s/a/b/","/etc/passwd"]}`,
		`{"form":"rename-option","args":["1","/etc/asterisk/a",".*","1s/a/b/","/etc/asterisk/a"]}`,
		`{"form":"comment-line","args":["1","/etc/asterisk/a",".*","1","/etc/asterisk/a"]}`,
		`{"form":"comment-line","args":["1","/etc/asterisk/a","^[[:space:]]*a[[:space:]]*[+]*=","1","/etc/passwd"]}`,
		`{"form":"uncomment-line","args":["1","/etc/asterisk/a","^[[:space:]]*a[[:space:]]*[+]*=","1","/etc/asterisk/a"]}`,
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
