package netinfo

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Socket is a UDP socket that takes packets from anybody, or a TCP socket that
// listens.
type Socket struct {
	Protocol string `json:"protocol"` // udp or tcp
	// Local is where it listens; an unspecified address means all of its
	// family, and for IPv6 those of IPv4 too unless the program asked for
	// IPv6 only, which the kernel does not tell.
	Local   netip.AddrPort `json:"local"`
	Program string         `json:"program,omitempty"` // of its process; only root is told
	Queued  int            `json:"queued,omitempty"`  // bytes that wait to be read
	Dropped uint64         `json:"dropped,omitempty"` // UDP packets lost because the queue was full
}

// maxSocketFile bounds what is read of a socket list: 100,000 sockets.
const maxSocketFile = 16 << 20

// ReadSockets lists the sockets of a Linux machine on which packets of
// strangers can arrive. Programs are named where ss tells them. The notes say
// what was not read.
func ReadSockets(ctx context.Context, sys platform.System) (list []Socket, notes []words.Cause) {
	list, files, notes := readProcSockets(sys)
	for _, protocol := range []string{"udp", "tcp"} {
		out, err := sys.Run(ctx, "ss", "-Hln"+protocol[:1]+"p")
		if err != nil {
			if files == 0 {
				notes = append(notes, platform.Words(fmt.Errorf("listing the %s sockets: %w", protocol, err)))
			}
			continue
		}
		list = mergeSockets(list, parseSS(protocol, out), files == 0)
	}
	return list, notes
}

// ListeningSockets is ReadSockets without the programs' names: it starts no
// program, so that a confined process can ask again. On a system without
// /proc/net the list is empty.
func ListeningSockets(sys platform.System) []Socket {
	list, _, _ := readProcSockets(sys)
	return list
}

// readProcSockets reads what there is of the kernel's socket lists; files is
// how many of them.
func readProcSockets(sys platform.System) (list []Socket, files int, notes []words.Cause) {
	for _, name := range []string{"udp", "udp6", "tcp", "tcp6"} {
		b, err := platform.ReadSystemFile(sys, "/proc/net/"+name, maxSocketFile)
		if err == nil {
			list = append(list, parseProcSockets(strings.TrimSuffix(name, "6"), b)...)
			files++
		} else if !errors.Is(err, fs.ErrNotExist) {
			notes = append(notes, platform.Words(err))
		}
	}
	return list, files, notes
}

// The states of sockets in /proc/net that count: an unconnected UDP socket and
// a listening TCP socket (net/tcp_states.h: TCP_CLOSE, TCP_LISTEN).
const (
	socketUnconnected = "07"
	socketListening   = "0A"
)

// parseProcSockets reads /proc/net/udp and its like (Documentation/networking/
// proc_net_tcp.rst). Addresses are words of 32 bits in the byte order of the
// machine, taken for little-endian as all PBX hardware is.
func parseProcSockets(protocol string, b []byte) (list []Socket) {
	want := socketUnconnected
	if protocol == "tcp" {
		want = socketListening
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 5 || f[3] != want {
			continue
		}
		local, ok := procAddr(f[1])
		if !ok {
			continue
		}
		s := Socket{Protocol: protocol, Local: local}
		if _, rx, ok := strings.Cut(f[4], ":"); ok && protocol == "udp" { // of TCP it is the backlog
			n, _ := strconv.ParseInt(rx, 16, 32)
			s.Queued = int(n)
		}
		if protocol == "udp" && len(f) >= 13 {
			s.Dropped, _ = strconv.ParseUint(f[len(f)-1], 10, 64)
		}
		list = append(list, s)
	}
	return list
}

// procAddr reads "0100007F:13C4".
func procAddr(s string) (netip.AddrPort, bool) {
	host, port, ok := strings.Cut(s, ":")
	b, err := hex.DecodeString(host)
	n, perr := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || perr != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i+4 <= len(b); i += 4 {
		slices.Reverse(b[i : i+4])
	}
	addr, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), ok
}

// parseSS reads "ss -Hlnup" and "ss -Hlntp": state, queues, local, peer, and
// for root users:(("asterisk",pid=1,fd=2)).
func parseSS(protocol string, out []byte) (list []Socket) {
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 5 || f[0] != "UNCONN" && f[0] != "LISTEN" {
			continue
		}
		local, ok := ssAddr(f[3])
		if !ok {
			continue
		}
		s := Socket{Protocol: protocol, Local: local}
		if protocol == "udp" {
			s.Queued, _ = strconv.Atoi(f[1])
		}
		if _, rest, ok := strings.Cut(line, `users:(("`); ok {
			s.Program, _, _ = strings.Cut(rest, `"`)
		}
		list = append(list, s)
	}
	return list
}

// ssAddr reads "0.0.0.0:5060", "*:5061", "[::]:5060", "127.0.0.1%lo:53".
func ssAddr(s string) (netip.AddrPort, bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return netip.AddrPort{}, false
	}
	host, _, _ := strings.Cut(strings.Trim(s[:i], "[]"), "%")
	host = strings.TrimSuffix(host, "]")
	if host == "*" {
		host = "::"
	}
	addr, err := netip.ParseAddr(host)
	port, perr := strconv.ParseUint(s[i+1:], 10, 16)
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), err == nil && perr == nil
}

// mergeSockets gives the sockets their programs' names. All of more count when
// there was nothing else to read.
func mergeSockets(list, more []Socket, all bool) []Socket {
	if all {
		return append(list, more...)
	}
	type key struct {
		protocol string
		local    netip.AddrPort
	}
	programs := map[key]string{}
	for _, s := range more {
		programs[key{s.Protocol, s.Local}] = s.Program
	}
	for i, s := range list {
		if p := programs[key{s.Protocol, s.Local}]; p != "" {
			list[i].Program = p
		}
	}
	return list
}

// Listens reports whether one of the sockets takes packets to a port of the
// address; an invalid address means any.
func Listens(list []Socket, protocol string, addr netip.Addr, port uint16) (Socket, bool) {
	for _, s := range list {
		a := s.Local.Addr()
		here := !addr.IsValid() || a == addr || a.IsUnspecified() && (a.Is6() || addr.Is4())
		if s.Protocol == protocol && s.Local.Port() == port && here {
			return s, true
		}
	}
	return Socket{}, false
}
