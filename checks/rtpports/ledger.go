package rtpports

import (
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// sendBatch is how many probes one system call sends, as many as it takes.
	sendBatch = 64
	// minWait is the shortest wait: at high rates several probes leave together
	// after it, which costs the machine less than one at a time.
	minWait = time.Millisecond
	// refusals of this machine in a row are believed.
	refusals = 3
)

// A port is what is known of one port of the far end.
type port struct {
	tries        int    // that count
	refused      int    // sends that failed in this machine
	serial       uint32 // of the last try
	inFlight     bool   // an answer to that is awaited
	answered     bool   // ever
	heard        bool   // since it was last asked
	noAnswerYet  bool   // silent while nothing had ever answered
	silent       bool   // asked as often as the loss demands
	busy         bool   // at the responder
	usedByOthers bool   // a program at the responder owns it, and all the others answer
	noControl    bool   // its answers say nothing about the loss of others
	local        bool   // this machine's own packet filter lets nothing out to it
	plain        bool   // answered to the packet that is not RTP
	known        bool   // anything at all is
	last         time.Time
	round        *round // the round whose control the last try is
}

// decided reports a port that is not asked, or not again.
func (p *port) decided() bool {
	return p.answered || p.busy || p.usedByOthers || p.silent || p.hopeless()
}

// hopeless reports a port that cannot be asked.
func (p *port) hopeless() bool { return p.refused >= refusals && p.tries == 0 }

// A packet is one probe.
type packet struct {
	port   int
	serial uint32
	plain  bool // not RTP
}

// An ask is a probe to be sent.
type ask struct {
	port    int
	control *round // the port is known to be open: a measure of this round
	plain   bool
	retry   bool // leave it out if it has answered in the meantime, and leave time between tries
}

// limits are what differs between the tests that a ledger serves.
type limits struct {
	prior         int           // packets without loss that are assumed before any was seen
	leastTries    int           // of a port that is called silent
	mostTries     int           // when more are needed, silence says nothing about ports
	manyControls  int           // known-open ports in a round until enoughControls were asked
	fewControls   int           // and after that, when they only show that the path lives
	maxDeadRounds int           // how many rounds may be lost to a dead path
	dead          string        // the problem when there are more
	lossy         string        // the problem when too much is lost; empty: the ports just stay undecided
	grace         time.Duration // for an answer; 0: as long as round trips took
	freshFlows    bool          // before a verdict of silence a new flow has to pass
}

// A ledger keeps the account of a test that asks ports until each has answered
// or has been silent so often that loss cannot be the reason. It says what to
// send next and when, and what follows from answers and from silence. It is
// pure: it owns no socket and no clock, and one goroutine uses it.
type ledger struct {
	limits
	pace   *pacer // nil: somebody else keeps the rate
	window window
	rand   *rand.Rand

	ports []port // by number
	known int    // how many of them are
	order []int  // in which ports were first asked
	open  []int  // that have answered
	held  map[int]bool

	wanted  []int // to be decided
	turns   int   // rounds of them so far
	queue   []ask
	sending []packet // what Ask has returned last
	rounds  []*round // whose measure has not been taken
	deads   int

	serial   uint32
	sent     int
	lastSent time.Time
	rtt      time.Duration // the longest of recent ones

	firstTryLoss  losses // of the ports that have answered, until they did
	knownOpenLoss losses // of the controls
	noAnswerLoss  losses // of questions to the responder's other ports, when none of these answered
	lateAnswers   int    // open ports that did not answer when first asked
	fresh         freshFlows
	gaveUp        string
	over          bool
}

func newLedger(l limits, pace *pacer, seed uint64) *ledger {
	r := rand.New(rand.NewPCG(seed, seed))
	return &ledger{limits: l, pace: pace, rand: r, window: window{size: minWindow}, ports: make([]port, 1<<16), serial: r.Uint32()}
}

// port is what is known of a port, from now on.
func (l *ledger) port(n int) *port {
	p := &l.ports[n]
	if !p.known {
		p.known = true
		l.known++
	}
	return p
}

// Want makes these the ports to decide.
func (l *ledger) Want(ports []int) {
	l.wanted, l.turns, l.deads, l.queue, l.rounds, l.over = ports, 0, 0, nil, nil, false
	l.fresh.wanted = false
}

// Enqueue has ports asked once, apart from any round.
func (l *ledger) Enqueue(ports []int, plain bool, now time.Time) {
	l.begin(now)
	for _, n := range ports {
		l.queue = append(l.queue, ask{port: n, plain: plain})
	}
}

func (l *ledger) begin(now time.Time) {
	if l.pace != nil {
		l.pace.begin(now)
	}
}

// Ask returns what to send now, which is good until the next call, and counts it
// as sent. If that is nothing, wait
// is how long answers may be awaited before Ask has to be called again; 0 means
// that there is nothing left to do: all is decided, or gaveUp or fresh.tripped
// says why not.
func (l *ledger) Ask(now time.Time) (out []packet, wait time.Duration) {
	l.Lost(now)
	for len(out) == 0 {
		if l.fresh.tripped || l.over {
			return nil, 0
		}
		if len(l.queue) == 0 {
			if wait, more := l.turn(now); !more {
				return nil, wait
			}
		}
		n, wait := l.room(now)
		if n == 0 {
			return nil, wait
		}
		out = l.take(l.queue[:n], now)
		l.queue = l.queue[n:]
	}
	return out, 0
}

// Lost gives up the probes whose answers should have come.
func (l *ledger) Lost(now time.Time) { l.window.lost(now, l.retransmitAfter(), l.answerTimeout()) }

// room is how many of the queue may leave now; if none, how long to wait.
func (l *ledger) room(now time.Time) (n int, wait time.Duration) {
	n = len(l.queue)
	if l.pace != nil {
		n = min(n, sendBatch)
		if space := l.window.size - l.window.inFlight; space < n {
			if space < sendBatch/2 {
				return 0, minWait // one here and one there would cost as much as a batch each
			}
			n = space
		}
	}
	for i, q := range l.queue[:n] {
		if due := l.due(q); now.Before(due) {
			if i == 0 {
				return 0, max(due.Sub(now), minWait)
			}
			n = i
			break
		}
	}
	if l.pace != nil {
		n, wait = l.pace.claim(now, n)
	}
	return n, max(wait, minWait)
}

// due is when a port may be asked: a second time when the answer to the first
// should have come, or the first is given up, then not too soon after the last,
// so that a short outage does not take all tries of a port.
func (l *ledger) due(q ask) time.Time {
	const outage = 60 * time.Millisecond
	p := &l.ports[q.port]
	switch {
	case !q.retry || p.answered || p.last.IsZero():
		return time.Time{}
	case p.inFlight && l.window.newest.Before(p.last):
		return p.last.Add(l.answerTimeout())
	case p.tries < 2:
		return p.last.Add(l.retransmitAfter())
	}
	return p.last.Add(max(l.retransmitAfter(), outage))
}

// retransmitAfter is how long an answer may take before the probe counts as lost
// for the purpose of sending on: an answer that comes later still counts.
func (l *ledger) retransmitAfter() time.Duration {
	switch {
	case l.grace > 0:
		return l.grace
	case l.rtt == 0:
		return time.Second
	}
	return l.rtt + l.rtt/4 + 10*time.Millisecond
}

// answerTimeout is how long an answer may take: twice the slowest seen and a
// scheduler's hiccup, or a second before any was seen.
func (l *ledger) answerTimeout() time.Duration {
	switch {
	case l.grace > 0:
		return l.grace
	case l.rtt == 0:
		return time.Second
	}
	return min(2*l.rtt+100*time.Millisecond, 2*time.Second)
}

// take makes probes of what is still to be asked.
func (l *ledger) take(qs []ask, now time.Time) []packet {
	out := l.sending[:0]
	for _, q := range qs {
		p := l.port(q.port)
		if q.retry && p.decided() {
			continue
		}
		if p.tries == 0 && !q.plain {
			l.order = append(l.order, q.port)
		}
		if q.control != nil {
			q.control.asked++
		}
		l.serial++
		p.serial, p.last, p.heard, p.round = l.serial, now, false, q.control
		p.tries++
		l.window.sent(p, now)
		out = append(out, packet{q.port, l.serial, q.plain})
	}
	if l.pace != nil {
		l.pace.take(len(out) - len(qs))
	}
	l.sent += len(out)
	l.lastSent = now
	l.sending = out
	return out
}

// Unsent takes a try back that did not leave; refused says that this machine
// did not let it out.
func (l *ledger) Unsent(n int, refused bool) {
	p := &l.ports[n]
	p.tries = max(p.tries-1, 0)
	l.sent--
	l.window.landed(p)
	if refused {
		p.refused++
	}
}

// Answered notes an answer and reports whether it is the port's first.
func (l *ledger) Answered(a packet, now time.Time) (first bool) {
	p := &l.ports[a.port]
	if p.last.IsZero() {
		return false // it was never asked
	}
	// An answer to an earlier try says nothing about how long the last takes.
	if a.serial == p.serial {
		if p.inFlight && !a.plain {
			l.trip(now.Sub(p.last), now)
		}
		l.window.landed(p)
		if p.round != nil {
			p.round.heard++
			p.round = nil
		}
	}
	if a.plain {
		p.plain = true
		return false
	}
	if first = !p.answered; first {
		if !p.noControl {
			l.open = append(l.open, a.port)
		}
		l.firstTryLoss.asked += p.tries
		l.firstTryLoss.lost += max(p.tries-1, 0)
		if p.tries > 1 {
			l.lateAnswers++
		}
	}
	p.answered, p.heard, p.silent = true, true, false
	return first
}

// trip notes how long a round trip took.
func (l *ledger) trip(d time.Duration, now time.Time) {
	if d > l.rtt {
		l.rtt = d
	} else {
		l.rtt -= (l.rtt - d) / 64 // forget slowly
	}
	l.window.answered(d, now)
}

// pending are those of ports that are not decided.
func (l *ledger) pending(ports []int) (out []int) {
	for _, n := range ports {
		if !l.ports[n].decided() {
			out = append(out, n)
		}
	}
	return out
}

// allAnswered reports that each of the ports has answered since it was last
// asked.
func (l *ledger) allAnswered(ports []int) bool {
	return !slices.ContainsFunc(ports, func(n int) bool { return !l.ports[n].heard })
}

// openPorts are up to most ports that have answered and are held open, in
// random order.
func (l *ledger) openPorts(most int) (out []int) {
	// Half of a Fisher-Yates shuffle: it ends when there are enough.
	for i := range l.open {
		j := i + l.rand.IntN(len(l.open)-i)
		l.open[i], l.open[j] = l.open[j], l.open[i]
		if len(out) == most {
			break
		}
		if n := l.open[i]; l.isHeld(n) {
			out = append(out, n)
		}
	}
	return out
}

// silentPorts are up to most of the ports that were found silent, in random
// order.
func (l *ledger) silentPorts(most int) (out []int) {
	for n := range l.ports {
		if l.ports[n].silent && l.isHeld(n) {
			out = append(out, n)
		}
	}
	l.shuffle(out)
	return out[:min(most, len(out))]
}

// Hold notes which ports the responder has open now, and which of those it
// could not open.
func (l *ledger) Hold(ports, busy []int) {
	clear(l.held)
	for _, n := range ports {
		l.held[n] = true
	}
	for _, n := range busy {
		delete(l.held, n)
		l.port(n).busy = true
	}
}

// isHeld reports whether the responder has this port open: one that opens them
// in blocks may not.
func (l *ledger) isHeld(n int) bool { return l.held == nil || l.held[n] }

func (l *ledger) shuffle(ports []int) {
	l.rand.Shuffle(len(ports), func(i, j int) { ports[i], ports[j] = ports[j], ports[i] })
}
