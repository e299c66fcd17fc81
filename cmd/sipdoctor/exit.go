package main

import (
	"fmt"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// The exit statuses that scripts rely on.
const (
	statusOK           = 0 // nothing failed
	statusFail         = 1 // at least one result is fail
	statusUsage        = 2 // the command line or an input is wrong
	statusBroken       = 3 // the tool could not do its work
	statusInconclusive = 4 // no failure found, but something asked for could not be told
)

// messageError is an error with words of its own, one line: what, where, what
// to do. streams.run says it in the user's language.
type messageError struct {
	text  words.Text
	usage bool // a mistake of the person who typed the command, or of a file that was handed in
}

// Error is the message in English, for logs and tests.
func (e *messageError) Error() string { return streams{}.fill(e.text) }

// usage is a mistake of the command line or of an input.
func usage(id string, args words.Args) error { return &messageError{words.Say(id, args), true} }

// usageOf makes such a mistake of an error that says all there is to say.
func usageOf(err error) error { return usage("say.cause", words.Args{"why": cause(err)}) }

// badValue refuses the value of a flag.
func badValue(flag string, value any, err error) error {
	return usage("say.bad-value", words.Args{"flag": flag, "value": value, "why": cause(err)})
}

// exclusive refuses two flags that contradict each other.
func exclusive(a, b string) error { return usage("say.exclusive", words.Args{"a": a, "b": b}) }

// failure is an error that is nobody's mistake.
func failure(id string, args words.Args) error { return &messageError{words.Say(id, args), false} }

// cause is an error as a value of a message.
func cause(err error) any {
	if e, ok := err.(*messageError); ok {
		return e.text
	}
	return platform.Words(err)
}

// exitError ends the program with a status and no further words: the report,
// or the command that was run, has said it all.
type exitError struct{ status int }

func (e *exitError) Error() string { return fmt.Sprintf("exit status %d", e.status) }

// exitWith turns a status into what a command returns.
func exitWith(status int) error {
	if status == statusOK {
		return nil
	}
	return &exitError{status}
}

// exitStatus is the exit status of a report. A failure outweighs everything;
// what could not be told is never success. Neither is a check that was asked
// for by name and skipped, nor a run in which every check was. A run that was
// not allowed to look at anything did not do its work.
func exitStatus(r *checks.Report, strict bool) int {
	count := map[checks.Status]int{}
	forbidden, unanswered := 0, r.Interrupted
	for _, res := range r.Results {
		if !res.Open() {
			count[res.Status]++
		}
		if res.Status != checks.Skip {
			continue
		}
		if res.ObserveError != nil && res.ObserveError.Kind == "privilege" {
			forbidden++
		}
		unanswered = unanswered || slices.Contains(r.Inputs.Checks, res.Check)
	}
	switch {
	case count[checks.Fail] > 0, strict && count[checks.Warn] > 0:
		return statusFail
	case count[checks.Error] > 0, forbidden == len(r.Results):
		return statusBroken
	case count[checks.Inconclusive] > 0, unanswered, count[checks.Skip] == len(r.Results):
		return statusInconclusive
	}
	return statusOK
}

// The exit statuses of monitoring plugins (Monitoring Plugins Development
// Guidelines, "Plugin Return Codes").
const (
	nagiosOK       = 0
	nagiosWarning  = 1
	nagiosCritical = 2
	nagiosUnknown  = 3
)

// nagiosStatus is the exit status of a report as a monitoring plugin has it. Unlike
// exitStatus it tells warnings apart, and an open question is unknown.
func nagiosStatus(r *checks.Report) int {
	switch exitStatus(r, false) {
	case statusFail:
		return nagiosCritical
	case statusOK:
		if r.Verdict == checks.Warn {
			return nagiosWarning
		}
		return nagiosOK
	}
	return nagiosUnknown
}

func nagiosState(status int) string {
	return []string{nagiosOK: "OK", nagiosWarning: "WARNING", nagiosCritical: "CRITICAL", nagiosUnknown: "UNKNOWN"}[status]
}
