package rtpports

import "time"

const (
	// burst is how much may leave at once after the scheduler was late: 20 ms
	// worth of packets.
	burst = 20 * time.Millisecond
	// A busy machine makes up for what it missed within catchUpSpan, at
	// catchUpFactor times the rate that was asked for: so the busiest tenth of a
	// second has two fifths more than its share, and the whole keeps the rate.
	catchUpSpan   = time.Second
	catchUpFactor = 1.2
)

// A pacer spreads packets evenly over time.
type pacer struct {
	rate int       // packets a second
	next time.Time // when the next is due
	soon time.Time // when it may leave at the earliest
}

func newPacer(rate int, now time.Time) *pacer { return &pacer{rate: max(rate, 1), next: now} }

// begin says that there was nothing to send until now: that is not made up for.
func (p *pacer) begin(now time.Time) { p.next = later(p.next, now.Add(-burst)) }

// claim takes the places that are due, up to most of them. Without one it says
// how long to wait.
func (p *pacer) claim(now time.Time, most int) (n int, wait time.Duration) {
	step := p.step()
	p.next, p.soon = later(p.next, now.Add(-catchUpSpan)), later(p.soon, now.Add(-burst))
	if step > burst && p.next.Before(now) {
		p.next, p.soon = now, now // at such a rate there is nothing to make up for
	}
	if wait = max(p.next.Sub(now), p.soon.Sub(now)); wait > 0 || most < 1 {
		return 0, max(wait, 0)
	}
	n = min(most, 1+int(now.Sub(p.next)/step), 1+int(float64(now.Sub(p.soon))*catchUpFactor/float64(step)))
	p.take(n)
	return n, 0
}

// take counts packets that do not wait in line; a negative number gives places
// back.
func (p *pacer) take(n int) {
	d := time.Duration(n) * p.step()
	p.next, p.soon = p.next.Add(d), p.soon.Add(time.Duration(float64(d)/catchUpFactor))
}

func (p *pacer) step() time.Duration { return time.Second / time.Duration(p.rate) }

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

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
	return l.patience(l.rtt + l.rtt/4 + 10*time.Millisecond)
}

// answerTimeout is how long an answer may take: twice the slowest seen and a
// scheduler's hiccup.
func (l *ledger) answerTimeout() time.Duration {
	return l.patience(min(2*l.rtt+100*time.Millisecond, 2*time.Second))
}

// patience is d, which follows from the round trips seen, or a second before any
// was.
func (l *ledger) patience(d time.Duration) time.Duration {
	switch {
	case l.grace > 0:
		return l.grace
	case l.rtt == 0:
		return time.Second
	}
	return d
}
