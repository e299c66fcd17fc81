package rtpports

import (
	"cmp"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// runs are the outcomes so far.
func (s *sweep) runs() []Run {
	var asked []int
	for n := range s.ledger.ports {
		p := &s.ledger.ports[n]
		if p.known && (!p.usedByOthers || s.plan.stride == 1 && s.plan.span.Contains(n)) {
			asked = append(asked, n)
		}
	}
	for _, n := range s.plan.ports {
		if !s.ledger.ports[n].known {
			asked = append(asked, n) // it would have been asked
		}
	}
	slices.Sort(asked)
	outcome := func(n int) (string, int) { return s.state(n), 0 }
	return unmoved(joinRuns(skipUnasked(asked, s.state, s.untold), outcome))
}

// untold reports a port that nothing was learnt about because the sweep ended
// before its turn.
func (s *sweep) untold(n int) bool {
	p := &s.ledger.ports[n]
	return p.usedByOthers || !p.answered && !p.busy && !p.hopeless() && p.tries == 0
}

// state is what is known of one port.
func (s *sweep) state(n int) string {
	p := &s.ledger.ports[n]
	switch {
	case p.answered:
		return stateOpen
	case p.busy, p.usedByOthers:
		return stateBusy
	case p.hopeless() && p.local:
		return stateLocal
	case !p.silent:
		return stateUnknown
	case s.bitmap == nil:
		return stateSilent
	case !s.bitmap.Arrived.Has(n):
		return stateOutbound
	case s.bitmap.Unproved > 0:
		// It may have come from another address of ours, which the responder
		// does not answer.
		return stateUnknown
	}
	return stateReturn
}

// report writes down everything that was learnt.
func (s *sweep) report(o *Observed) {
	l := s.ledger
	o.Runs, o.Rate, o.Entries, o.EntriesFrom = s.runs(), s.plan.rate, s.plan.entries, s.plan.from
	o.Target = s.client.Addr
	o.ElapsedMS, o.RTTMS, o.Sent = time.Since(s.start).Milliseconds(), l.rtt.Milliseconds(), l.sent
	o.Canaries, o.CanariesLost, o.Late = l.knownOpenLoss.asked, l.knownOpenLoss.lost, l.lateAnswers
	o.Trips, o.LocalFilter, o.SendError, o.Plain, o.GaveUp = s.trips, s.localFilter, s.sendErr, s.plain, l.gaveUp
	for _, src := range s.sources {
		o.Sources = append(o.Sources, Source{src.local, src.sent, src.answered})
	}
	if o.Bitmap = s.bitmap != nil; o.Bitmap {
		o.Moved, o.Unproved = s.bitmap.Moved, s.bitmap.Unproved
	}
	if s.mapErr != nil {
		o.BitmapError = platform.Words(s.mapErr)
	}
	s.reportICMP(o)
}

// reportICMP keeps what was said about silent ports. What the responder's own
// host says about a port that nobody is bound to says nothing about the way.
func (s *sweep) reportICMP(o *Observed) {
	for k, ports := range s.icmp {
		ports = slices.DeleteFunc(ports, func(n int) bool { return s.ledger.ports[n].answered })
		slices.Sort(ports)
		ports = slices.Compact(ports)
		if len(ports) == 0 || k.hop == s.client.Addr {
			continue
		}
		o.ICMP = append(o.ICMP, ICMP{
			Hop: k.hop, Meaning: k.word, Prohibited: k.prohibited, Ports: len(ports), First: ports[0], Last: ports[len(ports)-1],
		})
	}
	slices.SortFunc(o.ICMP, func(a, b ICMP) int {
		return cmp.Or(a.Hop.Compare(b.Hop), cmp.Compare(a.Meaning, b.Meaning))
	})
}
