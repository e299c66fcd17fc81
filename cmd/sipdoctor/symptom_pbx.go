package main

import (
	"context"
	"os"
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

// pbxLogs are where Asterisk writes its log, by default and as FreePBX has it.
var pbxLogs = []string{"/var/log/asterisk/full", "/var/log/asterisk/messages", "/var/log/asterisk/messages.log"}

// lately is how old a line of the log may be: it is complained about today.
const lately = 24 * time.Hour

// withLogs is r with what the PBX logged lately, if it has a log that can be read. Nobody
// asked for that, so that a log with nothing in it is no open question.
func (o *symptomOptions) withLogs(ctx context.Context, s streams, r *checks.Report) *checks.Report {
	names := slices.DeleteFunc(slices.Clone(pbxLogs), func(name string) bool {
		f, err := os.Open(name)
		if err == nil {
			_ = f.Close()
		}
		return err != nil
	})
	files, err := logFiles(s.In, names)
	if err != nil || len(files) == 0 {
		return r
	}
	p := newProgress(s, o.quiet, "say.progress-evidence")
	defer p.end()
	env := &checks.Env{Files: files, OnProgress: p.take, Inputs: checks.Inputs{Since: time.Now().Add(-lately), Files: names}}
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
