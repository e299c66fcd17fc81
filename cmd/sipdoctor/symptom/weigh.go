package symptom

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/sipalg"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// What a finding adds to the weight of its cause: a proof outweighs all experience.
const (
	certainWeight  = 1000
	likelyWeight   = 600
	possibleWeight = 300
	criticalWeight = 100 // besides, if it stops phones
	hintWeight     = 20  // of something worth knowing that proves nothing
)

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
		x.Causes = append(x.Causes, w.judge(r, x.Answers, l))
	}
	rank := map[checks.CauseState]int{checks.CauseFound: 0, checks.CauseOpen: 1, checks.CauseExcluded: 2}
	slices.SortStableFunc(x.Causes, func(a, b checks.Cause) int {
		return cmp.Or(rank[a.State]-rank[b.State], b.Weight-a.Weight)
	})
	r.Symptom = &x
}

// judge weighs one cause.
func (w weighted) judge(r *checks.Report, answers map[string]string, l words.Lang) checks.Cause {
	c := causes()[w.Cause]
	out := checks.Cause{ID: c.ID, Title: c.Title[l], State: checks.CauseOpen, Weight: w.Weight}
	for question, answer := range answers {
		out.Weight += w.If[question+"."+answer]
	}
	out.Weight = max(out.Weight, 0)
	best := 0
	for _, res := range r.Results {
		for _, f := range res.Findings {
			if !slices.Contains(c.Findings, f.ID) {
				continue
			}
			if !slices.Contains(out.Findings, f.ID) {
				out.Findings = append(out.Findings, f.ID)
			}
			if n := proof(f); n > best {
				best, out.Confidence = n, f.Confidence
			}
		}
	}
	out.Weight += best
	switch {
	case best > hintWeight:
		out.State = checks.CauseFound
		return out
	case best == 0 && len(c.DecidedBy) > 0:
		out.Undecided = undecided(r, c.DecidedBy)
		if len(out.Undecided) == 0 {
			out.State = checks.CauseExcluded
			return out
		}
	}
	out.Confidence, out.Advice = "", c.Advice[l]
	return out
}

func proof(f checks.Finding) int {
	if f.Severity == checks.Info {
		return hintWeight
	}
	n := map[checks.Confidence]int{checks.Certain: certainWeight, checks.Likely: likelyWeight, checks.Possible: possibleWeight}[f.Confidence]
	if f.Severity == checks.Critical {
		n += criticalWeight
	}
	return max(n, possibleWeight)
}

// undecided are the checks of list that did not come to an end in r.
func undecided(r *checks.Report, list []string) (out []string) {
	for _, id := range list {
		if res := r.Result(id); res == nil || !decided(res) {
			out = append(out, id)
		}
	}
	return out
}

// decided reports that what a check did not find is not there. A server that echoes
// a part of what it got does not rule an ALG out.
func decided(res *checks.Result) bool {
	if !res.Status.Decided() || res.ExplainedBy != "" || res.Unasked {
		return false
	}
	if res.Check != "sip-alg" {
		return true
	}
	var f struct {
		Verdict string `json:"verdict"`
	}
	raw, err := json.Marshal(res.Facts)
	return err == nil && json.Unmarshal(raw, &f) == nil && f.Verdict == sipalg.None
}
