package fail2ban

import (
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/judged"
	jails "github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
)

func resultOf(t *testing.T, o Observed) checks.Result {
	t.Helper()
	return judged.Of(t, Check(), o, nil)
}

// A jail that bans nobody is no guard: it fails, and does not only warn.
func TestAJailThatBansNobodyFails(t *testing.T) {
	for _, code := range []string{jails.LogMissing, jails.LogNotWritten, jails.LogNoFailures, jails.NotRunning, jails.NoAction} {
		t.Run(code, func(t *testing.T) {
			r := resultOf(t, Observed{State: &jails.State{Installed: true, Running: true, Jails: []jails.Jail{jail("asterisk", "/a", jails.Fault{Code: code, Detail: "/a"})}}})
			if r.Status != checks.Fail || len(r.Findings) == 0 || r.Findings[0].Severity != checks.Critical {
				t.Errorf("%s: %+v", r.Status, r.Findings)
			}
		})
	}
}

// An empty log may be a new one: nothing has happened since.
func TestAJailWhoseLogIsEmptyWarns(t *testing.T) {
	empty := jail("asterisk", "/a", jails.Fault{Code: jails.LogEmpty, Detail: "/a"})
	if r := resultOf(t, Observed{State: &jails.State{Installed: true, Running: true, Jails: []jails.Jail{empty}}}); r.Status != checks.Warn {
		t.Errorf("%s: %+v", r.Status, r.Findings)
	}
}

// Of a jail that is not about SIP nothing is said.
func TestAJailForSomethingElseIsNobodysGuard(t *testing.T) {
	sshd := jail("sshd", "/a", jails.Fault{Code: jails.LogMissing, Detail: "/a"})
	sshd.SIP = false
	if r := resultOf(t, Observed{State: &jails.State{Installed: true, Running: true, Jails: []jails.Jail{sshd}}}); r.Status == checks.Fail {
		t.Errorf("%s: %+v", r.Status, r.Findings)
	}
}
