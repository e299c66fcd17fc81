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
	for _, g := range r.groups {
		gctx, cancel := context.WithCancel(ctx)
		defer cancel()
		beside.Go(func() { g.watch(side, cancel) })
		for _, ru := range g.rungs {
			for i, f := range ru.flows {
				delay := time.Duration(n)*startPace + time.Duration(i)*apart
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
func (g *group) watch(ctx context.Context, end func()) {
	for probe.Sleep(ctx, lookEvery) == nil {
		gone := 0
		for _, ru := range g.rungs {
			switch {
			case ru.heard():
				gone = 0
			case ru.over():
				gone++
			}
		}
		if gone >= 2 {
			g.mu.Lock()
			g.settled = true
			g.mu.Unlock()
			end()
			return
		}
	}
}

func (g *group) isSettled() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.settled
}

func (ru *rung) heard() bool {
	return slices.ContainsFunc(ru.flows, func(f *flow) bool { s := f.snapshot(); return s.alive() })
}

// over reports whether every flow of the rung has waited in vain.
func (ru *rung) over() bool {
	return !slices.ContainsFunc(ru.flows, func(f *flow) bool { s := f.snapshot(); return !s.Opened || !s.Waited || s.alive() })
}

// keepAlive speaks on the control channel, never on a flow, and tells the
// person waiting how far it is.
func (r *run) keepAlive(ctx context.Context) {
	begin := time.Now()
	total := r.o.Ladder[len(r.o.Ladder)-1]
	for probe.Sleep(ctx, aliveEvery) == nil {
		_, _ = r.client.Later(ctx, session.LaterRequest{}) // a lost one is followed by the next
		held := 0
		for _, ru := range r.groups[0].rungs {
			if ru.heard() {
				held = ru.seconds
			}
		}
		r.env.Progress(checks.Event{Text: words.Say("nat-lifetime.progress.held", words.Args{"now": int(time.Since(begin).Seconds()), "longest": total, "held": held})})
	}
}

// watchOutage keeps one flow busy until ctx ends, or until two questions in a row
// go unanswered: silence from then on is an outage, not an expired mapping.
func (r *run) watchOutage(ctx context.Context) {
	f, begin := r.canary, time.Now()
	if f.open(ctx) != nil {
		return // nor can the others be opened
	}
	var reading sync.WaitGroup
	reading.Go(f.read)
	defer reading.Wait()
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
	var all []*flow
	for _, g := range r.groups {
		for _, ru := range g.rungs {
			all = append(all, ru.flows...)
		}
	}
	known := map[int]session.LaterFlow{}
	for some := range slices.Chunk(all, perAsk) {
		var req session.LaterRequest
		for _, f := range some {
			req.Flows = append(req.Flows, f.probe)
		}
		reply, err := r.client.Later(ctx, req)
		if err != nil {
			r.o.Problem = platform.Words(err)
			break
		}
		for _, f := range reply.Flows {
			known[f.Flow] = f
		}
	}
	for _, g := range r.groups {
		out := Group{Kind: g.kind, Port: g.port}
		for _, ru := range g.rungs {
			o := Rung{Seconds: ru.seconds, Control: ru.control}
			for _, f := range ru.flows {
				s := f.snapshot()
				s.Seen, s.Sent = known[f.probe].From, known[f.probe].Sent
				o.Flows = append(o.Flows, s)
			}
			out.Rungs = append(out.Rungs, o)
		}
		r.o.Groups = append(r.o.Groups, out)
	}
}
