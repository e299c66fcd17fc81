package main

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/checks/fail2ban"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// The states of a cure on the machine as it is now.
type cureState int

const (
	stays   cureState = iota // the fault is there, and calls for the same commands
	gone                     // the fault is not there any more
	changed                  // the fault is there, and calls for other commands
	untold                   // nobody can tell
)

// compareWith looks for the fault and its cure in a fresh report. The cure is
// returned as the fresh report has it, with the number it had: what is shown,
// run and noted for --undo must come from this machine, not from the file. Of a
// cure that has changed, that is what took its place; its number is 0 if nothing
// did.
func compareWith(then, now *checks.Report, c cure) (cure, cureState) {
	state, found := gone, cure{}
	if r := now.Result(c.result.Check); r == nil || r.Status == checks.Inconclusive || r.Status == checks.Skip || r.Status == checks.Error {
		state = untold
	}
	for _, o := range curesOf(now) {
		if !sameFault(then, c, o.finding, o.result.Check) {
			continue
		}
		state = changed
		if _, ok := o.runnable(now); !ok || o.fix.ID != c.fix.ID {
			continue
		}
		found, found.number = o, c.number
		// The undo commands need not be the same: the fresh ones are kept, and
		// the time that a ban had left is another with every look.
		if slices.Equal(o.fix.Commands, c.fix.Commands) {
			return found, stays
		}
	}
	switch {
	case state == gone && faultThere(then, now, c):
		state = changed // without any cure now
	case state == gone && unproved(now, c):
		state = untold
	}
	return found, state
}

// faultThere reports whether a fresh report still has the fault, with or
// without cures.
func faultThere(then, now *checks.Report, c cure) bool {
	r := now.Result(c.result.Check)
	return r != nil && slices.ContainsFunc(r.Findings, func(f checks.Finding) bool { return sameFault(then, c, &f, r.Check) })
}

// sameFault reports whether a finding of a fresh report is the one that c was
// for. Faults of one kind are told apart by whom they are about; where a check
// does not say, one that says something else is the same fault unless another
// one said that already.
func sameFault(then *checks.Report, c cure, f *checks.Finding, check string) bool {
	if check != c.result.Check || f.ID != c.finding.ID {
		return false
	}
	if f.Subject != "" || c.finding.Subject != "" {
		return f.Subject == c.finding.Subject
	}
	about := saying(f)
	if about == saying(c.finding) {
		return true
	}
	old := then.Result(check)
	return old == nil || !slices.ContainsFunc(old.Findings, func(o checks.Finding) bool { return o.ID == f.ID && saying(&o) == about })
}

// stillFails reports whether the subject of a critical finding has another
// critical finding left, such as unbanned but still not allowed by the firewall.
func stillFails(now *checks.Report, c cure) bool {
	r := now.Result(c.result.Check)
	return c.finding.Severity == checks.Critical && c.finding.Subject != "" && slices.ContainsFunc(r.Findings, func(f checks.Finding) bool {
		return f.Subject == c.finding.Subject && f.Severity == checks.Critical
	})
}

// reasonOf is why a check could not tell.
func reasonOf(now *checks.Report, c cure) words.Text {
	r := now.Result(c.result.Check)
	if r == nil {
		return words.Say("say.fix-no-check", words.Args{"check": c.result.Check})
	}
	return words.Literal(strings.TrimSuffix(cmp.Or(r.Reason, r.Summary, string(r.Status)), ".") + ".")
}

// saying tells findings without a subject apart, in whatever words they are
// shown: the title's ID and the values in it, as JSON.
func saying(f *checks.Finding) string {
	title := words.Say(f.Words()+".title", words.Args{})
	names, err := all.Book().Names(title.ID)
	whole := err == nil
	for _, name := range names {
		title.Args[name] = f.Args[name]
		whole = whole && f.Args[name] != nil
	}
	said, err := json.Marshal(title)
	if !whole || err != nil {
		return f.Title // of another version
	}
	return string(said)
}

// unproved reports whether a fault is gone from a fresh report only because
// there was nothing to show it by: that bans stop packets is seen on an address
// that is banned.
func unproved(now *checks.Report, c cure) bool {
	shownByBans := []string{"fail2ban.no-effect", "fail2ban.ports-open", "fail2ban.some-no-effect"}
	if !slices.Contains(shownByBans, c.finding.ID) || c.finding.Confidence != checks.Certain {
		return false
	}
	var f fail2ban.Facts
	render.Facts(now, c.result.Check, &f)
	i := slices.IndexFunc(f.Jails, func(j fail2ban.JailFacts) bool { return j.Name == c.finding.Subject })
	return i < 0 || f.Jails[i].Tried == 0
}
