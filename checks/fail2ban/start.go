package fail2ban

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	jails "github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// asleep is about a fail2ban that is installed but not running. Why it will not
// start comes first: starting it again does not help then.
func asleep(o Observed) checks.Finding {
	st := o.State
	f := checks.Finding{
		ID: "fail2ban.not-running", Severity: checks.Warning, Confidence: checks.Certain,
		Args: words.Args{"refusal": cmp.Or(strings.TrimSuffix(st.Refusal, "."), "none")},
	}
	if slices.ContainsFunc(st.Jails, func(j jails.Jail) bool { return j.SIP && j.Enabled }) {
		f.Severity = checks.Critical // a jail for SIP is set, and guards nothing
	}
	jail := withoutLogs(st)
	switch {
	case jail != nil && (st.Refusal != "" || !st.Tested):
		return refuses(o, f, jail)
	case st.Refusal != "":
		f.Evidence = []checks.Evidence{checks.Proof("fail2ban-client -t", "OK", st.Refusal)}
		return f
	}
	for _, n := range st.Notes[:min(len(st.Notes), 3)] {
		f.Evidence = append(f.Evidence, checks.Proof(n.What, words.Say("fail2ban.evidence.an-answer", nil), n.Why))
	}
	if st.Tested {
		f.Evidence = append(f.Evidence, checks.Proof("fail2ban-client -t", nil, words.Say("fail2ban.evidence.in-order", nil)))
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
	f.Args = words.Args{"jail": jail.Name, "log": fault.Detail, "journal": !jail.SIP && !o.State.Journal}
	f.Evidence = []checks.Evidence{missingLog(jail, fault)}
	if o.State.Refusal != "" {
		f.Evidence = append(f.Evidence, checks.Proof("fail2ban-client -t", "OK", o.State.Refusal))
	} else {
		f.Confidence = checks.Likely
	}
	f.Fixes = startFixes(o, jail)
	return f
}

func missingLog(jail *jails.Jail, fault jails.Fault) checks.Evidence {
	return checks.Proof(place(fault.Where, jail.Name), words.Say("fail2ban.evidence.a-log", nil), words.Say("fail2ban.evidence.no-log", words.Args{"log": fault.Detail}))
}

// place is where a jail has a setting, or else the jail.
func place(at jails.Origin, jail string) any {
	if at.File == "" {
		return words.Say("fail2ban.evidence.jail", words.Args{"jail": jail})
	}
	return line(at)
}

// line is where a setting stands, as compilers write it; "" if it stands nowhere.
func line(at jails.Origin) string {
	if at.File == "" {
		return ""
	}
	return at.File + ":" + strconv.Itoa(at.Line)
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
