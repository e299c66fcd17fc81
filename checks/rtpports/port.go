package rtpports

import "time"

// refusals of this machine in a row are believed.
const refusals = 3

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

// portsThat are the ports that fit, in order.
func (l *ledger) portsThat(fit func(n int, p *port) bool) (out []int) {
	for n := range l.ports {
		if fit(n, &l.ports[n]) {
			out = append(out, n)
		}
	}
	return out
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
	out = l.portsThat(func(n int, p *port) bool { return p.silent && l.isHeld(n) })
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
