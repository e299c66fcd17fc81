package nat

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
	"github.com/sipdoctor/sipdoctor/platform"
)

// prober asks everything of one family. Its methods run side by side.
type prober struct {
	env  *checks.Env
	bind netip.Addr // the local address of every socket; unspecified: any
	wg   sync.WaitGroup

	mu     sync.Mutex
	family *Family
	tested int  // servers whose filtering is or was tested
	ports  bool // the fresh sockets and the hops were started
	asked  map[netip.AddrPort]bool
	order
}

// filterServers is how many servers with two addresses are asked for filtering
// tests: a second one confirms the first, a third adds nothing but packets.
const filterServers = 2

// probeFamily returns nil when there is no route to any of the targets.
func probeFamily(ctx context.Context, env *checks.Env, targets []target, v6 bool) *Family {
	var limit error // of this machine, which is no answer of the network
	targets = slices.DeleteFunc(slices.Clone(targets), func(t target) bool {
		_, err := env.Net.SourceFor(t.addr.Addr())
		if platform.OwnLimit(err) {
			limit = err
		}
		return err != nil
	})
	switch b := env.Inputs.Bind; {
	case b.IsValid() && b.Is4() == v6:
		return nil
	case len(targets) == 0 && limit != nil:
		return &Family{V6: v6, Samples: []Sample{}, Error: platform.Words(limit)}
	case len(targets) == 0:
		return nil
	}
	p := &prober{
		env: env, bind: probe.Bind(env.Inputs.Bind, targets[0].addr.Addr()),
		family: &Family{V6: v6, Samples: []Sample{}}, asked: map[netip.AddrPort]bool{}, order: order{answered: make(chan struct{}), tested: make(chan struct{})},
	}
	p.run(ctx, targets)
	return p.family
}

// run asks all targets from one socket and follows up the answers.
func (p *prober) run(ctx context.Context, targets []target) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	main, err := p.open(ctx, 0)
	if err != nil {
		p.family.Error = platform.Words(err)
		return
	}
	defer main.Close()
	answers := make(chan Sample, len(targets))
	first, stop := context.WithCancel(ctx)
	defer stop()
	p.lead = leading(targets)
	for i, t := range targets {
		p.wg.Go(func() {
			p.waitTurn(ctx, i, t)
			p.unasked(t.addr)
			s := p.ask(first, main, t, rolePlain)
			s.NotAwait = !s.Answered && first.Err() != nil
			p.add(s)
			tests := p.follow(ctx, main, t, s)
			p.answeredLead(i, t, s)
			answers <- s
			tests()
			if i == p.lead {
				close(p.order.tested) // the others go on
			}
		})
	}
	p.collect(ctx, answers, targets, stop)
	p.wg.Wait()
	p.family.Strays += main.Strays()
}

// enoughServers is how many different addresses settle the mapping: two
// compare, the third confirms. graceAfter is how long the others may still
// answer then, and graceFilter how long while none of those that answered can
// be tested for filtering: the round trip to the other side of the world,
// with one retransmission.
const (
	enoughServers = 3
	graceAfter    = 300 * time.Millisecond
	graceFilter   = 700 * time.Millisecond
)

// collect ends the waiting for public servers once enough have answered. A
// server that the user named, or our own, is always waited for.
func (p *prober) collect(ctx context.Context, answers <-chan Sample, targets []target, stop func()) {
	public := !slices.ContainsFunc(targets, func(t target) bool { return t.source != fromPublic })
	ips := map[netip.Addr]bool{}
	var grace <-chan time.Time
	for range targets {
		select {
		case s := <-answers:
			if s.Answered {
				ips[s.Server.Addr()] = true
			}
		case <-grace:
			stop()
			return
		case <-ctx.Done():
			return
		}
		if grace == nil && public && len(ips) >= enoughServers {
			t := time.NewTimer(p.grace())
			defer t.Stop()
			grace = t.C
		}
	}
}

// follow finds the tests that a first answer makes possible: the ports and the
// hops with the first server that answers, filtering and mapping with those that
// have a second address or port. The filter goes first: the mapping tests ask
// that second address, and a NAT that filters for all sockets of a host together
// lets everything from there in afterwards.
func (p *prober) follow(ctx context.Context, main *stun.Socket, t target, s Sample) (tests func()) {
	nothing := func() {}
	if !s.Answered || s.Code != 0 {
		return nothing
	}
	p.mu.Lock()
	ports := !p.ports
	p.ports = true
	p.mu.Unlock()
	if ports {
		p.wg.Go(func() { p.freshPorts(ctx, t) })
		p.wg.Go(func() { p.hops(ctx, t) })
	}
	other := otherOf(t, s)
	if other.Port() == 0 || !p.claim() {
		return nothing
	}
	return func() { p.filters(ctx, t, other, platform.Milliseconds(s.RTTMS)); p.alternates(ctx, main, t, other) }
}

// otherOf is the second address and port of a server; its address is invalid
// where it has only a second port.
func otherOf(t target, s Sample) netip.AddrPort {
	if t.source != fromResponder && !t.other.Addr().IsValid() && believable(s.Server, s.Other) {
		return s.Other
	}
	return t.other // of our own responder: its own word, and once for all its addresses
}

func (p *prober) filters(ctx context.Context, t target, other netip.AddrPort, rtt time.Duration) {
	var wg sync.WaitGroup
	if other.Addr().IsValid() {
		wg.Go(func() { p.filter(ctx, t, other, rtt) })
	}
	if other.Port() != t.addr.Port() {
		wg.Go(func() { p.filter(ctx, t, netip.AddrPortFrom(t.addr.Addr(), other.Port()), rtt) })
	}
	wg.Wait()
}

func (p *prober) grace() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tested == 0 {
		return graceFilter
	}
	return graceAfter
}

// claim takes one of the places for filtering tests.
func (p *prober) claim() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tested++
	return p.tested <= filterServers
}

// alternates are the mapping tests II and III of RFC 5780 section 4.3, and a
// fourth that completes the square.
func (p *prober) alternates(ctx context.Context, main *stun.Socket, t target, other netip.AddrPort) {
	if !other.Addr().IsValid() || t.source == fromResponder {
		return // all addresses of ours are asked anyway
	}
	for _, a := range []netip.AddrPort{
		netip.AddrPortFrom(other.Addr(), t.addr.Port()), other, netip.AddrPortFrom(t.addr.Addr(), other.Port()),
	} {
		if p.unasked(a) {
			p.wg.Go(func() { p.add(p.ask(ctx, main, target{addr: a, source: t.source}, rolePlain)) })
		}
	}
}

// unasked is true the first time that the main socket is about to ask a.
func (p *prober) unasked(a netip.AddrPort) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.asked[a]
	p.asked[a] = true
	return !was
}

// open binds a fresh socket; port 0 takes any.
func (p *prober) open(ctx context.Context, port uint16) (*stun.Socket, error) {
	return stun.Open(ctx, p.env.Net, netip.AddrPortFrom(p.bind, port))
}

func (p *prober) ask(ctx context.Context, s *stun.Socket, t target, role string) Sample {
	o := s.Ask(ctx, stun.Question{To: t.addr, Request: question(), Plan: stun.Patient()})
	return p.sample(o, s, t, role)
}

// question is a plain request of ours; servers answer it in full.
func question() stun.Request { return stun.Request{Software: stun.ClientSoftware} }

func (p *prober) sample(o stun.Outcome, s *stun.Socket, t target, role string) Sample {
	r := Sample{Role: role, Source: t.source, Local: probe.LocalOf(p.env.Net, s.Local(), t.addr.Addr()), Server: t.addr, Answered: o.Answered, Sent: o.Sent, Code: o.Response.ErrorCode, From: o.Elsewhere}
	if o.Answered {
		r.Mapped, r.Plain, r.Other = o.Response.Seen(), o.Response.Plain, o.Response.Other
		r.RTTMS = o.Elapsed.Milliseconds()
	}
	for _, e := range o.ICMP {
		r.ICMP = append(r.ICMP, e.Error())
		if e.Prohibited() {
			r.Refused = e.Hop.String()
		}
	}
	if o.SendErr != nil {
		r.SendErr, r.Filtered = string(platform.Words(o.SendErr)), platform.Classify(o.SendErr) == platform.ClassLocalFilter
	}
	return r
}

func (p *prober) add(s Sample) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.family.Samples = append(p.family.Samples, s)
}
