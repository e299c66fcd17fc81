package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// maxReport is the size of a report that is still read, in bytes: a deep run
// stores less than 2 MiB, and a file of another kind must not fill the memory.
const maxReport = 64 << 20

func newReportCommand(s streams) *cobra.Command {
	var (
		o             reporting
		rejudge, diff bool
	)
	cmd := &cobra.Command{
		Use: "report",
		Example: `  sipdoctor report report.json
  sipdoctor report report.json --redact --format markdown
  sipdoctor report --diff yesterday.json today.json
  ssh office-pc sipdoctor check --format json | sipdoctor report -`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case diff && len(args) != 2:
				return usage("say.report-two-files", words.Args{"n": len(args)})
			case !diff && len(args) != 1:
				return usage("say.report-one-file", words.Args{"n": len(args)})
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			var list []*checks.Report
			for _, name := range args {
				r, err := readReport(s.In, name)
				if err != nil {
					return err
				}
				if rejudge {
					if r, err = checks.Rejudge(r, all.Checks()); err != nil {
						return usage("say.reading", words.Args{"file": words.Raw(name), "why": cause(err)})
					}
				}
				list = append(list, r)
			}
			if diff {
				return o.diff(s, list[0], list[1])
			}
			return o.finish(cmd.Context(), s, list[0])
		},
	}
	o.addFlags(cmd)
	o.addCall(cmd)
	cmd.Flags().BoolVar(&rejudge, "rejudge", false, "")
	cmd.Flags().BoolVar(&diff, "diff", false, "")
	return cmd
}

// diff shows what is other in the newer of two reports. The exit status is that of the
// newer one.
func (o *reporting) diff(s streams, before, now *checks.Report) error {
	switch {
	case o.format != "text":
		return exclusive("--diff", "--format")
	case o.output != "":
		return exclusive("--diff", "--output")
	}
	shown := [2]*checks.Report{before, now}
	for i, r := range shown {
		fillIn(s.lang(), r)
		var err error
		if shown[i], err = o.redacted(r); err != nil {
			return err
		}
	}
	if err := render.Diff(s.Out, shown[0], shown[1], o.text(s.lang(), s.Out)); err != nil {
		return err
	}
	return exitWith(exitStatus(now, o.strict))
}

// readReport reads a saved report; whatever is wrong with it is a mistake of
// the input, named with its file.
func readReport(stdin io.Reader, name string) (*checks.Report, error) {
	in, shown := stdin, words.Say("say.stdin", nil)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, usage("say.reading-report", words.Args{"why": cause(err)})
		}
		defer f.Close()
		in, shown = f, words.Literal(name)
	}
	return parseReport(in, shown)
}

func parseReport(in io.Reader, shown any) (*checks.Report, error) {
	limited := &io.LimitedReader{R: in, N: maxReport + 1}
	r, err := checks.ReadReport(limited)
	switch {
	case err != nil && limited.N <= 0:
		return nil, usage("say.report-long", words.Args{"file": shown, "mib": maxReport >> 20})
	case err != nil:
		return nil, usage("say.reading", words.Args{"file": shown, "why": cause(err)})
	}
	return r, nil
}
