package platform

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// prepareUDP asks for the TTL, traffic class and destination of every datagram
// and for ICMP errors with all they say (ip(7), IP_RECVERR).
func prepareUDP(fd uintptr, v6 bool) error {
	level, options := unix.IPPROTO_IP, []int{unix.IP_RECVTTL, unix.IP_RECVTOS, unix.IP_PKTINFO, unix.IP_RECVERR}
	if v6 {
		level, options = unix.IPPROTO_IPV6, []int{unix.IPV6_RECVHOPLIMIT, unix.IPV6_RECVTCLASS, unix.IPV6_RECVPKTINFO, unix.IPV6_RECVERR}
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(int(fd), level, o, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return nil
}

// udpConn is a UDP socket whose reader watches the error queue as well.
type udpConn struct {
	boundUDP
	raw syscall.RawConn

	reading sync.Mutex // guards rx
	rx      receiver

	sending sync.Mutex // guards tx
	tx      controlBuffer
}

func newUDPConn(conn *net.UDPConn, v6 bool) (*udpConn, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	u := &udpConn{boundUDP: bound(conn, v6), raw: raw}
	u.rx.prepare()
	return u, nil
}

// ReadFrom returns the datagrams and, in between, the ICMP errors about
// earlier ones.
func (u *udpConn) ReadFrom(b []byte) (Datagram, error) {
	u.reading.Lock()
	defer u.reading.Unlock()
	r := &u.rx
	r.aim(b)
	defer r.aim(nil)
	for {
		if err := u.raw.Read(r.attempt); err != nil {
			if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
				return Datagram{}, err
			}
			// The poller refuses a descriptor that last reported an error and
			// nothing else, as a socket does whose transmit queue is full when
			// an ICMP error arrives. The socket is well; look without it until
			// its next event.
			if done, err := u.readUnpolled(); err != nil {
				return Datagram{}, err
			} else if !done {
				time.Sleep(time.Millisecond)
				continue
			}
		}
		if r.errno != 0 {
			return Datagram{}, fmt.Errorf("reading UDP %s: %w", u.local, os.NewSyscallError("recvmsg", r.errno))
		}
		if !r.queued {
			return r.datagram(), nil
		}
		if e := r.icmpError(b[:min(r.n, len(b))]); e != nil {
			return Datagram{}, e
		}
	}
}

// readUnpolled tries once to read without waiting.
func (u *udpConn) readUnpolled() (done bool, err error) {
	err = u.raw.Control(func(fd uintptr) { done = u.rx.attempt(fd) })
	return done, err
}

// WriteTo sends one datagram. An ICMP error about an earlier datagram makes
// the next sendmsg fail without sending, whomever that one is for; it stays in
// the error queue for ReadFrom, and the datagram is sent again.
func (u *udpConn) WriteTo(b []byte, to netip.AddrPort, o SendOptions) error {
	to = unmapped(to)
	o.From = o.From.Unmap()
	if err := u.check(to, o); err != nil {
		return err
	}
	var icmp, full int
	for {
		err := u.send(b, to, o)
		if err == nil {
			return nil
		}
		errno, _ := errors.AsType[syscall.Errno](err)
		switch {
		case fromICMP(errno) && icmp < icmpTries:
			icmp++
		case errno == unix.ENOBUFS && full < queueFullTries:
			full++
			time.Sleep(queueFullWait)
		default:
			return err
		}
	}
}

// icmpTries is how often a datagram is sent again because of earlier ones'
// errors. A report may arrive between two tries, but hardly four in a row
// within microseconds: hosts send a peer only a few a second (RFC 1812
// 4.3.2.8).
const icmpTries = 4

func (u *udpConn) send(b []byte, to netip.AddrPort, o SendOptions) error {
	if o == (SendOptions{}) {
		_, _, err := u.conn.WriteMsgUDPAddrPort(b, nil, to)
		return err
	}
	u.sending.Lock()
	defer u.sending.Unlock()
	if o.DontFragment {
		restore, err := u.dontFragment()
		if err != nil {
			return err
		}
		defer restore()
	}
	_, _, err := u.conn.WriteMsgUDPAddrPort(b, u.tx.sendControl(o, u.v6), to)
	return err
}

// dontFragment sets the DF bit for what is sent until restore is called: there
// is no control message for it. A datagram that another goroutine sends
// meanwhile has it too, which matters only to one longer than the path takes.
func (u *udpConn) dontFragment() (restore func(), err error) {
	level, option, probe := unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE
	if u.v6 {
		level, option, probe = unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE
	}
	var before int
	err = onSocket(u.raw, func(fd uintptr) (err error) {
		if before, err = unix.GetsockoptInt(int(fd), level, option); err == nil {
			err = unix.SetsockoptInt(int(fd), level, option, probe)
		}
		return os.NewSyscallError("setsockopt", err)
	})
	if err != nil {
		return nil, err
	}
	return func() {
		_ = onSocket(u.raw, func(fd uintptr) error { return unix.SetsockoptInt(int(fd), level, option, before) })
	}, nil
}

// fromICMP reports whether the kernel may have made errno out of an ICMP
// message (icmp_err_convert, icmpv6_err_convert). Each of them can also be the
// truth about the datagram at hand, which then fails every time.
func fromICMP(errno syscall.Errno) bool {
	switch errno {
	case unix.ENETUNREACH, unix.EHOSTUNREACH, unix.ENOPROTOOPT, unix.ECONNREFUSED, unix.EMSGSIZE,
		unix.EOPNOTSUPP, unix.EHOSTDOWN, unix.ENONET, unix.EACCES, unix.EPROTO:
		return true
	}
	return false
}
