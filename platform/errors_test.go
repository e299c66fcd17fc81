package platform

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
)

// opErr is an error as package net returns it.
func opErr(op, call string, errno syscall.Errno) error {
	return &net.OpError{Op: op, Net: "udp4", Err: os.NewSyscallError(call, errno)}
}

func TestEverySystemsWordsForTheSameFact(t *testing.T) {
	for _, tc := range []struct {
		name  string
		goos  string
		errno syscall.Errno
		doing doing
		want  ErrorClass
	}{
		{"Linux: nobody listens", "linux", syscall.ECONNREFUSED, doConnect, ClassRefused},
		{"Linux: connection reset", "linux", syscall.ECONNRESET, doRead, ClassReset},
		{"Linux: written to a closed connection", "linux", syscall.EPIPE, doSend, ClassReset},
		{"Linux: no route", "linux", syscall.ENETUNREACH, doSend, ClassUnreachable},
		{"Linux: host does not answer ARP", "linux", syscall.EHOSTUNREACH, doConnect, ClassUnreachable},
		{"Linux: OUTPUT chain drops", "linux", syscall.EPERM, doSend, ClassLocalFilter},
		{"Linux: prohibit route, or ICMPv6 prohibited", "linux", syscall.EACCES, doConnect, ClassProhibited},
		{"Linux: port below 1024 without root", "linux", syscall.EACCES, doBind, ClassOther},
		{"Linux: port taken", "linux", syscall.EADDRINUSE, doBind, ClassInUse},
		{"Linux: same ports still in TIME-WAIT", "linux", syscall.EADDRNOTAVAIL, doConnect, ClassInUse},
		{"Linux: not our address", "linux", syscall.EADDRNOTAVAIL, doBind, ClassOther},
		{"Linux: nobody answers the SYN", "linux", syscall.ETIMEDOUT, doConnect, ClassTimeout},
		{"Linux: datagram too long", "linux", syscall.EMSGSIZE, doSend, ClassTooLong},

		{"FreeBSD: pf or ipfw drops on the way out", "freebsd", syscall.EACCES, doSend, ClassLocalFilter},
		{"FreeBSD: neighbour is silent", "freebsd", syscall.EHOSTDOWN, doSend, ClassUnreachable},
		{"FreeBSD: transmit queue full", "freebsd", syscall.ENOBUFS, doSend, ClassOther},

		{"macOS: content filter", "darwin", syscall.EPERM, doSend, ClassLocalFilter},
		{"macOS: interface down", "darwin", syscall.ENETDOWN, doSend, ClassUnreachable},
		{"macOS: port below 1024 without root", "darwin", syscall.EACCES, doBind, ClassOther},

		{"Windows: nobody listens", "windows", 10061, doConnect, ClassRefused},
		{"Windows: nobody listens, in ConnectEx's words", "windows", 1225, doConnect, ClassRefused},
		{"Windows: port unreachable about an earlier datagram", "windows", 10054, doRead, ClassReset},
		{"Windows: TTL ran out on the way", "windows", 10052, doRead, ClassUnreachable},
		{"Windows: no route", "windows", 10051, doSend, ClassUnreachable},
		{"Windows: host unreachable", "windows", 10065, doConnect, ClassUnreachable},
		{"Windows: nobody answers the SYN", "windows", 10060, doConnect, ClassTimeout},
		{"Windows: nobody answers, in ConnectEx's words", "windows", 121, doConnect, ClassTimeout},
		{"Windows: firewall blocks the program", "windows", 10013, doConnect, ClassLocalFilter},
		{"Windows: port held exclusively", "windows", 10013, doBind, ClassInUse},
		{"Windows: port taken", "windows", 10048, doBind, ClassInUse},
		{"Windows: not an address of this machine", "windows", 10049, doBind, ClassOther},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := classErrno(tc.goos, tc.errno, tc.doing); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// Sockets that this machine cannot open tell nothing of the network.
func TestOwnLimits(t *testing.T) {
	for _, tc := range []struct {
		name, goos string
		errno      syscall.Errno
		want       bool
	}{
		{"Linux: no file descriptor is left", "linux", syscall.EMFILE, true},
		{"Linux: the network is not there", "linux", syscall.ENETUNREACH, false},
		{"Linux: no address of that family", "linux", syscall.EADDRNOTAVAIL, false},
		{"Windows: no socket is left", "windows", 10024, true},
		{"Windows: no buffer is left", "windows", 10055, true},
		{"Wine: UDP is not set up as Go does", "windows", 10045, true},
		{"Windows: no route", "windows", 10051, false},
	} {
		if got := ownLimit(tc.goos, tc.errno); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
	asked := func(e syscall.Errno) string {
		return NoRoute("pbx.example.net", fmt.Errorf("finding the source address: %w", os.NewSyscallError("socket", e))).Error()
	}
	if got := asked(syscall.EMFILE); strings.Contains(got, "no route") {
		t.Error(got)
	}
	if got := asked(syscall.ENETUNREACH); !strings.HasPrefix(got, "no route to pbx.example.net: ") {
		t.Error(got)
	}
}

func TestClassOfWrappedErrors(t *testing.T) {
	icmp := func(typ, code int, v6 bool) error {
		return fmt.Errorf("probing: %w", &ICMPError{Hop: netip.MustParseAddr("192.168.88.1"), Type: typ, Code: code, V6: v6})
	}
	for _, tc := range []struct {
		name string
		err  error
		want ErrorClass
	}{
		{"no error", nil, ClassNone},
		{"deadline of a socket", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, ClassTimeout},
		{"deadline of the run", fmt.Errorf("asking: %w", context.DeadlineExceeded), ClassTimeout},
		{"Ctrl-C", context.Canceled, ClassOther},
		{"name server is silent", &net.DNSError{IsTimeout: true}, ClassTimeout},
		{"no such host", &net.DNSError{IsNotFound: true}, ClassOther},
		{"something else", errors.New("odd"), ClassOther},
		{"file may not be read", &fs.PathError{Op: "open", Path: "/proc/x", Err: syscall.EPERM}, ClassOther},
		{"needs root", fmt.Errorf("raw socket: %w: %w", ErrPrivilege, syscall.EPERM), ClassOther},
		{"raw socket without root", opErr("listen", "socket", syscall.EPERM), ClassOther},
		{"connection refused", opErr("dial", "connect", syscall.ECONNREFUSED), ClassRefused},
		{"bind in a dial", opErr("dial", "bind", syscall.EADDRINUSE), ClassInUse},

		{"ICMP port unreachable", icmp(3, 3, false), ClassRefused},
		{"ICMP host unreachable", icmp(3, 1, false), ClassUnreachable},
		{"ICMP prohibited", icmp(3, 13, false), ClassProhibited},
		{"ICMP host prohibited", icmp(3, 10, false), ClassProhibited},
		{"ICMP fragmentation needed", icmp(3, 4, false), ClassOther},
		{"ICMP time exceeded", icmp(11, 0, false), ClassUnreachable},
		{"ICMP parameter problem", icmp(12, 0, false), ClassOther},
		{"ICMPv6 port unreachable", icmp(1, 4, true), ClassRefused},
		{"ICMPv6 no route", icmp(1, 0, true), ClassUnreachable},
		{"ICMPv6 prohibited", icmp(1, 1, true), ClassProhibited},
		{"ICMPv6 packet too big", icmp(2, 0, true), ClassOther},
		{"ICMPv6 time exceeded", icmp(3, 0, true), ClassUnreachable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Classify(tc.err); got != tc.want {
				t.Errorf("%v is %q, want %q", tc.err, got, tc.want)
			}
		})
	}
}
