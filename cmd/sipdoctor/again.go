package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// lastRun is what check was asked the last time, as it was typed, so that
// --again asks the same: the line below a cure can be short and works. No
// password is in it, because none is ever typed as a flag.
type lastRun struct {
	When   time.Time           `json:"when"`
	Checks []string            `json:"checks,omitempty"`
	Flags  map[string][]string `json:"flags,omitempty"`
}

const lastRunFile = "last-check.json"

// aboutTheReport are the flags that say how a report is shown, not what is
// checked: --again takes them as they are given now.
func aboutTheReport() []string {
	return []string{
		"format", "no-observed", "output", "color", "redact", "quiet", "verbose", "strict", "lang", "watch", "again", "help", "config",
		"every", "jitter", "report-to", "report-fingerprint", "site", "site-key-file",
	}
}

// namesFile are the flags that may name a file, which --again may be given in
// another directory.
func namesFile(flag, value string) bool {
	switch flag {
	case "rtp-conf":
		return true
	case "password-file":
		return value != "-"
	case "profile":
		return strings.ContainsAny(value, `/\`) || strings.HasSuffix(value, ".yaml") || strings.HasSuffix(value, ".yml")
	}
	return false
}

// remember keeps what this run is asked. A place that cannot be written is no
// reason not to check.
func remember(flags *pflag.FlagSet, named []string) error {
	run := lastRun{When: time.Now().UTC(), Checks: named, Flags: map[string][]string{}}
	flags.Visit(func(f *pflag.Flag) {
		if slices.Contains(aboutTheReport(), f.Name) {
			return
		}
		values := valuesOf(f)
		for i, v := range values {
			if abs, err := filepath.Abs(v); err == nil && namesFile(f.Name, v) {
				values[i] = abs
			}
		}
		run.Flags[f.Name] = values
	})
	raw, err := json.MarshalIndent(run, "", "  ")
	if err != nil {
		return err
	}
	dir := platform.ServiceStateDir()
	if dir == "" {
		return failure("say.no-home", nil)
	}
	return platform.Keep(dir, lastRunFile, append(raw, '\n'))
}

// valuesOf is what a flag was given, one value for each time.
func valuesOf(f *pflag.Flag) []string {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return list.GetSlice()
	}
	return []string{f.Value.String()}
}

// recall sets the flags of the last run that are not given now, and returns
// the checks to run: those named now, or those of then. With sudo the last run
// may have been the user's own.
func recall(flags *pflag.FlagSet, named []string) ([]string, error) {
	run, err := readLastRun()
	if err != nil {
		return nil, err
	}
	for name, values := range run.Flags {
		f := flags.Lookup(name)
		if f == nil {
			return nil, usage("say.again-unknown-flag", words.Args{"flag": name})
		}
		if f.Changed || slices.Contains(aboutTheReport(), name) || name == "skip" && len(named) > 0 {
			continue
		}
		for _, v := range values { // a list begins with the first and takes the others
			if flags.Set(name, v) != nil {
				return nil, usage("say.again-bad-flag", words.Args{"flag": name, "why": words.Say("say.again-bad-value", nil)})
			}
		}
	}
	if len(named) > 0 {
		return named, nil
	}
	return run.Checks, nil
}

// readLastRun reads the newer of the last runs of this user and of whoever
// runs this with sudo.
func readLastRun() (lastRun, error) {
	var last lastRun
	found := false
	for _, read := range []func() ([]byte, error){
		func() ([]byte, error) { return platform.ReadKept(platform.ServiceStateDir(), lastRunFile) },
		func() ([]byte, error) { return platform.ReadInvokersKept(lastRunFile) },
	} {
		raw, err := read()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var run lastRun
		if err == nil {
			if err = json.Unmarshal(raw, &run); err != nil {
				err = failure("say.damaged", nil)
			}
		}
		if err != nil {
			return last, usage("say.again-unreadable", words.Args{"why": cause(err)})
		}
		if !found || run.When.After(last.When) {
			last, found = run, true
		}
	}
	if !found {
		return last, usage("say.again-nothing", nil)
	}
	return last, nil
}

// rememberOrSay keeps the inputs of a run, and says on standard error if the
// lines that end in --again will not work.
func (o *checkOptions) rememberOrSay(s streams, flags *pflag.FlagSet, named []string) {
	if o.part {
		return // the whole of the last run stays the one to repeat
	}
	if err := remember(flags, named); err != nil && !o.quiet {
		s.warn(words.Say("say.again-not-kept", words.Args{"why": cause(err)}))
	}
}
