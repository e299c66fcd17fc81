package labtest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
)

// clockAhead is an asterisk(8) whose calls look five hours old: a story has no time to
// wait for that. All else is the real one's.
const clockAhead = `#!/bin/sh
real() { chroot %s asterisk -C /mnt/asterisk.conf "$@"; }
case "$2" in
"core show channels concise") real "$@" | awk -F'!' -v OFS='!' 'NF > 12 { $(NF-2) += 18000 } 1' ;;
"core show channels verbose") real "$@" | sed 's/ 00:\([0-5][0-9]:[0-5][0-9]\) / 05:\1 /' ;;
*) real "$@" ;;
esac
`

// A phone loses its power in a call: no BYE comes, and Asterisk holds the call for as
// long as it may. Live and from a copy of the console it is found, and the command that
// is printed hangs it up.
func TestInteropACallThatHangs(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		o := openTelephony(t, "clean", f, "sipp", "awk")
		bin := t.TempDir()
		if err := os.WriteFile(filepath.Join(bin, "asterisk"), fmt.Appendf(nil, clockAhead, o.pbx.root), 0o755); err != nil {
			t.Fatal(err)
		}
		typed := func(args ...string) (string, int) {
			t.Helper()
			cmd := o.SIPServer.Command(t.Context(), "sh", append([]string{"-c", `PATH=` + bin + `:$PATH; export PATH; exec "$@"`, "sh"}, args...)...)
			var errs bytes.Buffer
			cmd.Stderr = &errs
			out, _ := cmd.Output()
			if cmd.ProcessState == nil || len(out) == 0 {
				t.Fatalf("%q: %s", args, &errs)
			}
			return string(out), cmd.ProcessState.ExitCode()
		}
		for _, live := range []bool{true, false} {
			o.loses(t, f)
			args := []string{"pbx", "asterisk-state"}
			if !live {
				copied := filepath.Join(t.TempDir(), "copied.txt")
				text, _ := typed("asterisk", "-rx", "core show channels verbose")
				if err := os.WriteFile(copied, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				args = []string{"diagnose", copied}
			}
			out, _ := typed(append(append([]string{os.Getenv(programVar)}, args...), "--format", "json")...)
			rep, err := checks.ReadReport(strings.NewReader(out))
			if err != nil {
				t.Fatal(err)
			}
			var commands []string
			for _, finding := range rep.Result("asterisk-state").Findings {
				if finding.ID == "asterisk-state.channels-stuck" {
					commands = finding.Fixes[0].Commands
				}
			}
			if len(commands) != 1 || !strings.Contains(commands[0], "channel request hangup "+f.channel()+"/200-") {
				t.Fatalf("live %v: %q\n%s", live, commands, explain(rep))
			}
			typed("sh", "-c", commands[0])
			o.awaitCalls(t, 0)
		}
	})
}

// loses has the PBX call a phone that answers and then is gone.
func (o *telephony) loses(t *testing.T, f flavour) {
	t.Helper()
	phone := o.Responder.Command(t.Context(), "sipp", "-sn", "uas", "-i", "198.51.100.2", "-p", "5060", "-nostdin")
	if err := phone.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond)
	o.pbx.types("channel originate " + f.channel() + "/200 application Milliwatt")
	o.awaitCalls(t, 1)
	_ = phone.Process.Kill()
	_ = phone.Wait()
}

// awaitCalls waits until the PBX has so many calls that are answered.
func (o *telephony) awaitCalls(t *testing.T, n int) {
	t.Helper()
	var list string
	for range 150 {
		list = o.pbx.types("core show channels concise")
		if strings.Count(list, "!Up!") == n && (n > 0 || !strings.Contains(list, "!")) {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Fatalf("not %d calls:\n%s", n, list)
}
