package render

import (
	"io"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Fixes writes fixes that belong to no report, each as a report does.
func Fixes(w io.Writer, list []fixes.Fix, o TextOptions) error {
	p := newPage(w, o)
	for i, f := range list {
		if i > 0 {
			p.end()
		}
		p.fixBody(f, false, o)
	}
	return p.flush()
}

// fix writes one cure. Its commands stand alone on their lines, whole, and
// with nothing before them but blanks.
func (p *page) fix(f fixes.Fix, alternative bool, o TextOptions) {
	p.end()
	p.fixBody(f, alternative, o)
}

func (p *page) fixBody(f fixes.Fix, alternative bool, o TextOptions) {
	p.prose(bold, "   ", p.fixHeading(f, alternative))
	steps, menus := f.Commands, len(f.Makers) // whoever does not know his router yet cannot use them
	if o.Verbose || menus > len(steps) {
		menus = 0
	}
	for _, c := range steps[:len(steps)-menus] {
		if readable(f) {
			p.hanging(plain, "     ", "       ", p.step(f, c))
		} else {
			p.line(green, "     "+c)
		}
	}
	if menus > 0 {
		p.hanging(plain, "     ", "       ", p.say("menus", words.Args{"makers": f.Makers}))
	}
	p.labelled("undo", f, f.Undo)
	p.labelled("check", f, f.Verify)
	if !readable(f) { // nothing may be written after what is pasted
		for _, line := range f.UnverifiedLines {
			p.prose(dim, p.label("note-label"), p.say("not-verified", words.Args{"line": line}))
		}
	}
	for _, n := range []string{f.Note, p.rebootNote(f)} {
		if n != "" {
			p.prose(dim, p.label("note-label"), n)
		}
	}
	if f.Source != "" {
		p.prose(dim, p.label("source"), f.Source)
	}
}

// label is what stands before a line under a cure; on a narrow page it is a line of
// its own.
func (p *page) label(id string) string {
	if p.width < narrow {
		p.line(dim, "   "+p.say(id, nil))
		return "     "
	}
	wide := 0
	for _, other := range []string{"undo", "check", "note-label", "source"} {
		wide = max(wide, cells(p.say(other, nil)))
	}
	return "   " + pad(p.say(id, nil), max(wide, 6)+4)
}

// fixHeading says where a cure is typed, what it does, and whether anybody has
// seen it work. Cures of one finding are alternatives.
func (p speech) fixHeading(f fixes.Fix, alternative bool) string {
	box := ""
	if f.Platform != "" && f.Platform != "generic" {
		box = p.platformName(f.Platform)
		if f.At != "" {
			box += " " + f.At
		}
		box = " (" + box + ")"
	}
	return p.say("where", words.Args{"where": f.Where, "box": box, "title": f.Title, "alternative": alternative, "unverified": f.Unverified})
}

// step is a line for people, marked if no source confirms it.
func (p speech) step(f fixes.Fix, line string) string {
	if slices.Contains(f.UnverifiedLines, line) {
		return p.say("not-verified-line", words.Args{"line": line})
	}
	return line
}

// rebootNote warns of a setting that does not last. What is asked of somebody
// else, and what changes nothing, has no use for it.
func (p speech) rebootNote(f fixes.Fix) string {
	if f.Persistent || len(f.Undo) == 0 || f.Where == "provider" || f.Where == "isp" {
		return ""
	}
	return p.say("lost-at-reboot", nil)
}

// readable reports whether a cure's steps are for people, not for a prompt:
// such lines may be wrapped.
func readable(f fixes.Fix) bool { return f.Form == fixes.FormMenu || f.Form == fixes.FormAdvice }

// isTyped reports whether a line of a cure goes to a prompt as it is.
func isTyped(f fixes.Fix, line string) bool {
	return !readable(f) || strings.HasPrefix(line, "sipdoctor ")
}

// labelled writes lines after a label; several stand below each other. What is
// to be typed stays whole.
func (p *page) labelled(label string, f fixes.Fix, lines []string) {
	if len(lines) == 0 {
		return
	}
	lead := p.label(label)
	for _, line := range lines {
		if isTyped(f, line) {
			p.put(dim, lead)
			p.line(plain, line)
		} else {
			p.prose(dim, lead, p.step(f, line))
		}
		lead = strings.Repeat(" ", cells(lead))
	}
}

// platformName is what people call a platform; a slug that the catalogue does
// not know stands for itself.
func (p speech) platformName(slug string) string {
	for _, known := range fixes.Platforms(p.lang) {
		if known.Slug == slug {
			return known.Name
		}
	}
	return slug
}
