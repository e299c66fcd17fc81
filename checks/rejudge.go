package checks

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

var errSlim = errors.New("the report was saved with --no-observed and cannot be judged again")

// Rejudge returns a copy of a saved report judged again by the rules, remedies
// and words of this program. A result whose check this program does not know
// keeps what was said then; one that another version observed is inconclusive.
func Rejudge(r *Report, list []*Check) (*Report, error) {
	if r.Slim {
		return nil, errSlim
	}
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
	rep.Host.Beyond = rep.Beyond
	for i, c := range list {
		if c != nil {
			judgeOne(&rep.Results[i], c, rep)
			rep.Results[i].Unasked = rep.Results[i].Unasked && !slices.Contains(rep.Inputs.Checks, c.ID)
		}
	}
	explain(rep, list)
	dropRefutedFixes(rep)
	completeCommands(rep)
	rep.Verdict, rep.Says.Headline = conclude(rep)
	Fill(rep, BookOf(list), words.English)
}

// foreign is the summary of a result that is not judged again.
const foreign = "checks.summary.foreign"

// Judge judges one observation, as Rejudge does those of a report in which no
// other check stands.
func (c *Check) Judge(observed json.RawMessage, host *netinfo.Host) Result {
	res := Result{Check: c.ID, Observes: c.observes, Observed: observed}
	rep := &Report{Host: host}
	judgeOne(&res, c, rep)
	rep.Results = []Result{res}
	Fill(rep, c.book(), words.English)
	return rep.Results[0]
}

func judgeOne(res *Result, c *Check, rep *Report) {
	res.Title, res.Group = "", c.Group
	res.Findings, res.Facts, res.ExplainedBy, res.Unasked, res.Says = []Finding{}, nil, "", false, Says{}
	res.Summary, res.Reason, res.Notes, res.Tables = "", "", nil, nil
	switch {
	case res.nothingObserved() && res.ObserveError != nil:
		res.failedObservation()
		return
	case res.Observes != c.observes:
		res.say(Inconclusive, foreign, words.Say("checks.reason.foreign", words.Args{"check": c.ID}))
		return
	case res.nothingObserved():
		res.say(Inconclusive, "checks.summary.nothing-observed", words.Say("checks.reason.nothing-observed", words.Args{"check": c.ID}))
		return
	}
	j, err := c.judge(res.Observed, res.own, rep.Host, rep.Result)
	if err != nil {
		res.say(Error, "checks.summary.unjudged", platform.Words(err).Message())
		return
	}
	res.Says = Says{Headline: j.Headline, Summary: j.Summary, Notes: j.Notes}
	res.Facts, res.Unasked, res.explains, res.Tables = j.Facts, j.Unasked, j.Explains, j.Tables
	if j.Findings != nil {
		res.Findings = j.Findings
	}
	for i := range res.Findings {
		f := &res.Findings[i]
		if f.Evidence == nil {
			f.Evidence = []Evidence{}
		}
		if f.Fixes == nil {
			f.Fixes = []fixes.Fix{}
		}
	}
	if res.brokenOff() && !j.KnowsUnasked && res.takeBack() {
		j.Findings, res.Says.Summary = res.Findings, words.Say("checks.summary.ended", nil)
	}
	res.Status, res.Says.Reason = statusOf(j)
	if res.ObserveError != nil {
		res.incomplete()
	}
}

// say is the outcome of a check that is not judged.
func (res *Result) say(s Status, summary string, reason words.Text) {
	res.Status, res.Says.Summary, res.Says.Reason = s, words.Say(summary, nil), reason
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
	reason := res.ObserveError.Text.Message()
	switch res.ObserveError.Kind {
	case "unsupported":
		res.say(Skip, "checks.summary.unsupported", reason)
	case "privilege":
		res.say(Skip, "checks.summary.privilege", reason)
	case "interrupted":
		res.say(Inconclusive, "checks.summary.interrupted", reason)
	case "timeout", "network":
		res.say(Inconclusive, "checks.summary.no-answer", reason)
	default:
		res.say(Error, "checks.summary.internal", reason)
	}
}

// incomplete marks a result whose observation broke off: what it found stands,
// but a pass may not be claimed.
func (res *Result) incomplete() {
	if res.Says.Reason.IsZero() {
		res.Says.Reason = res.ObserveError.Text.Message()
		if res.ObserveError.Kind == "privilege" {
			res.Says.Reason = NeedsRoot(res.Says.Reason)
		}
	}
	if res.Status == Pass || res.Status == Warn {
		res.Status = Inconclusive
	}
}

// NeedsRoot is the reason of a judgement that lacks what only root can see:
// what, such as "the packet filter can be read by root only".
func NeedsRoot(what words.Text) words.Text {
	return words.Say("checks.reason.needs-root", words.Args{"what": what})
}

func statusOf(j Judgement) (Status, words.Text) {
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
		return st, j.Inconclusive
	case !j.Inconclusive.IsZero():
		return Inconclusive, j.Inconclusive
	case !j.Skip.IsZero():
		return Skip, j.Skip
	}
	return st, words.Text{}
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
			res.say(Inconclusive, "checks.summary.unreachable", cause.Says.Summary)
		}
	}
	res.ExplainedBy = cause.Check
	return true
}
