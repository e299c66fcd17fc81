package platform

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// skMemInfo is what SO_MEMINFO returns (linux/sock_diag.h); the last value is
// the number of datagrams that were dropped because the receive buffer was
// full.
type skMemInfo [9]uint32

const skMemInfoDrops = 8

// Dropped is how many datagrams the kernel has dropped because they were not
// read in time, since the socket was opened.
func (u *udpConn) Dropped() (uint64, error) {
	var n uint64
	var err error
	if cerr := u.raw.Control(func(fd uintptr) { n, err = socketDrops(int(fd)) }); cerr != nil {
		err = cerr
	}
	if err != nil {
		return 0, fmt.Errorf("reading the drops of UDP %s: %w", u.local, err)
	}
	return n, nil
}

// SetReadBuffer asks for so many bytes of room for what has not been read yet.
// The system may give less, more of it to root than to others.
func (u *udpConn) SetReadBuffer(bytes int) error {
	var err error
	if cerr := u.raw.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes) != nil {
			err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, bytes))
		}
	}); cerr != nil {
		return cerr
	}
	return err
}

// Dropped is udpConn.Dropped for a raw socket. What its filter turned away is
// not counted.
func (r *rawUDP4) Dropped() (uint64, error) {
	done, err := r.use()
	if err != nil {
		return 0, err
	}
	defer done()
	n, err := socketDrops(r.fd)
	if err != nil {
		return 0, fmt.Errorf("reading the drops of a raw UDP socket: %w", err)
	}
	return n, nil
}

func socketDrops(fd int) (uint64, error) {
	var info skMemInfo
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, os.NewSyscallError("getsockopt", errno)
	}
	return uint64(info[skMemInfoDrops]), nil
}
