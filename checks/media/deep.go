package media

import (
	"context"
	"fmt"
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
	// holdSilence is a call that waits for somebody: longer than most routers
	// remember a UDP flow of either kind (30 and 60 s).
	holdSilence = 90 * time.Second
	// holdBefore makes the flow a stream to a router with two timers.
	holdBefore = 3 * time.Second
	// aliveEvery keeps the session open while nobody speaks; a responder ends
	// one after a minute.
	aliveEvery = 20 * time.Second
	// loadCall is one step of the load: 200 packets each way for each call.
	loadCall = 4 * time.Second
	// maxCalls is a busy small office; 1.4 Mbit/s each way.
	maxCalls = 16
	// loadPorts is how many ports a leg of the load may choose from, near the
	// one that is known to pass.
	loadPorts = 8
)

// deep makes a long call in which our port changes, one on hold beside it, and
// then more and more at a time.
func (l *line) deep(ctx context.Context, o *Observed, g *leg, d time.Duration) error {
	var holding sync.WaitGroup
	hold := &Hold{SilentS: int(holdSilence.Seconds())}
	holding.Go(func() {
		if err := l.hold(ctx, g.port, hold); err != nil {
			hold.Problem = platform.Words(err)
		}
	})
	move := &Move{AtMS: (d / 2).Milliseconds()}
	err := l.call(ctx, o, g, d, func(ctx context.Context) {
		if probe.Sleep(ctx, d/2) == nil {
			l.move(ctx, g, move)
		}
	})
	if move.Local.IsValid() {
		l.mu.Lock()
		move.Heard, move.GapMS, move.Follow = g.follow > 0, g.gap.Milliseconds(), g.follow
		l.mu.Unlock()
		// Behind a NAT the responder sees other numbers than ours, but another
		// one than before shows that it heard the new port; so does its stream.
		move.UpFollowed = move.Heard || move.Before.IsValid() && o.Call.Seen.IsValid() && move.Before != o.Call.Seen
		o.Move = move
	}
	if err == nil {
		err = l.load(ctx, o, g.port)
	}
	l.env.Progress(checks.Event{Text: words.Say("media.progress.hold", nil), Left: holdSilence - d})
	holding.Wait()
	o.Hold = hold
	return err
}

// move gives the leg another socket, as a phone does after a re-INVITE.
func (l *line) move(ctx context.Context, g *leg, m *Move) {
	if r, err := l.client.Media(ctx, session.MediaRequest{Look: []int{int(g.number)}}); err == nil && len(r.Legs) == 1 {
		m.Before = r.Legs[0].From
	}
	s, err := l.open(ctx, 0)
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	m.Local = s.local
	g.socket, g.moved = s, time.Now()
}

// hold makes a short call, is silent, and then looks which side can begin
// again. First the responder speaks, then we do.
func (l *line) hold(ctx context.Context, port int, h *Hold) error {
	s, err := l.open(ctx, 0)
	if err != nil {
		return err
	}
	legs, err := l.dial(ctx, s, []session.MediaOpen{{Leg: holdLeg, Ports: near(port, 64)}})
	if err != nil {
		return err
	}
	g := legs[0]
	if g.port == 0 {
		return fmt.Errorf("%s %s", noPort, g.refuse)
	}
	if err := l.greet(ctx, legs); err != nil || !g.answered() {
		return err
	}
	if err := g.talk(ctx, holdBefore); err != nil {
		return err
	}
	h.Opened = true
	for left := holdSilence; left > 0; left -= aliveEvery {
		if err := probe.Sleep(ctx, min(left, aliveEvery)); err != nil {
			return err
		}
		_, _ = l.client.Media(ctx, session.MediaRequest{Look: []int{holdLeg}}) // a lost one is followed by the next
	}
	if _, err := l.client.Media(ctx, session.MediaRequest{Speak: []int{holdLeg}}); err != nil {
		return err
	}
	if err := probe.Sleep(ctx, lateMost); err != nil {
		return err
	}
	l.mu.Lock()
	asked, before := g.hellos, g.heard
	h.Heard = g.spoken
	l.mu.Unlock()
	for range session.MediaSpeech {
		g.hello()
		if err := probe.Sleep(ctx, helloEvery); err != nil {
			return err
		}
	}
	if err := l.settle(ctx, g); err != nil {
		return err
	}
	told, err := l.ask(ctx, false, []session.MediaEnd{{Leg: holdLeg, Sent: g.count()}})
	h.Spoken = told[holdLeg].Spoken
	l.mu.Lock()
	h.UpAsked, h.UpAnswered = g.hellos-asked, g.heard-before
	l.mu.Unlock()
	return err
}

// load makes 1, 2, 4, 8 and 16 calls at a time, until loss begins, and then
// looks for the number in between at which it does.
func (l *line) load(ctx context.Context, o *Observed, port int) error {
	good, bad, first := 0, maxCalls+1, firstLoad
	for n := 1; n > good && n < bad; {
		l.env.Progress(checks.Event{Text: words.Say("media.progress.load", words.Args{"n": n}), Left: loadCall})
		s, err := l.together(ctx, first, n, port)
		first += n
		o.Load = append(o.Load, s)
		slices.SortFunc(o.Load, func(a, b Load) int { return a.Calls - b.Calls })
		switch {
		case err != nil:
			return err
		case s.Problem != "" || n == 1 && s.lossy():
			return nil // nothing more to learn
		case s.lossy():
			bad = n
		default:
			good = n
		}
		if n = 2 * good; bad <= maxCalls {
			n = (good + bad) / 2
		}
	}
	return nil
}

// together makes n calls at a time, each from a port of its own, as the phones
// of an office do. Their packets are spread over the 20 ms.
func (l *line) together(ctx context.Context, first, n, port int) (Load, error) {
	out := Load{Calls: n}
	var legs []*leg
	for i := range n {
		s, err := l.open(ctx, 0)
		if err != nil {
			return out, err
		}
		one, err := l.dial(ctx, s, []session.MediaOpen{{Leg: first + i, Ports: near(port, 128+2*loadPorts*i)}})
		if err != nil {
			return out, err
		}
		legs = append(legs, one...)
	}
	if err := l.greet(ctx, legs); err != nil {
		return out, err
	}
	var talking sync.WaitGroup
	var end []session.MediaEnd
	for i, g := range legs {
		if g.port == 0 || !g.answered() {
			out.Problem = g.refuse
			continue
		}
		out.Reached++
		talking.Go(func() {
			if probe.Sleep(ctx, spacing*time.Duration(i)/time.Duration(n)) == nil {
				_ = g.talk(ctx, loadCall) // it ends with ctx, which is asked below
			}
		})
	}
	talking.Wait()
	err := l.settle(ctx, legs...)
	for _, g := range legs {
		end = append(end, session.MediaEnd{Leg: int(g.number), Sent: g.count()})
	}
	told, asked := l.ask(ctx, false, end)
	if err == nil {
		err = l.settle(ctx, legs...)
	}
	for _, g := range legs {
		if r, ok := told[int(g.number)]; ok && g.answered() {
			up, down, _ := l.ways(g, r, true)
			out.Up, out.Down = out.Up.add(up), out.Down.add(down)
		}
	}
	if err == nil {
		err = asked
	}
	return out, err
}

// near are even ports some way from one that is known to pass.
func near(port, distance int) (out []int) {
	for i := range loadPorts {
		p := port + distance + 2*i
		if p > 65535 {
			p = port - distance - 2*i
		}
		out = append(out, p)
	}
	return out
}
