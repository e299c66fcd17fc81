package main

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/capture"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// addCall adds the flag that draws one call of a capture.
func (o *reporting) addCall(cmd *cobra.Command) { cmd.Flags().StringVar(&o.call, "call", "", "") }

// ladder draws the call that --call names.
func (o *reporting) ladder(l words.Lang, w io.Writer, r *checks.Report) error {
	res := r.Result("capture")
	if res == nil || len(res.Observed) == 0 {
		return usage("say.call-no-capture", nil)
	}
	drawn, err := capture.LadderOf(res.Observed, o.call)
	switch {
	case errors.Is(err, capture.ErrNoCall):
		return usage("say.no-call", words.Args{"call": words.Raw(o.call)})
	case errors.Is(err, capture.ErrManyCalls):
		return usage("say.many-calls", words.Args{"call": words.Raw(o.call)})
	case err != nil:
		return failure("say.cause", words.Args{"why": cause(err)})
	case o.format == "json":
		return render.LadderJSON(w, drawn)
	}
	return render.Ladder(w, drawn, faultOf(res, drawn.Row), o.text(l, w))
}

// faultOf is the title of the finding that a row of the table of calls belongs to.
func faultOf(res *checks.Result, row int) string {
	for _, t := range res.Tables {
		if t.ID == capture.CallsTable && row > 0 && row <= len(t.Rows) {
			if n := t.Rows[row-1].Finding; n > 0 && n <= len(res.Findings) {
				return res.Findings[n-1].Title
			}
		}
	}
	return ""
}
