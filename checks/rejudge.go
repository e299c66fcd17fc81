package checks

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Rejudge returns a copy of a saved report judged again by the rules, remedies
// and words of this program. A result whose check this program does not know
// keeps what was said then; one that another version observed is inconclusive.
func Rejudge(r *Report, list []*Check) (*Report, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("copying the report: %w", err)
	}
	var again Report
	if err := json.Unmarshal(raw, &again); err != nil {
		return nil, fmt.Errorf("copying the report: %w", err)
	}
	byID := map[string]*Check{}
	for _, c := range list {
		byID[c.ID] = c
	}
	judged := make([]*Check, len(again.Results))
	for i := range again.Results {
		judged[i] = byID[again.Results[i].Check]
	}
	judgeAll(&again, judged)
	return &again, nil
}

// judgeAll fills in everything that follows from the observations: statuses,
// findings, what explains what, verdict and headline. It touches nothing but
// the report. A nil entry of list leaves its result as it is.
func judgeAll(rep *Report, list []*Check) {
	if rep.Host == nil {
		rep.Host = &netinfo.Host{}
	}
	for i, c := range list {
		if c != nil {
			judgeOne(&rep.Results[i], c, rep)
			rep.Results[i].Unasked = rep.Results[i].Unasked && !slices.Contains(rep.Inputs.Checks, c.ID)
		}
	}
	explain(rep, list)
	dropRefutedFixes(rep)
	completeCommands(rep)
	rep.Verdict, rep.Headline = conclude(rep)
}

// foreign is the summary of a result that is not judged again.
const foreign = "observed by another version of sipdoctor"

// Judge judges one observation, as Rejudge does those of a report in which no
// other check stands.
func (c *Check) Judge(observed json.RawMessage, host *netinfo.Host) Result {
	res := Result{Check: c.ID, Observes: c.observes, Observed: observed}
	judgeOne(&res, c, &Report{Host: host})
	return res
}

func judgeOne(res *Result, c *Check, rep *Report) {
	res.Title, res.Group = c.Title, c.Group
	res.Findings, res.Facts, res.ExplainedBy, res.Reason, res.Unasked = []Finding{}, nil, "", "", false
	switch {
	case res.nothingObserved() && res.ObserveError != nil:
		res.failedObservation()
		return
	case res.Observes != c.observes:
		res.Status, res.Summary = Inconclusive, foreign
		res.Reason = "this program reads another form of what " + c.ID + " observes, and what it does not find there proves nothing; make a new report, or show this one without --rejudge"
		return
	case res.nothingObserved():
		res.Status, res.Summary, res.Reason = Inconclusive, "nothing was observed", "the report does not say what "+c.ID+" saw"
		return
	}
	j, err := c.judge(res.Observed, rep.Host, rep.Result)
	if err != nil {
		res.Status, res.Summary, res.Reason = Error, "could not be judged", platform.Words(err)
		return
	}
	res.Summary, res.Facts, res.Notes, res.Unasked = j.Summary.Literal(), j.Facts, words.Strings(j.Notes), j.Unasked
	res.headline, res.explains = j.Headline.Literal(), j.Explains
	if j.Findings != nil {
		res.Findings = j.Findings
	}
	for i := range res.Findings {
		if res.Findings[i].Evidence == nil {
			res.Findings[i].Evidence = []Evidence{}
		}
	}
	if res.brokenOff() && !j.KnowsUnasked && res.takeBack() {
		j.Findings, res.Summary = res.Findings, "ended before it had an answer"
	}
	res.Status, res.Reason = statusOf(j)
	if res.ObserveError != nil {
		res.incomplete()
	}
}

// brokenOff reports whether a check of the network ended before its time. What
// was asked too seldom, or not at all, was not silent: only what was heard until
// then counts.
func (res *Result) brokenOff() bool {
	e := res.ObserveError
	return res.Group == "office" && e != nil && (e.Kind == "timeout" || e.Kind == "interrupted")
}

// takeBack drops the findings that blame somebody for silence, and reports
// whether there were any.
func (res *Result) takeBack() bool {
	kept := []Finding{} // not in place: the judge may keep the list
	for i := range res.Findings {
		if f := &res.Findings[i]; f.Severity == Info || f.Heard {
			kept = append(kept, *f)
		}
	}
	fewer := len(kept) < len(res.Findings)
	res.Findings = kept
	return fewer
}

// nothingObserved reports whether there is nothing to judge: observe failed
// before it learnt anything, or a saved report has lost it. An observation may
// well have nothing to say ("{}"), but not if it broke off.
func (res *Result) nothingObserved() bool {
	return len(res.Observed) == 0 || string(res.Observed) == "null" || string(res.Observed) == "{}" && res.ObserveError != nil
}

// failedObservation is the status of a check that learnt nothing.
func (res *Result) failedObservation() {
	e := res.ObserveError
	res.Reason = e.Text
	switch e.Kind {
	case "unsupported":
		res.Status, res.Summary = Skip, "not possible on this system"
	case "privilege":
		res.Status, res.Summary = Skip, "needs administrator rights"
	case "interrupted":
		res.Status, res.Summary = Inconclusive, "interrupted before it had an answer"
	case "timeout", "network":
		res.Status, res.Summary = Inconclusive, "no answer"
	default:
		res.Status, res.Summary = Error, "internal error"
	}
}

// incomplete marks a result whose observation broke off: what it found stands,
// but a pass may not be claimed.
func (res *Result) incomplete() {
	if res.Reason == "" {
		res.Reason = res.ObserveError.Text
		if res.ObserveError.Kind == "privilege" {
			res.Reason = NeedsRoot(res.ObserveError.Text)
		}
	}
	if res.Status == Pass || res.Status == Warn {
		res.Status = Inconclusive
	}
}

// NeedsRoot is the reason of a judgement that lacks what only root can see:
// what, such as "the packet filter can be read by root only".
func NeedsRoot(what string) string {
	return "needs administrator rights: " + what + "; run it with sudo"
}

func statusOf(j Judgement) (Status, string) {
	st := Pass
	for _, f := range j.Findings {
		switch f.Severity {
		case Critical:
			st = Worse(st, Fail)
		case Warning:
			st = Worse(st, Warn)
		}
	}
	switch {
	case st == Fail:
		return st, j.Inconclusive.Literal()
	case !j.Inconclusive.IsZero():
		return Inconclusive, j.Inconclusive.Literal()
	case !j.Skip.IsZero():
		return Skip, j.Skip.Literal()
	}
	return st, ""
}

// explain marks results that the failure of an assumed check already explains.
func explain(rep *Report, list []*Check) {
	for i, c := range list {
		if c == nil || rep.Results[i].Status == Pass || rep.Results[i].Status == Skip {
			continue
		}
		for _, a := range c.Assumes {
			if cause := rep.Result(a); cause != nil && cause.Status == Fail && rep.Results[i].explainedBy(cause) {
				break
			}
		}
	}
}

// explainedBy marks the result as an effect of a failed check, if it is one.
func (res *Result) explainedBy(cause *Result) bool {
	faults, _ := statusOf(Judgement{Findings: res.Findings})
	untold := res.Status == Inconclusive && faults == Pass
	switch cause.explains {
	case ReachUntold:
		if !untold {
			return false
		}
	case ReachNames:
		if !untold || len(res.NotFound) == 0 {
			return false
		}
	case ReachAll:
		res.takeBack()
		if st, _ := statusOf(Judgement{Findings: res.Findings}); st == Pass {
			res.Status, res.Reason = Inconclusive, cause.Summary
			res.Summary = "not tested: nothing outside can be reached"
		}
	}
	res.ExplainedBy = cause.Check
	return true
}

// severityRank orders findings for the headline.
var severityRank = map[Severity]int{Critical: 2, Warning: 1, Info: 0}

// conclude takes the verdict from the worst result and the headline from the
// worst finding that nothing else explains.
func conclude(rep *Report) (Status, string) {
	verdict := Skip
	var worst *Finding
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
			if f.Severity != Info && (worst == nil || severityRank[f.Severity] > severityRank[worst.Severity]) {
				worst = f
			}
		}
	}
	switch {
	case verdict == Fail && worst != nil:
		return verdict, worst.Title + "."
	case verdict == Error:
		return verdict, "Something went wrong inside this program; the rest of the report stands."
	case verdict == Inconclusive && rep.Command == "why" && worst == nil && !rep.Interrupted:
		return verdict, summaries(rep)
	case verdict == Inconclusive:
		return verdict, inconclusiveHeadline(rep, worst)
	case verdict == Warn && worst != nil:
		return verdict, "Nothing is broken, but: " + lowerFirst(worst.Title) + "."
	case verdict == Skip:
		return verdict, "Nothing could be checked here."
	case rep.Command == "why":
		return verdict, summaries(rep)
	}
	if left := untested(rep); len(left) > 0 {
		return verdict, "No fault found, but not tested: " + strings.Join(left, ", ") + "."
	}
	if rep.Command == "pbx" {
		return verdict, "Nothing on this PBX harms phones, as far as these checks reach."
	}
	return verdict, "Nothing on the way harms phones, as far as these checks reach."
}

// Open reports a result that is inconclusive about something that nobody asked
// for by name.
func (res *Result) Open() bool { return res.Unasked && res.Status == Inconclusive }

// summaries are the answers themselves, where a question was asked rather than
// a fault looked for.
func summaries(rep *Report) string {
	var list []string
	for i := range rep.Results {
		answer := strings.TrimSuffix(rep.Results[i].Summary, ".")
		if reason := rep.Results[i].Reason; reason != "" {
			answer += " (" + strings.TrimSuffix(reason, ".") + ")"
		}
		list = append(list, answer)
	}
	all := strings.Join(list, "; ") + "."
	return strings.ToUpper(all[:1]) + all[1:]
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

func inconclusiveHeadline(rep *Report, worst *Finding) string {
	switch {
	case rep.Interrupted:
		return "Interrupted: this is what was learnt until then."
	case worst != nil:
		return "Not everything could be told; so far: " + lowerFirst(worst.Title) + "."
	case slices.ContainsFunc(rep.Results, func(r Result) bool { return r.Summary == foreign }):
		return "Not judged again: another version of sipdoctor made this report."
	}
	// What broke off says more than what stayed unclear because of it.
	for _, broke := range []bool{true, false} {
		for i := range rep.Results {
			if r := &rep.Results[i]; r.Status == Inconclusive && !r.Open() && r.ExplainedBy == "" && (r.ObserveError != nil) == broke {
				if r.headline != "" {
					return r.headline + "."
				}
				return fmt.Sprintf("No fault found, but %s could not be told: %s.", r.Check, strings.TrimSuffix(r.Summary, "."))
			}
		}
	}
	return "No fault found, but not everything could be told."
}

// lowerFirst lowers a leading capital unless it begins an abbreviation (NAT).
func lowerFirst(s string) string {
	if len(s) > 1 && s[0] >= 'A' && s[0] <= 'Z' && (s[1] < 'A' || s[1] > 'Z') {
		return string(s[0]+'a'-'A') + s[1:]
	}
	return s
}
