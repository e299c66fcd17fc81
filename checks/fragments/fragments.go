// Package fragments finds the largest UDP datagram that passes each way, and
// whether IP fragments do: a SIP message longer than the path's MTU is cut in
// pieces, and a firewall that drops them makes single calls fail.
package fragments

import (
	"context"
	_ "embed"
	"slices"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID:      "fragments",
		Words:   ownWords,
		Group:   "office",
		Timeout: 30 * time.Second,
		Assumes: []string{"uplink", "dns", "nat"},
	}, observe, judge)
}

// budget bounds the measuring: a clean path needs a second, one with fragments
// dropped four, one that loses a fifth each way twenty.
const budget = 25 * time.Second

func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	o := Observed{Sizes: []Size{}, TooBig: []TooBig{}, Invites: []Invite{}}
	client, err := env.Session(ctx)
	if err != nil {
		return o, err
	}
	if client == nil {
		o.NoResponder = true
		return o, nil
	}
	o.Responder, o.V6 = client.Addr.String(), client.Addr.Is6()
	if len(client.Info.PlainUDP) == 0 {
		o.Problem = noPlainPort
		return o, nil
	}
	mctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	env.Progress(checks.Event{Text: words.Say("fragments.progress.trying", nil)})
	m, err := newMeter(mctx, env, client)
	if err != nil {
		return o, err
	}
	var beside sync.WaitGroup
	if sip := client.Info.SIPUDP; len(sip) > 0 {
		port := sip[max(0, slices.Index(sip, 5060))]
		beside.Go(func() {
			if client.Owner(mctx, "udp", port).Who != session.Responder {
				return // an INVITE is nothing to send to somebody's PBX
			}
			o.Invites = []Invite{{Bytes: shortInvite}, {Bytes: longInvite}}
			var calls sync.WaitGroup
			for i := range o.Invites {
				calls.Go(func() { call(mctx, env, client, port, firstProbe+1+i, m.tries, &o.Invites[i]) })
			}
			calls.Wait()
		})
	}
	called := make(chan struct{})
	go func() { beside.Wait(); close(called) }()
	if !m.run(mctx) {
		cancel() // the INVITEs beside would only be silence as well
	}
	m.idle(mctx, called)
	<-called
	m.close()
	m.report(&o)
	return o, ctx.Err()
}

// firstProbe is where the probe numbers of this check begin: above those of
// all others.
const firstProbe = 0xf000
