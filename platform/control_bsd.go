//go:build darwin || freebsd

package platform

import (
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// classWorks reports whether the system sends the traffic class it is told.
const classWorks = true

// prepareUDP asks for the TTL, traffic class and destination of every datagram.
func prepareUDP(fd uintptr, v6 bool) error {
	level, options := unix.IPPROTO_IP, []int{unix.IP_RECVTTL, unix.IP_RECVTOS, unix.IP_RECVDSTADDR}
	if v6 {
		level, options = unix.IPPROTO_IPV6, []int{unix.IPV6_RECVHOPLIMIT, unix.IPV6_RECVTCLASS, unix.IPV6_RECVPKTINFO}
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(int(fd), level, o, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return nil
}

// describe adds to d what the ancillary data says.
func describe(d *Datagram, oob []byte, v6 bool) {
	if v6 {
		var cm ipv6.ControlMessage
		if cm.Parse(oob) == nil {
			d.TTL, d.TOS = cm.HopLimit, cm.TrafficClass
			d.To, _ = netip.AddrFromSlice(cm.Dst)
		}
		return
	}
	var cm ipv4.ControlMessage
	if cm.Parse(oob) == nil {
		d.TTL = cm.TTL
		d.To, _ = netip.AddrFromSlice(cm.Dst.To4())
	}
	d.TOS = receivedTOS(oob)
}

// receivedTOS finds IP_RECVTOS, which package ipv4 does not read; -1 when absent.
func receivedTOS(oob []byte) int {
	for len(oob) >= unix.CmsgLen(0) {
		h, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			break
		}
		if h.Level == unix.IPPROTO_IP && h.Type == unix.IP_RECVTOS && len(data) >= 1 {
			return int(data[0])
		}
		oob = rest
	}
	return -1
}

// sourceControl is the ancillary data that makes a datagram leave from a.
func sourceControl(a netip.Addr) []byte {
	if a.Is6() {
		return (&ipv6.ControlMessage{Src: a.AsSlice()}).Marshal()
	}
	return sourceControl4(a.As4())
}

// putControl is one control message of the IPv4 level around data.
func putControl(typ int32, data []byte) []byte {
	b := make([]byte, unix.CmsgSpace(len(data)))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	h.Level, h.Type = unix.IPPROTO_IP, typ
	h.SetLen(unix.CmsgLen(len(data)))
	copy(b[unix.CmsgLen(0):], data)
	return b
}

func reuseTimeWait(fd uintptr) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
}
