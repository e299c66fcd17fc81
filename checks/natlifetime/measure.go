package natlifetime

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// startPace lies between the first packets of two flows: sixty at once are
	// a burst that a slow line may drop.
	startPace = 10 * time.Millisecond
	// apart lies between the first packets of a rung's two flows. An outage that
	// takes the late messages of both lasts so long that the canary notices it,
	// within six seconds.
	apart = 6 * time.Second
	// aliveEvery keeps the session open while nobody speaks; a responder ends
	// one after a minute.
	aliveEvery = 20 * time.Second
	// lookEvery is how often it is looked whether longer rungs still matter.
	lookEvery = time.Second
	// canaryEvery is the time between two exchanges of the canary: an outage is
	// noticed within six seconds, before the next rung of an ordinary ladder.
	canaryEvery = 2 * time.Second
	// perAsk is how many flows one question names, so that question and answer
	// fit one datagram where control runs over UDP.
	perAsk = 8
	// collectBudget bounds the questions at the end: eight round trips.
	collectBudget = 5 * time.Second
)

// measure runs all flows side by side and collects what they saw.
func (r *run) measure(ctx context.Context) {
	side, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { r.keepAlive(side) })
	beside.Go(func() { r.watchOutage(side) })
	var waiting sync.WaitGroup
	n := 0
	for i := range r.o.Groups {
		g := &r.o.Groups[i]
		gctx, end := context.WithCancelCause(ctx)
		defer end(nil)
		beside.Go(func() { r.watch(side, g, end) })
		for _, ru := range g.Rungs {
			for k := range ru.Flows {
				f := r.flow(g, ru.Seconds, firstProbe+n, &ru.Flows[k])
				delay := time.Duration(n)*startPace + time.Duration(k)*apart
				n++
				waiting.Go(func() {
					if probe.Sleep(gctx, delay) == nil {
						f.wait(gctx)
					}
				})
			}
		}
	}
	waiting.Wait()
	stop()
	beside.Wait()
	r.collect(ctx)
}

// watch ends the waiting of a group once two rungs in a row were forgotten: a
// router that has forgotten after 45 s and after 60 s remembers nothing after
// 300 s.
func (r *run) watch(ctx context.Context, g *Group, end context.CancelCauseFunc) {
	for probe.Sleep(ctx, lookEvery) == nil {
		r.mu.Lock()
		gone := 0
		for _, ru := range g.Rungs {
			switch {
			case ru.alive():
				gone = 0
			case ru.over():
				gone++
			}
		}
		r.mu.Unlock()
		if gone >= 2 {
			end(errSettled)
			return
		}
	}
}

func (r Rung) over() bool {
	return !slices.ContainsFunc(r.Flows, func(f Flow) bool { return !f.Opened || !f.Waited || f.alive() })
}

// keepAlive speaks on the control channel, never on a flow, and tells the
// person waiting how far it is.
func (r *run) keepAlive(ctx context.Context) {
	begin := time.Now()
	total := r.o.Ladder[len(r.o.Ladder)-1]
	for probe.Sleep(ctx, aliveEvery) == nil {
		_, _ = r.client.Later(ctx, session.LaterRequest{}) // a lost one is followed by the next
		held := 0
		r.mu.Lock()
		for _, ru := range r.o.Groups[0].Rungs {
			if ru.alive() {
				held = ru.Seconds
			}
		}
		r.mu.Unlock()
		r.env.Progress(checks.Event{Text: words.Say("nat-lifetime.progress.held", words.Args{"now": int(time.Since(begin).Seconds()), "longest": total, "held": held})})
	}
}

// watchOutage keeps one flow busy until ctx ends, or until two questions in a row
// go unanswered: silence from then on is an outage, not an expired mapping.
func (r *run) watchOutage(ctx context.Context) {
	f, begin := r.flow(&r.o.Groups[0], 0, canaryProbe, &Flow{}), time.Now()
	if f.open(ctx) != nil {
		return // nor can the others be opened
	}
	defer f.conn.Close()
	var down time.Time
	for seq := 1; ctx.Err() == nil; seq++ {
		switch err := f.exchange(ctx, seq); {
		case err == nil:
			down = time.Time{}
			_ = probe.Sleep(ctx, canaryEvery)
		case ctx.Err() != nil:
		case down.IsZero():
			down = time.Now()
		default:
			r.o.OutageS = max(1, int(down.Sub(begin).Seconds()))
			return
		}
	}
}

// collect asks the responder what it sent, so that its own silence is not
// taken for the router's, and stores everything.
func (r *run) collect(ctx context.Context) {
	// What was learnt until a Ctrl-C counts as well.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), collectBudget)
	defer cancel()
	var all []*Flow
	for _, g := range r.o.Groups {
		for _, ru := range g.Rungs {
			for k := range ru.Flows {
				all = append(all, &ru.Flows[k])
			}
		}
	}
	number := firstProbe
	for some := range slices.Chunk(all, perAsk) {
		var req session.LaterRequest
		for range some {
			req.Flows = append(req.Flows, number)
			number++
		}
		reply, err := r.client.Later(ctx, req)
		if err != nil {
			r.o.Problem = platform.Words(err)
			return
		}
		for _, f := range reply.Flows {
			if k := slices.Index(req.Flows, f.Flow); k >= 0 {
				some[k].Seen, some[k].Sent = f.From, f.Sent
			}
		}
	}
}
