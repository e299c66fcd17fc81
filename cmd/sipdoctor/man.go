package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// newManCommand writes the manual pages that packages install: the help of every
// command, in the language of --lang, in the form of man(7).
func newManCommand(s streams) *cobra.Command {
	date := ""
	cmd := &cobra.Command{
		Use:    "man",
		Hidden: true, // for those who make packages
		Args:   exactlyOne(func(int) error { return usage("say.man-folder", nil) }),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := platform.CheckOutput(filepath.Join(args[0], "sipdoctor.1")); err != nil {
				return usageOf(err)
			}
			return s.writePages(cmd.Context(), cmd.Root(), args[0], date)
		},
	}
	cmd.Flags().StringVar(&date, "date", "", "")
	return cmd
}

// writePages writes the page of cmd and of the commands below it that the help
// shows into dir: sipdoctor.1, sipdoctor-check.1, …
func (s streams) writePages(ctx context.Context, cmd *cobra.Command, dir, date string) error {
	name := pageName(cmd) + ".1"
	if err := platform.WriteOutput(ctx, filepath.Join(dir, name), []byte(s.manPage(cmd, date)), platform.ReportMode); err != nil {
		return err
	}
	for _, c := range shownCommands(cmd) {
		if err := s.writePages(ctx, c, dir, date); err != nil {
			return err
		}
	}
	return nil
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manPage is the help of cmd as a manual page, dated YYYY-MM-DD.
func (s streams) manPage(cmd *cobra.Command, date string) string {
	frame := func(id string) string { return s.say("help.frame."+id, words.Args{"command": cmd.CommandPath()}) }
	var p page
	t := thisTool()
	fmt.Fprintf(&p, ".TH %s 1 %s %s\n", quoteRoff(strings.ToUpper(pageName(cmd))), `"`+date+`"`, quoteRoff(t.Name+" "+t.Version))
	p.section(frame("man-name"))
	p.text(pageName(cmd) + " - " + cmd.Short)
	p.section(frame("man-synopsis"))
	if cmd.Runnable() {
		p.paragraph()
		p.text(strings.TrimSpace(cmd.UseLine()) + " " + frame("flags-here"))
	}
	if len(shownCommands(cmd)) > 0 {
		p.paragraph()
		p.text(cmd.CommandPath() + " " + frame("command-here"))
	}
	p.section(frame("man-description"))
	p.prose(cmp.Or(cmd.Long, cmd.Short))
	if cmd.HasExample() {
		p.section(frame("man-examples"))
		p.verbatim(cmd.Example)
	}
	if shown := shownCommands(cmd); len(shown) > 0 {
		p.section(frame("man-commands"))
		for _, c := range shown {
			p.item(pageName(c)+"(1)", c.Short)
		}
	}
	p.section(frame("man-options"))
	for _, flags := range []*pflag.FlagSet{cmd.LocalFlags(), cmd.InheritedFlags()} {
		for _, row := range s.flagRows(flags) {
			p.item(strings.TrimSpace(row[0]), row[1])
		}
	}
	if cmd.HasParent() {
		p.section(frame("man-see-also"))
		p.text(pageName(cmd.Parent()) + "(1)")
		return p.String()
	}
	p.section(frame("man-status"))
	for status := range statusInconclusive + 1 {
		p.item(strconv.Itoa(status), s.say("help.frame.man-status-is", words.Args{"status": status}))
	}
	return p.String()
}

// A page is the source of a manual page; see man(7).
type page struct {
	strings.Builder
	begun bool // the section has a paragraph
}

func (p *page) section(title string) {
	p.WriteString(".SH " + quoteRoff(title) + "\n")
	p.begun = false
}

// paragraph comes before each paragraph of a section.
func (p *page) paragraph() {
	if p.begun {
		p.WriteString(".PP\n")
	}
	p.begun = true
}

func (p *page) text(t string) { p.WriteString(roffText(t) + "\n") }

func (p *page) item(term, text string) {
	p.WriteString(".TP\n\\fB" + roffEscape(term) + "\\fR\n")
	p.text(text)
}

func (p *page) verbatim(t string) {
	p.paragraph()
	p.WriteString(".nf\n")
	for line := range strings.Lines(t) {
		p.text(strings.TrimRight(line, "\n"))
	}
	p.WriteString(".fi\n")
}

// prose writes paragraphs; those that are indented stay as they are.
func (p *page) prose(t string) {
	for _, paragraph := range strings.Split(strings.TrimSpace(t), "\n\n") {
		paragraph = strings.Trim(paragraph, "\n")
		switch {
		case paragraph == "":
		case strings.HasPrefix(paragraph, " ") || strings.Contains(paragraph, "\n"):
			p.verbatim(paragraph)
		default:
			p.paragraph()
			p.text(paragraph)
		}
	}
}

// roffText is a line of text: what starts with a dot or an apostrophe would be a
// request.
func roffText(t string) string {
	t = roffEscape(t)
	if strings.HasPrefix(t, ".") {
		return `\&` + t
	}
	return t
}

// roffEscape keeps the characters that troff reads or prints as something else.
func roffEscape(t string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(t)
}

// quoteRoff is one argument of a macro.
func quoteRoff(t string) string {
	return `"` + strings.ReplaceAll(roffEscape(t), `"`, `\(dq`) + `"`
}
