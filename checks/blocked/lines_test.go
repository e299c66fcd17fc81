package blocked

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Lines of one file, and rules of one list, move those after them: the cure
// takes the last first, and the undo leaves the file as it was.
func TestSeveralLinesOfOneFileAreTakenAndPutBack(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the lines are for GNU sed on Linux")
	}
	const denied = "ALL : 198.51.100.7\n# the office\nsshd : 198.51.100.0/24\nALL : 203.0.113.9\nasterisk : 198.51.100.7\n"
	p := onPBX(nil)
	p.Prints["iptables-nft-save -c"] = table("-A INPUT -s 198.51.100.7/32 -j DROP")
	p.Files["/etc/hosts.deny"] = denied
	r := p.Look(t, Check(), asked("198.51.100.7"))
	if len(r.Findings) == 0 || len(r.Findings[0].Fixes) == 0 {
		t.Fatalf("%+v", r)
	}
	file := filepath.Join(t.TempDir(), "hosts.deny")
	if err := os.WriteFile(file, []byte(denied), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(lines []string) string {
		for _, line := range lines {
			if !strings.Contains(line, "/etc/hosts.deny") {
				continue
			}
			if out, err := exec.Command("sh", "-c", strings.ReplaceAll(line, "/etc/hosts.deny", file)).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v %s", line, err, out)
			}
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if got := run(r.Findings[0].Fixes[0].Commands); got != "# the office\nALL : 203.0.113.9\n" {
		t.Errorf("the cure leaves %q", got)
	}
	if got := run(r.Findings[0].Fixes[0].Undo); got != denied {
		t.Errorf("the undo leaves %q", got)
	}
}
