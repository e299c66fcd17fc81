package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
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

// told remembers what stands on the page already: advice, proofs and cures, and
// the number of the fault under which they stand.
type told map[string]int

// again is the number under which s stands already; 0 if it is new.
func (t told) again(s string, n int) int {
	if at, ok := t[s]; ok && at != n {
		return at
	}
	t[s] = n
	return 0
}

// finding writes one fault: what it is, what it means, proof, cures, advice.
// What an earlier fault has told is pointed at by its number n.
func (p *page) finding(lead string, n int, f checks.Finding, shown told, o TextOptions) {
	p.title(lead, f)
	if f.Explanation != "" {
		p.prose(plain, "   ", f.Explanation)
	}
	if at := shown.again(fmt.Sprintf("proof %q", f.Evidence), n); at > 0 && len(f.Evidence) > 0 {
		p.prose(dim, "     ", p.say("proof-above", words.Args{"n": at}))
	} else {
		p.evidence(f, o)
	}
	list := f.Fixes
	if !o.Verbose && len(list) > fewFixes {
		list = list[:fewFixes]
	}
	list, verify := apart(list)
	for i, fix := range list {
		if at := shown.again(fmt.Sprintf("fix %s %q %q", fix.Where, fix.Commands, fix.Undo), n); at > 0 {
			p.end()
			p.prose(bold, "   ", p.say("fix-above", words.Args{"fix": p.fixHeading(fix, i > 0), "n": at}))
			continue
		}
		p.fix(fix, i > 0, o)
	}
	if left := len(f.Fixes) - len(list); left > 0 {
		p.line(dim, "   "+p.say("more", words.Args{"n": left}))
	}
	p.advice(slices.DeleteFunc(slices.Clone(f.Advice), func(a string) bool { return shown.again("advice "+a, n) > 0 }))
	if len(verify) > 0 {
		p.end()
		p.labelled("check", fixes.Fix{}, verify)
	}
}

// apart takes out of alternatives how every one of them is verified, which is
// then said once.
func apart(list []fixes.Fix) (without []fixes.Fix, verify []string) {
	if len(list) < 2 {
		return list, nil
	}
	verify = slices.DeleteFunc(slices.Clone(list[0].Verify), func(line string) bool {
		return slices.ContainsFunc(list, func(f fixes.Fix) bool { return !slices.Contains(f.Verify, line) })
	})
	without = slices.Clone(list)
	for i, f := range without {
		without[i].Verify = slices.DeleteFunc(slices.Clone(f.Verify), func(line string) bool { return slices.Contains(verify, line) })
	}
	return without, verify
}

// brief writes one of many faults of a kind: what it is, and the first cure.
func (p *page) brief(lead string, f checks.Finding) {
	p.title(lead, f)
	for _, fix := range f.Fixes[:min(len(f.Fixes), 1)] {
		for _, c := range fix.Commands {
			p.line(green, "     "+c)
		}
	}
}

// title writes the number and the fact, and at the right edge the name by
// which the finding can be looked up, with how sure it is.
func (p *page) title(lead string, f checks.Finding) {
	id, st := f.ID, yellow
	if f.Confidence != "" {
		id += ", " + p.say("confidence", words.Args{"confidence": string(f.Confidence)})
	}
	if f.Severity == checks.Critical {
		st = red
	}
	p.heading(st, lead, f.Title, id, true)
}

// notes writes findings that change nothing, in one paragraph each.
func (p *page) notes(notes []checks.Finding, o TextOptions) {
	lead := p.say("note", nil) + " "
	for _, f := range notes {
		p.end()
		if o.Verbose {
			p.finding(lead, 0, f, told{}, o)
			continue
		}
		p.prose(plain, lead, p.say("sentence", words.Args{"title": f.Title}))
		for _, a := range f.Advice {
			p.prose(plain, strings.Repeat(" ", cells(lead)), a)
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
