package checks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Meta is what the report says about the run itself.
type Meta struct {
	Tool    Tool
	Command string
}

// hostBudget is how long a run waits for facts about the machine and its
// router after the last check has finished. Discovery that has not answered by
// then (a router without UPnP) would only delay the answer.
const hostBudget = 2500 * time.Millisecond

// Run observes every check at the same time, then judges. It always returns a
// report: when ctx ends early, one with what was learnt until then. The whole
// run takes little longer than its slowest check.
func Run(ctx context.Context, list []*Check, env *Env, meta Meta) *Report {
	start := time.Now()
	rep := &Report{
		Schema: Schema, Tool: meta.Tool, Command: meta.Command, Started: start.UTC().Truncate(time.Millisecond),
		Inputs: env.Inputs, Results: make([]Result, len(list)),
	}
	env.Host = onceHost(env.Host, start)
	met := newContacts()
	if env.Net != nil {
		env.Net = notedNetwork{env.Net, met}
	}
	hostDone := make(chan struct{})
	go func() {
		defer close(hostDone)
		if h, err := env.Host(ctx); err == nil {
			rep.Host = h
		}
	}()
	watching, unwatch := context.WithCancel(ctx)
	defer unwatch()
	env.run = ctx
	go env.watchLateness(watching)
	env.finished = map[string]chan struct{}{}
	for _, c := range list {
		env.finished[c.ID] = make(chan struct{})
	}
	var wg sync.WaitGroup
	for i, c := range list {
		wg.Go(func() {
			defer close(env.finished[c.ID])
			rep.Results[i] = observe(ctx, c, env)
		})
	}
	wg.Wait()
	<-hostDone
	if rep.Host == nil {
		// Ctrl-C ended the waiting. The gathering ends with it, and what it
		// learnt counts: without it every judge would see a machine that has no
		// network.
		rep.Host, _ = env.Host(context.WithoutCancel(ctx))
	}
	env.closeSession(ctx)
	if rep.Host == nil {
		rep.Host = &netinfo.Host{}
	}
	rep.Host.Hear(env.Heard)
	rep.Host.Contacts, rep.Beyond = met.all(), rep.Host.Beyond
	rep.Interrupted = errors.Is(context.Cause(ctx), context.Canceled)
	judgeAll(rep, list)
	rep.DurationMS = time.Since(start).Milliseconds()
	return rep
}

// onceHost gathers the host facts once, however many checks ask, and within
// hostBudget of the start of the run: they are never fatal.
func onceHost(gather func(context.Context) (*netinfo.Host, error), start time.Time) func(context.Context) (*netinfo.Host, error) {
	if gather == nil {
		return func(context.Context) (*netinfo.Host, error) { return &netinfo.Host{}, nil }
	}
	var o once[*netinfo.Host]
	return func(ctx context.Context) (*netinfo.Host, error) {
		return o.do(ctx, func() (*netinfo.Host, error) {
			ctx, cancel := context.WithDeadline(ctx, start.Add(hostBudget))
			defer cancel()
			host, err := gather(ctx)
			if host == nil {
				host = &netinfo.Host{}
			}
			if err != nil {
				host.Notes = append(host.Notes, platform.Words(err))
			}
			return host, nil
		})
	}
}

// observe runs one check's first half under its deadline. A panic in a check
// is that check's error, not the end of the run.
func observe(ctx context.Context, c *Check, env *Env) (res Result) {
	start := time.Now()
	res = Result{Check: c.ID, Group: c.Group, Observed: json.RawMessage("null"), Observes: c.observes, Findings: []Finding{}}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			res.ObserveError = &ObserveError{Kind: "internal", Text: words.Cause(fmt.Sprintf("internal error: %v\n%s", p, debug.Stack()))}
		}
		res.DurationMS = time.Since(start).Milliseconds()
	}()
	u := &uses{}
	raw, err := c.observePatiently(ctx, env, u)
	res.NotFound = u.notFound()
	if raw != nil {
		res.Observed, res.own = raw, true
	}
	if err != nil {
		res.ObserveError = &ObserveError{Kind: errorKind(ctx, err), Text: platform.Words(err)}
	}
	return res
}

func errorKind(ctx context.Context, err error) string {
	switch {
	case errors.Is(err, errMistake):
		return "internal"
	case errors.Is(err, errors.ErrUnsupported):
		return "unsupported"
	case errors.Is(err, platform.ErrPrivilege):
		return "privilege"
	case errors.Is(context.Cause(ctx), context.Canceled):
		return "interrupted"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return "network"
}
