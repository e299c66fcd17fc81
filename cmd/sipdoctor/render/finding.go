package render

import (
	"fmt"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A person in a hurry reads the first proofs and the first cures; the rest is
// for --verbose.
const (
	fewEvidence = 6
	fewFixes    = 3
	fewAlike    = 3   // faults of one kind told in full: three banned phones tell what thirty do
	fewCells    = 160 // two lines of one value, enough to recognise a header
)

// arrange splits the findings of a report into those that get a number, the
// worst first, and notes that change nothing. What another check explains is
// left out: its cause stands in the list.
func arrange(r *checks.Report) (numbered, notes []checks.Finding) {
	for _, res := range r.Results {
		if res.ExplainedBy != "" {
			continue
		}
		for _, f := range res.Findings {
			if f.Severity == checks.Info {
				notes = append(notes, f)
			} else {
				numbered = append(numbered, f)
			}
		}
	}
	checks.WorstFirst(numbered)
	return numbered, notes
}

// finding writes one fault: what it is, what it means, proof, cures, advice.
func (p *page) finding(n int, f checks.Finding, o TextOptions) {
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
		p.line(dim, "   "+p.say("more", words.Args{"n": left}))
	}
	p.advice(f.Advice)
}

// brief writes one of many faults of a kind: what it is, and the first cure.
func (p *page) brief(n int, f checks.Finding) {
	p.title(fmt.Sprintf("%d. ", n), f)
	for _, fix := range f.Fixes[:min(len(f.Fixes), 1)] {
		for _, c := range fix.Commands {
			p.line(green, "     "+c)
		}
	}
}

// title writes the number and the fact, and at the right edge the name by
// which the finding can be looked up, with how sure it is.
func (p *page) title(number string, f checks.Finding) {
	id := f.ID
	if f.Confidence != "" {
		id += ", " + p.say("confidence", words.Args{"confidence": string(f.Confidence)})
	}
	lines := Wrap(f.Title, p.width-cells(number))
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
		room := p.width - cells(number) - cells(l) - cells(id)
		if room < 2 {
			p.end()
			room = p.width - cells(id)
		}
		p.put(dim, strings.Repeat(" ", max(0, room))+id)
		p.end()
	}
}

// notes writes findings that change nothing, in one paragraph each.
func (p *page) notes(notes []checks.Finding, o TextOptions) {
	for _, f := range notes {
		p.end()
		if o.Verbose {
			p.title(p.say("note", nil)+" ", f)
			p.prose(plain, "   ", f.Explanation)
			p.evidence(f, o)
			for i, fix := range f.Fixes {
				p.fix(fix, i > 0)
			}
		} else {
			p.prose(plain, p.say("note", nil)+" ", p.say("sentence", words.Args{"title": f.Title}))
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
