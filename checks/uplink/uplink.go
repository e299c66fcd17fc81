// Package uplink is the check of the way from this machine to the Internet:
// interface, addresses, gateway, VPN. It sends nothing itself; the facts about
// the host are gathered once a run.
package uplink

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
)

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID: "uplink", Group: "office", Title: "This machine has an ordinary way to the Internet",
		Doc: `Reads how this machine reaches the Internet, and who the router is.

It reads the machine's own tables: interfaces, routes, neighbours. The router at
the gateway address is asked what it is by UPnP, NAT-PMP, PCP, MNDP and its front
page; all of that stays in the office LAN and changes nothing.

fail: there is no way out at all: no link, no address or no default route.
warn: there is one, but it is not the phones': a VPN, a very small MTU, a
gateway that does not answer. Wi-Fi is only mentioned.`,
		Timeout: 5 * time.Second, // the gathering has a budget of two; the rest is for slow machines
	}, observe, judge)
}

// Observation is what the check needs beyond the facts about the host.
type Observation struct {
	// Named are the servers that the user named, asked only on a machine
	// without a default route: a lab or a closed network needs none.
	Named []Named `json:"named,omitempty"`
}

// Named is one server and the local address from which it can be reached.
type Named struct {
	Host   string     `json:"host"`
	Source netip.Addr `json:"source,omitzero"`
	Error  string     `json:"error,omitempty"`
}

// lookupTime bounds the look-up of a named server on a machine that has no
// default route and so, most likely, no DNS either.
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
	if h == nil || h.Uplink.DefaultRoute {
		return o, nil
	}
	names := env.Inputs.SIPServers
	if env.Inputs.Responder != "" {
		names = append([]string{env.Inputs.Responder}, names...)
	}
	for _, name := range names {
		o.Named = append(o.Named, wayTo(ctx, env, name))
	}
	return o, nil
}

// wayTo asks the routing table for the way to a server; nothing is sent but the
// look-up of its name.
func wayTo(ctx context.Context, env *checks.Env, name string) Named {
	n := Named{Host: name}
	host := name
	if h, _, err := net.SplitHostPort(name); err == nil {
		host = h
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	addrs, err := env.Net.LookupAddrs(ctx, host)
	if err != nil || len(addrs) == 0 {
		n.Error = fmt.Sprintf("looking up %s: %v", host, err)
		return n
	}
	if n.Source, err = env.Net.SourceFor(addrs[0]); err != nil {
		n.Error = err.Error()
	}
	return n
}
