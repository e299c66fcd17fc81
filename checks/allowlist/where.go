package allowlist

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

// whereTime bounds STUN and the two look-ups after it: what is learnt is worth
// no waiting.
const whereTime = 5 * time.Second

// findWhere learns the network of the public address; nil when nobody needs it
// or nobody may be asked. It is never fatal.
func findWhere(ctx context.Context, env *checks.Env, p *netinfo.Profile) *Where {
	if len(p.Serves) == 0 || env.Inputs.NoLookup || env.Inputs.NoPublic {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, whereTime)
	defer cancel()
	w := &Where{Public: publicAddr(ctx, env)}
	if !w.Public.IsValid() {
		w.Error = "no STUN server told the public address"
		return w
	}
	o, err := netinfo.LookupOrigin(ctx, env.Net, w.Public)
	if err != nil {
		w.Error = platform.Words(err)
		return w
	}
	w.Origin = &o
	return w
}

// publicAddr asks the STUN servers, all at once; the first answer counts.
func publicAddr(ctx context.Context, env *checks.Env) netip.Addr {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	local := probe.Bind(env.Inputs.Bind, netip.Addr{})
	sock, err := stun.Open(ctx, env.Net, netip.AddrPortFrom(local, 0))
	if err != nil {
		return netip.Addr{}
	}
	defer sock.Close()
	servers := env.STUNServers()
	found := make(chan netip.Addr, len(servers))
	var wg sync.WaitGroup
	for _, name := range servers {
		wg.Go(func() {
			to, ok := probe.Lookup(ctx, env.Net, name, session.DefaultSTUNPort, local)
			if !ok {
				return
			}
			out := sock.Ask(ctx, stun.Question{To: to, Plan: stun.Patient()})
			if out.Answered && out.Response.Seen().IsValid() {
				found <- out.Response.Seen().Addr().Unmap()
				cancel()
			}
		})
	}
	wg.Wait()
	close(found)
	return <-found // the zero Addr where nobody answered
}
