package main

import (
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/fixes"
)

// printer writes for people, with nothing in it that a terminal would obey, and
// remembers the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) text(s string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, s)
	}
}

// prose writes text after lead, wrapped to the terminal. The text may quote what a
// stranger sent, in several lines.
func (p *printer) prose(lead, text string) {
	if rest, ok := strings.CutPrefix(lead, "\n"); ok {
		p.text("\n")
		lead = rest
	}
	p.text(hanging(lineWidth(p.w), lead, render.Quote(strings.Join(strings.Fields(text), " "))))
}

// whole writes a line as it is, however long.
func (p *printer) whole(lead, line string) { p.text(lead + render.Quote(line) + "\n") }

// steps writes lines of a cure below each other; what is typed stays whole.
func (p *printer) steps(lead, form string, lines []string) {
	for _, l := range lines {
		if form == fixes.FormMenu || form == fixes.FormAdvice {
			p.prose(lead, l)
		} else {
			p.whole(lead, l)
		}
		lead = strings.Repeat(" ", utf8.RuneCountInString(lead))
	}
}

// lineWidth is how wide a line of w may be: as wide as a report's on a terminal,
// and as long as it is where a program reads it.
func lineWidth(w io.Writer) int {
	if columns := terminalWidth(w); columns > 0 {
		return render.PageWidth(columns)
	}
	return math.MaxInt
}

// hanging is text after lead, in lines of width columns, the others below the
// first; below the lead where that would be a narrow column.
func hanging(width int, lead, text string) string {
	var b strings.Builder
	indent := strings.Repeat(" ", utf8.RuneCountInString(lead))
	if width-len(indent) < 30 {
		if name := strings.TrimRight(lead, " "); name != "" {
			b.WriteString(name + "\n")
		}
		indent = "          "
		lead = indent
	}
	for _, l := range render.Wrap(text, width-len(indent)) {
		b.WriteString(lead + l + "\n")
		lead = indent
	}
	return b.String()
}

// writeProse writes text wrapped to w. A line that begins with blanks is typed
// and stays whole.
func writeProse(w io.Writer, text string) error {
	var b strings.Builder
	width := render.PageWidth(terminalWidth(w))
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, " ") || utf8.RuneCountInString(line) <= width {
			b.WriteString(line)
		} else {
			b.WriteString(hanging(width, "", line))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeColumns writes names and beside them what they are.
func writeColumns(w io.Writer, width int, rows [][2]string) error {
	first := 0
	for _, r := range rows {
		first = max(first, utf8.RuneCountInString(r[0])+2)
	}
	var b strings.Builder
	for _, r := range rows {
		b.WriteString(hanging(width, r[0]+strings.Repeat(" ", first-utf8.RuneCountInString(r[0])), r[1]))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
