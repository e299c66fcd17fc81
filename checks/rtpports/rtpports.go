// Package rtpports finds out which UDP ports of the media range pass between
// this network and a responder outside, in which direction the others are
// stopped, and how many sessions the router on the way can hold.
package rtpports

import (
	"context"
	_ "embed"
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
