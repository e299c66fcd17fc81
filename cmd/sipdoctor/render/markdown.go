package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Markdown writes r for a ticket: the answer, a table of the checks, each
// fault with its proof and cures. Whatever strangers sent stands in code spans
// or with its markup escaped.
func Markdown(w io.Writer, r *checks.Report, l words.Lang) error {
	r, err := quoted(r, false)
	if err != nil {
		return err
	}
	p := newPage(w, TextOptions{Lang: l})
	p.line(plain, "# "+p.mark(verdict(r))+" "+escapeMarkdown(p.answer(r)))
	p.markdownSymptom(r)
	path := p.picture(r, false)
	if path != nil {
		p.line(plain, "\n!["+escapeMarkdown(path.Line)+"][path]")
	}
	if len(r.Results) > 0 {
		p.line(plain, fmt.Sprintf("\n| %s | %s | %s |\n| --- | --- | --- |", p.say("column-check", nil), p.say("column-status", nil), p.say("column-found", nil)))
	}
	for _, res := range r.Results {
		p.line(plain, fmt.Sprintf("| %s | %s | %s |", escapeMarkdown(res.Check), escapeMarkdown(p.word(res.Status)),
			escapeMarkdown(p.fact(res, TextOptions{}))))
	}
	numbered, notes := arrange(r)
	for i, f := range numbered {
		p.line(plain, fmt.Sprintf("\n## %d. %s", i+1, escapeMarkdown(f.Title)))
		p.markdownFinding(f)
	}
	for _, f := range notes {
		p.line(plain, "\n## "+escapeMarkdown(p.say("note-heading", words.Args{"title": f.Title})))
		p.markdownFinding(f)
	}
	p.markdownTables(r)
	p.markdownHistory(r)
	for _, hint := range p.hints(r) {
		p.line(plain, "\n"+escapeMarkdown(hint))
	}
	if r.Twin != nil && len(r.Twin.Typed) > 0 {
		p.fenced(p.say("twin-typed", nil), r.Twin.Typed)
	}
	p.line(plain, "\n"+escapeMarkdown(madeBy(r)))
	if err := p.markdownPicture(path); err != nil {
		return err
	}
	return p.flush()
}

// markdownPicture writes what the image above refers to, at the end, where it is in
// nobody's way. It is a data: address because a ticket is one text. GitHub and GitLab
// remove these, and show the image's text instead, which is the path as well.
func (p *page) markdownPicture(path *picture) error {
	if path == nil {
		return nil
	}
	url, err := path.dataURL()
	if err == nil {
		p.line(plain, "\n[path]: "+url)
	}
	return err
}

// markdownHistory writes what changed while the checks were watched.
func (p *page) markdownHistory(r *checks.Report) {
	if len(r.History) == 0 {
		return
	}
	p.line(plain, "\n## "+p.say("history", nil)+"\n")
	for _, c := range r.History {
		p.line(plain, strings.TrimSpace("* "+escapeMarkdown(p.changeLine(c))+" "+code(c.Finding)))
	}
}

// changeLine is a change of the history in one line, without its finding.
func (p speech) changeLine(c checks.Change) string {
	return c.Time.UTC().Format("2006-01-02 15:04:05 UTC") + " " + c.Check + ": " + p.turned(c.From, c.To)
}

func (p *page) markdownFinding(f checks.Finding) {
	p.line(plain, "\n"+code(f.ID)+", "+escapeMarkdown(p.say("confidence", words.Args{"confidence": string(f.Confidence)})))
	if f.Explanation != "" {
		p.line(plain, "\n"+escapeMarkdown(f.Explanation))
	}
	if len(f.Evidence) > 0 {
		want, got := p.evidenceWords(f.ID)
		p.line(plain, fmt.Sprintf("\n| | %s | %s |\n| --- | --- | --- |", want, got))
	}
	for _, e := range f.Evidence {
		p.line(plain, fmt.Sprintf("| %s | %s | %s |", escapeMarkdown(e.Name), codeCell(e.Want), codeCell(e.Got)))
	}
	for i, fix := range f.Fixes {
		p.markdownFix(fix, i > 0)
	}
	for i, a := range f.Advice {
		if i == 0 {
			p.end()
		}
		p.line(plain, "* "+escapeMarkdown(a))
	}
}

func (p *page) markdownFix(f fixes.Fix, alternative bool) {
	p.line(plain, "\n**"+escapeMarkdown(p.fixHeading(f, alternative))+"**")
	p.fenced("", f.Commands)
	p.fenced(p.say("undo", nil), f.Undo)
	p.fenced(p.say("check-again", nil), f.Verify)
	for _, line := range f.UnverifiedLines {
		p.line(plain, "\n"+p.say("not-verified", words.Args{"line": code(line)}))
	}
	for _, n := range []string{f.Note, p.rebootNote(f)} {
		if n != "" {
			p.line(plain, "\n"+escapeMarkdown(n))
		}
	}
	if f.Source != "" {
		p.line(plain, "\n"+p.say("source-of", words.Args{"source": escapeMarkdown(f.Source)}))
	}
}

// fenced writes commands as a code block, with a fence longer than any in
// them.
func (p *page) fenced(label string, commands []string) {
	if len(commands) == 0 {
		return
	}
	if label != "" {
		p.line(plain, "\n"+label+":")
	} else {
		p.end()
	}
	fence := "```"
	for strings.Contains(strings.Join(commands, "\n"), fence) {
		fence += "`"
	}
	p.line(plain, strings.Join(slices.Concat([]string{fence}, commands, []string{fence}), "\n"))
}

// escapeMarkdown escapes what Markdown and the HTML inside it would obey.
func escapeMarkdown(s string) string {
	return strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "|", `\|`,
		"#", `\#`, "&", "&amp;", "<", "&lt;", ">", "&gt;", "~", `\~`).Replace(s)
}

// code is a code span: its fence is longer than any run of back ticks in s.
func code(s string) string {
	if s == "" {
		return ""
	}
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		s = " " + s + " "
	}
	return fence + s + fence
}

// codeCell is a code span inside a table, where only the bar has to be
// escaped. After a backslash of its own it would not be one to every reader of tables.
func codeCell(s string) string {
	if strings.Contains(s, `\|`) {
		return escapeMarkdown(s)
	}
	return strings.ReplaceAll(code(s), "|", `\|`)
}
