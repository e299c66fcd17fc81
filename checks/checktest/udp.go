package checktest

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

const (
	// receiveBuffer is Linux's default net.core.rmem_default, bytes: a reader
	// that is too slow loses datagrams here as it would there.
	receiveBuffer = 212992
	// maxQueued and maxErrors bound what a socket nobody reads can hold; more
	// than any check sends in one burst.
	maxQueued = 8192
	maxErrors = 1024
	// maxDatagram is the largest UDP payload of IPv4, bytes.
	maxDatagram = 65507
)

// udpConn is a bound UDP socket; guarded by the world's lock.
type udpConn struct {
	endpoint
	queue  []*packet
	queued int // payload bytes in queue
	errs   []*platform.ICMPError
	read   deadline
}

func (h *Host) OpenUDP(ctx context.Context, local netip.AddrPort) (platform.UDPConn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	at, err := bind(h, local, h.udp)
	if err != nil {
		return nil, opError("listen", UDP, local, netip.AddrPort{}, err)
	}
	c := &udpConn{endpoint: h.endpoint(UDP, at, netip.AddrPort{})}
	h.udp[at] = c
	return c, nil
}

func (c *udpConn) LocalAddr() netip.AddrPort { return c.local }

func (c *udpConn) ReadFrom(b []byte) (d platform.Datagram, err error) {
	c.h.w.mu.Lock()
	defer c.h.w.mu.Unlock()
	err = c.until(&c.read, func() (bool, error) {
		switch {
		case len(c.errs) > 0:
			e := c.errs[0]
			c.errs = c.errs[1:]
			return false, e
		case len(c.queue) == 0:
			return false, nil
		}
		p := c.queue[0]
		c.queue = c.queue[1:]
		c.queued -= len(p.payload)
		d = platform.Datagram{N: copy(b, p.payload), From: p.src, To: p.dst.Addr(), TTL: p.ttl, TOS: p.tos}
		return true, nil
	})
	return d, c.opError("read", err)
}

func (c *udpConn) WriteTo(b []byte, to netip.AddrPort, o platform.SendOptions) error {
	c.h.w.mu.Lock()
	defer c.h.w.mu.Unlock()
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	err := c.send(b, to, o)
	c.h.w.drain()
	return opError("write", UDP, c.local, to, err)
}

func (c *udpConn) send(b []byte, to netip.AddrPort, o platform.SendOptions) error {
	src := c.local.Addr()
	var err error
	switch {
	case c.closed:
		return net.ErrClosed
	case !to.IsValid() || to.Port() == 0 || o.TTL < 0 || o.TTL > 255:
		return os.NewSyscallError("sendto", syscall.EINVAL)
	case len(b) > maxDatagram:
		return os.NewSyscallError("sendto", syscall.EMSGSIZE)
	case src.Is4() != to.Addr().Is4():
		return os.NewSyscallError("sendto", syscall.EAFNOSUPPORT)
	case o.From.IsValid() && !c.h.owns(o.From.Unmap()):
		return os.NewSyscallError("sendto", syscall.EADDRNOTAVAIL)
	case o.From.IsValid():
		src = o.From.Unmap()
	case src.IsUnspecified():
		if src, err = c.h.source(to.Addr()); err != nil {
			return err
		}
	}
	ttl := o.TTL
	if ttl == 0 {
		ttl = defaultTTL
	}
	p := &packet{
		proto: UDP, src: netip.AddrPortFrom(src, c.local.Port()), dst: to,
		ttl: ttl, tos: o.TOS, payload: bytes.Clone(b), whole: o.DontFragment,
	}
	if err := p.fits(); err != nil {
		return err
	}
	return c.h.output(p)
}

func (c *udpConn) enqueue(p *packet) {
	if c.queued+len(p.payload) > receiveBuffer || len(c.queue) == maxQueued {
		return
	}
	c.queue = append(c.queue, p)
	c.queued += len(p.payload)
	c.wake.Broadcast()
}

func (c *udpConn) fail(e *platform.ICMPError) {
	if len(c.errs) < maxErrors {
		c.errs = append(c.errs, e)
	}
	c.wake.Broadcast()
}

func (c *udpConn) SetReadDeadline(t time.Time) error { return c.setDeadlines(t, &c.read) }
func (c *udpConn) Close() error                      { return c.unlessClosed("close", c.shut) }

func (c *udpConn) shut() {
	c.closed = true
	c.read.stop()
	delete(c.h.udp, c.local)
	c.wake.Broadcast()
}
