package checktest

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

const (
	// connectPatience is how long Linux repeats a SYN by default
	// (tcp_syn_retries 6) before it gives up with ETIMEDOUT.
	connectPatience = 127 * time.Second
	// backlog is what package net asks for on Linux since 5.4, by way of
	// net.core.somaxconn.
	backlog = 4096
)

func (h *Host) DialTCP(ctx context.Context, local, remote netip.AddrPort) (net.Conn, error) {
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	if err := ctx.Err(); err != nil {
		return nil, opError("dial", TCP, local, remote, err)
	}
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	c, err := h.connect(local, remote)
	if err != nil {
		return nil, opError("dial", TCP, local, remote, err)
	}
	h.w.drain()
	if err := c.waitOpen(ctx); err != nil {
		c.remove()
		return nil, opError("dial", TCP, c.local, remote, err)
	}
	return c, nil
}

// connect sends the SYN.
func (h *Host) connect(local, remote netip.AddrPort) (*tcpConn, error) {
	at, err := h.bindAddr(local)
	if err != nil {
		return nil, err
	}
	if at.Addr().IsUnspecified() {
		src, err := h.source(remote.Addr())
		if err != nil {
			return nil, err
		}
		at = netip.AddrPortFrom(src, at.Port())
	}
	at, err = h.bindPort(at, func(p netip.AddrPort) bool { return h.tcpTaken(p, remote, local.Port() == 0) })
	if err != nil {
		return nil, err
	}
	c := h.newConn(at, remote)
	if err := h.output(c.packet(segment{flags: flagSYN}, nil)); err != nil {
		c.remove()
		return nil, err
	}
	return c, nil
}

// tcpTaken reports whether a connection from p to remote is impossible; a
// fresh port must belong to nobody at all.
func (h *Host) tcpTaken(p, remote netip.AddrPort, fresh bool) bool {
	if taken(h.listeners, p) {
		return true
	}
	if !fresh {
		return h.conns[connKey{p, remote}] != nil
	}
	for k := range h.conns {
		if k.local == p {
			return true
		}
	}
	return false
}

// waitOpen waits for the answer to the SYN.
func (c *tcpConn) waitOpen(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		c.h.w.mu.Lock()
		defer c.h.w.mu.Unlock()
		c.wake.Broadcast()
	})()
	var patience deadline
	patience.set(time.Now().Add(connectPatience), c.wake)
	defer patience.stop()
	err := c.until(&patience, func() (bool, error) {
		return c.state == open, cmp.Or(c.err, ctx.Err())
	})
	if err == os.ErrDeadlineExceeded {
		return os.NewSyscallError("connect", syscall.ETIMEDOUT)
	}
	return err
}

// listener is a listening TCP socket; guarded by the world's lock.
type listener struct {
	endpoint
	ready []*tcpConn
	half  int // connections whose handshake is under way
}

func (h *Host) ListenTCP(ctx context.Context, local netip.AddrPort) (net.Listener, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	at, err := bind(h, local, h.listeners)
	if err != nil {
		return nil, opError("listen", TCP, local, netip.AddrPort{}, err)
	}
	l := &listener{endpoint: h.endpoint(TCP, at, netip.AddrPort{})}
	h.listeners[at] = l
	return l, nil
}

func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.local) }

func (l *listener) Accept() (c net.Conn, err error) {
	l.h.w.mu.Lock()
	defer l.h.w.mu.Unlock()
	err = l.until(nil, func() (bool, error) {
		if len(l.ready) == 0 {
			return false, nil
		}
		c, l.ready = l.ready[0], l.ready[1:]
		return true, nil
	})
	return c, l.opError("accept", err)
}

func (l *listener) Close() error { return l.unlessClosed("close", l.shut) }

func (l *listener) shut() {
	l.closed = true
	delete(l.h.listeners, l.local)
	for _, c := range l.ready {
		c.reset()
	}
	l.ready = nil
	l.wake.Broadcast()
}

// deliverTCP finds the connection of a segment, or makes one.
func (h *Host) deliverTCP(p *packet) {
	if c := h.conns[connKey{p.dst, p.src}]; c != nil {
		c.input(p)
		return
	}
	l := lookup(h.listeners, p.dst)
	switch {
	case p.seg.flags&flagRST != 0:
	case p.seg.flags == flagSYN && l != nil:
		if len(l.ready)+l.half >= backlog {
			return
		}
		c := h.newConn(p.dst, p.src)
		c.state, c.listener = synReceived, l
		l.half++
		_ = h.output(c.packet(segment{flags: flagSYN | flagACK}, nil)) // the client will notice the silence
	default:
		rst := &packet{proto: TCP, src: p.dst, dst: p.src, ttl: defaultTTL, seg: segment{flags: flagRST | flagACK}}
		_ = h.output(rst) // as above
	}
}

// icmp is what an ICMP error does to a connection: it ends the attempt to make
// one, and does nothing to one that exists (RFC 1122 section
// 4.2.3.9).
func (c *tcpConn) icmp(e *platform.ICMPError) {
	if c.state != synSent {
		return
	}
	c.fail(&connectError{connectErrno(e), e})
}

// connectErrno is what Linux makes of an ICMP error (icmp_err_convert).
func connectErrno(e *platform.ICMPError) syscall.Errno {
	switch {
	case e.Type == 3 && !e.V6 && e.Code == 3, e.Type == 1 && e.V6 && e.Code == 4:
		return syscall.ECONNREFUSED
	case e.Type == 3 && !e.V6 && (e.Code == 0 || e.Code == 9):
		return syscall.ENETUNREACH
	case e.Type == 1 && e.V6 && e.Code == 1:
		return syscall.EACCES
	default:
		return syscall.EHOSTUNREACH
	}
}

// connectError is a refused connection with the ICMP error that refused it.
type connectError struct {
	errno syscall.Errno
	icmp  *platform.ICMPError
}

func (e *connectError) Error() string   { return fmt.Sprintf("connect: %v (%v)", e.errno, e.icmp) }
func (e *connectError) Unwrap() []error { return []error{e.errno, e.icmp} }
