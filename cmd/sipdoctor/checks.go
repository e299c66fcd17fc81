package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// checkEntry is a check as "checks --format json" lists it.
type checkEntry struct {
	ID          string `json:"id"`
	Group       string `json:"group"`
	Title       string `json:"title"`
	Doc         string `json:"doc"`
	Slow        bool   `json:"slow"`          // runs only when it is named, or with --deep
	WantProfile bool   `json:"wants_profile"` // runs only when it is named, or with --profile
}

func listedCheck(c *checks.Check) checkEntry {
	return checkEntry{c.ID, c.Group, c.Title, strings.TrimSpace(c.Doc), c.Slow, c.Profile}
}

func newChecksCommand(s streams) *cobra.Command {
	var list listing
	cmd := &cobra.Command{
		Use:               "checks [CHECK]",
		Short:             "List the checks, or show what one does",
		Args:              atMostOne,
		ValidArgsFunction: completeChecks,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				c, err := findCheck(args[0])
				if err != nil {
					return err
				}
				return list.show(s.Out, listedCheck(c), func(w io.Writer) error { return describeCheck(w, c) })
			}
			var entries []checkEntry
			for _, c := range all.Checks() {
				entries = append(entries, listedCheck(c))
			}
			return list.show(s.Out, entries, listChecks)
		},
	}
	list.addFlag(cmd)
	return cmd
}

func listChecks(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
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
}

func findCheck(id string) (*checks.Check, error) {
	var ids []string
	for _, c := range all.Checks() {
		if c.ID == id {
			return c, nil
		}
		ids = append(ids, c.ID)
	}
	return nil, usage("say.unknown-check", words.Args{"check": words.Raw(id), "near": didYouMean(id, ids), "known": ids})
}

func describeCheck(w io.Writer, c *checks.Check) error {
	_, err := fmt.Fprintf(w, "%s (%s): %s\n\n%s\n", c.ID, c.Group, c.Title, strings.TrimSpace(c.Doc))
	return err
}
