package rtpports

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
)

// hopsTo asks the routers on the way out for their names, by packets that live
// for so many hops: behind a carrier's NAT one of them has a carrier's address.
func hopsTo(ctx context.Context, env *checks.Env, client *session.Client) []netip.Addr {
	const most, tries, patience = 4, 3, 300 * time.Millisecond
	if len(client.Info.PlainUDP) == 0 {
		return nil
	}
	to := netip.AddrPortFrom(client.Addr, uint16(client.Info.PlainUDP[0]))
	hops := make([]netip.Addr, most)
	var wg sync.WaitGroup
	for i := range hops {
		wg.Go(func() {
			for range tries {
				if hops[i] = hop(ctx, env, to, i+1, patience); hops[i].IsValid() || ctx.Err() != nil {
					return
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

// hop is who says that a packet's time is over after ttl hops.
func hop(ctx context.Context, env *checks.Env, to netip.AddrPort, ttl int, patience time.Duration) netip.Addr {
	local := netip.AddrPortFrom(env.Inputs.Bind, 0)
	if !local.Addr().IsValid() && to.Addr().Is6() {
		local = netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
	}
	conn, err := env.Net.OpenUDP(ctx, local)
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })
	defer stop()
	if conn.WriteTo([]byte("sipdoctor looks for the way"), to, platform.SendOptions{TTL: ttl}) != nil ||
		conn.SetReadDeadline(time.Now().Add(patience)) != nil {
		return netip.Addr{}
	}
	buf := make([]byte, 1500)
	for ctx.Err() == nil {
		_, err := conn.ReadFrom(buf)
		var icmp *platform.ICMPError
		switch {
		case errors.As(err, &icmp) && icmp.TimeExceeded():
			return icmp.Hop
		case errors.As(err, &icmp):
		case err != nil:
			return netip.Addr{}
		}
	}
	return netip.Addr{}
}
