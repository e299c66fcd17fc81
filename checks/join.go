package checks

import (
	"slices"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Join puts reports together in a copy of the first, so that they can be weighed as
// one: about the same trouble, from several machines, moments or captures. A finding
// of any stays one. Of a check that several have, the result stands that found the
// worst, before one that did not come to an end; that it passed elsewhere is noted.
// It cannot be judged again.
func Join(list []*Report) *Report {
	all := *list[0]
	if len(list) == 1 {
		return &all
	}
	all.Results, all.Slim = nil, true
	for _, r := range list {
		all.Redacted, all.Interrupted = all.Redacted || r.Redacted, all.Interrupted || r.Interrupted
		for _, res := range r.Results {
			res.Findings = slices.Clone(res.Findings)
			if was := all.Result(res.Check); was != nil {
				*was = was.join(res)
			} else {
				all.Results = append(all.Results, res)
			}
		}
	}
	for _, r := range list[1:] {
		all.Inputs.Addresses = append(slices.Clip(all.Inputs.Addresses), r.Inputs.Addresses...)
	}
	all.Verdict, all.Says.Headline = conclude(&all)
	return &all
}

// join is what two results of one check say together.
func (res Result) join(other Result) Result {
	if other.Status.Decided() && (!res.Status.Decided() || Worse(res.Status, other.Status) != res.Status) {
		res, other = other, res
	}
	if other.Status == Pass && res.Status != Pass {
		var summary any = other.Says.Summary
		if other.Says.Summary.IsZero() { // a report that was written by hand
			summary = words.Raw(other.Summary)
		}
		res.Says.Notes = append(slices.Clip(res.Says.Notes), words.Say("checks.note.elsewhere", words.Args{"check": res.Check, "summary": summary}))
	}
	for _, f := range other.Findings {
		if other.ExplainedBy == "" && !slices.ContainsFunc(res.Findings, f.same) {
			res.Findings = append(res.Findings, f)
		}
	}
	WorstFirst(res.Findings)
	return res
}

// same reports that two findings say the same of the same.
func (f Finding) same(g Finding) bool {
	return f.ID == g.ID && f.Variant == g.Variant && f.Subject == g.Subject
}
