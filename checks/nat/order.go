package nat

import (
	"context"
	"net/netip"
	"slices"
	"time"
)

const leadTime = 1200 * time.Millisecond

// An order delays requests to an address that a filtering test needs untouched:
// no socket may have sent anything there before.
type order struct {
	lead     int // the target whose tests come first; -1: nobody waits
	answered chan struct{}
	tested   chan struct{}    // and the tests are done
	spoils   netip.AddrPort   // the second address and port of the lead; valid after answered
	of       netip.Addr       // its first address
	controls []netip.AddrPort // what other sockets than the main one have asked; under the prober's lock
}

// leading returns the first address of our responder, or else of the servers that
// the user named. Public servers have nothing to do with each other.
func leading(targets []target) int {
	i := slices.IndexFunc(targets, func(t target) bool { return t.source == fromResponder })
	if i < 0 {
		i = slices.IndexFunc(targets, func(t target) bool { return t.source == fromUser })
	}
	return i
}

// waitTurn returns when target i may be asked.
func (o *order) waitTurn(ctx context.Context, i int, t target) {
	if o.lead < 0 || i == o.lead || t.source == fromPublic {
		return
	}
	lead, cancel := context.WithTimeout(ctx, leadTime)
	defer cancel()
	select {
	case <-o.answered:
	case <-lead.Done():
		return
	}
	second := o.spoils.Addr()
	if t.addr.Addr() != second && (t.addr.Addr() != o.of || t.addr.Port() != o.spoils.Port()) {
		return
	}
	select {
	case <-o.tested:
	case <-ctx.Done():
	}
}

// answeredLead releases the others once the lead has answered.
func (o *order) answeredLead(i int, t target, s Sample) {
	if i == o.lead && s.Answered {
		o.spoils, o.of = otherOf(t, s), t.addr.Addr()
		close(o.answered)
	}
}

// touched reports whether this run has already sent to the source from which a
// filtering test expects its answer: to its address, or to its port where only
// the port differs.
func (p *prober) touched(server, expect netip.AddrPort) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	spoils := func(a netip.AddrPort) bool {
		return a == expect || a.Addr() == expect.Addr() && a.Addr() != server.Addr()
	}
	for a := range p.asked {
		if spoils(a) {
			return true
		}
	}
	return slices.ContainsFunc(p.controls, spoils)
}
