package platform

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// classWorks: Windows accepts IP_TOS and sends zero all the same ("Do not
// use", Microsoft's IPPROTO_IP Socket Options), so a probe marked with it would
// wrongly accuse the network of bleaching.
const classWorks = false

// Options of ws2ipdef.h that package windows lacks.
const (
	soExclusiveAddrUse = ^4 // ~SO_REUSEADDR, winsock2.h
	ipUnicastIf        = 31 // same number for IPv6
)

// prepareUDP asks for the TTL, class and destination of every datagram, which
// Windows before 10 cannot all tell: what it refuses stays unknown. The port
// is taken for us alone: by default Windows lets a socket on all addresses and
// a softphone's on one address share it.
func prepareUDP(fd uintptr, v6 bool) error {
	h := windows.Handle(fd)
	level := windows.IPPROTO_IP
	if v6 {
		level = windows.IPPROTO_IPV6
	}
	for _, o := range []int{wsaPktInfo, wsaHopLimit, wsaRecvTOS} {
		_ = windows.SetsockoptInt(h, level, o, 1)
	}
	return os.NewSyscallError("setsockopt", windows.SetsockoptInt(h, windows.SOL_SOCKET, soExclusiveAddrUse, 1))
}

func describe(d *Datagram, oob []byte, v6 bool) {
	describeWSA(d, oob, int(unsafe.Sizeof(uintptr(0))), v6)
}

func sourceControl(a netip.Addr) []byte {
	return sourceWSA(a, int(unsafe.Sizeof(uintptr(0))))
}

// reuseTimeWait does nothing: Windows binds a port in TIME-WAIT anyway, and
// its SO_REUSEADDR would steal ports in use.
func reuseTimeWait(uintptr) error { return nil }

// tieToDevice ties a socket to an interface; an empty name to none. The index
// is in network byte order for IPv4 only (IP_UNICAST_IF).
func tieToDevice(fd uintptr, v6 bool, name string) error {
	if name == "" {
		return nil
	}
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		return fmt.Errorf("binding to %s: %w", name, err)
	}
	level, index := windows.IPPROTO_IPV6, uint32(ifi.Index)
	if !v6 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], index)
		level, index = windows.IPPROTO_IP, binary.NativeEndian.Uint32(b[:])
	}
	return os.NewSyscallError("binding to "+name, windows.SetsockoptInt(windows.Handle(fd), level, ipUnicastIf, int(index)))
}

// isTruncation reports whether a datagram was longer than the buffer.
func isTruncation(errno syscall.Errno) bool { return errno == windows.WSAEMSGSIZE }
