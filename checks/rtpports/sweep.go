package rtpports

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// searchRounds find a port within 512 others, seven at a time.
	searchRounds = 3
	searchPoints = 7
	// lateControls are open ports that show whether the path lives.
	lateControls = 8
)

func outbound() limits {
	return limits{
		leastTries: 3, mostTries: maxTries, manyControls: 32,
		maxDeadRounds: 5, dead: openPortsSilent, lossy: halfLost, freshFlows: true,
	}
}

// A sweep asks the responder's ports, as its ledger says.
type sweep struct {
	*trial
	o       *Observed
	plan    *plan
	spoken  time.Time // when a control call was last made
	told    time.Time // when progress was last reported
	sources []*source
	silent  bool // the first ports that were asked answered none of the sources
	out, in []platform.Message
	stop    context.CancelFunc // of what goes on beside the loop
	icmp    map[ICMP][]int     // which ports a hop said this about
	bitmap  *session.BitmapReply
	mapped  int // packets sent when the bitmap was fetched
}

func newSweep(ctx context.Context, env *checks.Env, client *session.Client, p *plan, o *Observed) (*sweep, error) {
	now := time.Now()
	t, err := newTrial(env, client, outbound(), newPacer(p.rate, now))
	if err != nil {
		return nil, err
	}
	s := &sweep{trial: t, o: o, plan: p, spoken: now, told: now, in: make([]platform.Message, sendBatch), stop: func() {}, icmp: map[ICMP][]int{}}
	for i := range s.in {
		s.in[i].Buf = make([]byte, session.RTPProbeSize+1) // a byte more than a probe shows what is not one
	}
	if client.Info.RTPBlock > 0 {
		s.ledger.held = map[int]bool{}
	}
	return s, s.addSource(ctx, 0)
}

func (s *sweep) close(ctx context.Context) {
	s.stop()
	close(s.over)
	for _, src := range s.sources {
		_ = src.Close()
	}
	s.running.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = s.client.Sweep(ctx, session.SweepRequest{Stop: true}) // it forgets by itself as well
}

// run asks everything. Whatever it returns, report tells what is known.
func (s *sweep) run(ctx context.Context) error {
	started, err := s.client.Sweep(ctx, session.SweepRequest{})
	if err == nil {
		err = s.leaveAlone(started.Busy)
	}
	if err != nil {
		return err
	}
	var flows context.Context
	flows, s.stop = context.WithCancel(ctx)
	s.learnBudget(flows)
	err = s.phases(flows)
	s.stop()
	if ctx.Err() != nil {
		short, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		s.fetch(short)
		return ctx.Err()
	}
	s.fetch(ctx)
	switch {
	case errors.Is(err, errGaveUp):
		return nil
	case err != nil:
		return err
	}
	return s.compareContent(ctx)
}

// leaveAlone marks the ports that programs at the responder own: there may be a
// call on them. Nothing follows from that for the way; a port between two of the
// same outcome is like one between two of a sample.
func (s *sweep) leaveAlone(terms []string) error {
	ports, err := session.DecodePorts(terms, 1<<16)
	if err != nil {
		return fmt.Errorf("reading which ports the responder's host uses: %w", err)
	}
	for _, n := range ports {
		s.ledger.port(n).usedByOthers = true
	}
	return nil
}

// phases asks the ports of the plan, and then where the outcome changes.
func (s *sweep) phases(ctx context.Context) error {
	ask := func(ports []int) error { return s.probeBlocks(ctx, ports) }
	return s.search(s.plan.ports, searchRounds, searchPoints, "edges", ask, func() []Run {
		if s.fetch(ctx); s.bitmap == nil {
			return nil // in which direction ports are blocked is not known
		}
		return s.runs()
	})
}

// fetch asks the responder what has arrived, unless nothing has been sent since
// it was last asked.
func (s *sweep) fetch(ctx context.Context) {
	sent := s.ledger.sent
	if s.bitmap != nil && s.o.BitmapError == "" && s.mapped == sent {
		return
	}
	s.spoken = time.Now()
	b, err := s.client.Bitmap(ctx)
	if s.o.BitmapError = platform.Words(err); err == nil {
		s.bitmap, s.mapped = &b, sent
		s.o.Bitmap, s.o.Moved, s.o.Unproved = true, b.Moved, b.Unproved
	}
}

// probeBlocks decides ports, in blocks where the responder opens them so.
func (s *sweep) probeBlocks(ctx context.Context, ports []int) error {
	if s.ledger.held == nil {
		return s.retryUntilDecided(ctx, ports)
	}
	// Two blocks at a time, and the controls: the responder takes no more, and one
	// request names all of them.
	parts := split(ports, s.client.Info.RTPBlock-s.ledger.manyControls, holdText/2)
	err := s.hold(ctx, parts[0])()
	for i := 0; err == nil && i < len(parts); i++ {
		opened := func() error { return nil }
		if i+1 < len(parts) {
			opened = s.hold(ctx, slices.Concat(parts[i], parts[i+1]))
		}
		err = errors.Join(s.retryUntilDecided(ctx, parts[i]), opened())
	}
	return err
}

// retryUntilDecided asks ports until each has answered or has been silent as
// often as the loss demands. What it cannot tell stays neither.
func (s *sweep) retryUntilDecided(ctx context.Context, ports []int) error {
	if err := s.findWorkingSource(ctx, ports); err != nil {
		return err
	}
	for {
		s.keepSession(ctx)
		s.ledger.Want(ports)
		if err := s.pump(ctx); err != nil {
			return err
		}
		if err := s.ledger.end(); err != nil || !s.ledger.fresh.tripped {
			return err
		}
		if err := s.waitForTable(ctx, len(s.ledger.pending(ports))); err != nil {
			return err
		}
	}
}

// pump sends what the ledger says and takes the answers, until there is nothing
// left to send.
func (s *sweep) pump(ctx context.Context) error {
	for {
		now := time.Now()
		probes, wait := s.ledger.Ask(now)
		if s.ledger.FreshDue(now) && len(s.ledger.wanted) > 0 {
			n := 1
			if s.ledger.fresh.wanted {
				n = freshGroup
			}
			s.tryFreshFlows(ctx, n)
		}
		switch {
		case len(probes) > 0:
			s.send(probes)
		case wait == 0:
			return nil
		}
		if err := s.await(ctx, wait); err != nil {
			return err
		}
		if len(s.ledger.queue) > 0 {
			s.sayProgress(ctx, now)
		}
	}
}

// sayProgress tells how long the rest takes, once a second.
func (s *sweep) sayProgress(ctx context.Context, now time.Time) {
	if now.Sub(s.told) < time.Second {
		return
	}
	s.told = now
	s.keepSession(ctx)
	n := len(s.ledger.queue)
	left, unit := time.Duration(n)*time.Second/time.Duration(s.ledger.pace.rate), time.Second
	if left >= 2*time.Minute {
		unit = time.Minute
	}
	s.progress("left", words.Args{"n": n, "time": (left + unit - 1).Truncate(unit)}, 0)
}

// keepSession speaks to the responder in time when no probe may have reached it
// for long: it ends a session after a minute of silence.
func (s *sweep) keepSession(ctx context.Context) {
	const often = 20 * time.Second
	if time.Since(s.spoken) > often {
		s.fetch(ctx)
	}
}

// sendAndWait sends one probe to each port and waits for the answers: as long as
// the slowest took, and no longer than until done.
func (s *sweep) sendAndWait(ctx context.Context, ports []int, done func() bool) error {
	s.ledger.Once(ports, false, time.Now())
	if err := s.pump(ctx); err != nil {
		return err
	}
	return s.waitAnswers(ctx, s.ledger.answerTimeout, done)
}

// waitAnswers takes answers until done, or until a time is over that may change
// meanwhile.
func (s *sweep) waitAnswers(ctx context.Context, most func() time.Duration, done func() bool) error {
	for begin := time.Now(); !done(); {
		left := most() - time.Since(begin)
		if left <= 0 {
			return nil
		}
		if err := s.await(ctx, min(left, 2*attention)); err != nil {
			return err
		}
	}
	return nil
}
