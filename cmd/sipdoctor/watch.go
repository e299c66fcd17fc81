package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// How often check --watch observes what. It runs for hours beside a customer's
// router and servers, so it costs them little more than a phone does.
const (
	// shortestWatch is the least interval, and the least time for which a check
	// leaves the network alone: its flows are then less than half of a table's.
	shortestWatch = time.Second
	// othersEvery is the least time between two questions to SIP servers that are
	// nobody's responder. Phones send keep-alives about as often (RFC 5626, 3.5.1:
	// 24 to 29 s over UDP), and defences against floods count in seconds.
	othersEvery = 15 * time.Second
	// What passes is observed again after so many intervals, or at the latest
	// after a minute.
	passesEvery   = 10
	latestPass    = time.Minute
	heavyShare    = 4  // a heavy check that does not pass takes at most this part of the time,
	heavyPassPart = 10 // and one that passes this part
	// attention is how long a check that has just changed is still observed as
	// often as if it failed: somebody is at work on the router, and a green that
	// does not last shows at once.
	attention = time.Minute
	// roundCost is how many seconds the entries of one round of all light checks
	// stay in a router's table, taken together: a Linux router held 700 entries of
	// sip-alg alone at a round every 2.4 s, and the other checks open fewer.
	roundCost = 3000
)

// watch observes checks again and again, what does not pass more often.
type watch struct {
	job   *job
	every time.Duration
	state *checks.Watched
	view  *watchView

	times map[string]*timing // by check
	busy  [2]bool            // by lane
	last  time.Time          // of the last change
	runs  sync.WaitGroup
}

// A lane makes one run at a time. What is heavy, or passes, does not hold up what
// somebody waits for.
type lane int

const (
	quick lane = iota // light checks that do not pass
	rest
)

type timing struct {
	began   time.Time
	due     time.Time
	changed time.Time
	running bool
}

// round is a run that has ended.
type round struct {
	lane   lane
	list   []*checks.Check
	report *checks.Report
}

func newWatch(j *job, every time.Duration, first *checks.Report, view *watchView) *watch {
	if n := j.inputs.RouterEntries; n > 0 {
		every = max(every, roundCost*time.Second/time.Duration(n))
	}
	now := time.Now()
	w := &watch{job: j, every: every, state: checks.Watch(j.list, first, now), view: view, times: map[string]*timing{}}
	for _, c := range j.list {
		w.times[c.ID] = &timing{began: now.Add(-time.Duration(first.DurationMS) * time.Millisecond)}
	}
	w.plan(j.list, now)
	return w
}

// run goes on until ctx ends, or nobody reads any more what happens.
func (w *watch) run(ctx context.Context) error {
	defer w.runs.Wait() // sessions end politely
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rounds := make(chan round)
	for !w.view.unread() {
		w.start(ctx, rounds)
		if err := w.view.status(w.standing()); err != nil {
			return err
		}
		timer := time.NewTimer(w.pause())
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case r := <-rounds:
			timer.Stop()
			if err := w.take(r); err != nil {
				return err
			}
		case <-timer.C:
		}
	}
	return nil
}

// start begins a run in each lane that is free and has something due.
func (w *watch) start(ctx context.Context, rounds chan<- round) {
	for _, in := range []lane{quick, rest} {
		list := w.due(in, time.Now())
		if w.busy[in] || len(list) == 0 {
			continue
		}
		w.busy[in] = true
		for _, c := range list {
			w.times[c.ID].began, w.times[c.ID].running = time.Now(), true
		}
		j := *w.job
		j.list = list
		if !w.gathers(in, list) {
			host := *w.state.Report().Host
			j.host = func(context.Context) (*netinfo.Host, error) { return &host, nil }
		}
		w.runs.Go(func() {
			r := round{in, list, j.run(ctx, nil)}
			select {
			case rounds <- r:
			case <-ctx.Done():
			}
		})
	}
}

// due are the checks of a lane that are to be observed now. Those that pass go
// together, as far as they are nearly due: one session, one look at the machine.
func (w *watch) due(in lane, now time.Time) (list []*checks.Check) {
	most := now
	if in == rest && slices.ContainsFunc(w.job.list, func(c *checks.Check) bool { return w.isDue(c, rest, now) }) {
		most = now.Add(w.passes() / 2)
	}
	for _, c := range w.job.list {
		if w.isDue(c, in, now) || !c.Heavy && !c.Slow && w.isDue(c, in, most) {
			list = append(list, c)
		}
	}
	return list
}

func (w *watch) isDue(c *checks.Check, in lane, now time.Time) bool {
	t := w.times[c.ID]
	return !t.running && w.laneOf(c) == in && !t.due.After(now)
}

func (w *watch) laneOf(c *checks.Check) lane {
	if w.urgent(c, time.Now()) && !c.Heavy && !c.Slow {
		return quick
	}
	return rest
}

// urgent reports whether somebody waits for news of a check. What another one's
// failure explains waits for that one, and what public servers could not tell is
// not asked of them the more often.
func (w *watch) urgent(c *checks.Check, now time.Time) bool {
	res := w.state.Report().Result(c.ID)
	switch {
	case w.state.Doubted(c.ID), now.Sub(w.times[c.ID].changed) < attention:
		return true
	case res.ExplainedBy != "", res.Open():
		return false
	}
	return res.Status != checks.Pass && res.Status != checks.Skip
}

// gathers reports whether a run looks at the machine and its router anew, which
// takes seconds.
func (w *watch) gathers(in lane, list []*checks.Check) bool {
	return in == rest || slices.ContainsFunc(list, func(c *checks.Check) bool { return c.ID == "uplink" || w.state.Doubted(c.ID) })
}

// take shows what a run has changed, and plans what comes next.
func (w *watch) take(r round) error {
	now := time.Now()
	w.busy[r.lane] = false
	for _, c := range r.list {
		w.times[c.ID].running = false
	}
	changes := w.state.Take(r.report, now)
	for _, c := range changes {
		w.times[c.Check].changed, w.last = now, now
	}
	w.plan(r.list, now)
	if len(changes) == 0 {
		return nil
	}
	w.hurry(now)
	return w.view.changed(w.state.Report(), changes)
}

// plan says when checks that have just been observed are due again.
func (w *watch) plan(list []*checks.Check, now time.Time) {
	for _, c := range list {
		t := w.times[c.ID]
		took := time.Duration(w.state.Report().Result(c.ID).DurationMS) * time.Millisecond
		heavy, urgent := c.Heavy || c.Slow, w.urgent(c, now)
		switch {
		case w.state.Doubted(c.ID):
			t.due = now.Add(shortestWatch)
		case urgent && heavy:
			t.due = now.Add(max(w.every, (heavyShare-1)*took))
		case urgent:
			t.due = later(t.began.Add(w.every), now.Add(shortestWatch))
		case heavy:
			t.due = now.Add(max(w.passes(), (heavyPassPart-1)*took))
		default:
			t.due = now.Add(w.passes())
		}
		t.due = later(t.due, w.spared(c))
	}
}

// hurry brings forward what has become urgent: the effects of a cause that is gone.
func (w *watch) hurry(now time.Time) {
	for _, c := range w.job.list {
		if t := w.times[c.ID]; !t.running && w.urgent(c, now) && !c.Heavy && !c.Slow && t.due.After(now.Add(w.every)) {
			t.due = later(now, w.spared(c))
		}
	}
}

// spared is until when the servers that a check asks are left alone.
func (w *watch) spared(c *checks.Check) time.Time {
	if in := w.job.inputs; c.AsksSIP && (in.Responder == "" || len(in.SIPServers) > 0) {
		return w.times[c.ID].began.Add(othersEvery)
	}
	return time.Time{}
}

func (w *watch) passes() time.Duration { return min(passesEvery*w.every, latestPass) }

// next is when something is to be observed again.
func (w *watch) next() (at time.Time) {
	for _, t := range w.times {
		if !t.running && (at.IsZero() || t.due.Before(at)) {
			at = t.due
		}
	}
	return at
}

// pause is how long there is nothing to do. A status line counts seconds, and a
// reader may leave.
func (w *watch) pause() time.Duration {
	left := time.Second
	for _, c := range w.job.list {
		if t := w.times[c.ID]; !t.running && !w.busy[w.laneOf(c)] {
			left = min(left, time.Until(t.due))
		}
	}
	return max(left, time.Millisecond)
}

// standing is what the status line says.
func (w *watch) standing() standing {
	st := standing{last: w.last, checking: w.busy[quick] || w.busy[rest]}
	for _, res := range w.state.Report().Results {
		if res.Status != checks.Pass && res.Status != checks.Skip && !res.Open() {
			st.open++
		}
	}
	if at := w.next(); !at.IsZero() {
		st.left = max(0, time.Until(at))
	}
	return st
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
