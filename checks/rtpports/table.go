package rtpports

import "time"

const (
	// freshEvery is how often a fresh flow is tried: often enough to notice a
	// full table within a second, rare enough to take 120 entries at a time.
	freshEvery = 250 * time.Millisecond
	// freshMisses in a row stop the sweep.
	freshMisses = 2
)

// freshFlows is what became of flows that no router had seen before, to ports
// that are known to be open.
type freshFlows struct {
	wanted  bool      // a verdict waits for one
	begun   time.Time // when the latest was
	passed  time.Time // when the latest of those that passed was begun
	failed  time.Time // and of those that did not
	missed  int       // in a row
	tripped bool      // new flows no longer pass
}

// FreshDue reports that it is time for another fresh flow.
func (l *ledger) FreshDue(now time.Time) bool {
	f := &l.fresh
	if f.begun.IsZero() {
		f.begun = now // the first one after freshEvery
	}
	return l.freshFlows && (now.Sub(f.begun) >= freshEvery || f.wanted && f.begun.Before(l.lastSent))
}

// Fresh notes what became of a fresh flow. A lossy line kills these too: only
// when one fails before a verdict, or when the sweep's own new flows of the last
// second have all failed as well, new flows count as failing.
func (l *ledger) Fresh(begun, now time.Time, passed bool) {
	f := &l.fresh
	if passed {
		f.passed, f.missed = later(f.passed, begun), 0
		return
	}
	f.failed = later(f.failed, begun)
	f.missed++
	if f.wanted && !begun.Before(l.lastSent) || f.missed >= freshMisses && l.failing(now) {
		f.tripped = true
	}
}

// failing reports whether the latest new flows, sent long enough ago to have
// been answered, all failed.
func (l *ledger) failing(now time.Time) bool {
	judged := 0
	for i := len(l.order) - 1; i >= 0; i-- {
		p := &l.ports[l.order[i]]
		if p.answered {
			break
		}
		if now.Sub(p.last) > 2*l.rtt+100*time.Millisecond {
			judged++
		}
	}
	// Twenty: with fewer it may be a blocked range or a bad moment; the check
	// before every verdict of silence is still to come.
	return judged >= 20
}

// Full looks at the order of sending: where did new flows begin to fail? at is
// how many had been begun by then.
func (l *ledger) Full() (trip Trip, at int) {
	passed := l.answeredFrom(0)
	if at, trip.Step = tableStep(passed); !trip.Step {
		at = len(passed)
	}
	for i, p := range passed {
		switch {
		case i < at && p:
			trip.Answered++
		case i >= at && !p:
			trip.Failed++
		}
	}
	trip.Rate = l.pace.rate
	return trip, at
}

// answeredFrom tells of the ports from a place in the order on which have
// answered.
func (l *ledger) answeredFrom(place int) (answered []bool) {
	for _, n := range l.order[min(place, len(l.order)):] {
		answered = append(answered, l.ports[n].answered)
	}
	return answered
}

// Disbelieve forgets the silence of all ports that are not decided: they were
// asked when new flows may have failed already. at is from Full.
func (l *ledger) Disbelieve(at int) {
	for n := range l.ports {
		if p := &l.ports[n]; !p.answered && !p.silent {
			p.tries = 0
		}
	}
	l.order = l.order[:min(at, len(l.order))]
}

// Restart forgets all tries that had no answer: they may have been sent from a
// source that nothing comes back to.
func (l *ledger) Restart() {
	answered := l.order[:0]
	for _, n := range l.order {
		if l.ports[n].answered {
			answered = append(answered, n)
		}
	}
	l.Disbelieve(len(l.order))
	l.order, l.firstTryLoss, l.lateAnswers = answered, losses{}, 0
}
