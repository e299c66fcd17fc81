package fail2ban

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	jails "github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// logFault is about what is wrong between a jail and the log it reads. ok is
// false where another fault says it better, or what is seen is not a fault.
func logFault(o Observed, jail jails.Jail, fault jails.Fault) (f checks.Finding, ok bool) {
	f = checks.Finding{
		ID: "fail2ban." + fault.Code, Severity: checks.Critical, Confidence: checks.Certain, Subject: jail.Name,
		Args:     words.Args{"jail": jail.Name, "log": fault.Detail},
		Evidence: []checks.Evidence{checks.Proof(place(fault.Where, jail.Name), nil, fault.Detail)},
		Fixes:    otherLog(o, jail.Name, "fail2ban-read-log"),
	}
	if len(o.Writes) > 0 {
		f.Evidence = append(f.Evidence, checks.Proof(words.Say("fail2ban.evidence.writes", nil), nil, checks.FirstN(o.Writes, most)))
	}
	switch fault.Code {
	case jails.LogMissing:
		if _, also := faultOf(&jail, jails.NoLogs); also && !jail.Running {
			return f, false // it is why fail2ban does not run
		}
	case jails.LogEmpty:
		if slices.Contains(o.Writes, fault.Detail) {
			return f, false // nothing has happened since it was rotated
		}
		f.Severity, f.Confidence = checks.Warning, checks.Likely
	case jails.LogNotWritten, jails.LogNoFailures:
	case logFormat:
		return f, true
	case jails.NotSeen:
		f.Args["counted"], f.Args["failures"], f.Args["filter"] = jail.Unseen.Counted, jail.Unseen.Count, jail.Filter
		f.Evidence = append(f.Evidence, checks.Proof(words.Say("fail2ban.evidence.in-log", nil), nil, jail.Unseen.Line))
		f.Fixes = nil
		return f, true
	case jails.EmptyJournal:
		delete(f.Args, "log")
		return f, true
	default:
		return f, false
	}
	f.Args["blind"] = words.Say("fail2ban.log.blind", nil)
	f.Args["logger"] = words.Say("fail2ban.log.logger", words.Args{"log": cmp.Or(fault.Detail, "unknown")})
	return f, true
}

// logFormat is the code of a log in a format that the filter does not read.
const logFormat = "log-format"

// unreadable is about a jail whose logs are all JSON, or that Asterisk does not
// have open, though its configuration may name them: logger.conf counts after a
// reload.
func unreadable(o Observed, jail jails.Jail) (fault jails.Fault, ok bool) {
	if len(jail.Logs) == 0 {
		return fault, false
	}
	json := func(l jails.Log) bool { return slices.Contains(o.JSON, l.Path) }
	open := func(l jails.Log) bool {
		return json(l) || slices.Contains(o.Writes, l.Path) || !strings.HasPrefix(l.Path, o.LogDir+"/")
	}
	told := func(f jails.Fault) bool {
		return slices.Contains([]string{jails.LogNotWritten, jails.LogNoFailures, jails.LogMissing}, f.Code)
	}
	fault = jails.Fault{Code: jails.LogNotWritten, Detail: jail.Logs[0].Path, Where: jail.Set["logpath"]}
	switch {
	case !slices.ContainsFunc(jail.Logs, func(l jails.Log) bool { return !json(l) }):
		fault.Code = logFormat
	case !o.LogsListed || strings.HasPrefix(jail.Backend, "systemd") || slices.ContainsFunc(jail.Logs, open) || slices.ContainsFunc(jail.Faults, told):
		return fault, false
	}
	return fault, true
}

// openPorts is about jails whose settings leave a way to SIP open: one finding
// for all of those that ban nobody now. What becomes of real bans counts more
// than settings. Where another jail watches the same log and closes the port, a
// scanner is banned there as well.
func openPorts(o Observed) (list []checks.Finding) {
	st := o.State
	f := checks.Finding{
		ID: "fail2ban." + jails.PortsOpen, Variant: "settings", Severity: checks.Warning, Confidence: checks.Likely,
	}
	var names []string
	var cures []fixes.Fix
	for i := range st.Jails {
		jail := &st.Jails[i]
		if wasTried(o, jail.Name) {
			continue
		}
		ports, where := leftOpen(st, jail)
		if len(ports) == 0 {
			continue
		}
		names = append(names, jail.Name)
		cures = append(cures, banBetter(o, jail)...)
		left := words.Say("fail2ban.evidence.open", words.Args{"ports": ports, "at": cmp.Or(line(where), "unknown")})
		f.Evidence = append(f.Evidence, checks.Proof(words.Say("fail2ban.evidence.jail", words.Args{"jail": jail.Name}), words.Say("fail2ban.evidence.closed", nil), left))
		f.Args = words.Args{"jails": names, "some": checks.FirstN(names, most), "ports": ports}
	}
	if len(names) > 0 {
		f.Fixes = fixes.Join(cures)
		list = append(list, f)
	}
	return list
}

// leftOpen are the SIP ports that neither a jail nor one beside it closes.
func leftOpen(st *jails.State, jail *jails.Jail) (ports []string, where jails.Origin) {
	if !jail.SIP {
		return nil, where
	}
	for _, fault := range jail.Faults {
		if fault.Code != jails.PortsOpen {
			continue
		}
		if !beside(st, jail, fault.Detail) {
			ports, where = append(ports, fault.Detail), fault.Where
		}
	}
	return ports, where
}

// beside reports whether another jail that bans for the same lines closes a
// port.
func beside(st *jails.State, jail *jails.Jail, port string) bool {
	return slices.ContainsFunc(st.Jails, func(o jails.Jail) bool {
		shared := func(l jails.Log) bool {
			return slices.ContainsFunc(jail.Logs, func(o jails.Log) bool { return o.Path == l.Path })
		}
		same := o.Filter == jail.Filter && slices.ContainsFunc(o.Logs, shared)
		return o.SIP && o.Running && o.Name != jail.Name && same && !slices.ContainsFunc(o.Faults, func(x jails.Fault) bool {
			return x.Code == jails.NoAction || x.Code == jails.PortsOpen && x.Detail == port
		})
	})
}
