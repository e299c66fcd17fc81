package fail2ban

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	jails "github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
)

// asleep is about a fail2ban that is installed but not running. Why it will not
// start comes first: starting it again does not help then.
func asleep(o Observed) checks.Finding {
	st := o.State
	f := checks.Finding{
		ID: "fail2ban.not-running", Severity: checks.Warning, Confidence: checks.Certain,
		Title:       "fail2ban is installed but not running",
		Explanation: "Whoever guesses passwords is not banned. Bans from before are gone, or stay in the packet filter until somebody removes them.",
	}
	if slices.ContainsFunc(st.Jails, func(j jails.Jail) bool { return j.SIP && j.Enabled }) {
		f.Severity = checks.Critical // a jail for SIP is set, and guards nothing
	}
	jail := withoutLogs(st)
	switch {
	case jail != nil && (st.Refusal != "" || !st.Tested):
		return refuses(o, f, jail)
	case st.Refusal != "":
		f.Title = "fail2ban refuses to start: " + st.Refusal
		f.Evidence = []checks.Evidence{{Name: "fail2ban-client -t", Want: "OK", Got: st.Refusal}}
		f.Advice = []string{"Correct what it names, try with \"fail2ban-client -t\" until that says OK, then: systemctl restart fail2ban."}
		return f
	}
	for _, n := range st.Notes[:min(len(st.Notes), 3)] {
		f.Evidence = append(f.Evidence, checks.Evidence{Name: n.What, Want: "an answer", Got: n.Why})
	}
	if st.Tested {
		f.Evidence = append(f.Evidence, checks.Evidence{Name: "fail2ban-client -t", Got: "its configuration is in order"})
	}
	f.Fixes = startServer()
	return f
}

// withoutLogs is the jail that keeps fail2ban from starting: the one that
// fail2ban itself complains of, or else the first without any log.
func withoutLogs(st *jails.State) *jails.Jail {
	var first *jails.Jail
	for i := range st.Jails {
		j := &st.Jails[i]
		if _, ok := faultOf(j, jails.NoLogs); !ok {
			continue
		}
		if first == nil || strings.HasSuffix(st.Refusal, " for "+j.Name+" jail") {
			first = j
		}
	}
	return first
}

func faultOf(j *jails.Jail, code string) (jails.Fault, bool) {
	i := slices.IndexFunc(j.Faults, func(f jails.Fault) bool { return f.Code == code })
	if i < 0 {
		return jails.Fault{}, false
	}
	return j.Faults[i], true
}

// refuses is about the one jail without a log that keeps all the others from
// running.
func refuses(o Observed, f checks.Finding, jail *jails.Jail) checks.Finding {
	fault, _ := faultOf(jail, jails.NoLogs)
	f.ID = "fail2ban.no-logs"
	f.Title = "Jail " + jail.Name + " is on and its log " + fault.Detail + " is missing: fail2ban refuses to start"
	f.Explanation = "fail2ban starts all jails or none, so no jail guards anything now, SIP included."
	f.Evidence = []checks.Evidence{{Name: cmp.Or(place(fault.Where), "jail "+jail.Name), Want: "a log that exists", Got: fault.Detail + " does not exist"}}
	if o.State.Refusal != "" {
		f.Evidence = append(f.Evidence, checks.Evidence{Name: "fail2ban-client -t", Want: "OK", Got: o.State.Refusal})
	} else {
		f.Confidence = checks.Likely
	}
	f.Fixes = startFixes(o, jail)
	if !jail.SIP && !o.State.Journal {
		f.Advice = []string{"If the service of " + jail.Name + " logs to the journal, install python3-systemd and set backend = systemd for the jail, in jail.local."}
	}
	return f
}

func place(at jails.Origin) string {
	if at.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", at.File, at.Line)
}

// startFixes give the jail a log that is there: of Asterisk the one it writes,
// of others the journal where fail2ban can read it. The last resort is to turn
// the jail off, which until now has guarded nothing either.
func startFixes(o Observed, jail *jails.Jail) (list []fixes.Fix) {
	switch {
	case jail.SIP:
		list = otherLog(o, jail.Name, "fail2ban-start-read-log")
	case o.State.Journal:
		list = fixes.ByID("fail2ban", "fail2ban-start-journal", jailVars(jail.Name))
	}
	off := fixes.ByID("fail2ban", "fail2ban-start-without", jailVars(jail.Name))
	for i := range off {
		off[i].Choice = jail.SIP // the others run then, and SIP is unguarded
	}
	return append(list, off...)
}

// lostLog is about a jail whose log went away while fail2ban runs.
func lostLog(jail jails.Jail, fault jails.Fault) checks.Finding {
	return checks.Finding{
		ID: "fail2ban.no-logs", Severity: checks.Warning, Confidence: checks.Likely, Subject: jail.Name,
		Title:       "Jail " + jail.Name + " is on and its log " + fault.Detail + " is missing: fail2ban will not start again",
		Explanation: "It runs until the next restart or reboot. Then it refuses to start, and no jail guards anything.",
		Evidence:    []checks.Evidence{{Name: cmp.Or(place(fault.Where), "jail "+jail.Name), Want: "a log that exists", Got: fault.Detail + " does not exist"}},
		Advice:      []string{"Correct its logpath, set backend = systemd where the service logs to the journal, or turn the jail off."},
	}
}
