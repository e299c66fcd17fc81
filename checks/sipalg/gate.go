package sipalg

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

// A gate holds readable SIP back from one port until the responder has shown
// that it is the one who answers there. At a PBX every INVITE and REGISTER
// would count as an attack, and its fail2ban would ban the office.
type gate struct {
	decided chan struct{} // closed when it is known
	once    sync.Once
	open    bool        // valid after decided
	alive   atomic.Bool // masked bytes were answered
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

// maskedHeadStart is how long the masked probe of a port may take before the
// port is asked in other ways: a flow less for every port that answers in time.
const maskedHeadStart = 700 * time.Millisecond

// guard finds out who answers at every port whose masked probe is not answered
// soon. One that is answered opens its port.
func (r *run) guard(ctx context.Context, o *Observed, masked *sync.WaitGroup) {
	for k, g := range r.gates {
		r.asking.Go(func() {
			wait, cancel := context.WithTimeout(ctx, maskedHeadStart)
			defer cancel()
			if k.transport != "tls" && g.passes(wait) {
				return
			}
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

// portOf is who was found at the port of a probe; nobody named for a report that
// does not say.
func (o *Observed) portOf(p *Probe) session.Owner {
	for _, w := range o.Ports {
		if w.Transport == p.Transport && w.Port == p.Port {
			return w
		}
	}
	return session.Owner{}
}
