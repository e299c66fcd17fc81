package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/sipalg"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// htmlFinding is a fault or a note on the page.
type htmlFinding struct {
	checks.Finding
	N          int    // 0: a note
	Kind, Sure string // severity and confidence in words
	Folded     bool   // one of many of a kind
	Want, Got  string // what the sides of a comparison are called
	Changes    []changedPath
	Proofs     []checks.Evidence
	Fixes      []htmlFix
}

// finding is what there is to show of f.
func (v *edition) finding(r *checks.Report, n int, f checks.Finding) htmlFinding {
	x := htmlFinding{Finding: f, N: n, Kind: v.say("severity", words.Args{"severity": string(f.Severity)}), Proofs: bare(f.Evidence)}
	if f.Confidence != "" {
		x.Sure = v.say("confidence", words.Args{"confidence": string(f.Confidence)})
	}
	x.Want, x.Got = v.evidenceWords(f.ID)
	x.Want, x.Got = strings.TrimSuffix(x.Want, ":"), strings.TrimSuffix(x.Got, ":")
	if comparesMessages(f.ID) {
		x.Changes = v.changed(r, f)
	}
	for i, fix := range f.Fixes {
		x.Fixes = append(x.Fixes, v.fix(fix, i > 0))
	}
	return x
}

// changedPath is what became of the SIP messages on one way.
type changedPath struct {
	Name  string
	Lines []changedLine
}

// changedLine is one line before and after, in three parts of which the middle is
// other.
type changedLine struct {
	Name          string
	Before, After [3]string
}

// changed are the lines that the path has changed: as the check tells them for each
// way, or as far as they are evidence.
func (v *edition) changed(r *checks.Report, f checks.Finding) (list []changedPath) {
	var facts sipalg.Facts
	if strings.HasPrefix(f.ID, "sip-alg.") {
		Facts(r, "sip-alg", &facts)
	}
	for i := range facts.Paths {
		p := &facts.Paths[i]
		// Messages of other methods are changed in the same way.
		name := strings.TrimSpace(fmt.Sprintf("%s %d %s", strings.ToUpper(p.Transport), p.Port, p.Server))
		if len(p.Changes) == 0 || slices.ContainsFunc(list, func(x changedPath) bool { return x.Name == name }) {
			continue
		}
		path := changedPath{Name: name}
		for _, c := range p.Changes {
			path.Lines = append(path.Lines, changedLineOf(v.say("direction", words.Args{"direction": c.Direction, "method": p.Message, "via": strings.HasPrefix(string(c.Code), "VIA_")}), c.Before, c.After))
		}
		list = append(list, path)
	}
	if list != nil {
		return list
	}
	path := changedPath{}
	for _, e := range bare(f.Evidence) {
		if e.Want != "" {
			path.Lines = append(path.Lines, changedLineOf(e.Name, e.Want, e.Got))
		}
	}
	if len(path.Lines) > 0 {
		list = append(list, path)
	}
	return list
}

// changedLineOf finds the part in which two lines differ.
func changedLineOf(name, before, after string) changedLine {
	a, b := []rune(before), []rune(after)
	head := 0
	for head < min(len(a), len(b)) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < min(len(a), len(b))-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	parts := func(r []rune) [3]string {
		return [3]string{string(r[:head]), string(r[head : len(r)-tail]), string(r[len(r)-tail:])}
	}
	return changedLine{name, parts(a), parts(b)}
}

// htmlFix is a fix on the page.
type htmlFix struct {
	Heading            string
	Steps, Menus       []htmlLines
	MenusOf            string
	Undo, Verify       []htmlLines
	Unverified, Notes  []string
	Source, SourceLink string
}

// htmlLines are either commands, which are copied together, or steps for people.
type htmlLines struct {
	Commands string
	Steps    []string
}

func (v *edition) fix(f fixes.Fix, alternative bool) htmlFix {
	menus := len(f.Commands) - min(len(f.Makers), len(f.Commands))
	x := htmlFix{
		Heading: v.fixHeading(f, alternative), Steps: v.lines(f, f.Commands[:menus]), Menus: v.lines(f, f.Commands[menus:]),
		Undo: v.lines(f, f.Undo), Verify: v.lines(f, f.Verify), Source: f.Source,
	}
	if len(x.Menus) > 0 {
		x.MenusOf = v.say("menus-of", words.Args{"makers": f.Makers})
	}
	if !readable(f) {
		x.Unverified = f.UnverifiedLines
	}
	for _, n := range []string{f.Note, v.rebootNote(f)} {
		if n != "" {
			x.Notes = append(x.Notes, n)
		}
	}
	// Nothing but a page may be a link. What it leads to stands there to be read.
	if strings.HasPrefix(f.Source, "https://") || strings.HasPrefix(f.Source, "http://") {
		x.SourceLink = f.Source
	}
	return x
}

// lines joins what is typed, and leaves apart what is done by hand.
func (v *edition) lines(f fixes.Fix, list []string) (out []htmlLines) {
	for _, line := range list {
		n := len(out) - 1
		switch typed := isTyped(f, line); {
		case typed && n >= 0 && out[n].Steps == nil:
			out[n].Commands += "\n" + line
		case typed:
			out = append(out, htmlLines{Commands: line})
		case n >= 0 && out[n].Steps != nil:
			out[n].Steps = append(out[n].Steps, v.step(f, line))
		default:
			out = append(out, htmlLines{Steps: []string{v.step(f, line)}})
		}
	}
	return out
}
