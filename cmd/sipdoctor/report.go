package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// maxReport is the size of a report that is still read, in bytes: a deep run
// stores less than 2 MiB, and a file of another kind must not fill the memory.
const maxReport = 64 << 20

func newReportCommand(s streams) *cobra.Command {
	var (
		o       reporting
		rejudge bool
	)
	cmd := &cobra.Command{
		Use: "report",
		Example: `  sipdoctor report report.json
  sipdoctor report report.json --redact --format markdown
  ssh office-pc sipdoctor check --format json | sipdoctor report -`,
		Args: exactlyOne(func(n int) error { return usage("say.report-one-file", words.Args{"n": n}) }),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			r, err := readReport(s.In, args[0])
			if err != nil {
				return err
			}
			if rejudge {
				if r, err = checks.Rejudge(r, all.Checks()); err != nil {
					return err
				}
			}
			return o.finish(cmd.Context(), s, r)
		},
	}
	o.addFlags(cmd)
	o.addCall(cmd)
	cmd.Flags().BoolVar(&rejudge, "rejudge", false, "")
	return cmd
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
	r, err := checks.ReadReport(io.LimitReader(in, maxReport))
	if err != nil {
		return nil, usage("say.reading", words.Args{"file": shown, "why": cause(err)})
	}
	return r, nil
}
