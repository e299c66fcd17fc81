package platform

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// skMemInfo is what SO_MEMINFO returns (linux/sock_diag.h).
type skMemInfo [9]uint32

const (
	skMemInfoQueued = 0 // bytes in the receive queue, with what the kernel needs for each datagram
	skMemInfoDrops  = 8 // datagrams dropped because the receive buffer was full
)

// Backlog is how many datagrams the kernel has dropped because they were not
// read in time, since the socket was opened, and how many bytes wait to be
// read.
func (u *udpConn) Backlog() (Backlog, error) {
	var b Backlog
	err := onSocket(u.raw, func(fd uintptr) (err error) { b, err = socketBacklog(int(fd)); return err })
	if err != nil {
		return Backlog{}, fmt.Errorf("reading the backlog of UDP %s: %w", u.local, err)
	}
	return b, nil
}

// SetReadBuffer asks for so many bytes of room for what has not been read yet.
// The system may give less, more of it to root than to others.
func (u *udpConn) SetReadBuffer(bytes int) error {
	return onSocket(u.raw, func(fd uintptr) error { return setReadBuffer(int(fd), bytes) })
}

// Backlog is udpConn.Backlog for a raw socket. What its filter turned away is
// not counted.
func (r *rawUDP4) Backlog() (Backlog, error) {
	done, err := r.use()
	if err != nil {
		return Backlog{}, err
	}
	defer done()
	b, err := socketBacklog(r.fd)
	if err != nil {
		return Backlog{}, fmt.Errorf("reading the backlog of a raw UDP socket: %w", err)
	}
	return b, nil
}

func socketBacklog(fd int) (Backlog, error) {
	var info skMemInfo
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return Backlog{}, os.NewSyscallError("getsockopt", errno)
	}
	return Backlog{Dropped: uint64(info[skMemInfoDrops]), Waiting: int(info[skMemInfoQueued])}, nil
}
