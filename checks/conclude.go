package checks

import (
	"slices"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// conclude takes the verdict from the worst result and the headline from the
// worst finding that nothing else explains.
func conclude(rep *Report) (Status, words.Text) {
	verdict, worst := worstOf(rep)
	switch {
	case verdict == Fail && worst != nil:
		return verdict, headline("fault", words.Args{"fault": worst.Message()})
	case verdict == Error:
		return verdict, headline("internal-error", nil)
	case verdict == Inconclusive && rep.Command == "why" && worst == nil && !rep.Interrupted:
		return verdict, answers(rep)
	case verdict == Inconclusive:
		return verdict, inconclusiveHeadline(rep, worst)
	case verdict == Warn && worst != nil:
		return verdict, headline("warning", words.Args{"fault": worst.Message()})
	case verdict == Skip:
		return verdict, headline("nothing", nil)
	case rep.Command == "why":
		return verdict, answers(rep)
	}
	if left := untested(rep); len(left) > 0 {
		return verdict, headline("untested", words.Args{"checks": left})
	}
	place := rep.Command
	if rep.Inputs.Root != "" && place == "check" {
		place = "bundle"
	}
	switch {
	case rep.Twin != nil:
		place = "twin"
	case place == "router" && rep.Inputs.On != "":
		place = "router-itself"
	}
	return verdict, headline("no-fault", words.Args{"place": place})
}

func headline(id string, args words.Args) words.Text { return words.Say("checks.headline."+id, args) }

func worstOf(rep *Report) (verdict Status, worst *Finding) {
	verdict = Skip
	for i := range rep.Results {
		r := &rep.Results[i]
		if !r.Open() {
			verdict = Worse(verdict, r.Status)
		}
		if r.ExplainedBy != "" {
			continue
		}
		for k := range r.Findings {
			f := &r.Findings[k]
			if f.Severity != Info && (worst == nil || f.Severity.Compare(worst.Severity) < 0) {
				worst = f
			}
		}
	}
	return verdict, worst
}

// Open reports a result that is inconclusive about something that nobody asked
// for by name.
func (res *Result) Open() bool { return res.Unasked && res.Status == Inconclusive }

// answers are what the checks came to, in whole sentences where they have them:
// a question was asked rather than a fault looked for.
func answers(rep *Report) words.Text {
	var list []words.Text
	for _, r := range rep.Results {
		answer := r.Says.Summary
		if !r.Says.Headline.IsZero() {
			answer = r.Says.Headline
		}
		if !r.Says.Reason.IsZero() {
			answer = words.Say("checks.headline.answer", words.Args{"answer": answer, "reason": r.Says.Reason})
		}
		list = append(list, answer)
	}
	return headline("answers", words.Args{"answers": list})
}

// untested lists the checks that were skipped: a pass may not sound as if they
// had passed too.
func untested(rep *Report) (ids []string) {
	for i := range rep.Results {
		if rep.Results[i].Status == Skip || rep.Results[i].Open() {
			ids = append(ids, rep.Results[i].Check)
		}
	}
	return ids
}

func inconclusiveHeadline(rep *Report, worst *Finding) words.Text {
	switch {
	case rep.Interrupted:
		return headline("interrupted", nil)
	case worst != nil:
		return headline("so-far", words.Args{"fault": worst.Message()})
	case slices.ContainsFunc(rep.Results, func(r Result) bool { return r.Says.Summary.ID == foreign }):
		return headline("foreign", nil)
	}
	// What broke off says more than what stayed unclear because of it.
	for _, broke := range []bool{true, false} {
		for i := range rep.Results {
			if r := &rep.Results[i]; r.Status == Inconclusive && !r.Open() && r.ExplainedBy == "" && (r.ObserveError != nil) == broke {
				if !r.Says.Headline.IsZero() {
					return headline("how-far", words.Args{"how_far": r.Says.Headline})
				}
				why := r.Says.Summary
				if why.IsZero() {
					why = r.Says.Reason
				}
				return headline("no-result", words.Args{"check": r.Check, "summary": why})
			}
		}
	}
	return headline("unclear", nil)
}
