package rtpports

import (
	"context"
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// An ear hears what arrives. Where the system and the user's rights allow it, it
// watches all ports: it sees packets twice, when they reach the machine and when
// its packet filter has let them through, and binds a port only to learn whether
// it is free. Otherwise it owns the free ports of one batch while that is
// tested, and ports of other programs stay untested.
type ear struct {
	t     *inboundTest
	local netip.Addr
	watch platform.UDPWatch // nil: it cannot watch
	raw   platform.RawUDP
	conns []platform.UDPConn
}

// openEar returns an ear; why says what stood against watching.
func openEar(ctx context.Context, t *inboundTest, local netip.Addr) (e *ear, why words.Cause) {
	e = &ear{t: t, local: local}
	if !local.Is4() {
		return e, "ipv4-only"
	}
	w, ok1 := platform.As[platform.WatchNetwork](t.env.Net)
	r, ok2 := platform.As[platform.RawNetwork](t.env.Net)
	if !ok1 || !ok2 {
		return e, "unsupported"
	}
	watch, err := w.WatchUDP(ctx, platform.WatchUDPOptions{Magic: session.RTPMagic, MagicOffset: session.RTPMagicOffset})
	if err != nil {
		return e, platform.Words(err)
	}
	e.raw, err = r.OpenRawUDP(ctx, platform.RawUDPOptions{
		Local: local, First: session.FirstInboundPort, Last: 65535, Magic: session.RTPMagic, MagicOffset: session.RTPMagicOffset,
	})
	if err != nil {
		_ = watch.Close()
		return e, platform.Words(err)
	}
	e.watch = watch
	e.listen()
	return e, ""
}

func (e *ear) listen() {
	e.t.running.Go(func() {
		_ = e.watch.Watch(func(payload []byte, _, to netip.AddrPort) {
			if to.Addr() == e.local {
				e.t.hear(payload, int(to.Port()), false)
			}
		})
	})
	e.t.running.Go(func() {
		_ = e.raw.Answer(func(payload []byte, _, to netip.AddrPort) []byte {
			e.t.hear(payload, int(to.Port()), true)
			return nil
		})
	})
}

// disturbsNobody reports whether ports of other programs may be tried.
func (e *ear) disturbsNobody() bool { return e.watch != nil }

// ready prepares for packets to some ports, and says which of them belong to
// other programs.
func (e *ear) ready(ctx context.Context, ports []int) (free, taken []int) {
	for _, n := range ports {
		conn, err := e.t.env.Net.OpenUDP(ctx, netip.AddrPortFrom(probe.Bind(netip.Addr{}, e.local), uint16(n)))
		if err != nil {
			taken = append(taken, n)
			continue
		}
		free = append(free, n)
		if e.disturbsNobody() {
			_ = conn.Close()
			continue
		}
		e.conns = append(e.conns, conn)
		e.t.running.Go(func() {
			for b := range probe.Datagrams(conn, nil) {
				e.t.hear(b, n, true)
			}
		})
	}
	return free, taken
}

// done follows when the packets to the ports that were made ready have been sent.
func (e *ear) done(ctx context.Context) error {
	if e.disturbsNobody() {
		return nil
	}
	err := e.t.pause(ctx, inboundGrace)
	e.release()
	return err
}

func (e *ear) release() {
	for _, c := range e.conns {
		_ = c.Close()
	}
	e.conns = nil
}

func (e *ear) close() {
	e.release()
	if e.disturbsNobody() {
		_ = e.watch.Close()
		_ = e.raw.Close()
	}
}
