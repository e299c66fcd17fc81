package fail2ban

import (
	"context"
	"slices"
	"strings"
)

// refusal asks fail2ban itself why it does not run, or why a jail that is set
// does not: its test reads the configuration, looks for the logs and changes
// nothing. It is asked as root alone, because to others a log that they may not
// see is missing.
func (r *reader) refusal(ctx context.Context) {
	missing := func(j Jail) bool { return j.Enabled && !j.Running }
	if !r.config.found || r.state.Hung || !r.system.Root() || r.state.Running && !slices.ContainsFunc(r.state.Jails, missing) {
		return
	}
	_, err := r.system.Run(ctx, "fail2ban-client", "-q", "-t")
	if err == nil {
		r.state.Tested = true
		return
	}
	if why, ok := complaintOf(err.Error()); ok {
		r.state.Tested, r.state.Refusal = true, why
	}
}

// complaintOf is the message of the first line that fail2ban-client printed:
// "2026-11-22 10:00:00,123 fail2ban [1]: ERROR   Failed during configuration: …".
func complaintOf(text string) (string, bool) {
	_, why, ok := strings.Cut(text, ": ERROR ")
	if !ok {
		return "", false
	}
	if i := strings.LastIndex(why, `": `); i >= 0 {
		why = why[:i] // the end of the program, as it was quoted
	}
	return clip(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(why), "Failed during configuration:"))), true
}

// canReadJournal reports whether the Python module is installed with which fail2ban
// reads the journal.
func (r *reader) canReadJournal() bool {
	places := []string{"/usr/lib/python3/dist-packages/systemd/journal.py", "/usr/lib/python3*/site-packages/systemd/journal.py", "/usr/lib64/python3*/site-packages/systemd/journal.py"}
	return slices.ContainsFunc(places, func(p string) bool { return len(glob(r.system, p)) > 0 })
}

// withoutLogs tells whether none of a jail's logs exists, which keeps fail2ban
// as a whole from starting (client/jailreader.py of fail2ban 1.0). A pattern
// that finds nothing tells root alone that there is nothing.
func (r *reader) withoutLogs(j *Jail) bool {
	return len(j.Logs) > 0 && !readsJournal(j) && !slices.ContainsFunc(j.Logs, func(l Log) bool {
		return l.Size != -1 || strings.ContainsAny(l.Path, "*?[") && !r.system.Root()
	})
}

// readsJournal tells whether a jail takes its lines from the journal.
func readsJournal(j *Jail) bool { return strings.HasPrefix(j.Backend, "systemd") }
