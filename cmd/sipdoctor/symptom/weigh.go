package symptom

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// How much a finding proves.
const (
	certainProof  = 1000
	likelyProof   = 600
	possibleProof = 300
	criticalProof = 100 // besides, if it stops phones
)

// hintWeight is what a hint adds to the weight of its cause.
const hintWeight = 20

// Weigh fills in what the results of r say of the symptom that r names: its causes,
// the most likely first. Without one, or with one that this program does not know,
// it leaves r alone.
func Weigh(r *checks.Report, l words.Lang) {
	if r.Symptom == nil {
		return
	}
	s, ok := Get(r.Symptom.ID)
	if !ok {
		return
	}
	x := *r.Symptom
	x.Title, x.Causes = s.Title[l], nil
	for _, w := range s.Causes {
		x.Causes = append(x.Causes, w.judge(r, s.steady(x.Answers), x.Answers, l))
	}
	rank := map[checks.CauseState]int{checks.CauseFound: 0, checks.CauseOpen: 1, checks.CauseExcluded: 2}
	slices.SortStableFunc(x.Causes, func(a, b checks.Cause) int {
		return cmp.Or(rank[a.State]-rank[b.State], b.Weight-a.Weight)
	})
	r.Symptom = &x
}

// steady reports that the trouble is there in this moment.
func (s Symptom) steady(answers map[string]string) bool {
	return slices.ContainsFunc(s.Steady, func(when string) bool {
		return when == "always" || slices.ContainsFunc(s.Questions, func(q Question) bool { return q.ID+"."+answers[q.ID] == when })
	})
}

// judge weighs one cause: by experience, by the answers, and by what was found.
func (w weighted) judge(r *checks.Report, steady bool, answers map[string]string, l words.Lang) checks.Cause {
	c := causes()[w.Cause]
	out := checks.Cause{ID: c.ID, Title: c.Title[l], State: checks.CauseOpen, Weight: w.Weight}
	for question, answer := range answers {
		out.Weight += w.If[question+"."+answer]
	}
	out.Weight = max(out.Weight, 1)
	proof := c.proof(r, &out)
	switch {
	case proof > 0:
		// A usual cause that is likely outweighs an unusual one that is certain.
		out.State, out.Weight = checks.CauseFound, proof*out.Weight/10
		return out
	case len(out.Findings) > 0:
		out.Weight += hintWeight
	case len(c.DecidedBy) > 0:
		out.Undecided = undecided(r, c.DecidedBy)
		if out.Passed = len(out.Undecided) == 0; out.Passed && (steady || !c.Comes) {
			out.State, out.Passed = checks.CauseExcluded, false
			return out
		}
		if out.Passed {
			out.Weight /= 3 // so that what no check can see comes before it
		}
	}
	out.Advice = c.Advice[l]
	return out
}

// proof is how much the findings of r prove the cause, 0 for not at all. It notes those
// that speak for it in out. What a fault elsewhere explains proves nothing.
func (c cause) proof(r *checks.Report, out *checks.Cause) (best int) {
	for _, res := range r.Results {
		for _, f := range res.Findings {
			proves := slices.ContainsFunc(c.Findings, func(s sign) bool { return s.fits(f) })
			hints := slices.ContainsFunc(c.Hints, func(s sign) bool { return s.fits(f) })
			if res.ExplainedBy != "" || !proves && !hints {
				continue
			}
			if !slices.Contains(out.Findings, f.ID) {
				out.Findings = append(out.Findings, f.ID)
			}
			if n := weightOf(f); proves && n > best {
				best, out.Confidence = n, f.Confidence
			}
		}
	}
	return best
}

// weightOf is how much a finding proves; something that is only worth knowing, nothing.
func weightOf(f checks.Finding) int {
	if f.Severity == checks.Info {
		return 0
	}
	n := map[checks.Confidence]int{checks.Certain: certainProof, checks.Likely: likelyProof}[f.Confidence]
	n = cmp.Or(n, possibleProof)
	if f.Severity == checks.Critical {
		n += criticalProof
	}
	return n
}

// undecided are the checks of list that did not come to an end in r, or did not look
// for it.
func undecided(r *checks.Report, list []sign) (out []string) {
	for _, s := range list {
		if !slices.ContainsFunc(r.Results, func(res checks.Result) bool { return s.decided(r, &res) }) {
			out = append(out, s.ID)
		}
	}
	return out
}

// decided reports that what a check did not find is not there. One that looked for bans
// of addresses nobody named has not looked for the one of this office.
func (s sign) decided(r *checks.Report, res *checks.Result) bool {
	switch {
	case s.ID != res.Check, !res.Status.Decided(), res.ExplainedBy != "", res.Unasked:
		return false
	case res.Check == "blocked" && len(r.Inputs.Addresses) == 0:
		return false
	case len(s.args) == 0:
		return true
	}
	var facts map[string]any
	raw, err := json.Marshal(res.Facts)
	return err == nil && json.Unmarshal(raw, &facts) == nil && s.has(facts)
}
