package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks/all"
)

func newChecksCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:               "checks [CHECK]",
		Short:             "List the checks, or show what one does",
		Args:              atMostOne,
		ValidArgsFunction: completeChecks,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				return describeCheck(s, args[0])
			}
			w := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
			for _, c := range all.Checks() {
				when := ""
				switch {
				case c.Slow:
					when = " (slow: only when named, or with --deep)"
				case c.Profile:
					when = " (with --profile)"
				}
				fmt.Fprintf(w, "%s\t%s\t%s%s\n", c.ID, c.Group, c.Title, when)
			}
			return w.Flush()
		},
	}
}

func describeCheck(s streams, id string) error {
	var ids []string
	for _, c := range all.Checks() {
		if c.ID == id {
			_, err := fmt.Fprintf(s.Out, "%s (%s): %s\n\n%s\n", c.ID, c.Group, c.Title, strings.TrimSpace(c.Doc))
			return err
		}
		ids = append(ids, c.ID)
	}
	return usagef("unknown check %q%s; there are %s", id, didYouMean(id, ids), strings.Join(ids, ", "))
}
