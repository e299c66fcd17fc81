package render

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/fixes"
)

// fix writes one cure. Its commands stand alone on their lines, whole, and
// with nothing before them but blanks.
func (p *page) fix(f fixes.Fix, alternative bool) {
	p.end()
	p.prose(bold, "   ", fixHeading(f, alternative))
	for _, c := range f.Commands {
		if readable(f) {
			p.hanging("     ", "       ", step(f, c))
		} else {
			p.line(green, "     "+c)
		}
	}
	if readable(f) {
		for i, u := range f.Undo {
			lead := "   undo      "
			if i > 0 {
				lead = "             "
			}
			p.prose(dim, lead, step(f, u))
		}
	} else {
		p.labelled("undo", f.Undo)
	}
	p.labelled("check", f.Verify)
	for _, line := range unverifiedCommands(f) {
		p.prose(dim, "   note      ", "Not verified: "+line)
	}
	for _, n := range []string{f.Note, rebootNote(f)} {
		if n != "" {
			p.prose(dim, "   note      ", n)
		}
	}
	if f.Source != "" {
		p.prose(dim, "   source    ", f.Source)
	}
}

// fixHeading says where a cure is typed, what it does, and whether anybody has
// seen it work. Cures of one finding are alternatives.
func fixHeading(f fixes.Fix, alternative bool) string {
	head := wherePhrase(f) + ": " + f.Title
	if alternative {
		head = "or " + head
	} else {
		head = strings.ToUpper(head[:1]) + head[1:]
	}
	if f.Unverified {
		head += " (unverified)"
	}
	return head
}

// step is a line for people, and whether anything stands behind it.
func step(f fixes.Fix, line string) string {
	if slices.Contains(f.UnverifiedLines, line) {
		return line + " (not verified)"
	}
	return line
}

// unverifiedCommands are the unverified lines that step has not marked: those
// that are pasted, so that nothing may be written behind them.
func unverifiedCommands(f fixes.Fix) []string {
	if !readable(f) {
		return f.UnverifiedLines
	}
	var list []string
	for _, line := range f.UnverifiedLines {
		if slices.Contains(f.Verify, line) {
			list = append(list, line)
		}
	}
	return list
}

// rebootNote warns of a setting that does not last. What is asked of somebody
// else, and what changes nothing, has no use for it.
func rebootNote(f fixes.Fix) string {
	if f.Persistent || len(f.Undo) == 0 || f.Where == "provider" || f.Where == "isp" {
		return ""
	}
	return "Lost at the next reboot."
}

// readable reports whether a cure's steps are for people, not for a prompt:
// such lines may be wrapped.
func readable(f fixes.Fix) bool { return f.Form == fixes.FormMenu || f.Form == fixes.FormAdvice }

// labelled writes commands behind a label; several stand below each other.
func (p *page) labelled(label string, commands []string) {
	lead := "   " + pad(label, 10)
	for _, c := range commands {
		p.put(dim, lead)
		p.line(plain, c)
		lead = strings.Repeat(" ", cells(lead))
	}
}

// wherePhrase says at which box the commands are typed.
func wherePhrase(f fixes.Fix) string {
	box := ""
	if f.Platform != "" && f.Platform != "generic" {
		box = " (" + platformName(f.Platform) + ")"
	}
	switch f.Where {
	case "this-host":
		return "on this machine" + box
	case "router":
		return "on the router" + box
	case "pbx":
		return "on the PBX" + box
	case "phone":
		return "on the phones" + box
	case "provider":
		return "ask the provider" + box
	case "isp":
		return "ask the Internet provider" + box
	}
	return "at " + f.Where + box
}

// platformName is what people call a platform; a slug that the catalogue does
// not know stands for itself.
func platformName(slug string) string {
	for _, p := range fixes.Platforms() {
		if p.Slug == slug {
			return p.Name
		}
	}
	return slug
}
