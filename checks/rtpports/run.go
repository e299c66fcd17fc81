package rtpports

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// helloPorts are asked first, to see whether anything answers at all.
	helloPorts  = 16
	helloRounds = 3
	// searchRounds find a port within 512 others, seven at a time.
	searchRounds = 3
	// maxSearch bounds one round of the search: a path with more changes than
	// that in it has no edges worth a name.
	maxSearch = 448
	// plainPorts of each kind are asked with packets that are no RTP, so often
	// that loss leaves none of them silent.
	plainPorts  = 8
	plainRounds = 5
	plainGap    = 20 * time.Millisecond // so that one full queue does not take them all
	// holdText bounds the names of the ports of one request, bytes: with the
	// rest of a control frame it fits into a datagram.
	holdText = 450
)

// run asks everything. Whatever it returns, report tells what is known.
func (s *sweep) run(ctx context.Context) error {
	started, err := s.client.Sweep(ctx, session.SweepRequest{})
	if err == nil {
		err = s.spare(started.Busy)
	}
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	s.stop = stop
	s.asking.Go(func() { s.watch(watching) })
	err = s.phases(ctx)
	stop()
	if ctx.Err() != nil {
		short, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		s.fetch(short)
		return ctx.Err()
	}
	s.fetch(ctx)
	if errors.Is(err, errGaveUp) {
		err = nil
	}
	if err == nil && s.gaveUp == "" {
		err = s.askPlain(ctx)
	}
	return err
}

// spare leaves ports alone that programs at the responder own: there may be a
// call going on. Nothing follows from that for the way; a port between two of
// the same outcome is like one between two of a sample.
func (s *sweep) spare(terms []string) error {
	ports, err := session.DecodePorts(terms, 1<<16)
	if err != nil {
		return fmt.Errorf("reading which ports the responder's host uses: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range ports {
		s.port(n).spared = true
	}
	return nil
}

func (s *sweep) phases(ctx context.Context) error {
	if err := s.cover(ctx, s.plan.ports); err != nil {
		return err
	}
	if again := s.reconsider(); len(again) > 0 {
		if err := s.cover(ctx, again); err != nil {
			return err
		}
	}
	for range searchRounds {
		s.fetch(ctx)
		points := searchPoints(s.runs())
		if s.bitmap == nil || len(points) == 0 || len(points) > maxSearch {
			break
		}
		s.env.Say(words.Say("rtp-ports.progress.edges", nil))
		if err := s.cover(ctx, points); err != nil {
			return err
		}
	}
	return nil
}

// fetch asks the responder what has arrived, unless nothing has been sent since
// it was last asked.
func (s *sweep) fetch(ctx context.Context) {
	s.mu.Lock()
	sent, known := s.sent, s.bitmap != nil && s.mapErr == nil && s.mapped == s.sent
	s.mu.Unlock()
	if known {
		return
	}
	s.spoken = time.Now()
	b, err := s.client.Bitmap(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mapErr = err; err == nil {
		s.bitmap, s.mapped = &b, sent
	}
}

// keepSession speaks to the responder in time when no probe may have reached
// it for long: it ends a session after a minute of silence.
func (s *sweep) keepSession(ctx context.Context) {
	const often = 20 * time.Second
	if time.Since(s.spoken) > often {
		s.fetch(ctx)
	}
}

// cover resolves ports, in blocks where the responder opens them so.
func (s *sweep) cover(ctx context.Context, ports []int) error {
	if s.held == nil {
		if err := s.hello(ctx, ports); err != nil {
			return err
		}
		return s.resolve(ctx, ports)
	}
	// Two blocks at a time, and the canaries: the responder takes no more.
	parts := split(ports, s.client.Info.RTPBlock-firstCanaries)
	if err := s.hold(ctx, parts[0]); err != nil {
		return err
	}
	for i, part := range parts {
		next := make(chan error, 1)
		if i+1 < len(parts) {
			go func() { next <- s.hold(ctx, slices.Concat(part, parts[i+1])) }()
		} else {
			next <- nil
		}
		err := s.hello(ctx, part)
		if err == nil {
			err = s.resolve(ctx, part)
		}
		if err = errors.Join(err, <-next); err != nil {
			return err
		}
	}
	return nil
}

// split cuts sorted ports into parts that a responder opens at a time and that
// one request can name.
func split(ports []int, most int) [][]int {
	var out [][]int
	for len(ports) > 0 {
		n := min(max(most, 1), len(ports))
		for n > 1 && textLength(ports[:n]) > holdText/2 {
			n -= (n + 9) / 10
		}
		out = append(out, ports[:n])
		ports = ports[n:]
	}
	return out
}

func textLength(ports []int) int {
	n := 0
	for _, t := range session.EncodePorts(ports) {
		n += len(t) + 3 // quotes and comma
	}
	return n
}

// hold makes the responder open these ports, beside a few known-open ones.
func (s *sweep) hold(ctx context.Context, ports []int) error {
	want := slices.Concat(ports, s.openPorts(lateCanaries))
	slices.Sort(want)
	want = slices.Compact(want)
	r, err := s.client.Sweep(ctx, session.SweepRequest{Hold: session.EncodePorts(want)})
	if err != nil {
		return err
	}
	busy, err := session.DecodePorts(r.Busy, len(want))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.held)
	for _, n := range want {
		s.held[n] = true
	}
	for _, n := range busy {
		delete(s.held, n)
		s.port(n).busy = true
	}
	return nil
}

// hello looks whether anything answers, and if not tries other source ports:
// ours may lie in a range that is blocked, and then no answer comes back from
// anywhere.
func (s *sweep) hello(ctx context.Context, ports []int) error {
	if len(s.openPorts(1)) > 0 || len(s.sources) > 1 {
		return nil
	}
	few := slices.Clone(ports)
	shuffle(few)
	few = few[:min(helloPorts, len(few))]
	for _, local := range []uint16{0, 1, 2} {
		switch local {
		case 1: // below the media range and above the ports of services
			if s.change(ctx, uint16(7000+rand.IntN(2900))) != nil {
				continue // in use: the next one will do
			}
		case 2:
			if err := s.change(ctx, 0); err != nil {
				return err
			}
		}
		for range helloRounds {
			if err := s.put(ctx, asking(s.unanswered(few), question{})); err != nil {
				return err
			}
			anything := func() bool { return len(s.unanswered(few)) < len(few) }
			if err := s.settle(ctx, anything); err != nil {
				return err
			}
			if anything() {
				s.restart()
				return nil
			}
		}
	}
	s.restart()
	return s.measureBlind(ctx)
}

// restart forgets the tries of hello: they may have been sent from a source
// that nothing comes back to.
func (s *sweep) restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.ports {
		if t != nil && !t.answered {
			t.tries = 0
		}
	}
	s.first = losses{}
	s.order = slices.DeleteFunc(s.order, func(n int) bool { return !s.ports[n].answered })
	s.late = 0
}

// askPlain is the control: the same length, the same content, but no RTP. It
// comes last, because the responder's bitmap takes it for an arrival.
func (s *sweep) askPlain(ctx context.Context) error {
	open, silent := s.openPorts(plainPorts), s.silentPorts(plainPorts)
	if len(open) == 0 {
		return nil
	}
	for round := range plainRounds {
		pending := slices.Concat(s.without(open), s.without(silent))
		if err := s.put(ctx, asking(pending, question{plain: true})); err != nil {
			return ctx.Err()
		}
		done := func() bool { return len(s.without(open))+len(s.without(silent)) == 0 }
		if round < plainRounds-1 && len(s.without(silent)) > 0 {
			// Silent ports hardly answer; only the last round waits for them.
			done = func() bool { return len(s.without(open)) == 0 }
		}
		patience := s.patience
		if len(s.without(open)) == 0 {
			patience = s.brief
		}
		if err := s.settleFor(ctx, patience, done); err != nil {
			return err
		}
		if len(s.without(open))+len(s.without(silent)) == 0 {
			break
		}
		if err := s.pause(ctx, plainGap); err != nil && len(s.without(silent)) > 0 {
			return err
		}
	}
	s.plain = &Plain{
		OpenAsked: len(open), OpenAnswered: len(open) - len(s.without(open)),
		BlockedAsked: len(silent), BlockedAnswered: len(silent) - len(s.without(silent)),
	}
	return nil
}

// silentPorts are up to most of the ports that have been found silent.
func (s *sweep) silentPorts(most int) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []int
	for n, t := range s.ports {
		if t != nil && t.silent && (s.held == nil || s.held[n]) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	shuffle(out)
	return out[:min(most, len(out))]
}

// without are the ports that have not answered to the control.
func (s *sweep) without(ports []int) (out []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range ports {
		if !s.ports[n].plain {
			out = append(out, n)
		}
	}
	return out
}
