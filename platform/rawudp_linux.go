package platform

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const (
	// rawBatch is how many datagrams one system call takes.
	rawBatch = maxBatch
	// rawBuffer is the receive buffer that is asked for, bytes: 80 ms of 100,000
	// probes a second. Without CAP_NET_ADMIN the system may give less
	// (net.core.rmem_max).
	rawBuffer = 8 << 20
	// After a batch of busyBatch the socket is left alone for a moment; after a
	// full one more is waiting already.
	busyBatch = 4
	// maxRawUDP is the longest datagram that is heard, bytes: no probe is longer
	// than an Ethernet frame.
	maxRawUDP = 1500
	rawHeader = 20 + 8 // IPv4 without options, and UDP
)

// rawUDP4 is one raw IPPROTO_UDP socket. The kernel gives it a copy of each
// matching datagram after the INPUT chain, whoever owns the port.
type rawUDP4 struct {
	*socket
	first, last int // ports
	rx, tx      batch
}

// OpenRawUDP serves IPv4. A raw IPv6 socket is not told which address was
// asked before it has been filtered; there sockets of single ports do.
func (r *realNetwork) OpenRawUDP(ctx context.Context, o RawUDPOptions) (RawUDP, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	local := o.Local.Unmap()
	if !local.Is4() {
		return nil, fmt.Errorf("opening a raw UDP socket at %s: %w", o.Local, errors.ErrUnsupported)
	}
	s, err := openSocket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_UDP)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return nil, fmt.Errorf("opening a raw UDP socket at %s (CAP_NET_RAW): %w", o.Local, ErrPrivilege)
	}
	if err != nil {
		return nil, fmt.Errorf("opening a raw UDP socket at %s: %w", o.Local, err)
	}
	if err = filterRaw(s, o); err == nil {
		err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_HDRINCL, 1))
	}
	if err == nil {
		err = tieToDevice(uintptr(s.fd), false, r.opts.BindDevice)
	}
	if err == nil {
		err = s.bind(netip.AddrPortFrom(local, 0))
	}
	if err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("preparing a raw UDP socket at %s: %w", o.Local, err)
	}
	_ = setReadBuffer(s.fd, rawBuffer) // less than that only costs lost probes, which are sent again
	return &rawUDP4{socket: s, first: int(o.First), last: int(o.Last)}, nil
}

// filterRaw attaches the classic BPF program. What has arrived before it was
// attached is judged by the receiver again.
func filterRaw(s *socket, o RawUDPOptions) error {
	return attachFilter(s.fd, []bpf.Instruction{
		bpf.LoadMemShift{Off: 0},          // X = length of the IPv4 header
		bpf.LoadIndirect{Off: 2, Size: 2}, // UDP destination port
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: uint32(o.First), SkipTrue: 4},
		bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: uint32(o.Last), SkipTrue: 3},
		bpf.LoadIndirect{Off: uint32(8 + o.MagicOffset), Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: o.Magic, SkipTrue: 1},
		bpf.RetConstant{Val: maxRawUDP},
		bpf.RetConstant{Val: 0},
	})
}

// Taken reads the tables of the network that this thread is in.
func (r *rawUDP4) Taken() ([]int, error) {
	var out []int
	for _, name := range []string{"udp", "udp6"} {
		b, err := os.ReadFile("/proc/thread-self/net/" + name)
		if errors.Is(err, fs.ErrNotExist) && name == "udp6" {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, fmt.Errorf("reading the UDP sockets of this machine: %w", err)
		}
		out = append(out, localPorts(string(b))...)
	}
	out = slices.DeleteFunc(out, func(p int) bool { return p < r.first || p > r.last })
	slices.Sort(out)
	return slices.Compact(out), nil
}

// localPorts reads the second column of /proc/net/udp, address:port in hex.
func localPorts(table string) (ports []int) {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		_, hex, _ := strings.Cut(fields[1], ":")
		if p, err := strconv.ParseUint(hex, 16, 16); err == nil && p != 0 {
			ports = append(ports, int(p))
		}
	}
	return ports
}

func (r *rawUDP4) Answer(answer func(payload []byte, from, to netip.AddrPort) []byte) error {
	done, err := r.use()
	if err != nil {
		return nil // closed before it began
	}
	defer done()
	var in, out [rawBatch][]byte
	for i := range in {
		in[i], out[i] = make([]byte, maxRawUDP), make([]byte, 0, maxRawUDP)
	}
	for {
		for i := range in {
			r.rx.aim(i, in[i])
		}
		n, errno := r.rx.call(unix.SYS_RECVMMSG, r.socket, 0, rawBatch)
		switch {
		case r.closed.Load():
			return nil
		case errno == unix.EAGAIN:
			if err := r.wait(unix.POLLIN, forever); err != nil && !errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("waiting for a raw UDP socket: %w", err)
			}
			continue
		case errno != 0:
			return fmt.Errorf("reading a raw UDP socket: %w", os.NewSyscallError("recvmsg", errno))
		}
		r.reply(in[:n], &out, answer)
		if n >= busyBatch && n < rawBatch {
			r.leaveAlone()
		}
	}
}

// reply answers what has been read. An answer that the system refuses concerns
// only its own receiver, who asks again.
func (r *rawUDP4) reply(in [][]byte, out *[rawBatch][]byte, answer func(payload []byte, from, to netip.AddrPort) []byte) {
	ready := 0
	for i := range in {
		payload, from, to, ok := splitRaw(in[i][:min(int(r.rx.headers[i].n), maxRawUDP)])
		if !ok {
			continue
		}
		reply := answer(payload, from, to)
		if reply == nil || len(reply) > maxRawUDP-rawHeader {
			continue
		}
		out[ready] = appendRaw(out[ready][:0], to, from, reply)
		r.tx.aim(ready, out[ready])
		r.tx.address4(ready, from.Addr().As4(), 0)
		ready++
	}
	for at := 0; at < ready; {
		n, err := r.tx.send(r.socket, at, ready)
		if at += n; err != nil {
			at++
		}
	}
}

// splitRaw takes an IPv4 packet with its UDP header apart. Fragments are not
// taken: no probe is one.
func splitRaw(b []byte) (payload []byte, from, to netip.AddrPort, ok bool) {
	if len(b) < rawHeader || b[0]>>4 != 4 || b[9] != unix.IPPROTO_UDP || binary.BigEndian.Uint16(b[6:])&0x3fff != 0 {
		return nil, from, to, false
	}
	head := int(b[0]&0xf) * 4
	if head < 20 || len(b) < head+8 {
		return nil, from, to, false
	}
	u := b[head:]
	size := int(binary.BigEndian.Uint16(u[4:]))
	if size < 8 || size > len(u) {
		return nil, from, to, false
	}
	from = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[12:16])), binary.BigEndian.Uint16(u))
	to = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[16:20])), binary.BigEndian.Uint16(u[2:]))
	return u[8:size], from, to, true
}

// appendRaw appends an IPv4 packet with a UDP datagram; the kernel fills in
// the header's checksum and identification. The UDP checksum is computed anew:
// the one of a received packet may be partial.
func appendRaw(b []byte, from, to netip.AddrPort, payload []byte) []byte {
	src, dst := from.Addr().As4(), to.Addr().As4()
	size := 8 + len(payload)
	head := [rawHeader]byte{0: 0x45, 6: 0x40, 8: 64, 9: unix.IPPROTO_UDP} // don't fragment, TTL 64
	binary.BigEndian.PutUint16(head[2:], uint16(20+size))
	copy(head[12:], src[:])
	copy(head[16:], dst[:])
	binary.BigEndian.PutUint16(head[20:], from.Port())
	binary.BigEndian.PutUint16(head[22:], to.Port())
	binary.BigEndian.PutUint16(head[24:], uint16(size))
	at := len(b)
	b = append(append(b, head[:]...), payload...)
	binary.BigEndian.PutUint16(b[at+26:], udpChecksum(b[at+12:at+20], b[at+20:]))
	return b
}

// udpChecksum is that of RFC 768, with the addresses of the pseudo header. The
// checksum field of datagram is zero. It adds 32 bits at a time, which makes no
// difference to the sum (RFC 1071, section 2).
func udpChecksum(addrs, datagram []byte) uint16 {
	sum := uint64(unix.IPPROTO_UDP) + uint64(len(datagram))
	for _, part := range [2][]byte{addrs, datagram} {
		for ; len(part) >= 8; part = part[8:] {
			w := binary.BigEndian.Uint64(part)
			sum += w>>32 + w&0xffffffff
		}
		var rest [8]byte
		copy(rest[:], part)
		w := binary.BigEndian.Uint64(rest[:])
		sum += w>>32 + w&0xffffffff
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	if sum == 0xffff {
		return 0xffff // zero would mean "no checksum"
	}
	return ^uint16(sum)
}
