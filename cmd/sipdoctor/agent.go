package main

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/responder/reports"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// agent runs the checks again and again without a person who looks on.
type agent struct {
	s             streams
	every, jitter time.Duration // every 0: once
	check         func(context.Context) *checks.Report
	show          func(context.Context, *checks.Report) error        // nil: nowhere
	post          func(context.Context, *checks.Report) agentOutcome // nil: to nobody
}

// agentOutcome is what became of a report that was to be sent.
type agentOutcome struct {
	said words.Text
	left bool // something waits to be sent
	lost bool // something will never be sent
}

// retryEvery is how soon a responder that took nothing is asked again before the
// next run, and oncePatience how long a single run goes on sending: all that may wait,
// and a minute for a slow line.
const (
	retryEvery   = 5 * time.Minute
	oncePatience = reports.MaxWaiting*reports.MinInterval + time.Minute
)

// run goes on until ctx ends, and returns the last report: that of a run that was
// broken off only if there is no other.
func (a *agent) run(ctx context.Context) (last *checks.Report, undelivered bool, err error) {
	begin := time.Now()
	for due := begin; ; {
		if a.every > 0 && !a.wait(ctx, time.Until(due)+a.spread()) {
			return last, undelivered, nil
		}
		r := a.check(ctx)
		if r.Interrupted && last != nil {
			return last, undelivered, nil
		}
		last = r
		if a.show != nil {
			err = a.show(ctx, r)
		}
		if r.Interrupted { // what it could not tell is nothing to send
			return last, undelivered, err
		}
		if due = a.next(begin); err != nil { // who cannot be shown it may be sent it
			due = time.Now().Add(oncePatience)
		}
		undelivered = a.report(ctx, r, due)
		if a.every == 0 || err != nil {
			return last, undelivered, err
		}
	}
}

// next is when the next run is due. Those that were missed are not made up for.
func (a *agent) next(begin time.Time) time.Time {
	if a.every == 0 {
		return time.Now().Add(oncePatience)
	}
	return begin.Add((time.Since(begin)/a.every + 1) * a.every)
}

// spread keeps offices that were started at the same time apart.
func (a *agent) spread() time.Duration {
	if a.jitter <= 0 {
		return 0
	}
	return rand.N(a.jitter)
}

func (a *agent) wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// report sends a report and says in one line what came of the run. What could not be
// sent is tried again until the next run is due; undelivered reports that something was
// not.
func (a *agent) report(ctx context.Context, r *checks.Report, until time.Time) (undelivered bool) {
	out := agentOutcome{said: words.Literal("")}
	if a.post != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, until)
		defer cancel()
		out = a.post(ctx, r)
	}
	if a.post != nil || a.every > 0 {
		a.s.warn(words.Say("say.agent-run", words.Args{
			"time": r.Started.UTC().Format(time.RFC3339), "verdict": string(r.Verdict), "headline": words.Literal(r.Headline), "report": out.said,
		}))
	}
	lost := out.lost
	for out.left && a.every > 0 && a.wait(ctx, retryEvery) {
		out = a.post(ctx, nil)
		lost = lost || out.lost
	}
	return out.left || lost
}

// runAgent is check without a person who looks on.
func (o *checkOptions) runAgent(ctx context.Context, s streams, j *job) error {
	m, err := o.mail(ctx, s, j.net)
	if err != nil {
		return err
	}
	if m != nil {
		defer m.unlock()
	}
	j.timeout = o.timeout
	if o.every > 0 && o.output == "" && o.format == "json" {
		o.format = "ndjson" // one of many
	}
	a := &agent{s: s, every: o.every, jitter: o.jitter}
	a.check = func(ctx context.Context) *checks.Report {
		once := *j
		once.ports = checks.NewRTPPorts()
		return once.run(ctx, nil)
	}
	a.show = func(ctx context.Context, r *checks.Report) error { return o.showOneOfMany(ctx, s, r) }
	if m != nil {
		a.post = func(ctx context.Context, r *checks.Report) agentOutcome { return o.post(ctx, s, m, r) }
		if o.every > 0 && o.output == "" {
			a.show = nil
		}
	}
	last, undelivered, err := a.run(ctx)
	if err != nil {
		return err
	}
	return exitWith(o.agentStatus(last, undelivered))
}

// showOneOfMany writes the report. A disk that is full for an hour does not end what
// runs for months: the next report is written in its place.
func (o *checkOptions) showOneOfMany(ctx context.Context, s streams, r *checks.Report) error {
	err := o.show(ctx, s, r)
	if err != nil && o.every > 0 && platform.IsDiskFault(err) {
		s.warn(words.Say("say.cause", words.Args{"why": cause(err)}))
		return nil
	}
	return err
}

// agentStatus is the exit status of the last report. Where nothing failed but the
// report did not reach its responder, the work is not done.
func (o *checkOptions) agentStatus(last *checks.Report, undelivered bool) int {
	if last == nil { // ended before the first run
		last = &checks.Report{Interrupted: true, Results: []checks.Result{{Status: checks.Inconclusive}}}
	}
	status := o.status(last)
	if status == statusOK && undelivered {
		return statusBroken // nagiosUnknown is the same
	}
	return status
}

// post sends a report, nil for only those that wait, with its labels and without what
// --redact takes out.
func (o *checkOptions) post(ctx context.Context, s streams, m *mail, r *checks.Report) agentOutcome {
	if r != nil {
		shown, err := o.prepared(s, r)
		if err != nil {
			return agentOutcome{said: words.Say("say.agent-unwritten", words.Args{"why": cause(err)}), lost: true}
		}
		r = shown
	}
	return m.post(ctx, s, r)
}
