package platform

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batchConn is a UDP socket of its own, away from Go's poller.
type batchConn struct {
	*socket
	bound boundUDP // without a connection; it knows what may be sent

	reading sync.Mutex // guards rx and one
	rx      batch
	one     receiver // reads the error queue

	sending sync.Mutex // guards tx
	tx      batch
}

func (r *realNetwork) OpenBatch(ctx context.Context, local netip.AddrPort) (BatchConn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	local = bindable(local)
	c, err := r.openBatch(local)
	if err != nil {
		return nil, fmt.Errorf("opening UDP %s: %w", local, err)
	}
	return c, nil
}

func (r *realNetwork) openBatch(local netip.AddrPort) (*batchConn, error) {
	family, v6 := unix.AF_INET, local.Addr().Is6()
	if v6 {
		family = unix.AF_INET6
	}
	s, err := openSocket(family, unix.SOCK_DGRAM, 0)
	if err != nil {
		return nil, err
	}
	c := &batchConn{socket: s}
	err = tieToDevice(uintptr(s.fd), v6, r.opts.BindDevice)
	if err == nil && v6 {
		err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1))
	}
	if err == nil {
		err = s.reportErrors(v6)
	}
	if err == nil {
		err = s.bind(local)
	}
	if err == nil {
		c.bound = boundUDP{local: local, v6: v6}
		c.bound.local, err = s.localAddr(&c.one)
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return c, nil
}

// reportErrors asks for ICMP errors with all they say. Of the datagrams nothing
// but the sender is asked for: each further fact costs the kernel a look.
func (s *socket) reportErrors(v6 bool) error {
	level, option := unix.IPPROTO_IP, unix.IP_RECVERR
	if v6 {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_RECVERR
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(s.fd, level, option, 1))
}

// bind takes the port, and one that is free for port 0.
func (s *socket) bind(local netip.AddrPort) error {
	if local.Addr().Is4() {
		return os.NewSyscallError("bind", unix.Bind(s.fd, &unix.SockaddrInet4{Addr: local.Addr().As4(), Port: int(local.Port())}))
	}
	var b batch
	if err := b.address6(0, local.Addr().As16(), local.Port(), local.Addr().Zone()); err != nil {
		return err
	}
	return os.NewSyscallError("bind", unix.Bind(s.fd, &unix.SockaddrInet6{
		Addr: local.Addr().As16(), Port: int(local.Port()), ZoneId: b.names[0].Scope_id,
	}))
}

func (s *socket) localAddr(r *receiver) (netip.AddrPort, error) {
	size := uint32(unix.SizeofSockaddrInet6)
	_, _, errno := unix.Syscall(unix.SYS_GETSOCKNAME, uintptr(s.fd), uintptr(unsafe.Pointer(&r.name)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return netip.AddrPort{}, os.NewSyscallError("getsockname", errno)
	}
	r.hdr.Namelen = size
	return r.peer(), nil
}

func (c *batchConn) LocalAddr() netip.AddrPort { return c.bound.local }

func (c *batchConn) SetReadBuffer(bytes int) error {
	done, err := c.use()
	if err != nil {
		return err
	}
	defer done()
	return setReadBuffer(c.fd, bytes)
}

// maxQuote is how much of an ICMP error's quote a batch reader keeps, bytes:
// what routers send of a datagram (RFC 1812 4.3.2.3).
const maxQuote = 576

func (c *batchConn) ReadBatch(ms []Message, wait time.Duration) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	done, err := c.use()
	if err != nil {
		return 0, err
	}
	defer done()
	size := min(len(ms), maxBatch)
	for i := range ms[:size] {
		c.rx.aim(i, ms[i].Buf)
	}
	defer c.rx.forget(size)
	for end := time.Now().Add(wait); ; {
		n, err := c.read(size)
		if !errors.Is(err, unix.EAGAIN) {
			c.rx.describe(ms[:n], &c.one)
			return n, err
		}
		left := time.Until(end)
		if left <= 0 {
			return 0, nil
		}
		if err := c.wait(unix.POLLIN, left); err != nil {
			return 0, err
		}
		c.leaveAlone() // what comes with it can be read with it
	}
}

// read takes datagrams or, when there are none, an ICMP error; EAGAIN says that
// there is neither.
func (c *batchConn) read(size int) (n int, err error) {
	for {
		n, errno := c.rx.call(unix.SYS_RECVMMSG, c.socket, 0, size)
		if errno == 0 {
			return n, nil
		}
		if errno != unix.EAGAIN && !fromICMP(errno) {
			return 0, c.failed(errno)
		}
		icmp, err := c.queued()
		if icmp != nil {
			return 0, icmp
		}
		if err != nil && (err != unix.EAGAIN || errno == unix.EAGAIN) {
			return 0, err
		}
	}
}

// queued takes one message from the error queue. Both results are nil for one
// that is no ICMP error; WriteBatch has reported it.
func (c *batchConn) queued() (*ICMPError, error) {
	var quote [maxQuote]byte
	c.one.aim(quote[:])
	defer c.one.aim(nil)
	for {
		c.one.recvmsg(uintptr(c.fd), unix.MSG_ERRQUEUE)
		switch c.one.errno {
		case 0:
			return c.one.icmpError(quote[:min(c.one.n, len(quote))]), nil
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return nil, unix.EAGAIN
		}
		return nil, c.failed(c.one.errno)
	}
}

func (c *batchConn) failed(errno syscall.Errno) error {
	return fmt.Errorf("reading UDP %s: %w", c.bound.local, os.NewSyscallError("recvmsg", errno))
}

// describe tells the length and the sender of each datagram.
func (b *batch) describe(ms []Message, r *receiver) {
	for i := range ms {
		h := &b.headers[i]
		ms[i].N = int(h.n)
		ms[i].Peer = r.addrPort(unsafe.Slice((*byte)(unsafe.Pointer(&b.names[i])), min(int(h.hdr.Namelen), unix.SizeofSockaddrInet6)))
	}
}

func (c *batchConn) WriteBatch(ms []Message) (sent int, err error) {
	c.sending.Lock()
	defer c.sending.Unlock()
	done, err := c.use()
	if err != nil {
		return 0, err
	}
	defer done()
	for sent < len(ms) && err == nil {
		var n int
		n, err = c.writeSome(ms[sent:])
		if sent += n; err != nil && sent < len(ms) {
			err = fmt.Errorf("sending to %s: %w", ms[sent].Peer, err)
		}
	}
	return sent, err
}

// writeSome sends up to maxBatch datagrams.
func (c *batchConn) writeSome(ms []Message) (sent int, err error) {
	size := min(len(ms), maxBatch)
	defer c.tx.forget(size)
	good := 0
	for ; good < size && err == nil; good++ {
		if err = c.address(good, ms[good]); err != nil {
			break // those before it go out
		}
	}
	sent, failed := c.tx.send(c.socket, 0, good)
	if failed != nil {
		return sent, failed
	}
	return sent, err
}

func (c *batchConn) address(i int, m Message) error {
	to := unmapped(m.Peer)
	if err := c.bound.check(to, SendOptions{}); err != nil {
		return err
	}
	c.tx.aim(i, m.Buf)
	if !c.bound.v6 {
		c.tx.address4(i, to.Addr().As4(), to.Port())
		return nil
	}
	return c.tx.address6(i, to.Addr().As16(), to.Port(), to.Addr().Zone())
}
