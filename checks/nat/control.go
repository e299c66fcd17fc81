package nat

import (
	"context"
	"net/netip"
	"sync"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform"
)

// controlServers is how many servers are tried by TCP; one that accepts is
// enough.
const controlServers = 4

// control tries TCP where UDP was silent: only a network that passes one and
// not the other blocks UDP.
func (o *Observed) control(ctx context.Context, env *checks.Env) {
	ctx, cancel := context.WithTimeout(ctx, controlBudget)
	defer cancel()
	var to []netip.AddrPort
	for _, f := range o.Families {
		ips := map[netip.Addr]bool{}
		for _, s := range f.Samples {
			if a := s.Server.Addr(); !ips[a] && len(ips) < controlServers {
				ips[a] = true
				to = append(to, s.Server)
			}
		}
	}
	o.Control = make([]Connect, len(to))
	var wg sync.WaitGroup
	for i, a := range to {
		wg.Go(func() { o.Control[i] = connect(ctx, env, a) })
	}
	wg.Wait()
}

func connect(ctx context.Context, env *checks.Env, to netip.AddrPort) Connect {
	local := netip.AddrPort{}
	if b := env.Inputs.Bind; b.IsValid() {
		local = netip.AddrPortFrom(b, 0)
	}
	c, err := env.Net.DialTCP(ctx, local, to)
	if err != nil {
		return Connect{To: to, Error: err.Error(), Refused: platform.Classify(err) == platform.ClassRefused}
	}
	_ = c.Close()
	return Connect{To: to, Connected: true}
}
