package main

import (
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

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

func (s streams) listedCheck(c *checks.Check) checkEntry {
	return checkEntry{c.ID, c.Group, s.ofCheck(c.Title()), s.ofCheck(c.Doc()), c.Slow, c.Profile}
}

// ofCheck is a sentence of a check in the user's language.
func (s streams) ofCheck(t words.Text) string {
	text, err := all.Book().Fill(s.lang(), t)
	if err != nil {
		return t.ID // checks.Validate finds it
	}
	return text
}

func newChecksCommand(s streams) *cobra.Command {
	var list listing
	cmd := &cobra.Command{
		Use:               "checks",
		Args:              atMostOne,
		ValidArgsFunction: s.completeChecks,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				c, err := findCheck(args[0])
				if err != nil {
					return err
				}
				return list.show(s.Out, s.listedCheck(c), func(w io.Writer) error { return s.describeCheck(w, c) })
			}
			var entries []checkEntry
			for _, c := range all.Checks() {
				entries = append(entries, s.listedCheck(c))
			}
			return list.show(s.Out, entries, s.listChecks)
		},
	}
	list.addFlag(cmd)
	return cmd
}

func (s streams) listChecks(out io.Writer) error {
	names, groups := 0, 0
	for _, c := range all.Checks() {
		names, groups = max(names, len(c.ID)), max(groups, utf8.RuneCountInString(s.group(c)))
	}
	var rows [][2]string
	for _, c := range all.Checks() {
		title := s.ofCheck(c.Title())
		switch {
		case c.Slow:
			title += " " + s.say("help.checks.slow", nil)
		case c.Profile:
			title += " " + s.say("help.checks.with-profile", nil)
		}
		rows = append(rows, [2]string{fmt.Sprintf("%-*s  %-*s", names, c.ID, groups, s.group(c)), title})
	}
	return writeColumns(out, lineWidth(out), rows)
}

func findCheck(id string) (*checks.Check, error) {
	if i := slices.IndexFunc(all.Checks(), func(c *checks.Check) bool { return c.ID == id }); i >= 0 {
		return all.Checks()[i], nil
	}
	return nil, unknownCheck(id, namesOf(all.Checks(), checkID), false)
}

func (s streams) describeCheck(w io.Writer, c *checks.Check) error {
	return writeProse(w, fmt.Sprintf("%s (%s): %s\n\n%s\n", c.ID, s.group(c), s.ofCheck(c.Title()), s.ofCheck(c.Doc())))
}

// group is the name of the group of a check.
func (s streams) group(c *checks.Check) string {
	return s.say("help.checks.group", words.Args{"group": c.Group})
}
