package checktest

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// The range of ports given to sockets that ask for none: RFC 6335 section 6.
const (
	firstPort = 49152
	portCount = 65536 - firstPort
)

// bindAddr completes and checks a local address: IPv4 when there is none, and
// an address of this host.
func (h *Host) bindAddr(local netip.AddrPort) (netip.AddrPort, error) {
	a := local.Addr().Unmap()
	if !a.IsValid() {
		a = netip.IPv4Unspecified()
	}
	if !a.IsUnspecified() && !h.owns(a) {
		return netip.AddrPort{}, os.NewSyscallError("bind", syscall.EADDRNOTAVAIL)
	}
	return netip.AddrPortFrom(a, local.Port()), nil
}

// bindPort checks the port, or finds a fresh one when it is 0.
func (h *Host) bindPort(at netip.AddrPort, taken func(netip.AddrPort) bool) (netip.AddrPort, error) {
	if at.Port() != 0 {
		if taken(at) {
			return at, os.NewSyscallError("bind", syscall.EADDRINUSE)
		}
		return at, nil
	}
	for range portCount {
		h.nextPort++
		p := netip.AddrPortFrom(at.Addr(), firstPort+h.nextPort%portCount)
		if !taken(p) {
			return p, nil
		}
	}
	return at, os.NewSyscallError("bind", syscall.EADDRINUSE)
}

// bind finds a local address for a socket that is to stand in table.
func bind[T any](h *Host, local netip.AddrPort, table map[netip.AddrPort]*T) (netip.AddrPort, error) {
	at, err := h.bindAddr(local)
	if err == nil {
		at, err = h.bindPort(at, func(p netip.AddrPort) bool { return taken(table, p) })
	}
	if err == nil && h.w.closed {
		err = net.ErrClosed
	}
	return at, err
}

// taken reports whether a socket in table hears what is sent to at.
func taken[T any](table map[netip.AddrPort]*T, at netip.AddrPort) bool {
	for other := range table {
		if overlaps(at, other) {
			return true
		}
	}
	return false
}

// overlaps reports whether two sockets would hear the same packets.
func overlaps(a, b netip.AddrPort) bool {
	return a.Port() == b.Port() && a.Addr().Is4() == b.Addr().Is4() &&
		(a.Addr() == b.Addr() || a.Addr().IsUnspecified() || b.Addr().IsUnspecified())
}

// deadline is one deadline of a connection; guarded by the world's lock.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

// set moves the deadline and wakes who waits, now and when it passes.
func (d *deadline) set(t time.Time, wake *sync.Cond) {
	d.stop()
	d.at = t
	if left := time.Until(t); !t.IsZero() && left > 0 {
		d.timer = time.AfterFunc(left, func() {
			wake.L.Lock()
			defer wake.L.Unlock()
			wake.Broadcast()
		})
	}
	wake.Broadcast()
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

func (d *deadline) passed() bool { return d != nil && !d.at.IsZero() && !time.Now().Before(d.at) }

// endpoint is what every socket has; guarded by the world's lock.
type endpoint struct {
	h             *Host
	network       string // UDP or TCP
	local, remote netip.AddrPort
	wake          *sync.Cond
	closed        bool
}

func (h *Host) endpoint(network string, local, remote netip.AddrPort) endpoint {
	return endpoint{h: h, network: network, local: local, remote: remote, wake: sync.NewCond(&h.w.mu)}
}

// until tries step whenever something has happened, until it is done, the
// socket is closed or d has passed; nil is no deadline.
func (e *endpoint) until(d *deadline, step func() (done bool, err error)) error {
	for {
		switch {
		case e.closed:
			return net.ErrClosed
		case d.passed():
			return os.ErrDeadlineExceeded
		}
		if done, err := step(); done || err != nil {
			return err
		}
		e.wake.Wait()
	}
}

// unlessClosed runs f, and what follows from it, on a socket that is open.
func (e *endpoint) unlessClosed(op string, f func()) (err error) {
	e.h.w.do(func() {
		if e.closed {
			err = e.opError(op, net.ErrClosed)
			return
		}
		f()
	})
	return err
}

func (e *endpoint) setDeadlines(t time.Time, list ...*deadline) error {
	return e.unlessClosed("set", func() {
		for _, d := range list {
			d.set(t, e.wake)
		}
	})
}

func (e *endpoint) opError(op string, err error) error {
	return opError(op, e.network, e.local, e.remote, err)
}

// opError dresses err as package net does. What an ICMP message said of an
// earlier datagram stays as it is.
func opError(op, network string, local, remote netip.AddrPort, err error) error {
	var e *net.OpError
	if _, icmp := err.(*platform.ICMPError); err == nil || icmp || errors.As(err, &e) {
		return err
	}
	return &net.OpError{Op: op, Net: network, Source: netAddr(network, local), Addr: netAddr(network, remote), Err: err}
}

func netAddr(network string, a netip.AddrPort) net.Addr {
	switch {
	case !a.IsValid():
		return nil
	case network == UDP:
		return net.UDPAddrFromAddrPort(a)
	default:
		return net.TCPAddrFromAddrPort(a)
	}
}
