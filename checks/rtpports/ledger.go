package rtpports

import (
	"math/rand/v2"
	"time"
)

const (
	// sendBatch is how many probes one system call sends, as many as it takes.
	sendBatch = 64
	// minWait is the shortest wait: at high rates several probes leave together
	// after it, which costs the machine less than one at a time.
	minWait = time.Millisecond
)

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
	manyControls  int           // known-open ports in a round until enoughControls were asked; then lateControls
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
	since int    // in order: where those of the present Want begin
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
	l.fresh.wanted, l.since = false, len(l.order)
}

// Once has ports asked once, apart from any round.
func (l *ledger) Once(ports []int, plain bool, now time.Time) {
	l.Want(nil)
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

func (l *ledger) trip(d time.Duration, now time.Time) {
	if d > l.rtt {
		l.rtt = d
	} else {
		l.rtt -= (l.rtt - d) / 64 // forget slowly
	}
	l.window.answered(d, now)
}
