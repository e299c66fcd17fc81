package render

import (
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// answer is the first sentence of a report: of the complaint, where there was one.
func (p speech) answer(r *checks.Report) string {
	x := r.Symptom
	if x == nil || len(x.Causes) == 0 {
		return r.Headline
	}
	first := x.Causes[0]
	return p.say("symptom-answer", words.Args{"symptom": x.Title, "state": string(first.State), "confidence": string(first.Confidence), "cause": first.Title})
}

// verdict is what the mark before the answer stands for: nothing is well while a
// complaint is unexplained.
func verdict(r *checks.Report) checks.Status {
	if x := r.Symptom; x != nil && len(x.Causes) > 0 && x.Causes[0].State != checks.CauseFound {
		return checks.Inconclusive
	}
	return r.Verdict
}

// fewOpen is how many causes that are neither found nor ruled out get their advice;
// the others are named in one line.
const fewOpen = 3

// causesIn are the causes of a state, at most so many, and the titles of the others:
// those that are less likely, and those that come and go and were not there.
func causesIn(x *checks.Symptom, state checks.CauseState, most int) (list []checks.Cause, less, passed []string) {
	for _, c := range x.Causes {
		switch {
		case c.State != state:
		case len(list) < most:
			list = append(list, c)
		case c.Passed:
			passed = append(passed, c.Title)
		default:
			less = append(less, c.Title)
		}
	}
	return list, less, passed
}

// symptom writes what the results say of the complaint, the most likely cause first.
func (p *page) symptom(r *checks.Report, o TextOptions) {
	if r.Symptom == nil || len(r.Symptom.Causes) == 0 {
		return
	}
	most := fewOpen
	if o.Verbose {
		most = len(r.Symptom.Causes)
	}
	p.end()
	width := 0
	for _, state := range []checks.CauseState{checks.CauseFound, checks.CauseOpen, checks.CauseExcluded} {
		width = max(width, cells(p.causeState(state)))
	}
	lead := func(state checks.CauseState) string { return "  " + pad(p.causeState(state), width) + "  " }
	found, _, _ := causesIn(r.Symptom, checks.CauseFound, len(r.Symptom.Causes))
	for _, c := range found {
		p.prose(plain, lead(c.State), c.Title+" ("+strings.Join(c.Findings, ", ")+")")
	}
	open, less, passed := causesIn(r.Symptom, checks.CauseOpen, most)
	for _, c := range open {
		p.prose(plain, lead(c.State), p.open(c))
		p.prose(dim, strings.Repeat(" ", cells(lead(c.State))), c.Advice)
	}
	if len(less) > 0 {
		p.prose(plain, lead(checks.CauseOpen), p.say("symptom-less", words.Args{"causes": strings.Join(less, "; ")}))
	}
	if len(passed) > 0 {
		p.prose(plain, lead(checks.CauseOpen), p.say("symptom-not-now", words.Args{"causes": strings.Join(passed, "; ")}))
	}
	if _, excluded, _ := causesIn(r.Symptom, checks.CauseExcluded, 0); len(excluded) > 0 {
		p.prose(plain, lead(checks.CauseExcluded), strings.Join(excluded, "; "))
	}
}

func (p speech) causeState(s checks.CauseState) string {
	return p.say("cause-state", words.Args{"state": string(s)})
}

// open is a cause that is neither found nor ruled out, who could not tell, and what
// speaks for it.
func (p speech) open(c checks.Cause) string {
	switch {
	case c.Passed:
		return p.say("symptom-passed", words.Args{"cause": c.Title})
	case len(c.Findings) > 0:
		return p.say("symptom-hint", words.Args{"cause": c.Title, "findings": c.Findings})
	case len(c.Undecided) > 0:
		return p.say("symptom-undecided", words.Args{"cause": c.Title, "checks": c.Undecided})
	}
	return c.Title
}

func (p *page) markdownSymptom(r *checks.Report) {
	if r.Symptom == nil || len(r.Symptom.Causes) == 0 {
		return
	}
	p.end()
	for _, c := range r.Symptom.Causes {
		text := escapeMarkdown(c.Title)
		switch c.State {
		case checks.CauseFound:
			text += " (" + code(strings.Join(c.Findings, ", ")) + ")"
		case checks.CauseOpen:
			text = escapeMarkdown(p.open(c) + ". " + c.Advice)
		}
		p.line(plain, "* **"+p.causeState(c.State)+"** "+text)
	}
}
