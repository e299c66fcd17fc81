package rtpports

import (
	"context"
	"errors"
	"net/netip"
	"os"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
)

// An ear hears what arrives.
type ear interface {
	// ready prepares for packets to some ports, and says which of them belong
	// to other programs.
	ready(ctx context.Context, ports []int) (free, taken []int)
	// done follows when the packets have been sent.
	done(ctx context.Context) error
	// disturbsNobody reports whether ports of other programs may be tried.
	disturbsNobody() bool
	close()
}

// openEar watches all ports where the system and the user's rights allow it,
// and otherwise binds free ports for a moment; why says what stood against
// watching.
func openEar(ctx context.Context, t *inboundTest, local netip.Addr) (e ear, why string) {
	b := &boundEar{t: t, local: local}
	if !local.Is4() {
		return b, "ipv4-only"
	}
	w, ok1 := platform.As[platform.WatchNetwork](t.env.Net)
	r, ok2 := platform.As[platform.RawNetwork](t.env.Net)
	if !ok1 || !ok2 {
		return b, "unsupported"
	}
	watch, err := w.WatchUDP(ctx, platform.WatchUDPOptions{Magic: session.RTPMagic, MagicOffset: session.RTPMagicOffset})
	if err != nil {
		return b, platform.Words(err)
	}
	raw, err := r.OpenRawUDP(ctx, platform.RawUDPOptions{
		Local: local, First: session.FirstInboundPort, Last: 65535, Magic: session.RTPMagic, MagicOffset: session.RTPMagicOffset,
	})
	if err != nil {
		_ = watch.Close()
		return b, platform.Words(err)
	}
	e2 := &watchingEar{t: t, local: local, watch: watch, raw: raw}
	e2.listen()
	return e2, ""
}

// A watchingEar sees packets twice: when they reach the machine, and when its
// packet filter has let them through. It binds a port only to learn whether it
// is free, and lets go of it at once.
type watchingEar struct {
	t     *inboundTest
	local netip.Addr
	watch platform.UDPWatch
	raw   platform.RawUDP
}

func (e *watchingEar) listen() {
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

func (e *watchingEar) ready(ctx context.Context, ports []int) (free, taken []int) {
	for _, n := range ports {
		conn, err := e.t.env.Net.OpenUDP(ctx, netip.AddrPortFrom(netip.Addr{}, uint16(n)))
		if err != nil {
			taken = append(taken, n)
			continue
		}
		_ = conn.Close()
		free = append(free, n)
	}
	return free, taken
}

func (e *watchingEar) done(context.Context) error { return nil }
func (e *watchingEar) disturbsNobody() bool       { return true }

func (e *watchingEar) close() {
	_ = e.watch.Close()
	_ = e.raw.Close()
}

// A boundEar owns the ports of one batch while it is tested. Ports of other
// programs are left alone and stay untested.
type boundEar struct {
	t     *inboundTest
	local netip.Addr
	conns []platform.UDPConn
}

func (e *boundEar) ready(ctx context.Context, ports []int) (free, taken []int) {
	all := netip.Addr{} // of IPv4
	if e.local.Is6() {
		all = netip.IPv6Unspecified()
	}
	for _, n := range ports {
		conn, err := e.t.env.Net.OpenUDP(ctx, netip.AddrPortFrom(all, uint16(n)))
		if err != nil {
			taken = append(taken, n)
			continue
		}
		free = append(free, n)
		e.conns = append(e.conns, conn)
		e.t.running.Go(func() { e.read(conn, n) })
	}
	return free, taken
}

func (e *boundEar) read(conn platform.UDPConn, port int) {
	buf := make([]byte, 2048)
	for {
		d, err := conn.ReadFrom(buf)
		var icmp *platform.ICMPError
		switch {
		case errors.As(err, &icmp):
		case err != nil || errors.Is(err, os.ErrDeadlineExceeded):
			return
		default:
			e.t.hear(buf[:d.N], port, true)
		}
	}
}

func (e *boundEar) done(ctx context.Context) error {
	err := e.t.pause(ctx, inboundGrace)
	e.close()
	return err
}

func (e *boundEar) disturbsNobody() bool { return false }

func (e *boundEar) close() {
	for _, c := range e.conns {
		_ = c.Close()
	}
	e.conns = nil
}
