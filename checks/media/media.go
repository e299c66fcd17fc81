// Package media makes a simulated call between this network and a responder
// outside and measures how it would sound, each way: what is lost, how
// unevenly it comes, how long it takes, and what became of its mark.
package media

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/rtpports"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// ID is the check's.
const ID = "media"

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.DefineBeside(checks.Check{
		ID:    ID,
		Words: ownWords,
		Group: "office",
		// A fast sweep of all ports may have to be waited for; a deep run takes
		// two minutes.
		Timeout: 8 * time.Minute,
		Assumes: []string{"uplink", "dns", "nat", "rtp-ports"},
		Heavy:   true,
	}, observe, judge)
}

const (
	// usualCall is as long as the default sweep of the RTP ports, so that the
	// default run takes no longer than before: 300 packets each way, enough to
	// be sure of 3 % loss.
	usualCall = 6 * time.Second
	// fastCall is for who is in a hurry: 100 packets tell a dead direction and a
	// bad line, no more.
	fastCall = 2 * time.Second
	// namedCall is for who asks about calls alone: 500 packets.
	namedCall = 10 * time.Second
	// deepCall is a short real call: 3000 packets, enough to be sure of 1.4 %.
	deepCall = time.Minute
	// silentCall is for a call that is known to be silent on one side.
	silentCall = 2 * time.Second
)

func length(in checks.Inputs) time.Duration {
	switch {
	case in.Deep:
		return deepCall
	case slices.Contains(in.Checks, ID):
		return namedCall
	case in.Fast:
		return fastCall
	}
	return usualCall
}

// politeRate is how many packets a second a sweep may send without disturbing
// the call: 250 of its packets are 0.4 Mbit/s, four more calls, on any line that
// carries an office's.
const politeRate = 250

// loud reports whether the sweep of the RTP ports may fill the line.
func loud(in checks.Inputs) bool {
	return in.Fast || in.Rate > politeRate || in.RouterEntries > 30*politeRate
}

func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	in := env.Inputs
	o := Observed{Responder: in.Responder, PlannedMS: length(in).Milliseconds(), Deep: in.Deep, Doors: []Door{}}
	if in.Responder == "" {
		return o, nil
	}
	client, err := env.Session(ctx)
	if err != nil {
		o.Problem = platform.Words(err)
		return o, nil // what the responder said is an observation
	}
	if o.First, o.Last, err = within(in.RTPRange, client.Info.RTPRange); err != nil {
		o.Problem = platform.Words(err)
		return o, nil
	}
	if loud(in) {
		if err := env.After(ctx, "rtp-ports"); err != nil {
			return o, err
		}
	}
	o.Target = client.Addr
	l, err := newLine(env, client)
	if err != nil {
		return o, err
	}
	defer l.close()
	err = l.run(ctx, &o)
	l.report(&o)
	if err != nil && ctx.Err() == nil {
		o.Problem, err = platform.Words(err), nil
	}
	return o, err
}

func within(wanted, served string) (first, last int, err error) {
	if served == "" {
		return 0, 0, errors.New(noRTPPorts)
	}
	far, err := rtpports.ParseRange(served)
	if err != nil {
		return 0, 0, fmt.Errorf("the responder names no RTP range: %w", err)
	}
	own, err := rtpports.ParseRange(wanted)
	if err != nil {
		return 0, 0, fmt.Errorf("reading the RTP range: %w", err)
	}
	if first, last = max(far.First, own.First), min(far.Last, own.Last); first > last {
		return 0, 0, fmt.Errorf("%s %s %s", otherPorts, served, wanted)
	}
	return first, last, nil
}

func (l *line) run(ctx context.Context, o *Observed) error {
	d := platform.Milliseconds(o.PlannedMS)
	l.env.Progress(checks.Event{Text: words.Say("media.progress.call", words.Args{"seconds": int(d.Seconds())}), Left: d})
	g, err := l.setUp(ctx, o)
	if g == nil || err != nil {
		return err
	}
	if !g.answered() {
		return l.call(ctx, o, g, silentCall, nil)
	}
	if !o.Deep {
		return l.call(ctx, o, g, d, nil)
	}
	return l.deep(ctx, o, g, d)
}
