package labtest

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks/sipalg"
)

// Somebody in an office checks the way to an Asterisk that does not know the office and
// has no responder beside it. Debian's own filter for fail2ban must not find what it
// bans for, and how Asterisk spells its answers is no SIP ALG.
func TestACheckDoesNotGetAnOfficeBanned(t *testing.T) {
	need(t, "fail2ban-regex")
	everyFlavour(t, func(t *testing.T, f flavour) {
		for scene, want := range map[string]string{"clean": "no-sign", "sip-alg": "rewriting"} {
			o := openTelephony(t, scene, f)
			rep, _ := run(t, o.Phone, "check", "--format", "json", "--no-public", "--sip-server", "198.51.100.20")
			o.checkedAgain(t, 3)
			var alg sipalg.Facts
			if raw, _ := json.Marshal(rep.Result("sip-alg").Facts); json.Unmarshal(raw, &alg) != nil || alg.Verdict != want {
				t.Errorf("%s: sip-alg says %q, want %q: %s", scene, alg.Verdict, want, explain(rep))
			}
			if got := rep.Result("signalling"); got.Status != "pass" || !strings.Contains(got.Summary, "UDP 5060, TCP 5060 and asks for the password") {
				t.Errorf("%s: signalling %s: %s", scene, got.Status, got.Summary)
			}
			// PJSIP writes two lines about each request of a stranger, and fail2ban bans
			// for five in ten minutes. The runs with a memory count as one.
			log := filepath.Join(o.pbx.dir, "log", "full")
			out, err := exec.Command("fail2ban-regex", log, "/etc/fail2ban/filter.d/asterisk.conf").CombinedOutput()
			counted := regexp.MustCompile(`Failregex: (\d+) total`).FindSubmatch(out)
			if err != nil || counted == nil || string(counted[1]) > "4" || len(counted[1]) > 1 {
				t.Errorf("%s: fail2ban would count %s: %v", scene, counted, err)
			}
		}
	})
}

// checkedAgain is somebody at work on the router, who runs check n times.
func (o *telephony) checkedAgain(t *testing.T, n int) {
	t.Helper()
	memory := "STATE_DIRECTORY=" + t.TempDir()
	for range n {
		cmd := program(t.Context(), t, o.Phone, "check", "--format", "json", "--no-public", "--sip-server", "198.51.100.20")
		cmd.Env = append(cmd.Env, memory)
		if out, err := cmd.Output(); len(out) == 0 {
			t.Fatal(err)
		}
	}
}
