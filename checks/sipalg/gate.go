package sipalg

import (
	"context"
	"sync"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

// A gate holds readable SIP back from one port until the responder has shown
// that it is the one who answers there. At a PBX every INVITE and REGISTER
// would count as an attack, and its fail2ban would ban the office.
type gate struct {
	decided chan struct{} // closed when it is known
	once    sync.Once
	open    bool // valid after decided
}

func (g *gate) decide(open bool) {
	g.once.Do(func() { g.open = open; close(g.decided) })
}

// passes waits until it is known whether readable SIP may be sent.
func (g *gate) passes(ctx context.Context) bool {
	select {
	case <-g.decided:
		return g.open
	case <-ctx.Done():
		return false
	}
}

type portKey struct {
	transport string
	port      int
}

func keyOf(p *Probe) portKey { return portKey{p.Transport, p.Port} }

// makeGates shuts every port of the plan.
func (r *run) makeGates(probes []Probe) {
	r.gates = map[portKey]*gate{}
	for i := range probes {
		if k := keyOf(&probes[i]); r.gates[k] == nil {
			r.gates[k] = &gate{decided: make(chan struct{})}
		}
	}
}

// guard finds out who answers at every port while the masked probes are under
// way. Each of those that is answered opens its port as well.
func (r *run) guard(ctx context.Context, o *Observed, masked *sync.WaitGroup) {
	for k, g := range r.gates {
		r.asking.Go(func() {
			owner := r.session.Owner(ctx, k.transport, k.port)
			r.mu.Lock()
			o.Ports = append(o.Ports, owner)
			r.mu.Unlock()
			if owner.Who != session.Responder {
				masked.Wait()
			}
			g.decide(owner.Who == session.Responder)
		})
	}
}

// withhold notes that a probe was not sent.
func withhold(probes ...*Probe) {
	for _, p := range probes {
		p.Withheld = true
	}
}

// portOf is who was found at the port of a probe; false for a report that does
// not say.
func (o *Observed) portOf(p *Probe) (session.Owner, bool) {
	for _, w := range o.Ports {
		if w.Transport == p.Transport && w.Port == p.Port {
			return w, true
		}
	}
	return session.Owner{}, false
}
