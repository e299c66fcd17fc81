package rtpports

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
)

const (
	// freshTries and freshGap: at 20 % loss each way one fresh flow in 60 still
	// dies by accident, and two in a row that say "full" are checked against
	// the sweep itself.
	freshTries = 4
	freshGap   = 80 * time.Millisecond
	// maxTrips ends a sweep whose router is full again and again.
	maxTrips = 3
	// recoverWait is how long a full table is waited for: the life of an
	// answered entry, and Linux's next collection of dead ones.
	recoverWait = (entryLife + 15) * time.Second
	// otherQuestions go to the responder's STUN port when no RTP port answers:
	// so many show a loss of a few percent.
	otherQuestions = 64
)

// freshGroup is how many new flows a verdict and a wait for the router's table ask
// for. While a table is full, one now and then slips in as an old entry expires;
// five in six do not.
const freshGroup = 12

// tryFreshFlows asks ports that are known to be open from n new sockets: flows
// that no router has seen. Five in six must pass. Without a known port there is
// nothing to say against the path.
func (s *sweep) tryFreshFlows(ctx context.Context, n int) {
	begun, known := time.Now(), s.ledger.openPorts(n)
	s.ledger.fresh.begun = begun
	if len(known) == 0 {
		s.ledger.Fresh(begun, begun, true)
		return
	}
	s.countFresh(n)
	patience := s.ledger.answerTimeout()
	s.running.Go(func() {
		var tries, passed atomic.Int32
		var asking sync.WaitGroup
		for i := range n {
			asking.Go(func() {
				t, ok := s.freshFlow(ctx, uint16(known[i%len(known)]), patience)
				if tries.Add(int32(t)); ok {
					passed.Add(1)
				}
			})
		}
		asking.Wait()
		s.post(func() {
			s.countFresh(int(tries.Load()) - n)
			s.ledger.Fresh(begun, time.Now(), 6*int(passed.Load()) >= 5*n || ctx.Err() != nil)
		})
	})
}

// countFresh counts packets against the rate that do not wait in line.
func (s *sweep) countFresh(n int) {
	s.ledger.sent += n
	s.ledger.pace.take(n)
}

// freshFlow reports whether a port answered; a socket that cannot be had says
// nothing against the path.
func (s *sweep) freshFlow(ctx context.Context, port uint16, patience time.Duration) (tries int, passed bool) {
	conn, err := s.env.Net.OpenUDP(ctx, netip.AddrPortFrom(s.bind(), 0))
	if err != nil {
		return 1, true
	}
	defer func() { _ = conn.Close() }()
	packet := s.key.Append(nil, session.RTPProbe{Session: s.key.Session, Port: port, Serial: rand.Uint32()})
	a := &probe.Ask{
		Payload: func() []byte { return packet },
		Match:   func(b []byte, from netip.AddrPort) bool { _, ok := s.proved(b, from); return ok },
	}
	when := probe.Schedule{LastWait: max(patience, freshGap)}
	for try := range freshTries {
		when.SendAt = append(when.SendAt, time.Duration(try)*freshGap)
	}
	_, _ = probe.Exchange(ctx, conn, netip.AddrPortFrom(s.client.Addr, port), when, a) // a miss says so too
	return max(a.Tries, 1), a.Reply != nil
}

// waitForTable is what follows when new flows no longer pass: the sweep waits
// until they do, forgets what it believed since, and goes on slower. It gives up
// when that would take much longer than was announced.
func (s *sweep) waitForTable(ctx context.Context, remaining int) error {
	trip, at := s.ledger.Full()
	trip.AtMS = time.Since(s.start).Milliseconds()
	s.ledger.fresh.tripped, s.ledger.fresh.missed = false, 0
	// If known-open ports do not answer on the flows of the sweep itself either,
	// it is not a full table, but a dead path. If a new flow passes as well by now,
	// it was a path that was dead for a moment.
	known, lives := s.ledger.openPorts(lateControls), false
	heard := func(n int) bool { return s.ledger.ports[n].heard } // since it was last asked
	silent := func(n int) bool { return !heard(n) }
	for try := 0; try < freshTries && !lives; try++ { // a busy machine may miss all answers to one
		if err := s.sendAndWait(ctx, known, func() bool { return !slices.ContainsFunc(known, silent) }); err != nil {
			return err
		}
		lives = slices.ContainsFunc(known, heard)
	}
	passed, err := s.freshFlowsPass(ctx)
	if err != nil {
		return err
	}
	trip.Step = trip.Step && !passed && lives
	rate := max(s.ledger.pace.rate/4, 1)
	if trip.Step {
		rate = min(rate, politeRate(at/2))
	}
	s.o.Trips = append(s.o.Trips, trip)
	s.ledger.Disbelieve(at)
	if left := time.Duration(remaining) * time.Second / time.Duration(rate); len(s.o.Trips) > maxTrips || left > max(time.Minute, 2*s.plan.expected()) {
		return s.ledger.giveUp(fmt.Sprintf("%s %d", tableFull, int(math.Ceil(left.Seconds()))))
	}
	s.progress("table-full", nil, 0)
	begin := time.Now()
	for passed = false; !passed; {
		err := s.waitAnswers(ctx, func() time.Duration { return time.Second }, func() bool { return false })
		if err == nil {
			passed, err = s.freshFlowsPass(ctx)
		}
		switch {
		case err != nil:
			return err
		case !passed && time.Since(begin) > recoverWait:
			return s.ledger.giveUp(tableFull)
		}
	}
	s.ledger.pace.rate = rate
	s.ledger.fresh.tripped, s.ledger.fresh.missed = false, 0
	mine := &s.o.Trips[len(s.o.Trips)-1]
	mine.Cleared, mine.WaitMS = true, time.Since(begin).Milliseconds()
	return nil
}

// freshFlowsPass tries fresh flows and waits for their outcome.
func (s *sweep) freshFlowsPass(ctx context.Context) (bool, error) {
	begun := time.Now()
	s.tryFreshFlows(ctx, freshGroup)
	f := &s.ledger.fresh
	for f.passed.Before(begun) && f.failed.Before(begun) {
		if err := s.await(ctx, 2*attention); err != nil {
			return false, err
		}
	}
	return !f.passed.Before(begun), nil
}

// measureOtherPorts measures the loss of the way to the responder where no RTP
// port answers, at its STUN port. If that does not answer either, nothing is
// known of the loss.
func (s *sweep) measureOtherPorts(ctx context.Context) error {
	sock, to := s.openSTUN(ctx)
	if sock == nil {
		return nil
	}
	defer sock.Close()
	q := stun.Question{To: to, Plan: stun.Plan{Sends: 1, Linger: time.Second}}
	outcomes := make([]stun.Outcome, otherQuestions)
	var asking sync.WaitGroup
	for i := range outcomes {
		asking.Go(func() { outcomes[i] = sock.Ask(ctx, q) })
	}
	asking.Wait()
	l, longest := losses{asked: len(outcomes)}, time.Duration(0)
	for _, o := range outcomes {
		if o.SendErr != nil {
			return ctx.Err() // this machine's own loss
		}
		if longest = max(longest, o.Elapsed); !o.Answered {
			l.lost++
		}
	}
	s.ledger.sent += l.asked
	if l.lost < l.asked {
		s.ledger.noAnswerLoss, s.ledger.rtt = l, longest
	}
	return ctx.Err()
}
