package rtpports

import (
	"cmp"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// runs are the outcomes so far.
func (s *sweep) runs() []Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	var asked []int
	for _, n := range s.plan.ports {
		if s.ports[n] == nil {
			asked = append(asked, n) // it would have been asked
		}
	}
	for n, t := range s.ports {
		if t != nil && (!t.spared || s.plan.stride == 1 && n >= s.plan.span.first && n <= s.plan.span.last) {
			asked = append(asked, n)
		}
	}
	slices.Sort(asked)
	return joinRuns(skipUnasked(asked, s.state, s.untold), s.state)
}

// untold reports a port that nothing was learnt about because the sweep ended
// before its turn, under the lock.
func (s *sweep) untold(n int) bool {
	t := s.ports[n]
	return t == nil || t.spared || !t.answered && !t.busy && !t.hopeless() && t.tries == 0
}

// state is what is known of one port, under the lock.
func (s *sweep) state(n int) string {
	t := s.ports[n]
	switch {
	case t == nil:
		return stateUnknown
	case t.answered:
		return stateOpen
	case t.busy, t.spared:
		return stateBusy
	case t.hopeless() && t.local:
		return stateLocal
	case !t.silent:
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
	o.Runs = s.runs()
	s.mu.Lock()
	defer s.mu.Unlock()
	o.Target = s.client.Addr
	o.ElapsedMS, o.RTTMS, o.Sent = time.Since(s.start).Milliseconds(), s.rtt.Milliseconds(), s.sent
	o.Canaries, o.CanariesLost, o.Late = s.canary.asked, s.canary.lost, s.late
	o.Trips, o.LocalFilter, o.SendError, o.Plain, o.GaveUp = s.trips, s.local, s.sendErr, s.plain, s.gaveUp
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
		ports = slices.DeleteFunc(ports, func(n int) bool { return s.ports[n].answered })
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
