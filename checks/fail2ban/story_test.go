package fail2ban

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	jails "github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// jail is one that guards SIP and watches a log.
func jail(name, log string, faults ...jails.Fault) jails.Jail {
	return jails.Jail{Name: name, Filter: "asterisk", SIP: true, Running: true, Logs: []jails.Log{{Path: log, Size: 1}}, Faults: faults}
}

func open(ports ...string) (list []jails.Fault) {
	for _, p := range ports {
		list = append(list, jails.Fault{Code: jails.PortsOpen, Detail: p})
	}
	return list
}

func TestWhatFail2banLeavesUndone(t *testing.T) {
	must := []Must{{netip.MustParsePrefix("192.0.2.7/32"), whyAdmin}}
	for _, tt := range []struct {
		name   string
		o      Observed
		status checks.Status
		titles []string
	}{
		{"it is not installed", Observed{State: &jails.State{}}, checks.Skip, nil},
		{"a bundle holds nothing of it", Observed{NotCollected: true, State: &jails.State{}}, checks.Skip, nil},
		{"a bundle holds its configuration and not its state", Observed{NotCollected: true, State: &jails.State{Installed: true, Jails: []jails.Jail{jail("asterisk", "/a")}}}, checks.Inconclusive, nil},
		{"all is well", Observed{State: &jails.State{Installed: true, Running: true, Jails: []jails.Jail{jail("asterisk", "/a")}}}, checks.Pass, nil},
		{"a ban closes UDP alone", Observed{State: &jails.State{Installed: true, Running: true, Jails: []jails.Jail{jail("asterisk", "/a", open("tcp/5060", "tcp/5061")...)}}},
			checks.Warn, []string{"A ban of jail asterisk leaves tcp/5060, tcp/5061 open"}},
		{"two jails share the work", Observed{State: &jails.State{Installed: true, Running: true, Jails: []jails.Jail{
			jail("asterisk-tcp", "/a", open("udp/5060")...), jail("asterisk-udp", "/a", open("tcp/5060", "tcp/5061")...)}}}, checks.Pass, nil},
		{"two jails of two logs do not", Observed{State: &jails.State{Installed: true, Running: true, Jails: []jails.Jail{
			jail("asterisk-tcp", "/a", open("udp/5060")...), jail("asterisk-udp", "/b", open("tcp/5060")...)}}},
			checks.Warn, []string{"Bans of 2 jails leave SIP ports open: asterisk-tcp, asterisk-udp"}},
		{"the log is empty", Observed{State: &jails.State{Installed: true, Running: true, Jails: []jails.Jail{
			jail("asterisk", "/var/log/asterisk/fail2ban", jails.Fault{Code: jails.LogEmpty, Detail: "/var/log/asterisk/fail2ban"})}}},
			checks.Warn, []string{"Jail asterisk watches /var/log/asterisk/fail2ban, which is empty"}},
		{"it would ban you", Observed{Must: must, State: &jails.State{Installed: true, Running: true, Jails: []jails.Jail{
			jail("asterisk", "/a", jails.Fault{Code: jails.NotIgnored, Detail: "192.0.2.7"})}}},
			checks.Warn, []string{"192.0.2.7 (you, over SSH) may be banned by asterisk"}},
		{"it does not run", Observed{State: &jails.State{Installed: true, Jails: []jails.Jail{jail("asterisk", "/a")}}},
			checks.Warn, []string{"fail2ban is installed but not running"}},
		{"it runs and hangs", Observed{State: &jails.State{Installed: true, Hung: true, Jails: []jails.Jail{jail("asterisk", "/a")}}}, checks.Inconclusive, nil},
		{"only root may ask", Observed{State: &jails.State{Installed: true, Jails: []jails.Jail{jail("asterisk", "/a")}, Notes: []jails.Note{{What: words.Quote("the server"), Why: words.Quote("no"), Privilege: true}}}},
			checks.Inconclusive, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := resultOf(t, tt.o)
			var titles []string
			for _, f := range r.Findings {
				titles = append(titles, f.Title)
			}
			if diff := cmp.Diff(tt.titles, titles); diff != "" || r.Status != tt.status {
				t.Errorf("%s, want %s; titles (-want +got):\n%s", r.Status, tt.status, diff)
			}
		})
	}
}
