package platform

import (
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// sourceControl4 is an in_pktinfo: interface, source, header destination.
func sourceControl4(a [4]byte) []byte {
	data := make([]byte, unix.SizeofInet4Pktinfo)
	copy(data[4:8], a[:])
	return putControl(unix.IP_PKTINFO, data)
}

// tieToDevice ties a socket to an interface; an empty name to none.
func tieToDevice(fd uintptr, v6 bool, name string) error {
	if name == "" {
		return nil
	}
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		return fmt.Errorf("binding to %s: %w", name, err)
	}
	level, option := unix.IPPROTO_IP, unix.IP_BOUND_IF
	if v6 {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_BOUND_IF
	}
	return os.NewSyscallError("binding to "+name, unix.SetsockoptInt(int(fd), level, option, ifi.Index))
}

func isTruncation(syscall.Errno) bool { return false } // recvmsg cuts silently
