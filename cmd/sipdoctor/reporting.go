package main

import (
	"bytes"
	"context"
	"io"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
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
}

func formats() []string { return []string{"text", "json", "markdown", "junit"} }
func colors() []string  { return []string{"auto", "always", "never"} }

func (o *reporting) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "text", "")
	f.StringVarP(&o.output, "output", "o", "", "")
	f.StringVar(&o.color, "color", "auto", "")
	f.BoolVar(&o.redact, "redact", false, "")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "")
	f.BoolVar(&o.strict, "strict", false, "")
	completeFlag(cmd, "format", formats()...)
	completeFlag(cmd, "color", colors()...)
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
	fillIn(s.lang(), r)
	r, err := o.redacted(r)
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
	return exitWith(exitStatus(r, o.strict))
}

// fillIn puts a report into the user's language.
func fillIn(l words.Lang, r *checks.Report) { checks.Fill(r, checkBook(), l) }

// checkBook holds the words of every check.
var checkBook = sync.OnceValue(func() *words.Book { return checks.BookOf(all.Checks()) })

func (o *reporting) write(l words.Lang, w io.Writer, r *checks.Report) error {
	if o.call != "" {
		return o.ladder(l, w, r)
	}
	switch o.format {
	case "json":
		return render.JSON(w, r)
	case "markdown":
		return render.Markdown(w, r, l)
	case "junit":
		return render.JUnit(w, r, l)
	}
	return render.Text(w, r, o.text(l, w))
}

func (o *reporting) text(l words.Lang, w io.Writer) render.TextOptions {
	return render.TextOptions{
		Color: wantsColor(o.color, w), ASCII: !wantsUnicode(w),
		Quiet: o.quiet, Verbose: o.verbose, Width: terminalWidth(w), Lang: l, NoHistory: o.noHistory,
	}
}
