package media

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

// lateMost bounds how long the last packets are waited for: what is later than
// that is lost to any jitter buffer (ITU-T G.114: 400 ms is the most).
const lateMost = time.Second

// talk sends the stream of a leg for a while, each packet at its time. Where
// this machine is late it makes up for at most a few, as a phone does.
func (g *leg) talk(ctx context.Context, d time.Duration) error {
	const makeUp = 5 * spacing
	next := time.Now()
	for end := next.Add(d); next.Before(end); next = next.Add(spacing) {
		if late := time.Since(next); late > makeUp {
			next = next.Add(late.Truncate(spacing))
		}
		if wait := time.Until(next); wait > 0 {
			if err := probe.Sleep(ctx, wait); err != nil {
				return err
			}
		}
		g.say()
	}
	return ctx.Err()
}

// settle waits for the last packets: twice the slowest round trip, within
// bounds. The caller ends the legs and calls it again for what was under way.
func (l *line) settle(ctx context.Context, legs ...*leg) error {
	slowest := time.Duration(0)
	l.mu.Lock()
	for _, g := range legs {
		for _, t := range g.trips {
			slowest = max(slowest, t)
		}
	}
	l.mu.Unlock()
	return probe.Sleep(ctx, min(2*slowest+100*time.Millisecond, lateMost))
}

// call makes the call that is judged. meanwhile, when there is one, happens
// during it.
func (l *line) call(ctx context.Context, o *Observed, g *leg, d time.Duration, meanwhile func(context.Context)) error {
	side, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	if meanwhile != nil {
		beside.Go(func() { meanwhile(side) })
	}
	talked := g.talk(ctx, d)
	if talked == nil {
		talked = l.settle(ctx, g)
	}
	stop()
	beside.Wait()
	told, err := l.ask(ctx, false, []session.MediaEnd{{Leg: int(g.number), Sent: g.count()}})
	if talked == nil {
		talked = l.settle(ctx, g)
	}
	r, ok := told[int(g.number)]
	o.Call = &Call{Port: g.port, LengthMS: (time.Duration(g.count()) * spacing).Milliseconds(), Told: ok, Seen: r.From}
	o.Call.Up, o.Call.Down, o.Call.RTT = l.ways(g, r, ok)
	for i := range o.Doors {
		if ok && o.Doors[i].Port == g.port {
			o.Doors[i].Told, o.Doors[i].Arrived, o.Doors[i].Unproved = true, r.Hellos, r.Unproved
		}
	}
	if talked != nil {
		return talked
	}
	return err
}

func (g *leg) count() int {
	g.line.mu.Lock()
	defer g.line.mu.Unlock()
	return g.sent
}

// ways is what either side heard of one leg. Without the responder's word, what
// it sent is at least what we heard of it.
func (l *line) ways(g *leg, r session.MediaLeg, told bool) (up, down Way, rtt RTT) {
	l.mu.Lock()
	defer l.mu.Unlock()
	up = Way{Stats: r.Up, Marked: !l.unmarked, Marks: r.Marks}
	sent := g.meter.Highest()
	if told {
		sent = max(r.Sent, sent)
	} else {
		up.Sent = g.sent
	}
	down = Way{Stats: g.meter.Stats(sent), Marked: r.Marked, Marks: g.marks}
	return up, down, summary(g.trips)
}

func summary(trips []time.Duration) RTT {
	if len(trips) == 0 {
		return RTT{}
	}
	t := slices.Sorted(slices.Values(trips))
	ms := probe.Millis
	return RTT{Samples: len(t), MinMS: ms(t[0]), MedianMS: ms(t[len(t)/2]), MaxMS: ms(t[len(t)-1])}
}

func (w Way) add(v Way) Way {
	w.Sent += v.Sent
	w.Received += v.Received
	w.Duplicates += v.Duplicates
	w.Reordered += v.Reordered
	w.Bursts += v.Bursts
	w.Gaps += v.Gaps
	w.BurstMax = max(w.BurstMax, v.BurstMax)
	w.JitterMS, w.JitterMaxMS = max(w.JitterMS, v.JitterMS), max(w.JitterMaxMS, v.JitterMaxMS)
	w.Marked = v.Marked
	return w
}
