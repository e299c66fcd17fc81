//go:build !linux

package platform

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// udpConn is a UDP socket on systems that keep ICMP errors from unconnected
// sockets (the BSDs) or strip them of their sender (Windows).
type udpConn struct {
	boundUDP
	hop hopSettings

	receiving sync.Mutex // guards oob
	oob       [256]byte

	sending sync.RWMutex // held for writing while the socket has a datagram's own TTL or class
}

func newUDPConn(conn *net.UDPConn, v6 bool) (*udpConn, error) {
	u := &udpConn{boundUDP: bound(conn, v6)}
	u.hop = hopOf(conn, v6)
	return u, nil
}

// ReadFrom goes on after an error that is about an earlier datagram: it names
// neither the hop nor the peer, so it says nothing anybody could use.
func (u *udpConn) ReadFrom(b []byte) (Datagram, error) {
	u.receiving.Lock()
	defer u.receiving.Unlock()
	for {
		n, oobn, _, from, err := u.conn.ReadMsgUDPAddrPort(b, u.oob[:])
		if err != nil {
			if errno, ok := errors.AsType[syscall.Errno](err); ok {
				if isTruncation(errno) {
					return Datagram{N: len(b), From: unmapped(from), TOS: -1}, nil
				}
				if isOldNews(Classify(errno)) {
					continue
				}
			}
			return Datagram{}, err
		}
		d := Datagram{N: n, From: unmapped(from), TOS: -1}
		describe(&d, u.oob[:oobn], u.v6)
		return d, nil
	}
}

// isOldNews reports whether a read error is a network's answer to something
// sent earlier, after which the socket is as good as before.
func isOldNews(c ErrorClass) bool {
	return c == ClassRefused || c == ClassReset || c == ClassUnreachable || c == ClassProhibited
}

// WriteTo sets TTL and class on the socket for the one datagram and puts them
// back, as these systems take neither with the datagram.
func (u *udpConn) WriteTo(b []byte, to netip.AddrPort, o SendOptions) error {
	to = unmapped(to)
	o.From = o.From.Unmap()
	if err := u.check(to, o); err != nil {
		return err
	}
	if o.DontFragment {
		return fmt.Errorf("sending to %s unfragmented: %w", to, errors.ErrUnsupported)
	}
	var oob []byte
	if o.From.IsValid() && o.From != u.local.Addr() {
		oob = sourceControl(o.From)
	}
	if o.TTL == 0 && o.TOS == 0 {
		u.sending.RLock()
		defer u.sending.RUnlock()
		return u.send(b, oob, to)
	}
	u.sending.Lock()
	defer u.sending.Unlock()
	restore, err := withHop(u.hop, o, classWorks)
	if err == nil {
		err = u.send(b, oob, to)
	}
	return errors.Join(err, restore())
}

func (u *udpConn) send(b, oob []byte, to netip.AddrPort) error {
	for tries := 0; ; tries++ {
		_, _, err := u.conn.WriteMsgUDPAddrPort(b, oob, to)
		if err == nil || tries == queueFullTries || !errors.Is(err, syscall.ENOBUFS) {
			return err
		}
		time.Sleep(queueFullWait)
	}
}
