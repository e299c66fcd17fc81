package responder

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
)

const (
	// blockSize is how many ports a client sweeps at a time where there is no
	// raw socket; it may hold two blocks, so that the next one opens while this
	// one is swept. A thousand sockets open in some 10 ms and fit the limits of
	// ordinary users, and every system keeps ephemeral ports by the thousand.
	blockSize = 1000
	// maxBlockPorts bounds the sockets of all clients together, below a third
	// of Linux's ephemeral range.
	maxBlockPorts = 8 * blockSize
)

// blocks are the open sockets of single RTP ports, shared by the sweeps.
type blocks struct {
	r *rtpRange

	mu      sync.Mutex
	closed  bool
	ports   map[int]*heldPort
	running sync.WaitGroup
}

// heldPort is one port on every address that has no raw socket.
type heldPort struct {
	conns []platform.UDPConn
	users int
}

// hold opens the ports that w wants and does not have, closes those that it no
// longer wants, and returns those that cannot be had.
func (b *blocks) hold(ctx context.Context, w *sweep, want []int) (busy []int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, errors.New("the responder is stopping")
	}
	if b.ports == nil {
		b.ports = map[int]*heldPort{}
	}
	var keep []int
	for _, p := range w.held {
		if _, wanted := slices.BinarySearch(want, p); wanted {
			keep = append(keep, p)
		} else {
			b.letGo(p)
		}
	}
	w.held = keep
	for _, p := range want {
		if _, has := slices.BinarySearch(keep, p); has {
			continue
		}
		h := b.ports[p]
		if h == nil && len(b.ports) >= maxBlockPorts {
			err = errTooManyPorts
			break
		}
		if h == nil {
			h = b.open(ctx, p)
		}
		if h == nil {
			busy = append(busy, p)
			continue
		}
		h.users++
		w.held = append(w.held, p)
	}
	slices.Sort(w.held)
	return busy, err
}

// open binds one port; nil when another program has it.
func (b *blocks) open(ctx context.Context, port int) *heldPort {
	h := &heldPort{}
	for _, a := range b.r.s.ports.addrs {
		if slices.Contains(b.r.rawAddrs, a) {
			continue
		}
		conn, err := b.r.s.cfg.Net.OpenUDP(ctx, where(a, port))
		if err != nil && a.IsUnspecified() && len(h.conns) > 0 {
			continue // the IPv6 of a machine that has none
		}
		if err != nil {
			for _, c := range h.conns {
				_ = c.Close()
			}
			return nil
		}
		h.conns = append(h.conns, conn)
	}
	for i := range h.conns {
		b.running.Go(func() { b.listen(h.conns[i], port) })
	}
	b.ports[port] = h
	return h
}

// listen answers at one port until it is closed.
func (b *blocks) listen(conn platform.UDPConn, port int) {
	// A byte more than a probe shows what is no probe.
	buf := make([]byte, session.RTPProbeSize+1)
	for bad := 0; bad < 100; {
		d, err := conn.ReadFrom(buf)
		if _, told := errors.AsType[*platform.ICMPError](err); told {
			continue
		}
		if err != nil {
			if platform.Classify(err) == platform.ClassOther {
				return // closed
			}
			bad++
			continue
		}
		at := d.To
		if !at.IsValid() {
			at = conn.LocalAddr().Addr()
		}
		to := netip.AddrPortFrom(at.Unmap(), uint16(port))
		reply := b.r.datagram(buf[:d.N], d.From, to)
		if reply == nil {
			continue
		}
		var o platform.SendOptions
		if !to.Addr().IsUnspecified() {
			o.From = to.Addr()
		}
		_ = conn.WriteTo(reply, d.From, o) // the client asks again
	}
}

// letGo gives one use of a port back.
func (b *blocks) letGo(port int) {
	h := b.ports[port]
	if h == nil {
		return
	}
	if h.users--; h.users > 0 {
		return
	}
	delete(b.ports, port)
	for _, c := range h.conns {
		_ = c.Close()
	}
}

func (b *blocks) release(w *sweep) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range w.held {
		b.letGo(p)
	}
	w.held = nil
}

func (b *blocks) closeAll() {
	b.mu.Lock()
	b.closed = true
	for p, h := range b.ports {
		h.users = 1
		b.letGo(p)
	}
	b.mu.Unlock()
	b.running.Wait()
}
