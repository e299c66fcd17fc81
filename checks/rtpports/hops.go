package rtpports

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
)

// hops asks the routers on the way out for their names, by packets that live
// for so many hops: behind a carrier's NAT one of them has a carrier's address.
func (t *trial) hops(ctx context.Context) []netip.Addr {
	const most, patience = 4, 300 * time.Millisecond
	hops := make([]netip.Addr, most)
	var wg sync.WaitGroup
	for i := range hops {
		wg.Go(func() {
			s, to := t.openSTUN(ctx)
			if s == nil {
				return
			}
			defer s.Close()
			o := s.Ask(ctx, stun.Question{To: to, TTL: i + 1, Plan: stun.Plan{First: patience, Most: patience, Sends: 3, Linger: patience}})
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
