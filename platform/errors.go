package platform

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"runtime"
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
		if c := classWinsock(e, d); c != ClassOther {
			return c
		}
	}
	switch e {
	case syscall.EPERM, syscall.EACCES:
		return classDenied(goos, e, d)
	case syscall.EADDRNOTAVAIL:
		// To bind: the address is not ours. To connect: the pair of ports is
		// in use or in TIME-WAIT, or no port is left.
		if d == doConnect {
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
//
// To bind, both mean a privileged port: nothing about the path.
func classDenied(goos string, e syscall.Errno, d doing) ErrorClass {
	switch {
	case d == doBind || d == doRead:
		return ClassOther
	case e == syscall.EPERM || goos != "linux":
		return ClassLocalFilter
	}
	return ClassProhibited
}

// Winsock's error numbers (winsock2.h). Package syscall maps only few of them
// to its portable names: WSAECONNREFUSED is not syscall.ECONNREFUSED.
const (
	wsaEACCES        = 10013
	wsaEMSGSIZE      = 10040
	wsaEADDRINUSE    = 10048
	wsaEADDRNOTAVAIL = 10049
	wsaENETDOWN      = 10050
	wsaENETUNREACH   = 10051
	wsaENETRESET     = 10052 // on UDP: the TTL ran out on the way
	wsaECONNABORTED  = 10053
	wsaECONNRESET    = 10054 // on UDP: "port unreachable" about an earlier datagram
	wsaETIMEDOUT     = 10060
	wsaECONNREFUSED  = 10061
	wsaEHOSTDOWN     = 10064
	wsaEHOSTUNREACH  = 10065
	winSemTimeout    = 121  // ERROR_SEM_TIMEOUT, from ConnectEx
	winNetUnreach    = 1231 // ERROR_NETWORK_UNREACHABLE
	winHostUnreach   = 1232 // ERROR_HOST_UNREACHABLE
	winPortUnreach   = 1234 // ERROR_PORT_UNREACHABLE
	winRefused       = 1225 // ERROR_CONNECTION_REFUSED
	winAborted       = 1236 // ERROR_CONNECTION_ABORTED
)

// classWinsock reads Windows' own numbers; ClassOther for any other.
func classWinsock(e syscall.Errno, d doing) ErrorClass {
	switch e {
	case wsaEACCES:
		// To bind: another program holds the port exclusively. Else: the
		// Windows Filtering Platform blocked the packet.
		if d == doBind {
			return ClassInUse
		}
		return ClassLocalFilter
	case wsaEMSGSIZE:
		return ClassTooLong
	case wsaEADDRINUSE:
		return ClassInUse
	case wsaEADDRNOTAVAIL:
		return ClassOther
	case wsaECONNREFUSED, winRefused, winPortUnreach:
		return ClassRefused
	case wsaECONNRESET, wsaECONNABORTED, winAborted:
		return ClassReset
	case wsaENETDOWN, wsaENETUNREACH, wsaENETRESET, wsaEHOSTDOWN, wsaEHOSTUNREACH, winNetUnreach, winHostUnreach:
		return ClassUnreachable
	case wsaETIMEDOUT, winSemTimeout:
		return ClassTimeout
	}
	return ClassOther
}
