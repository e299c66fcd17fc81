package fail2ban

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	jails "github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
)

// logFault words what is wrong between a jail and the log it reads. ok is false
// where another fault says it better, or what is seen is no fault.
func logFault(o Observed, jail jails.Jail, fault jails.Fault) (f checks.Finding, ok bool) {
	f = checks.Finding{
		ID: "fail2ban." + fault.Code, Severity: checks.Critical, Confidence: checks.Certain, Subject: jail.Name,
		Explanation: "Nobody who guesses passwords is ever banned. Asterisk writes failed registrations with the levels notice and security, to the files that logger.conf names.",
		Evidence:    []checks.Evidence{{Name: cmp.Or(place(fault.Where), "jail "+jail.Name), Got: fault.Detail}},
		Advice:      []string{"Or let logger.conf write notice and security to " + cmp.Or(fault.Detail, "the jail's log") + ", then: asterisk -rx 'logger reload'. On FreePBX: Settings, Asterisk Logfile Settings."},
		Fixes:       otherLog(o, jail.Name, "fail2ban-read-log"),
	}
	if len(o.Writes) > 0 {
		f.Evidence = append(f.Evidence, checks.Evidence{Name: "Asterisk writes failures to", Got: some(o.Writes, 3)})
	}
	watches := "Jail " + jail.Name + " watches " + fault.Detail
	switch fault.Code {
	case jails.LogMissing:
		if _, also := faultOf(&jail, jails.NoLogs); also && !jail.Running {
			return f, false // it is why fail2ban does not run
		}
		f.Title = watches + ", which does not exist"
	case jails.LogEmpty:
		if slices.Contains(o.Writes, fault.Detail) {
			return f, false // nothing has happened since it was rotated
		}
		f.Severity, f.Confidence, f.Title = checks.Warning, checks.Likely, watches+", which is empty"
	case jails.LogNotWritten:
		f.Title = watches + ", which Asterisk does not write"
	case jails.LogNoFailures:
		f.Title = watches + ", to which Asterisk writes no failures"
	case logFormat:
		f.Title = watches + ", which Asterisk writes as JSON"
		f.Explanation = "The filters of fail2ban read Asterisk's plain lines alone: of JSON they match nothing, and nobody who guesses passwords is ever banned."
		f.Advice = []string{"Or take [json] off its line in logger.conf, then: asterisk -rx 'logger reload'."}
	case jails.NotSeen:
		f.Title = fmt.Sprintf("Jail %s counted %d of %d failures in its log", jail.Name, jail.Unseen.Counted, jail.Unseen.Count)
		f.Explanation = "Since fail2ban started the log has failed registrations that the jail did not see: its filter does not fit the format of the log, or fail2ban lost the file when it was rotated. Whoever guesses passwords is not banned."
		f.Evidence = append(f.Evidence, checks.Evidence{Name: "in the log", Got: jail.Unseen.Line})
		f.Advice = []string{"See what the filter makes of the log: fail2ban-regex " + fault.Detail + " " + jail.Filter}
		f.Fixes = nil
	case jails.EmptyJournal:
		f.Title = "Jail " + jail.Name + " reads the journal, where there is nothing for it"
		f.Explanation = "Asterisk writes its failures to files; what systemd keeps of it is what it prints at the start. Nobody who guesses passwords is ever banned."
		f.Advice = []string{"Set backend = auto and the logpath that Asterisk writes, in jail.local."}
	default:
		return f, false
	}
	return f, true
}

// logFormat is the code of a log in a format that the filter does not read.
const logFormat = "log-format"

// inJSON is about a jail all of whose logs are JSON.
func inJSON(o Observed, jail jails.Jail) (jails.Fault, bool) {
	if len(jail.Logs) == 0 || slices.ContainsFunc(jail.Logs, func(l jails.Log) bool { return !slices.Contains(o.JSON, l.Path) }) {
		return jails.Fault{}, false
	}
	return jails.Fault{Code: logFormat, Detail: jail.Logs[0].Path, Where: jail.Set["logpath"]}, true
}

// notOpened is about a log that Asterisk does not have open, though its
// configuration may name it: logger.conf counts after a reload.
func notOpened(o Observed, jail jails.Jail) (jails.Fault, bool) {
	if !o.LogsListed || len(jail.Logs) == 0 || strings.HasPrefix(jail.Backend, "systemd") {
		return jails.Fault{}, false
	}
	for _, l := range jail.Logs {
		if slices.Contains(o.Writes, l.Path) || slices.Contains(o.JSON, l.Path) || !strings.HasPrefix(l.Path, o.LogDir+"/") {
			return jails.Fault{}, false
		}
	}
	return jails.Fault{Code: jails.LogNotWritten, Detail: jail.Logs[0].Path, Where: jail.Set["logpath"]}, true
}
