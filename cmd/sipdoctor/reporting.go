package main

import (
	"bytes"
	"context"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/metrics"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/symptom"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// reporting are the flags of every command that shows a report.
type reporting struct {
	format, output, color string
	redact                bool
	quiet, verbose        bool
	strict                bool
	call                  string // the one to draw, of a capture
	noHistory             bool   // it stands on the screen already
	noObserved            bool
	timeout               time.Duration // of the whole run; 0: each check has its own
	labels                []string      // NAME=VALUE
}

func formats() []string {
	return []string{"text", "json", "ndjson", "html", "markdown", "junit", "prometheus", "nagios"}
}
func colors() []string { return []string{"auto", "always", "never"} }

func (o *reporting) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "text", "")
	f.StringVarP(&o.output, "output", "o", "", "")
	f.StringVar(&o.color, "color", "auto", "")
	f.BoolVar(&o.redact, "redact", false, "")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "")
	f.BoolVar(&o.strict, "strict", false, "")
	f.BoolVar(&o.noObserved, "no-observed", false, "")
	f.StringArrayVar(&o.labels, "label", nil, "")
	completeFlag(cmd, "format", formats()...)
	completeFlag(cmd, "color", colors()...)
}

// addTimeout adds --timeout to a command that runs checks.
func (o *reporting) addTimeout(cmd *cobra.Command) {
	cmd.Flags().VarP((*duration)(&o.timeout), "timeout", "t", "")
}

// within is ctx with a time limit; 0 is none.
func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}

// duration is the value of a flag: "30s", or plain seconds, as the flag -t of
// monitoring plugins has them.
type duration time.Duration

func (d *duration) String() string { return time.Duration(*d).String() }
func (d *duration) Type() string   { return "duration" }

func (d *duration) Set(s string) error {
	v, err := time.ParseDuration(s)
	if n, nerr := strconv.ParseUint(s, 10, 31); nerr == nil {
		v, err = time.Duration(n)*time.Second, nil
	}
	*d = duration(v)
	return err
}

// validate refuses bad values before anything is sent to anybody.
func (o *reporting) validate() error {
	switch {
	case !slices.Contains(formats(), o.format):
		return usage("say.no-format", words.Args{"format": o.format, "near": didYouMean(o.format, formats()), "known": formats()})
	case !slices.Contains(colors(), o.color):
		return usage("say.color", words.Args{"color": words.Raw(o.color)})
	case o.quiet && o.verbose:
		return exclusive("--quiet", "--verbose")
	case o.call != "" && o.format != "text" && o.format != "json":
		return usage("say.call-format", words.Args{"format": o.format})
	case o.call != "" && o.quiet:
		return exclusive("--call", "--quiet")
	case o.quiet && o.format != "text":
		return usage("say.quiet-format", words.Args{"format": o.format})
	case o.timeout < 0:
		return usage("say.negative", words.Args{"flag": "--timeout", "value": o.timeout.String()})
	case o.noObserved && o.format != "json" && o.format != "ndjson":
		return usage("say.no-observed-format", words.Args{"format": o.format})
	}
	if _, err := labelsOf(o.labels); err != nil {
		return err
	}
	return validateFile("--output", o.output)
}

// validateFile refuses a file that cannot be written where the flag names it,
// before anything is read or sent. A full or read-only disk is not a mistake of
// the command line.
func validateFile(flag, name string) error {
	if name == "" {
		return nil
	}
	err := platform.CheckOutput(name)
	switch {
	case err == nil:
		return nil
	case platform.IsDiskFault(err):
		return failure("say.bad-value", words.Args{"flag": flag, "value": name, "why": cause(err)})
	}
	return badValue(flag, name, err)
}

// show writes the report as the flags say.
func (o *reporting) show(ctx context.Context, s streams, r *checks.Report) error {
	r, err := o.prepared(s, r)
	if err != nil {
		return err
	}
	if o.output == "" {
		return o.write(s.lang(), s.Out, r)
	}
	var b bytes.Buffer
	if err := o.write(s.lang(), &b, r); err != nil {
		return err
	}
	return platform.WriteOutput(ctx, o.output, b.Bytes(), platform.ReportMode)
}

// prepared is r as it may leave this program: in the user's language, with the labels
// of the command line, and without what --redact takes out.
func (o *reporting) prepared(s streams, r *checks.Report) (*checks.Report, error) {
	fillIn(s.lang(), r)
	r, err := o.labelled(r)
	if err != nil {
		return nil, err
	}
	return o.redacted(r)
}

// redacted is r as strangers may see it, if they shall.
func (o *reporting) redacted(r *checks.Report) (*checks.Report, error) {
	if !o.redact {
		return r, nil
	}
	r, err := render.Redact(checks.Settle(r, all.Checks()))
	if err != nil {
		return nil, failure("say.redacting", words.Args{"why": cause(err)})
	}
	return r, nil
}

// finish writes the report of a run and returns its exit status.
func (o *reporting) finish(ctx context.Context, s streams, r *checks.Report) error {
	if err := o.show(ctx, s, r); err != nil {
		return err
	}
	return exitWith(o.status(r))
}

// status is the exit status of a report in the format that was asked for.
func (o *reporting) status(r *checks.Report) int {
	if o.format == "nagios" {
		return nagiosStatus(r)
	}
	return exitStatus(r, o.strict)
}

// labelsOf reads the values of --label.
func labelsOf(list []string) (map[string]string, error) {
	out := map[string]string{}
	for _, l := range list {
		name, value, ok := strings.Cut(l, "=")
		_, twice := out[name]
		switch {
		case !ok || value == "":
			return nil, usage("say.label-form", words.Args{"label": words.Raw(l)})
		case !metrics.ValidLabel(name):
			return nil, usage("say.label-name", words.Args{"name": words.Raw(name)})
		case twice:
			return nil, usage("say.label-twice", words.Args{"name": name})
		case !metrics.ValidValue(value):
			return nil, usage("say.label-value", words.Args{"name": name, "most": metrics.MaxValue})
		}
		out[name] = value
	}
	return out, nil
}

// labelled is r with the labels of the command line besides its own.
func (o *reporting) labelled(r *checks.Report) (*checks.Report, error) {
	labels, err := labelsOf(o.labels)
	if err != nil || len(labels) == 0 {
		return r, err
	}
	c := *r
	c.Labels = maps.Clone(r.Labels)
	if c.Labels == nil {
		c.Labels = map[string]string{}
	}
	maps.Copy(c.Labels, labels)
	return &c, nil
}

// fillIn puts a report into the user's language.
func fillIn(l words.Lang, r *checks.Report) {
	checks.Fill(r, all.Book(), l)
	symptom.Weigh(r, l)
}

func (o *reporting) write(l words.Lang, w io.Writer, r *checks.Report) error {
	if o.call != "" {
		return o.ladder(l, w, r)
	}
	switch o.format {
	case "json", "ndjson":
		return render.JSON(w, r, render.JSONOptions{NoObserved: o.noObserved, Line: o.format == "ndjson"})
	case "html":
		return render.HTML(w, r, render.HTMLOptions{Lang: l, Fill: func(r *checks.Report, l words.Lang) { fillIn(l, r) }, Verbose: o.verbose})
	case "markdown":
		return render.Markdown(w, r, l)
	case "junit":
		return render.JUnit(w, r, l)
	case "prometheus":
		return metrics.Write(w, metrics.With(metrics.Of(r), metrics.LabelsOf(r)))
	case "nagios":
		return render.Nagios(w, r, nagiosState(nagiosStatus(r)), l)
	}
	return render.Text(w, r, o.text(l, w))
}

func (o *reporting) text(l words.Lang, w io.Writer) render.TextOptions {
	return render.TextOptions{
		Color: wantsColor(o.color, w), ASCII: !wantsUnicode(w),
		Quiet: o.quiet, Verbose: o.verbose, Width: terminalWidth(w), Lang: l, NoHistory: o.noHistory,
	}
}
