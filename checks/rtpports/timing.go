package rtpports

import "time"

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
