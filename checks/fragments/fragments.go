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

// Observed is everything that was seen, as it is stored in the report.
type Observed struct {
	checks.Limited

	NoResponder bool   `json:"no_responder,omitempty"`
	Responder   string `json:"responder,omitempty"`
	V6          bool   `json:"v6,omitempty"`
	Problem     string `json:"problem,omitempty"` // why nothing could be measured: noPlainPort

	// Asked and Answered count the short probes that ran beside the others:
	// what they lose is the line's loss.
	Asked    int `json:"asked"`
	Answered int `json:"answered"`

	Sizes   []Size   `json:"sizes"`   // by direction, then ascending
	TooBig  []TooBig `json:"too_big"` // what routers said
	Whole   bool     `json:"whole"`   // the system can send with DF, so direction "whole" was tried
	Invites []Invite `json:"invites"` // on the SIP port
}

// The directions of a Size.
const (
	up    = "up"    // as a phone sends, fragmented where need be
	down  = "down"  // as a server sends
	whole = "whole" // up with the DF bit: one piece or nothing
)

// Size is one length of UDP payload in one direction.
type Size struct {
	Direction string      `json:"direction"`
	Bytes     int         `json:"bytes"`
	Pieces    int         `json:"pieces"` // on a link of 1500 bytes
	Tries     int         `json:"tries"`
	Passed    bool        `json:"passed,omitempty"`
	Silent    bool        `json:"silent,omitempty"` // enough tries that it was not loss
	Local     bool        `json:"local,omitempty"`  // this machine's own link is too narrow
	Note      words.Cause `json:"note,omitempty"`
}

// TooBig is an ICMP "fragmentation needed" or "packet too big".
type TooBig struct {
	Hop string `json:"hop"`
	MTU int    `json:"mtu,omitempty"` // 0: it did not say
}

// Invite is a real INVITE over UDP to the SIP port.
type Invite struct {
	Bytes    int  `json:"bytes"`
	Tries    int  `json:"tries"`
	Answered bool `json:"answered,omitempty"`
	Silent   bool `json:"silent,omitempty"` // enough tries that it was not loss
}

// noPlainPort: the responder has no plain UDP port.
const noPlainPort = "no-plain-port"
