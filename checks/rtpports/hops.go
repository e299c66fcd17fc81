package rtpports

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
)

// hopsTo asks the routers on the way out for their names, by packets that live
// for so many hops: behind a carrier's NAT one of them has a carrier's address.
func hopsTo(ctx context.Context, env *checks.Env, client *session.Client) []netip.Addr {
	const most, patience = 4, 300 * time.Millisecond
	if len(client.Info.STUN) == 0 {
		return nil
	}
	hops := make([]netip.Addr, most)
	var wg sync.WaitGroup
	for i := range hops {
		wg.Go(func() {
			s, err := stun.Open(ctx, env.Net, netip.AddrPortFrom(probe.Bind(env.Inputs.Bind, client.Addr), 0))
			if err != nil {
				return
			}
			defer s.Close()
			o := s.Ask(ctx, stun.Question{
				To: netip.AddrPortFrom(client.Addr, uint16(client.Info.STUN[0])), TTL: i + 1,
				Plan: stun.Plan{First: patience, Most: patience, Sends: 3, Linger: patience},
			})
			for _, e := range o.ICMP {
				if e.TimeExceeded() {
					hops[i] = e.Hop
				}
			}
		})
	}
	wg.Wait()
	for len(hops) > 0 && !hops[len(hops)-1].IsValid() {
		hops = hops[:len(hops)-1]
	}
	return hops
}
