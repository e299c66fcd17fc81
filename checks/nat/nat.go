// Package nat finds out how the network translates addresses: the mapping and
// filtering behaviour of RFC 4787 by the tests of RFC 5780, what becomes of
// port numbers, how many translations there are, and what that means for
// phones.
package nat

import (
	"context"
	_ "embed"
	"net/netip"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID:    "nat",
		Words: ownWords,
		Group: "office",
		// 8 s at most; the rest is for waiting until a busy responder has time.
		Timeout: 30 * time.Second,
		Assumes: []string{"uplink", "dns"},
	}, observe, judge)
}

// Budgets. Gathering waits for names and for the responder's session. Probing
// is one Patient question, 4.25 s when it stays silent, and the tests that
// follow from an answer: the filter's, its control's and the mapping's, one
// after the other, 3.5 s. Control is one TCP connect, and comes only after
// silence. Together they stay below 11 s.
const (
	gatherBudget  = 2500 * time.Millisecond
	probeBudget   = 7500 * time.Millisecond
	controlBudget = 1000 * time.Millisecond
)

func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	o := Observed{Targets: []Target{}, Families: []Family{}}
	o.askResponder(ctx, env)
	o.resolve(ctx, env, env.Inputs.STUN, fromUser)
	if !env.Inputs.NoPublic && o.servers() < 2 {
		o.resolve(ctx, env, stun.PublicServers(), fromPublic)
	}
	if len(o.addrs(false)) > 0 || len(o.addrs(true)) > 0 {
		env.Progress(checks.Event{Text: words.Say("nat.progress.asking", nil)})
		o.probeAll(ctx, env)
	}
	answered := slices.ContainsFunc(o.samples(), func(s Sample) bool { return s.Answered })
	if !answered && len(o.Families) > 0 {
		env.Progress(checks.Event{Text: words.Say("nat.progress.tcp", nil)})
		o.control(ctx, env)
	}
	return o, ctx.Err()
}

func (o *Observed) probeAll(ctx context.Context, env *checks.Env) {
	ctx, cancel := context.WithTimeout(ctx, probeBudget)
	defer cancel()
	for _, f := range probe.Map([]bool{false, true}, func(v6 bool) *Family { return probeFamily(ctx, env, o.addrs(v6), v6) }) {
		if f != nil {
			o.Families = append(o.Families, *f)
		}
	}
}

// controlServers is how many servers are tried by TCP; one that accepts is
// enough.
const controlServers = 4

// httpsPort is what even the strictest firewall leaves open, and what most
// public servers answer on beside their own port.
const httpsPort = 443

// control tries TCP where UDP was silent: only a network that passes one and
// not the other blocks UDP. Each server is tried on the port that was asked and
// on that of HTTPS, the responder on those where it listens.
func (o *Observed) control(ctx context.Context, env *checks.Env) {
	ctx, cancel := context.WithTimeout(ctx, controlBudget)
	defer cancel()
	var to []Connect
	add := func(a netip.AddrPort, listens bool) {
		if !slices.ContainsFunc(to, func(c Connect) bool { return c.To == a }) {
			to = append(to, Connect{To: a, Listens: listens})
		}
	}
	for _, t := range o.Targets {
		for _, a := range t.TCP {
			add(a, true)
		}
	}
	for _, f := range o.Families {
		ips := map[netip.Addr]bool{}
		for _, s := range f.Samples {
			if a := s.Server.Addr(); !ips[a] && len(ips) < controlServers {
				ips[a] = true
				add(s.Server, false)
				add(netip.AddrPortFrom(a, httpsPort), false)
			}
		}
	}
	probe.Each(to, func(c *Connect) { c.try(ctx, env) })
	o.Control = to
}

func (c *Connect) try(ctx context.Context, env *checks.Env) {
	conn, err := env.Net.DialTCP(ctx, netip.AddrPortFrom(env.Inputs.Bind, 0), c.To)
	if err != nil {
		c.Error, c.Refused = platform.Words(err), platform.Classify(err) == platform.ClassRefused
		return
	}
	_ = conn.Close()
	c.Connected = true
}

// onlyHTTPS reports whether TCP passed to port 443 and to no other port that
// was tried; sure is true where one of the others is known to listen. A reset
// from a port that nobody knows of proves that the way there is open.
func (o *Observed) onlyHTTPS() (only, sure bool) {
	passed, others := false, map[netip.Addr]struct{}{}
	for _, c := range o.Control {
		switch {
		case c.To.Port() == httpsPort:
			passed = passed || c.Connected
		case c.Connected, c.Refused && !c.Listens:
			return false, false
		default:
			others[c.To.Addr()] = struct{}{}
			sure = sure || c.Listens
		}
	}
	return passed && (sure || len(others) >= blockedServers), sure
}
