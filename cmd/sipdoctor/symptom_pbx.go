package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/logs"
	"github.com/sipdoctor/sipdoctor/platform"
)

// atPBX looks at the PBX that this machine is.
func (o *symptomOptions) atPBX(ctx context.Context, s streams, ids []string) (*checks.Report, error) {
	reads := slices.Contains(ids, "logs") && !slices.Contains(o.skip, "logs")
	ids = slices.DeleteFunc(slices.Clone(ids), isLogs)
	in := checks.Inputs{Checks: ids, Skip: slices.DeleteFunc(slices.Clone(o.skip), isLogs), Profile: o.profile}
	list, err := choose("pbx", in)
	if err != nil {
		return nil, err
	}
	if err := addProfile(&in); err != nil {
		return nil, err
	}
	r := o.look(ctx, s, "pbx", list, in, platform.ThisSystem())
	if reads {
		r = o.withLogs(ctx, s, r)
	}
	return r, nil
}

func isLogs(check string) bool { return check == "logs" }

// lately is how old a line of the log may be: it is complained about today.
const lately = 24 * time.Hour

// pbxLog is the log that Asterisk writes on this machine, by its usual names; empty if
// there is none. What stands in several counts once: the fullest that is still written.
func pbxLog() string {
	best, written := "", time.Time{}
	for _, name := range []string{"messages.log", "messages", "full"} {
		name = filepath.Join("/var/log/asterisk", name)
		in, err := os.Stat(name)
		if err == nil && in.Mode().IsRegular() && in.ModTime().After(written.Add(-time.Hour)) {
			best, written = name, in.ModTime()
		}
	}
	return best
}

// withLogs is r with what the PBX logged lately, if it has a log that can be read. Nobody
// asked for that, so that a log with nothing in it is no open question.
func (o *symptomOptions) withLogs(ctx context.Context, s streams, r *checks.Report) *checks.Report {
	name := pbxLog()
	if name == "" {
		return r
	}
	files, err := logFiles(s.In, []string{name})
	if err != nil {
		return r
	}
	p := newProgress(s, o.quiet, "say.progress-evidence")
	defer p.end()
	env := &checks.Env{Files: files, OnProgress: p.take, Inputs: checks.Inputs{Since: time.Now().Add(-lately), Files: []string{name}}}
	ctx, cancel := within(ctx, o.timeout)
	defer cancel()
	read := checks.Run(ctx, []*checks.Check{logs.Check()}, env, checks.Meta{Tool: thisTool(), Command: "logs"})
	for i := range read.Results {
		read.Results[i].Unasked = true
	}
	both := checks.Join([]*checks.Report{r, read})
	both.Slim = r.Slim // it is one machine
	return both
}
