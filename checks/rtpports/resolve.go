package rtpports

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// enoughCanaries is how many known-open ports make a good measure of loss;
	// until then every retry round brings firstCanaries, later lateCanaries,
	// which only show that the path lives.
	enoughCanaries = 200
	firstCanaries  = 32
	lateCanaries   = 8
	// canaryShare of a large round's packets are canaries: one in a hundred
	// tells a loss of 2 % from one of 3 % within a few rounds of thousands.
	canaryShare = 100
	// maxVoid is how many retry rounds may be lost to a dead path.
	maxVoid = 5
	// blindTries is how often ports are asked at least while no port at all has
	// ever answered: loss cannot be measured with them then.
	blindTries = 4
	// maxTrips ends a sweep whose router is full again and again.
	maxTrips = 3
	// recoverWait is how long a full table is waited for: the life of an
	// answered entry, and Linux's next collection of dead ones.
	recoverWait = (entryLife + 15) * time.Second
)

// A round is one try of every port that is still undecided, and of some that
// are known to be open, as a measure of the same moments.
type round struct {
	pending []int
	asked   int // known-open ports; under the sweep's lock
	heard   int
}

// resolve asks ports until each has answered or has been silent for as many
// tries as the loss demands. What it cannot tell stays neither. It does not
// wait for a round's last answers before the next begins, but judges a round
// when they must be there: after the next, or before it believes in silence.
func (s *sweep) resolve(ctx context.Context, ports []int) error {
	voids := 0
	var open []*round // whose measure has not been taken
	for n := 0; ; n++ {
		pending := s.unanswered(ports)
		if len(pending) == 0 {
			return nil
		}
		s.keepSession(ctx)
		r := &round{pending: pending}
		err := s.put(ctx, s.questions(r, n))
		final := false
		if err == nil {
			open = append(open, r)
			if final = s.nearVerdict(pending); final {
				err = s.settleFor(ctx, s.brief, func() bool { return len(s.unanswered(pending)) == 0 })
			}
		}
		for err == nil && (len(open) > 1 || final && len(open) > 0) {
			if !s.measure(open[0]) {
				s.forgive(open[0].pending)
				if voids++; voids > maxVoid {
					return s.giveUp(openPortsSilent)
				}
				final = false
			}
			open = open[1:]
		}
		if err == nil && final {
			err = s.decide(ctx, s.unanswered(ports))
		}
		if errors.Is(err, errTableFull) {
			open = nil
			err = s.recover(ctx, len(s.unanswered(ports)))
		}
		if err != nil {
			return err
		}
	}
}

// questions are those of a round: the longest silent first, in the random
// order of the first round, and known-open ports scattered among them.
func (s *sweep) questions(r *round, n int) []question {
	known := asking(s.knownOpen(n, len(r.pending)), question{again: r})
	out := asking(r.pending, question{retry: true})
	if n == 0 {
		shuffle(out)
		return out
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.SortFunc(out, func(a, b question) int { return s.port(a.port).last.Compare(s.port(b.port).last) })
	for i, q := range known {
		at := (2*i + 1) * len(out) / (2 * len(known))
		out = slices.Insert(out, min(at+rand.IntN(3), len(out)), q)
	}
	return out
}

// knownOpen are the open ports that go along with a retry round.
func (s *sweep) knownOpen(round, pending int) []int {
	if round == 0 {
		return nil
	}
	most := firstCanaries
	s.mu.Lock()
	if s.canary.asked >= enoughCanaries {
		most = lateCanaries
	}
	s.mu.Unlock()
	return s.openPorts(max(most, pending/canaryShare))
}

// nearVerdict reports whether some of the ports may have been asked often
// enough.
func (s *sweep) nearVerdict(pending []int) bool {
	need, _, ok := s.need()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok {
		return s.canary.asked >= enoughCanaries // time to give up
	}
	return slices.ContainsFunc(pending, func(n int) bool {
		t := s.ports[n]
		return t != nil && !t.answered && t.tries >= need
	})
}

// measure counts the known-open ports of a round that stayed silent. It
// reports false when so few answered that the path was dead: such a round
// says nothing, neither about ports nor about loss.
func (s *sweep) measure(r *round) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	expected := 1.0
	if s.canary.asked > 0 {
		expected = 1 - lossBound(s.canary.lost, s.canary.asked)
	}
	if float64(r.heard) < float64(r.asked)*expected/4 {
		return false
	}
	s.canary.asked += r.asked
	s.canary.lost += r.asked - r.heard
	return true
}

// forgive takes one try back from ports that a dead path kept silent.
func (s *sweep) forgive(ports []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range ports {
		if t := s.ports[n]; t != nil && !t.answered && t.tries > 0 {
			t.tries--
		}
	}
}

// need is how often a port must have been silent. blind says that no port has
// ever answered, so that the loss could not be measured with ports; ok is false
// when the loss is too high for any verdict.
func (s *sweep) need() (tries int, blind, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if blind = s.canary.asked == 0 && len(s.open) == 0; !blind {
		tries, ok = triesNeeded(s.loss(), s.known)
		return tries, false, ok
	}
	tries, ok = triesNeeded(lossBound(s.blind.lost, s.blind.asked), s.known)
	if s.blind.asked == 0 || !ok {
		return blindTries, true, true
	}
	return max(tries, blindTries), true, true
}

// loss is the loss that verdicts have to stand: that of all probes to open
// ports with a margin, or that of the retry rounds if it was higher; under the
// lock.
func (s *sweep) loss() float64 {
	q := lossBound(s.canary.lost+s.first.lost, s.canary.asked+s.first.asked)
	if s.canary.asked < firstCanaries {
		return q
	}
	return max(q, float64(s.canary.lost)/float64(s.canary.asked))
}

// decide declares silent what has been asked often enough, after a fresh flow
// has shown that new connections pass.
func (s *sweep) decide(ctx context.Context, pending []int) error {
	need, blind, ok := s.need()
	s.mu.Lock()
	var ready []int
	for _, n := range pending {
		if s.ports[n].tries >= need {
			ready = append(ready, n)
		}
	}
	enough := s.canary.asked >= enoughCanaries
	s.mu.Unlock()
	switch {
	case !ok && enough:
		return s.giveUp(halfLost)
	case !ok || len(ready) == 0:
		return ctx.Err()
	case !blind && !s.fresh(ctx):
		return errTableFull
	case ctx.Err() != nil:
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range ready {
		if t := s.ports[n]; !t.answered {
			t.silent, t.blind = true, blind
		}
	}
	return nil
}

// reconsider makes ports undecided again that were declared silent while
// nothing had ever answered, if something has since. It returns them.
func (s *sweep) reconsider() []int {
	open := len(s.openPorts(1)) > 0
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []int
	for n, t := range s.ports {
		if open && t != nil && t.silent && t.blind {
			t.silent, t.blind = false, false
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// recover is what follows when new flows no longer pass: the sweep waits until
// they do, forgets what it believed since, and goes on slower. It gives up
// when that would take much longer than was announced.
func (s *sweep) recover(ctx context.Context, remaining int) error {
	trip, at := s.describe()
	if err := s.alive(ctx, &trip); err != nil {
		return err
	}
	rate := max(s.pace.current()/4, 1)
	if trip.Step {
		rate = min(rate, politeRate(at/2))
	}
	s.mu.Lock()
	s.trips = append(s.trips, trip)
	mine := &s.trips[len(s.trips)-1]
	trips := len(s.trips)
	s.mu.Unlock()
	s.disbelieve(at)
	if left := time.Duration(remaining) * time.Second / time.Duration(rate); trips > maxTrips || left > max(time.Minute, 2*s.plan.expected()) {
		return s.giveUp(fmt.Sprintf("%s %d", tableFull, int(math.Ceil(left.Seconds()))))
	}
	s.env.Say(words.Say("rtp-ports.progress.table-full", nil))
	begin := time.Now()
	for passed := false; !passed; {
		if err := s.pause(ctx, time.Second); err != nil {
			return err
		}
		passed = s.fresh(ctx)
		if !passed && time.Since(begin) > recoverWait {
			return s.giveUp(tableFull)
		}
	}
	s.pace.slow(rate)
	s.mu.Lock()
	defer s.mu.Unlock()
	mine.Cleared, mine.WaitMS = true, time.Since(begin).Milliseconds()
	s.canary.tripped, s.canary.missed = false, 0
	return nil
}

// disbelieve forgets the silence of ports that were asked when new flows may
// have failed already: of all that are no verdict yet.
func (s *sweep) disbelieve(at int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.ports {
		if t != nil && !t.answered && !t.silent {
			t.tries = 0
		}
	}
	s.order = s.order[:min(at, len(s.order))]
}

// describe looks at the order of sending: where did new flows begin to fail?
func (s *sweep) describe() (trip Trip, at int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	passed := make([]bool, len(s.order))
	for i, n := range s.order {
		passed[i] = s.ports[n].answered
	}
	trip = Trip{AtMS: time.Since(s.start).Milliseconds(), Rate: s.pace.current()}
	at, trip.Step = tableStep(passed)
	if !trip.Step {
		at = len(passed)
	}
	for _, p := range passed[:at] {
		if p {
			trip.Answered++
		}
	}
	trip.Failed = len(passed) - at
	return trip, at
}

// alive asks known-open ports on the flows of the sweep itself: if those do
// not pass either it is no full table, but a dead path.
func (s *sweep) alive(ctx context.Context, trip *Trip) error {
	s.mu.Lock()
	s.canary.tripped, s.canary.missed = false, 0
	s.mu.Unlock()
	known := s.openPorts(lateCanaries)
	err := s.ask(ctx, known, false)
	if err != nil && !errors.Is(err, errTableFull) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	lives := slices.ContainsFunc(known, func(n int) bool { return s.ports[n].heard })
	trip.Step = trip.Step && lives
	return nil
}

// giveUp notes why the sweep ends.
func (s *sweep) giveUp(why string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gaveUp = why
	return errGaveUp
}
