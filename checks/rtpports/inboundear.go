package rtpports

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Where the system and the user's rights allow it, a test from outside watches all
// ports: it sees packets twice, when they reach the machine and when its packet
// filter has let them through, and binds a port only to learn whether it is free.
// Otherwise it owns the free ports of one batch while that is tested, and ports of
// other programs stay untested.

// openWatch begins to watch; why says what stood against it.
func (t *inboundTest) openWatch(ctx context.Context) (why words.Cause) {
	if !t.o.Local.Is4() {
		return "ipv4-only"
	}
	w, ok1 := platform.As[platform.WatchNetwork](t.env.Net)
	r, ok2 := platform.As[platform.RawNetwork](t.env.Net)
	if !ok1 || !ok2 {
		return "unsupported"
	}
	watch, err := w.WatchUDP(ctx, platform.WatchUDPOptions{Magic: session.RTPMagic, MagicOffset: session.RTPMagicOffset})
	if err != nil {
		return platform.Words(err)
	}
	t.raw, err = r.OpenRawUDP(ctx, platform.RawUDPOptions{
		Local: t.o.Local, First: session.FirstInboundPort, Last: 65535, Magic: session.RTPMagic, MagicOffset: session.RTPMagicOffset,
	})
	if err != nil {
		_ = watch.Close()
		return platform.Words(err)
	}
	t.watch = watch
	t.running.Go(func() {
		_ = t.watch.Watch(func(payload []byte, _, to netip.AddrPort) {
			if to.Addr() == t.o.Local {
				t.hear(payload, int(to.Port()), false)
			}
		})
	})
	t.running.Go(func() {
		_ = t.raw.Answer(func(payload []byte, _, to netip.AddrPort) []byte {
			t.hear(payload, int(to.Port()), true)
			return nil
		})
	})
	return ""
}

// watching reports whether ports of other programs may be tried: nobody is
// disturbed.
func (t *inboundTest) watching() bool { return t.watch != nil }

// ready prepares for packets to some ports, and says which of them belong to
// other programs.
func (t *inboundTest) ready(ctx context.Context, ports []int) (free, taken []int) {
	for _, n := range ports {
		conn, err := t.env.Net.OpenUDP(ctx, netip.AddrPortFrom(probe.Bind(netip.Addr{}, t.o.Local), uint16(n)))
		if err != nil {
			taken = append(taken, n)
			continue
		}
		free = append(free, n)
		if t.watching() {
			_ = conn.Close()
			continue
		}
		t.conns = append(t.conns, conn)
		t.running.Go(func() {
			for b := range probe.Datagrams(conn, nil) {
				t.hear(b, n, true)
			}
		})
	}
	return free, taken
}

func (t *inboundTest) release() {
	for _, c := range t.conns {
		_ = c.Close()
	}
	t.conns = nil
}

func (t *inboundTest) close() {
	close(t.over)
	t.release()
	if t.watching() {
		_ = t.watch.Close()
		_ = t.raw.Close()
	}
	t.running.Wait()
}

// hops asks the routers on the way out for their names, by packets that live
// for so many hops: behind a carrier's NAT one of them has a carrier's address.
func (t *inboundTest) hops(ctx context.Context) []netip.Addr {
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
