package rtpports

import (
	"slices"
	"time"
)

const (
	// enoughControls is how many known-open ports make a good measure of loss.
	enoughControls = 200
	// controlShare of a large round's packets are controls: one in a hundred
	// tells a loss of 2 % from one of 3 % within a few rounds of thousands.
	controlShare = 100
	// noAnswerTries is how often ports are asked at least while no port at all
	// has ever answered: loss cannot be measured with them then.
	noAnswerTries = 4
)

// losses counts probes to ports that are known to be open.
type losses struct{ asked, lost int }

// A round is one try of every port that is still undecided, and of some that
// are known to be open: the controls, a measure of the same moments.
type round struct {
	pending []int
	asked   int // controls
	heard   int
}

// turn follows when all of a round has been sent: it begins the next one. It
// does not wait for a round's last answers before that, but judges a round when
// they must be there: after the next, or before it believes in silence.
func (l *ledger) turn(now time.Time) (wait time.Duration, more bool) {
	pending := l.pending(l.wanted)
	if len(pending) == 0 {
		return 0, false
	}
	final := l.turns > 0 && l.nearVerdict(pending)
	if l.fresh.wanted = final; final {
		if wait = l.lastSent.Add(l.retransmitAfter()).Sub(now); wait > 0 {
			return wait, false
		}
	}
	if l.measure(final) {
		final = false
	}
	if final {
		if l.Decide(pending) {
			return minWait, false
		}
		pending = l.pending(pending)
	}
	if l.fresh.wanted = false; len(pending) == 0 || l.over {
		return 0, false
	}
	l.begin(now)
	l.newRound(pending)
	return 0, true
}

// newRound puts a round into the queue: the longest silent first, in the random
// order of the first round, and the controls scattered among them. The last is a
// control: its answer shows that those before it are lost.
func (l *ledger) newRound(pending []int) {
	r := &round{pending: pending}
	l.rounds = append(l.rounds, r)
	l.turns++
	pending = slices.Clone(pending)
	var controls []int
	if l.turns == 1 {
		l.shuffle(pending)
	} else {
		controls = l.openPorts(l.controls(len(pending)))
		slices.SortStableFunc(pending, func(a, b int) int { return l.ports[a].last.Compare(l.ports[b].last) })
	}
	for _, n := range pending {
		l.queue = append(l.queue, ask{port: n, retry: true})
	}
	for i, n := range controls {
		at := (i+1)*len(pending)/len(controls) + i
		l.queue = slices.Insert(l.queue, at, ask{port: n, control: r})
	}
}

// controls is how many known-open ports go along with a round.
func (l *ledger) controls(pending int) int {
	least := l.manyControls
	if l.knownOpenLoss.asked >= enoughControls {
		least = lateControls
	}
	return max(least, pending/controlShare)
}

// nearVerdict reports whether some of the ports may have been asked often
// enough, or whether it is time to give up.
func (l *ledger) nearVerdict(pending []int) bool {
	need, _, ok := l.need()
	if !ok {
		return l.hopelessLoss(pending)
	}
	return slices.ContainsFunc(pending, func(n int) bool { return l.ports[n].tries >= need })
}

// hopelessLoss reports that too much is lost for any verdict, and that this is
// known well enough.
func (l *ledger) hopelessLoss(pending []int) bool {
	return l.knownOpenLoss.asked >= enoughControls ||
		!slices.ContainsFunc(pending, func(n int) bool { return l.ports[n].tries < l.mostTries })
}

// measure counts the controls of rounds that stayed silent; of the newest round
// only if all says so. A round in which so few answered that the path was dead
// says nothing, neither about ports nor about loss: its tries are taken back.
func (l *ledger) measure(all bool) (dead bool) {
	for len(l.rounds) > 1 || all && len(l.rounds) > 0 {
		r := l.rounds[0]
		l.rounds = l.rounds[1:]
		expected := 1.0
		if l.knownOpenLoss.asked > 0 {
			expected = 1 - lossBound(l.knownOpenLoss.lost, l.knownOpenLoss.asked)
		}
		if float64(r.heard) >= float64(r.asked)*expected/4 {
			l.knownOpenLoss.asked += r.asked
			l.knownOpenLoss.lost += r.asked - r.heard
			continue
		}
		dead = true
		for _, n := range r.pending {
			if p := &l.ports[n]; !p.answered && p.tries > 0 {
				p.tries--
			}
		}
		if l.deads++; l.deads > l.maxDeadRounds {
			_ = l.giveUp(l.dead)
		}
	}
	return dead
}

// Decide declares silent what has been asked often enough, after fresh flows
// have shown that new connections pass, and unless silence came with time. waiting
// reports that this is not known yet, or not so.
func (l *ledger) Decide(pending []int) (waiting bool) {
	need, noneYet, ok := l.need()
	if !ok {
		if l.hopelessLoss(pending) {
			_ = l.giveUp(l.lossy)
		}
		return false
	}
	if l.freshFlows && !noneYet && l.fresh.passed.Before(l.lastSent) {
		return true
	}
	if l.freshFlows && !noneYet && silentLate(l.answeredFrom(l.since)) {
		l.fresh.tripped = true
		return true
	}
	for _, n := range pending {
		if p := &l.ports[n]; !p.answered && p.tries >= need {
			p.silent, p.noAnswerYet = true, noneYet
		}
	}
	return false
}

// Reconsider makes ports undecided again that were declared silent while
// nothing had ever answered, if something has since. It returns them.
func (l *ledger) Reconsider() []int {
	if len(l.openPorts(1)) == 0 {
		return nil
	}
	again := l.portsThat(func(_ int, p *port) bool { return p.silent && p.noAnswerYet })
	for _, n := range again {
		l.ports[n].silent, l.ports[n].noAnswerYet = false, false
	}
	return again
}

// need is how often a port must have been silent. noneYet says that no port has
// ever answered, so that the loss could not be measured with ports; ok is false
// when the loss is too high for any verdict.
func (l *ledger) need() (tries int, noneYet, ok bool) {
	if noneYet = l.knownOpenLoss.asked == 0 && len(l.open) == 0; !noneYet {
		tries, ok = triesNeeded(l.loss(), l.known)
		return max(tries, l.leastTries), false, ok && tries <= l.mostTries
	}
	tries, ok = triesNeeded(lossBound(l.noAnswerLoss.lost, l.noAnswerLoss.asked), l.known)
	if l.noAnswerLoss.asked == 0 || !ok {
		return noAnswerTries, true, true
	}
	return max(tries, noAnswerTries), true, true
}

// loss is the loss that verdicts have to stand: that of all probes to open
// ports with a margin, or that of the controls if it was higher.
func (l *ledger) loss() float64 {
	c := l.knownOpenLoss
	q := lossBound(c.lost+l.firstTryLoss.lost, c.asked+l.firstTryLoss.asked+l.prior)
	if c.asked < l.manyControls {
		return q
	}
	return max(q, float64(c.lost)/float64(c.asked))
}

// giveUp ends the test.
func (l *ledger) giveUp(why string) error {
	l.gaveUp, l.over = why, true
	return errGaveUp
}

// end is errGaveUp after giveUp.
func (l *ledger) end() error {
	if l.gaveUp != "" {
		return errGaveUp
	}
	return nil
}
