package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/sipdoctor/sipdoctor/platform"
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
	return []string{"format", "output", "color", "redact", "quiet", "verbose", "strict", "watch", "again", "help"}
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
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
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
		return errors.New("there is no home directory")
	}
	return platform.Keep(dir, lastRunFile, append(raw, '\n'))
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
		if f == nil || slices.Contains(aboutTheReport(), name) {
			return nil, usagef("--again: the last run used --%s, which this version does not have; type the flags again", name)
		}
		if f.Changed || name == "skip" && len(named) > 0 {
			continue
		}
		if err := setFlag(flags, f, values); err != nil {
			return nil, usagef("--again: the last run's --%s: %w; type the flags again", name, err)
		}
	}
	if len(named) > 0 {
		return named, nil
	}
	return run.Checks, nil
}

func setFlag(flags *pflag.FlagSet, f *pflag.Flag, values []string) error {
	if len(values) == 0 {
		return nil
	}
	err := flags.Set(f.Name, values[0]) // by which the flag counts as given
	if list, ok := f.Value.(pflag.SliceValue); ok && err == nil {
		err = list.Replace(values)
	}
	if err != nil {
		return errors.New("its value is not understood")
	}
	return nil
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
				err = errors.New("it is damaged")
			}
		}
		if err != nil {
			return last, usagef("--again: the inputs of the last run cannot be read: %w; type the flags again", err)
		}
		if !found || run.When.After(last.When) {
			last, found = run, true
		}
	}
	if !found {
		return last, usagef("--again: no run of check is remembered for this user (one with sudo is repeated with sudo); give the flags once")
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
		fmt.Fprintf(s.Err, "sipdoctor: --again will not repeat this run: %s\n", oneLine(platform.Words(err)))
	}
}
