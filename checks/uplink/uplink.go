// Package uplink is the check of the way from this machine to the Internet:
// interface, addresses, gateway, VPN, and whether anybody outside answers.
package uplink

import (
	"context"
	_ "embed"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID: "uplink", Words: ownWords, Group: "office", Bundle: true,
		Timeout: 9 * time.Second, // the gathering has a budget of two, silence of three and a half; the rest is for slow machines
	}, observe, judge)
}

// Observation is what the check needs beyond the facts about the host.
type Observation struct {
	// Named are the servers that the user named.
	Named []Named `json:"named,omitempty"`
}

// Named is one server and the local address from which it can be reached.
type Named struct {
	Host   string       `json:"host"` // as it was named
	Kind   string       `json:"kind,omitempty"`
	Addrs  []netip.Addr `json:"addrs,omitempty"`
	Port   int          `json:"port,omitempty"`
	Source netip.Addr   `json:"source,omitzero"` // invalid: no address of the server has a route
	Error  words.Cause  `json:"error,omitempty"`
}

// The kinds of servers.
const (
	kindSIP       = "SIP server"
	kindResponder = "responder"
	kindSTUN      = "STUN server"
)

// lookupTime bounds the look-up of a named server on a machine that may have
// no DNS.
const lookupTime = time.Second

func observe(ctx context.Context, env *checks.Env) (Observation, error) {
	var o Observation
	if env.Host == nil {
		return o, nil
	}
	h, err := env.Host(ctx)
	if err != nil {
		return o, fmt.Errorf("reading this machine's network: %w", err)
	}
	if h == nil || env.Net == nil {
		return o, nil
	}
	o.Named = named(ctx, env)
	if hasWay(h.Uplink) && h.Uplink.Kind != "loopback" {
		askOutside(ctx, env, h, questions(env, o.Named))
	}
	return o, ctx.Err()
}

// named looks the named servers up, all at once.
func named(ctx context.Context, env *checks.Env) (list []Named) {
	add := func(kind string, names ...string) {
		for _, n := range names {
			if n != "" {
				list = append(list, Named{Host: n, Kind: kind})
			}
		}
	}
	add(kindResponder, env.Inputs.Responder)
	add(kindSIP, env.Inputs.SIPServers...)
	add(kindSTUN, env.Inputs.STUN...)
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	var wg sync.WaitGroup
	for i := range list {
		wg.Go(func() { list[i].lookUp(ctx, env) })
	}
	wg.Wait()
	return list
}

// lookUp finds the addresses, and asks the routing table for the way there.
func (n *Named) lookUp(ctx context.Context, env *checks.Env) {
	at, err := netinfo.ParseHostPort(n.Host)
	if err != nil {
		n.Error = platform.Words(err)
		return
	}
	usual := map[string]int{kindSIP: 5060, kindResponder: session.DefaultControlPort, kindSTUN: session.DefaultSTUNPort}
	n.Port = at.PortOr(usual[n.Kind])
	addrs, err := env.Net.LookupAddrs(ctx, at.Host)
	if err != nil || len(addrs) == 0 {
		n.Error = platform.Words(fmt.Errorf("looking up %s: %w", at.Host, err))
		return
	}
	const most = 4 // one of each family, and spares
	n.Addrs = addrs[:min(most, len(addrs))]
	for _, a := range n.Addrs {
		src, err := env.Net.SourceFor(a)
		if err == nil {
			n.Source, n.Error = src, ""
			return
		}
		n.Error = platform.Words(err)
	}
}
