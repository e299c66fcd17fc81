package platform

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// receiver is one recvmsg call and its result. It lives in the connection, so
// that reading a datagram allocates nothing; package unix would allocate the
// peer's address.
type receiver struct {
	attempt func(fd uintptr) bool // r.try, bound once

	name unix.RawSockaddrInet6 // the larger of the two families
	oob  controlBuffer
	iov  unix.Iovec
	hdr  unix.Msghdr
	none byte // where an empty buffer points

	// the result of the last attempt
	n      int
	queued bool // it came from the error queue
	errno  syscall.Errno

	zoneIndex uint32 // the last scope looked up, and its name
	zoneName  string
}

func (r *receiver) prepare() { r.attempt = r.try }

// aim sets the buffer for the next datagram; nil forgets the last one.
func (r *receiver) aim(b []byte) {
	r.iov.Base = &r.none
	if len(b) > 0 {
		r.iov.Base = &b[0]
	}
	r.iov.SetLen(len(b))
}

// try reads a datagram or, when an error is pending or nothing else is there,
// from the error queue. It reports false when it would have to wait. The error
// queue is asked even without a pending error, because a sender may have been
// handed the errno while the message stayed in the queue.
func (r *receiver) try(fd uintptr) bool {
	for {
		r.queued = false
		r.recvmsg(fd, 0)
		if r.errno == 0 {
			return true
		}
		if r.errno == unix.EINTR {
			continue
		}
		if r.errno != unix.EAGAIN && !fromICMP(r.errno) {
			return true
		}
		idle := r.errno == unix.EAGAIN
		r.recvmsg(fd, unix.MSG_ERRQUEUE)
		if r.errno == 0 {
			r.queued = true
			return true
		}
		if r.errno == unix.EAGAIN && idle {
			return false
		}
		if r.errno != unix.EAGAIN && r.errno != unix.EINTR {
			return true
		}
	}
}

func (r *receiver) recvmsg(fd uintptr, flags int) {
	r.hdr.Name = (*byte)(unsafe.Pointer(&r.name))
	r.hdr.Namelen = unix.SizeofSockaddrInet6
	r.hdr.Iov = &r.iov
	r.hdr.SetIovlen(1)
	r.hdr.Control = &r.oob.bytes()[0]
	r.hdr.SetControllen(len(r.oob.bytes()))
	r.hdr.Flags = 0
	n, _, errno := unix.Syscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&r.hdr)), uintptr(flags|unix.MSG_DONTWAIT))
	r.n, r.errno = int(n), errno
}

// control is the ancillary data that the last call received.
func (r *receiver) control() []byte {
	return r.oob.bytes()[:min(int(r.hdr.Controllen), len(r.oob.bytes()))]
}

// peer is the address of the last call: the sender, or, from the error queue,
// where the datagram was going.
func (r *receiver) peer() netip.AddrPort {
	return r.addrPort(unsafe.Slice((*byte)(unsafe.Pointer(&r.name)), min(int(r.hdr.Namelen), unix.SizeofSockaddrInet6)))
}

// addrPort reads a sockaddr_in or sockaddr_in6; the zero value is neither.
func (r *receiver) addrPort(sa []byte) netip.AddrPort {
	if len(sa) < unix.SizeofSockaddrInet4 {
		return netip.AddrPort{}
	}
	port := uint16(sa[2])<<8 | uint16(sa[3])
	switch *(*uint16)(unsafe.Pointer(&sa[0])) {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(sa[4:8])), port)
	case unix.AF_INET6:
		if len(sa) < unix.SizeofSockaddrInet6 {
			return netip.AddrPort{}
		}
		a := netip.AddrFrom16([16]byte(sa[8:24])).Unmap()
		if a.Is6() && a.IsLinkLocalUnicast() {
			a = a.WithZone(r.zone(*(*uint32)(unsafe.Pointer(&sa[24]))))
		}
		return netip.AddrPortFrom(a, port)
	}
	return netip.AddrPort{}
}

// zone names the interface of a link-local address as package net does, so
// that the address compares equal to the one the caller sent to.
func (r *receiver) zone(index uint32) string {
	if index == 0 || index == r.zoneIndex {
		return r.zoneName
	}
	r.zoneIndex, r.zoneName = index, strconv.Itoa(int(index))
	if ifi, err := net.InterfaceByIndex(int(index)); err == nil {
		r.zoneName = ifi.Name
	}
	return r.zoneName
}

// datagram describes what the last call read.
func (r *receiver) datagram() Datagram {
	d := Datagram{N: r.n, From: r.peer(), TOS: -1}
	eachControl(r.control(), func(level, typ int32, data []byte) { describe(&d, level, typ, data) })
	return d
}

// icmpError is the message that the last call took from the error queue; nil
// when this machine's own IP layer queued it, which WriteTo has reported.
func (r *receiver) icmpError(payload []byte) *ICMPError {
	var e *ICMPError
	eachControl(r.control(), func(level, typ int32, data []byte) {
		v4 := level == unix.IPPROTO_IP && typ == unix.IP_RECVERR
		v6 := level == unix.IPPROTO_IPV6 && typ == unix.IPV6_RECVERR
		if (v4 || v6) && e == nil {
			e = r.readExtended(data)
		}
	})
	if e != nil {
		e.To = r.peer()
		e.Quote = append([]byte(nil), payload...)
	}
	return e
}

// readExtended reads a sock_extended_err and the offender's address after it
// (linux/errqueue.h).
func (r *receiver) readExtended(data []byte) *ICMPError {
	const size = int(unsafe.Sizeof(unix.SockExtendedErr{}))
	if len(data) < size {
		return nil
	}
	origin, typ, code := data[4], data[5], data[6]
	if origin != unix.SO_EE_ORIGIN_ICMP && origin != unix.SO_EE_ORIGIN_ICMP6 {
		return nil
	}
	e := &ICMPError{
		Hop: r.addrPort(data[size:]).Addr(), Type: int(typ), Code: int(code), V6: origin == unix.SO_EE_ORIGIN_ICMP6,
	}
	if e.TooBig() {
		e.MTU = int(binary.NativeEndian.Uint32(data[8:])) // ee_info
	}
	return e
}
