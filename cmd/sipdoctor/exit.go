package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
)

// The exit statuses that scripts rely on.
const (
	statusOK           = 0 // nothing failed
	statusFail         = 1 // at least one result is fail
	statusUsage        = 2 // the command line or an input is wrong
	statusBroken       = 3 // the tool could not do its work
	statusInconclusive = 4 // no failure found, but something asked for could not be told
)

// usageError is a mistake of the person who typed the command, or of a file
// that was handed in. Its text is one line: what, where, what to do.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
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

// oneLine makes an error fit for one line of a terminal: the text may quote
// what a stranger sent.
func oneLine(s string) string {
	return render.Quote(strings.Join(strings.Fields(s), " "))
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
