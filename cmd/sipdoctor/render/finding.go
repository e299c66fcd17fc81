package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
)

// A person in a hurry reads the first proofs and the first cures; the rest is
// for --verbose.
const (
	fewEvidence = 6
	fewFixes    = 3
	fewCells    = 160 // two lines of one value, enough to recognise a header
)

// numberedFinding is a finding with the check it belongs to.
type numberedFinding struct {
	checks.Finding
	check string
}

// arrange splits the findings of a report into those that get a number, the
// worst first, and notes that change nothing. What another check explains is
// left out: its cause stands in the list.
func arrange(r *checks.Report) (numbered, notes []numberedFinding) {
	for _, res := range r.Results {
		if res.ExplainedBy != "" {
			continue
		}
		for _, f := range res.Findings {
			if f.Severity == checks.Info {
				notes = append(notes, numberedFinding{f, res.Check})
			} else {
				numbered = append(numbered, numberedFinding{f, res.Check})
			}
		}
	}
	slices.SortStableFunc(numbered, func(a, b numberedFinding) int {
		return cmp.Compare(severityOrder(a.Severity), severityOrder(b.Severity))
	})
	return numbered, notes
}

func severityOrder(s checks.Severity) int {
	switch s {
	case checks.Critical:
		return 0
	case checks.Warning:
		return 1
	}
	return 2
}

// finding writes one fault: what it is, what it means, proof, cures, advice.
func (p *page) finding(n int, f numberedFinding, o TextOptions) {
	p.title(fmt.Sprintf("%d. ", n), f)
	if f.Explanation != "" {
		p.prose(plain, "   ", f.Explanation)
	}
	p.evidence(f, o)
	shown := f.Fixes
	if !o.Verbose && len(shown) > fewFixes {
		shown = shown[:fewFixes]
	}
	for i, fix := range shown {
		p.fix(fix, i > 0)
	}
	if left := len(f.Fixes) - len(shown); left > 0 {
		p.line(dim, fmt.Sprintf("   %d more with --verbose", left))
	}
	p.advice(f.Advice)
}

// title writes the number and the fact, and at the right edge the name by
// which the finding can be looked up, with how sure it is.
func (p *page) title(number string, f numberedFinding) {
	id := f.ID
	if f.Confidence != "" {
		id += ", " + string(f.Confidence)
	}
	lines := wrap(f.Title, width-cells(number))
	st := yellow
	if f.Severity == checks.Critical {
		st = red
	}
	for i, l := range lines {
		p.put(st, number)
		number = strings.Repeat(" ", cells(number))
		p.put(bold, l)
		if i < len(lines)-1 {
			p.end()
			continue
		}
		room := width - cells(number) - cells(l) - cells(id)
		if room < 2 {
			p.end()
			room = width - cells(id)
		}
		p.put(dim, strings.Repeat(" ", max(0, room))+id)
		p.end()
	}
}

// notes writes findings that change nothing, in one paragraph each.
func (p *page) notes(notes []numberedFinding, o TextOptions) {
	for _, f := range notes {
		p.end()
		if o.Verbose {
			p.title("note: ", f)
			p.prose(plain, "   ", f.Explanation)
			p.evidence(f, o)
			for i, fix := range f.Fixes {
				p.fix(fix, i > 0)
			}
		} else {
			p.prose(plain, "note: ", f.Title+".")
		}
		for _, a := range f.Advice {
			p.prose(plain, "      ", a)
		}
	}
}

func (p *page) advice(lines []string) {
	if len(lines) > 0 {
		p.end()
	}
	for _, a := range lines {
		p.prose(plain, "   ", a)
	}
}

// evidence writes the comparisons in columns, or one below the other when
// they do not fit.
func (p *page) evidence(f numberedFinding, o TextOptions) {
	list := f.Evidence
	if !o.Verbose && len(list) > fewEvidence {
		list = list[:fewEvidence]
	}
	list = withoutName(list)
	want, got := evidenceWords(f.check)
	name, left := columns(list, cells(want)+cells(got))
	for _, e := range list {
		row := "     " + pad(e.Name, name) + "  "
		if e.Want != "" {
			row += want + " " + pad(e.Want, left) + "  " + got + " "
		}
		if row += e.Got; cells(row) <= width {
			p.line(plain, row)
			continue
		}
		p.line(plain, "     "+e.Name)
		if e.Want != "" {
			p.value(pad(want, max(len(want), len(got))), e.Want, o)
		}
		p.value(pad(got, max(len(want), len(got))), e.Got, o)
	}
	if n := len(f.Evidence) - len(list); n > 0 {
		p.line(dim, fmt.Sprintf("     %d more with --verbose", n))
	}
}

// withoutName leaves out of the values what the name says already: "Contact"
// of "Contact: <sip:…>".
func withoutName(list []checks.Evidence) []checks.Evidence {
	list = slices.Clone(list)
	for i, e := range list {
		want, wok := strings.CutPrefix(e.Want, e.Name+": ")
		got, gok := strings.CutPrefix(e.Got, e.Name+": ")
		if wok && gok {
			list[i].Want, list[i].Got = want, got
		}
	}
	return list
}

// columns chooses how wide the names and the left values stand, so that as
// many comparisons as possible fit on a line each: one long value must not
// push all others out.
func columns(list []checks.Evidence, words int) (name, left int) {
	fits := slices.Clone(list)
	for {
		name, left = 0, 0
		widest, at := 0, -1
		for i, e := range fits {
			name, left = max(name, cells(e.Name)), max(left, cells(e.Want))
			if n := cells(e.Name) + cells(e.Want) + cells(e.Got); n > widest {
				widest, at = n, i
			}
		}
		// 5 of indent, 2 after the name, a blank after each word, 2 between.
		tooWide := slices.ContainsFunc(fits, func(e checks.Evidence) bool {
			return 5+name+2+words+2+left+2+cells(e.Got) > width
		})
		if !tooWide || at < 0 {
			return name, left
		}
		fits = slices.Delete(fits, at, at+1)
	}
}

// evidenceWords are what the two sides of a comparison are called.
func evidenceWords(check string) (want, got string) {
	if check == "sip-alg" {
		return "sent", "arrived"
	}
	return "expected", "seen"
}

func (p *page) value(label, s string, o TextOptions) {
	if r := []rune(s); !o.Verbose && len(r) > fewCells {
		s = string(r[:fewCells]) + "…"
	}
	lead := "       " + label + "  "
	for _, piece := range chop(s, width-cells(lead)) {
		p.put(dim, lead)
		p.line(plain, piece)
		lead = strings.Repeat(" ", cells(lead))
	}
}

// fix writes one cure. Its commands stand alone on their lines, whole, and
// with nothing before them but blanks.
func (p *page) fix(f fixes.Fix, alternative bool) {
	p.end()
	p.prose(bold, "   ", fixHeading(f, alternative))
	for _, c := range f.Commands {
		if readable(f) {
			p.hanging("     ", "       ", c)
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
			p.prose(dim, lead, u)
		}
	} else {
		p.labelled("undo", f.Undo)
	}
	p.labelled("check", f.Verify)
	for _, n := range []string{f.Note, rebootNote(f)} {
		if n != "" {
			p.prose(dim, "   note      ", n)
		}
	}
	if f.Source != "" {
		p.line(dim, "   source    "+f.Source)
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
