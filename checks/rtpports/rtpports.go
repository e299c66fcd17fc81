// Package rtpports finds out which UDP ports of the media range pass between
// this network and a responder outside, in which direction the others are
// stopped, and how many sessions the router on the way can hold.
package rtpports

import (
	"cmp"
	"context"
	_ "embed"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID:    "rtp-ports",
		Words: ownWords,
		Group: "office",
		// A whole sweep at the polite rate takes 7 minutes, with retries 10,
		// which is as long as a responder keeps a session.
		Timeout: 10 * time.Minute,
		Assumes: []string{"uplink", "dns", "nat"}, // nat fails only where no UDP at all gets through
		Heavy:   true,
	}, observe, judge)
}

// observe sweeps the ports. What it has learnt when it breaks off is kept.
func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	o := Observed{Responder: env.Inputs.Responder, Runs: []Run{}}
	if o.Responder == "" {
		return o, nil
	}
	p, err := newPlan(env.Inputs)
	if err != nil {
		return o, err
	}
	o.Range, o.Mode, o.Stride = p.span.String(), p.mode, p.stride
	client, err := env.Session(ctx)
	if err != nil {
		o.ResponderError = platform.Words(err)
		return o, nil // what the responder said is an observation
	}
	if env.Inputs.Inbound {
		o.Inbound, err = testInbound(ctx, env, client)
		switch {
		case ctx.Err() != nil:
			return o, ctx.Err()
		case err != nil:
			o.InboundError = platform.Words(err)
		}
	}
	if err := p.within(client.Info.RTPRange); err != nil {
		o.ResponderError = platform.Words(err)
		return o, nil
	}
	p.ports = p.choose()
	p.budget()
	o.Range = p.span.String()
	o.ExpectedMS = p.expected().Milliseconds()
	env.Progress(checks.Event{Text: words.Say("rtp-ports.progress.testing",
		words.Args{"n": len(p.ports), "of": p.span.Len(), "rate": p.rate}), Left: p.expected()})
	s, err := newSweep(ctx, env, client, p, &o)
	if err != nil {
		return o, err
	}
	defer s.close(ctx)
	err = s.run(ctx)
	s.report()
	return o, err
}

func (s *sweep) runs() []Run {
	asked := s.ledger.portsThat(func(n int, p *port) bool {
		if !p.known {
			_, planned := slices.BinarySearch(s.plan.ports, n)
			return planned // it would have been asked
		}
		return !p.usedByOthers || s.plan.stride == 1 && s.plan.span.Contains(n)
	})
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

func (s *sweep) report() {
	l, o := s.ledger, s.o
	o.Runs, o.Rate, o.Entries, o.EntriesFrom = s.runs(), s.plan.rate, s.plan.entries, s.plan.from
	o.Target = s.client.Addr
	o.ElapsedMS, o.RTTMS, o.Sent = time.Since(s.start).Milliseconds(), l.rtt.Milliseconds(), l.sent
	o.Canaries, o.CanariesLost, o.Late = l.knownOpenLoss.asked, l.knownOpenLoss.lost, l.lateAnswers
	o.GaveUp = l.gaveUp
	for _, src := range s.used() {
		o.Sources = append(o.Sources, src.Source)
	}
	s.reportICMP()
}

// reportICMP keeps what was said about silent ports. What the responder's own
// host says about a port that nobody is bound to says nothing about the way.
func (s *sweep) reportICMP() {
	for said, ports := range s.icmp {
		ports = slices.DeleteFunc(ports, func(n int) bool { return s.ledger.ports[n].answered })
		slices.Sort(ports)
		ports = slices.Compact(ports)
		if len(ports) == 0 || said.Hop == s.client.Addr {
			continue
		}
		said.Ports, said.First, said.Last = len(ports), ports[0], ports[len(ports)-1]
		s.o.ICMP = append(s.o.ICMP, said)
	}
	slices.SortFunc(s.o.ICMP, func(a, b ICMP) int {
		return cmp.Or(a.Hop.Compare(b.Hop), cmp.Compare(a.Meaning, b.Meaning))
	})
}
