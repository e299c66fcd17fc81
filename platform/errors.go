package platform

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"slices"
	"syscall"
)

// Classify says which fact about the path, or about this machine, is behind
// err. It knows the dialects of Linux, macOS, FreeBSD and Windows.
func Classify(err error) ErrorClass {
	if err == nil {
		return ClassNone
	}
	if icmp, ok := errors.AsType[*ICMPError](err); ok {
		return icmp.class()
	}
	if _, file := errors.AsType[*fs.PathError](err); file || errors.Is(err, ErrPrivilege) {
		return ClassOther // EPERM on a file is no packet filter
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return classErrno(runtime.GOOS, errno, operation(err))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return ClassTimeout
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return ClassTimeout
	}
	return ClassOther
}

// OwnLimit reports whether this machine could not even ask, as it has no descriptors or
// memory left or cannot open such a socket: that tells nothing of the network.
func OwnLimit(err error) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && ownLimit(runtime.GOOS, errno)
}

func ownLimit(goos string, e syscall.Errno) bool {
	if goos == "windows" {
		e = fromWinsock(e)
	}
	return slices.Contains([]syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EOPNOTSUPP}, e)
}

// NoRoute says that there is none to a name or address, because of an error of
// Network.SourceFor; one of this machine's own limits stays what it is.
func NoRoute(to string, err error) error {
	if OwnLimit(err) {
		return err
	}
	return fmt.Errorf("no route to %s: %w", to, err)
}

// class is the fact an ICMP message states. Messages about size or parameters
// say nothing about whether the peer can be reached.
func (e *ICMPError) class() ErrorClass {
	unreachable, port := 3, 3 // RFC 792
	if e.V6 {
		unreachable, port = 1, 4 // RFC 4443
	}
	switch {
	case e.Prohibited():
		return ClassProhibited
	case e.TimeExceeded():
		return ClassUnreachable
	case e.Type == unreachable && e.Code == port:
		return ClassRefused
	case e.Type == unreachable && (e.V6 || e.Code != 4):
		return ClassUnreachable
	}
	return ClassOther
}

// A doing is what the program asked the system for when an error came. The
// same errno means different things for different doings.
type doing string

const (
	doSend    doing = "sending" // also when unknown
	doConnect doing = "connecting"
	doBind    doing = "binding"
	doRead    doing = "reading"
)

// operation finds out from package net's wrappers which call went wrong.
func operation(err error) doing {
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		switch call.Syscall {
		case "bind", "listen", "socket", "setsockopt":
			return doBind
		case "connect", "connectex":
			return doConnect
		case "recvmsg", "recvfrom", "read", "wsarecv", "wsarecvfrom", "wsarecvmsg":
			return doRead
		}
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		switch op.Op {
		case "listen", "set":
			return doBind
		case "dial":
			return doConnect
		case "read", "raw-read", "accept":
			return doRead
		}
	}
	return doSend
}

// classErrno reads an errno in the dialect of goos.
func classErrno(goos string, e syscall.Errno, d doing) ErrorClass {
	if goos == "windows" {
		e = fromWinsock(e)
	}
	switch e {
	case syscall.EPERM, syscall.EACCES:
		return classDenied(goos, e, d)
	case syscall.EADDRNOTAVAIL:
		// To bind: the address is not ours. To connect: the pair of ports is
		// in use or in TIME-WAIT, or no port is left.
		if d == doConnect && goos != "windows" {
			return ClassInUse
		}
		return ClassOther
	case syscall.EADDRINUSE:
		return ClassInUse
	case syscall.ECONNREFUSED:
		return ClassRefused
	case syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE:
		return ClassReset
	case syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EHOSTDOWN, syscall.ENETDOWN:
		return ClassUnreachable
	case syscall.ETIMEDOUT:
		return ClassTimeout
	case syscall.EMSGSIZE:
		return ClassTooLong
	}
	return ClassOther
}

// classDenied tells the two errnos of denial apart.
//
//   - Linux: EPERM on sending is this machine's packet filter (netfilter's
//     NF_DROP); EACCES is a "prohibit" route or ICMPv6 "administratively
//     prohibited" (icmpv6_err_convert).
//   - FreeBSD: pf and ipfw drop an outgoing packet with EACCES.
//   - macOS: a content filter drops with EPERM; pf says EHOSTUNREACH, which
//     nothing tells from a real one.
//   - Windows: the Windows Filtering Platform blocked the packet; to bind,
//     another program holds the port exclusively.
//
// To bind, elsewhere, both mean a privileged port: nothing about the path.
func classDenied(goos string, e syscall.Errno, d doing) ErrorClass {
	switch {
	case goos == "windows" && d == doBind:
		return ClassInUse
	case goos != "windows" && (d == doBind || d == doRead):
		return ClassOther
	case e == syscall.EPERM || goos != "linux":
		return ClassLocalFilter
	}
	return ClassProhibited
}

// fromWinsock is the portable word for a number of Windows' own (winsock2.h,
// winerror.h); any other stays. Package syscall maps only few of them:
// WSAECONNREFUSED is not syscall.ECONNREFUSED.
func fromWinsock(e syscall.Errno) syscall.Errno {
	return cmp.Or(map[syscall.Errno]syscall.Errno{
		10013: syscall.EACCES,
		10024: syscall.EMFILE,
		10040: syscall.EMSGSIZE,
		10045: syscall.EOPNOTSUPP, // of Wine, where Go sets up a UDP socket (SIO_UDP_NETRESET)
		10048: syscall.EADDRINUSE,
		10049: syscall.EADDRNOTAVAIL,
		10050: syscall.ENETDOWN,
		10051: syscall.ENETUNREACH,
		10052: syscall.ENETUNREACH, // WSAENETRESET, on UDP: the TTL ran out on the way
		10053: syscall.ECONNABORTED,
		10055: syscall.ENOBUFS,
		10054: syscall.ECONNRESET, // on UDP: "port unreachable" about an earlier datagram
		10060: syscall.ETIMEDOUT,
		10061: syscall.ECONNREFUSED,
		10064: syscall.EHOSTDOWN,
		10065: syscall.EHOSTUNREACH,
		121:   syscall.ETIMEDOUT, // ERROR_SEM_TIMEOUT, from ConnectEx
		1225:  syscall.ECONNREFUSED,
		1231:  syscall.ENETUNREACH,
		1232:  syscall.EHOSTUNREACH,
		1234:  syscall.ECONNREFUSED, // ERROR_PORT_UNREACHABLE
		1236:  syscall.ECONNABORTED,
	}[e], e)
}
