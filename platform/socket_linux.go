package platform

import (
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A socket is a descriptor that Go's poller does not know. The poller hears of
// every datagram of a socket that it watches, whether somebody waits for it or
// not; at 100,000 datagrams a second that took a third of a processor.
type socket struct {
	fd   int
	wake int // an eventfd that ends all waiting

	using  sync.RWMutex // held for reading while the descriptors are in use
	closed atomic.Bool
}

func openSocket(family, typ, proto int) (*socket, error) {
	fd, err := unix.Socket(family, typ|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("eventfd", err)
	}
	return &socket{fd: fd, wake: wake}, nil
}

// Close wakes who waits and closes when nobody uses the socket any more.
func (s *socket) Close() error {
	if s.closed.Swap(true) {
		return net.ErrClosed
	}
	_, _ = unix.Write(s.wake, []byte{7: 1}) // the counter of a fresh eventfd takes anything but zero
	s.using.Lock()
	defer s.using.Unlock()
	_ = unix.Close(s.wake)
	return os.NewSyscallError("close", unix.Close(s.fd))
}

// use keeps the descriptors open until done is called.
func (s *socket) use() (done func(), err error) {
	s.using.RLock()
	if s.closed.Load() {
		s.using.RUnlock()
		return nil, net.ErrClosed
	}
	return s.using.RUnlock, nil
}

// forever is longer than anybody waits.
const forever = time.Hour

// wait waits until the socket is ready for one of events, d has passed or
// something else happened; the caller tries again in any case. It fails when
// the socket was closed.
func (s *socket) wait(events int16, d time.Duration) error {
	fds := [2]unix.PollFd{{Fd: int32(s.fd), Events: events}, {Fd: int32(s.wake), Events: unix.POLLIN}}
	t := unix.NsecToTimespec(int64(max(d, 0)))
	_, err := unix.Ppoll(fds[:], &t, nil)
	switch {
	case s.closed.Load():
		return net.ErrClosed
	case err == unix.EINTR:
		return nil
	case err != nil:
		return os.NewSyscallError("ppoll", err)
	}
	if fds[0].Revents != 0 && fds[0].Revents&events == 0 {
		time.Sleep(time.Millisecond) // an ICMP error lies there that a writer cannot take
	}
	return nil
}

// coalesce is how long a socket is left alone so that there is more to read, as
// a network card does: waking a sleeping reader costs the sender of each
// datagram as much as sending it.
const coalesce = 200 * time.Microsecond

// leaveAlone sleeps in the kernel: Go's timers would wake a millisecond later.
func (s *socket) leaveAlone() {
	t := unix.NsecToTimespec(int64(coalesce))
	_ = unix.Nanosleep(&t, nil)
}

// maxBatch is how many datagrams one system call moves.
const maxBatch = 64

// mmsghdr is struct mmsghdr of recvmmsg(2) and sendmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// batch is the argument of one recvmmsg or sendmmsg call. It lives as long as
// its socket: nothing is allocated for a datagram.
type batch struct {
	headers [maxBatch]mmsghdr
	names   [maxBatch]unix.RawSockaddrInet6 // the larger of the two families
	iovs    [maxBatch]unix.Iovec
	none    byte // where an empty buffer points
}

// aim points message i at its buffer.
func (b *batch) aim(i int, buf []byte) {
	iov, h := &b.iovs[i], &b.headers[i]
	iov.Base = &b.none
	if len(buf) > 0 {
		iov.Base = &buf[0]
	}
	iov.SetLen(len(buf))
	h.hdr = unix.Msghdr{Name: (*byte)(unsafe.Pointer(&b.names[i])), Namelen: unix.SizeofSockaddrInet6, Iov: iov}
	h.hdr.SetIovlen(1)
	h.n = 0
}

// forget lets the buffers of n messages go.
func (b *batch) forget(n int) {
	for i := range b.iovs[:n] {
		b.iovs[i].Base = &b.none
	}
}

// call does one of the two for the messages from to size, without waiting.
func (b *batch) call(trap uintptr, s *socket, from, size int) (int, syscall.Errno) {
	for {
		r, _, errno := unix.Syscall6(trap, uintptr(s.fd), uintptr(unsafe.Pointer(&b.headers[from])), uintptr(size-from), unix.MSG_DONTWAIT, 0, 0)
		if errno != unix.EINTR {
			return int(r), errno
		}
	}
}

// send sends the messages from to size. An error is about the first that has
// not been sent. What WriteTo does about errors that belong to earlier
// datagrams and about a full queue, it does as well.
func (b *batch) send(s *socket, from, size int) (sent int, err error) {
	var icmp, full int
	for from < size {
		n, errno := b.call(unix.SYS_SENDMMSG, s, from, size)
		switch {
		case errno == 0:
			from, sent, icmp, full = from+n, sent+n, 0, 0
		case errno == unix.EAGAIN:
			if err := s.wait(unix.POLLOUT, forever); err != nil {
				return sent, err
			}
		case fromICMP(errno) && icmp < icmpTries:
			icmp++
		case errno == unix.ENOBUFS && full < queueFullTries:
			full++
			time.Sleep(queueFullWait)
		default:
			return sent, os.NewSyscallError("sendmmsg", errno)
		}
	}
	return sent, nil
}

// setReadBuffer asks for more than net.core.rmem_max first, which root gets.
func setReadBuffer(fd, bytes int) error {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes) == nil {
		return nil
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bytes))
}

// address4 says where message i goes, address6 the same for IPv6.
func (b *batch) address4(i int, addr [4]byte, port uint16) {
	sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(&b.names[i]))
	*sa = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: addr}
	*(*[2]byte)(unsafe.Pointer(&sa.Port)) = [2]byte{byte(port >> 8), byte(port)}
	b.headers[i].hdr.Namelen = unix.SizeofSockaddrInet4
}

func (b *batch) address6(i int, addr [16]byte, port uint16, zone string) error {
	sa := &b.names[i]
	*sa = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: addr}
	*(*[2]byte)(unsafe.Pointer(&sa.Port)) = [2]byte{byte(port >> 8), byte(port)}
	if zone == "" {
		return nil
	}
	ifi, err := net.InterfaceByName(zone)
	if err != nil {
		return fmt.Errorf("finding interface %s: %w", zone, err)
	}
	sa.Scope_id = uint32(ifi.Index)
	return nil
}
