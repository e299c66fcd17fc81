package nat

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
)

// filter asks t from a fresh socket for an answer from expect, which nothing in
// this run has sent to (RFC 5780 section 4.4). After silence comes the control.
func (p *prober) filter(ctx context.Context, t target, expect netip.AddrPort, rtt time.Duration) {
	f := Filter{Server: t.addr, Expect: expect, Responder: t.source == fromResponder, Touched: p.touched(t.addr, expect)}
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.family.Filter = append(p.family.Filter, f)
	}()
	s, err := p.open(ctx, 0)
	if err != nil {
		f.Broken = true
		return
	}
	defer s.Close()
	o := s.Ask(ctx, changed(t.addr, expect, rtt))
	f.Sent, f.Answered, f.Code = o.Sent, o.Answered && o.Response.ErrorCode == 0, o.Response.ErrorCode
	f.From = o.Elsewhere
	f.Ignored = slices.Contains(f.From, t.addr)
	f.Broken = !o.Answered && (o.SendErr != nil || ctx.Err() != nil) // not all questions were asked
	if f.Answered || f.Ignored || f.Broken || f.Code != 0 {
		return // the control has nothing to explain
	}
	p.mu.Lock()
	p.controls = append(p.controls, expect)
	p.mu.Unlock()
	f.Alternate, f.Control = p.control(ctx, t, expect, rtt)
	f.Cut = !f.Control && ctx.Err() != nil
}

func changed(to, expect netip.AddrPort, rtt time.Duration) stun.Question {
	r := question()
	r.ChangeIP = to.Addr() != expect.Addr()
	r.ChangePort = to.Port() != expect.Port()
	return stun.Question{To: to, Expect: expect, Request: r, Plan: stun.Steady(rtt)}
}

// control opens every filter by asking expect first, and then asks for the
// changed answer. A NAT whose mapping depends on the address still blocks that
// answer: then only the first half can succeed.
func (p *prober) control(ctx context.Context, t target, expect netip.AddrPort, rtt time.Duration) (alternate, through bool) {
	s, err := p.open(ctx, 0)
	if err != nil {
		return false, false
	}
	defer s.Close()
	o := s.Ask(ctx, stun.Question{To: expect, Request: question(), Plan: stun.Steady(rtt)})
	if !o.Answered || o.Response.ErrorCode != 0 {
		return false, false
	}
	o = s.Ask(ctx, changed(t.addr, expect, rtt))
	return true, o.Answered && o.Response.ErrorCode == 0
}

// freshSockets is how many further sockets show whether ports are preserved
// and whether the public address stays: a pool of two addresses shows itself
// to five sockets (these and the RTP pair) in 15 runs of 16.
const freshSockets = 3

// freshPorts asks one server from several fresh sockets, and from a pair of
// ports as RTP and RTCP use them.
func (p *prober) freshPorts(ctx context.Context, t target) {
	for range freshSockets {
		p.wg.Go(func() {
			if s, err := p.open(ctx, 0); err == nil {
				defer s.Close()
				p.add(p.ask(ctx, s, t, rolePort))
			}
		})
	}
	for range 3 { // a port may belong to another program: then the next pair
		even := uint16(p.env.FreshRTPPort())
		rtp, err := p.open(ctx, even)
		if err != nil {
			continue
		}
		rtcp, err := p.open(ctx, even+1)
		if err != nil {
			rtp.Close()
			continue
		}
		for role, s := range map[string]*stun.Socket{roleRTP: rtp, roleRTCP: rtcp} {
			p.wg.Go(func() {
				defer s.Close()
				p.add(p.ask(ctx, s, t, role))
			})
		}
		return
	}
}

// maxTTL is how far the hops are looked at: an office router, a provider's
// router and its NAT are within five.
const maxTTL = 5

// hops sends questions with a short TTL, so that routers identify themselves by
// ICMP. Where the system does not pass ICMP errors on, nothing is learnt.
func (p *prober) hops(ctx context.Context, t target) {
	for ttl := 1; ttl <= maxTTL; ttl++ {
		p.wg.Go(func() {
			if h, ok := p.hop(ctx, t.addr, ttl); ok {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.family.Hops = append(p.family.Hops, h)
				slices.SortFunc(p.family.Hops, func(a, b Hop) int { return a.TTL - b.TTL })
			}
		})
	}
}

func (p *prober) hop(ctx context.Context, to netip.AddrPort, ttl int) (Hop, bool) {
	s, err := p.open(ctx, 0)
	if err != nil {
		return Hop{}, false
	}
	defer s.Close()
	// Routers limit how many ICMP errors they send, to one in a second: six
	// tries, 300 ms apart. At 10 % loss each way all are lost once in 20,000
	// times.
	const pace = 300 * time.Millisecond
	o := s.Ask(ctx, stun.Question{To: to, Request: question(), TTL: ttl, Plan: stun.Plan{First: pace, Most: pace, Sends: 6, Linger: pace}})
	for _, e := range o.ICMP {
		if e.TimeExceeded() {
			return Hop{TTL: ttl, Addr: e.Hop}, true
		}
	}
	return Hop{TTL: ttl, Reached: o.Answered}, o.Answered
}
