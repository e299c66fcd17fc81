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

// blocks are the open sockets of single RTP ports, shared by the sweeps and the
// simulated calls.
type blocks struct {
	r *rtpRange

	mu      sync.Mutex
	closed  bool
	ports   map[int]*heldPort
	running sync.WaitGroup
}

// heldPort is one port on every address that has no raw socket, or on every
// address when it was opened for a call.
type heldPort struct {
	sockets []*socket
	users   int
}

// hold opens the ports that w wants and does not have, closes those that it no
// longer wants, and returns those that cannot be had.
func (b *blocks) hold(ctx context.Context, w *sweep, want []int) (busy []int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, errors.New("the responder is stopping")
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
		if b.ports[p] == nil && len(b.ports) >= maxBlockPorts {
			err = errors.New("too many ports are open for other clients; try again in a minute")
			break
		}
		if b.use(ctx, p, b.r.rawAddrs) == nil {
			busy = append(busy, p)
			continue
		}
		w.held = append(w.held, p)
	}
	slices.Sort(w.held)
	return busy, err
}

// acquire opens one port on every address, for a call; nil when it cannot be
// had. The caller gives it back.
func (b *blocks) acquire(ctx context.Context, port int) *heldPort {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.ports[port] != nil && len(b.r.rawAddrs) > 0 {
		return nil // it is open on some addresses only
	}
	return b.use(ctx, port, nil)
}

// use counts one more user of a port, which is opened for the first.
func (b *blocks) use(ctx context.Context, port int, but []netip.Addr) *heldPort {
	h := b.ports[port]
	if h == nil {
		h = b.open(ctx, port, but)
	}
	if h != nil {
		h.users++
	}
	return h
}

func (b *blocks) has(port int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ports[port] != nil
}

func (b *blocks) giveBack(port int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.letGo(port)
}

// open binds one port on all addresses but some; nil when another program has
// it.
func (b *blocks) open(ctx context.Context, port int, but []netip.Addr) *heldPort {
	if b.ports == nil {
		b.ports = map[int]*heldPort{}
	}
	h := &heldPort{}
	for _, a := range b.r.s.ports.addrs {
		if slices.Contains(but, a) {
			continue
		}
		conn, err := b.r.s.cfg.Net.OpenUDP(ctx, where(a, port))
		if err != nil && a.IsUnspecified() && len(h.sockets) > 0 {
			continue // the IPv6 of a machine that has none
		}
		if err != nil {
			h.close()
			return nil
		}
		h.sockets = append(h.sockets, &socket{kind: mediaSocket, conn: conn, addr: a, port: port})
	}
	for _, u := range h.sockets {
		swept := !slices.Contains(b.r.rawAddrs, u.addr) // else the raw socket answers probes
		b.running.Go(func() { b.listen(u, swept) })
	}
	b.ports[port] = h
	return h
}

// listen answers at one port until it is closed: packets of calls, and probes
// of sweeps where these are its business.
func (b *blocks) listen(u *socket, swept bool) {
	gone := func(*platform.ICMPError) {} // of a client that no longer listens
	// One byte more than a probe, to recognise what is longer.
	_ = receive(u.conn, make([]byte, session.RTPProbeSize+1), gone, func(d platform.Datagram, p []byte) {
		to := u.asked(d)
		if b.r.s.calls.datagram(u.conn, d, p, to) || !swept {
			return
		}
		if reply := b.r.datagram(p, d.From, to); reply != nil {
			_ = u.reply(reply, to.Addr(), d.From) // the client asks again
		}
	})
}

func (b *blocks) letGo(port int) {
	h := b.ports[port]
	if h == nil {
		return
	}
	if h.users--; h.users > 0 {
		return
	}
	delete(b.ports, port)
	h.close()
}

func (h *heldPort) close() {
	for _, u := range h.sockets {
		_ = u.conn.Close()
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
