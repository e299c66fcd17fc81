package platform

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

const (
	// rawBatch is how many datagrams one system call takes; beyond 16 to 32
	// nothing was gained.
	rawBatch = 32
	// rawBuffer is the receive buffer that is asked for, bytes: 40 ms of 100,000
	// probes a second. The system may give less (net.core.rmem_max).
	rawBuffer = 4 << 20
	// maxRawUDP is the longest datagram that is heard, bytes: no probe is longer
	// than an Ethernet frame.
	maxRawUDP = 1500
	rawHeader = 20 + 8 // IPv4 without options, and UDP
)

// rawUDP4 is one raw IPPROTO_UDP socket. The kernel gives it a copy of each
// matching datagram after the INPUT chain, whoever owns the port.
type rawUDP4 struct {
	conn *ipv4.RawConn
	pc   net.PacketConn
}

// OpenRawUDP serves IPv4. A raw IPv6 socket is not told which address was
// asked before it has been filtered; there sockets of single ports do.
func (r *realNetwork) OpenRawUDP(ctx context.Context, o RawUDPOptions) (RawUDP, error) {
	if !o.Local.Unmap().Is4() {
		return nil, fmt.Errorf("opening a raw UDP socket at %s: %w", o.Local, errors.ErrUnsupported)
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return onSocket(c, func(fd uintptr) error { return tieToDevice(fd, false, r.opts.BindDevice) })
	}}
	pc, err := lc.ListenPacket(ctx, "ip4:udp", o.Local.Unmap().String())
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return nil, fmt.Errorf("opening a raw UDP socket at %s (CAP_NET_RAW): %w", o.Local, ErrPrivilege)
	}
	if err != nil {
		return nil, fmt.Errorf("opening a raw UDP socket at %s: %w", o.Local, err)
	}
	conn, err := ipv4.NewRawConn(pc)
	if err == nil {
		err = filterRaw(conn, o)
	}
	if err != nil {
		_ = pc.Close()
		return nil, fmt.Errorf("preparing a raw UDP socket at %s: %w", o.Local, err)
	}
	_ = pc.(*net.IPConn).SetReadBuffer(rawBuffer) // less than that only costs lost probes, which are sent again
	return &rawUDP4{conn: conn, pc: pc}, nil
}

// filterRaw attaches the classic BPF program. What has arrived before it was
// attached is judged by the receiver again.
func filterRaw(c *ipv4.RawConn, o RawUDPOptions) error {
	program, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadMemShift{Off: 0},          // X = length of the IPv4 header
		bpf.LoadIndirect{Off: 2, Size: 2}, // UDP destination port
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: uint32(o.First), SkipTrue: 4},
		bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: uint32(o.Last), SkipTrue: 3},
		bpf.LoadIndirect{Off: uint32(8 + o.MagicOffset), Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: o.Magic, SkipTrue: 1},
		bpf.RetConstant{Val: maxRawUDP},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		return err
	}
	return c.SetBPF(program)
}

func (r *rawUDP4) Close() error { return r.pc.Close() }

func (r *rawUDP4) Answer(answer func(payload []byte, from, to netip.AddrPort) []byte) error {
	in, out := make([]ipv4.Message, rawBatch), make([]ipv4.Message, rawBatch)
	for i := range in {
		in[i].Buffers = [][]byte{make([]byte, maxRawUDP)}
		out[i].Buffers = [][]byte{make([]byte, 0, maxRawUDP)}
	}
	for {
		n, err := r.conn.ReadBatch(in, 0)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading a raw UDP socket: %w", err)
		}
		ready := 0
		for i := range in[:n] {
			payload, from, to, ok := splitRaw(in[i].Buffers[0][:in[i].N])
			if !ok {
				continue
			}
			reply := answer(payload, from, to)
			if reply == nil || len(reply) > maxRawUDP-rawHeader {
				continue
			}
			m := &out[ready]
			m.Buffers[0] = appendRaw(m.Buffers[0][:0], to, from, reply)
			m.Addr = &net.IPAddr{IP: from.Addr().AsSlice()}
			ready++
		}
		r.send(out[:ready])
	}
}

// send sends what it can: an answer that the system refuses concerns only its
// own receiver, who asks again.
func (r *rawUDP4) send(ms []ipv4.Message) {
	for len(ms) > 0 {
		n, err := r.conn.WriteBatch(ms, 0)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		ms = ms[max(n, 1):]
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
// checksum field of datagram is zero.
func udpChecksum(addrs, datagram []byte) uint16 {
	sum := uint32(unix.IPPROTO_UDP) + uint32(len(datagram))
	for _, part := range [][]byte{addrs, datagram} {
		for len(part) >= 2 {
			sum += uint32(part[0])<<8 | uint32(part[1])
			part = part[2:]
		}
		if len(part) == 1 {
			sum += uint32(part[0]) << 8
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	if sum == 0xffff {
		return 0xffff // zero would mean "no checksum"
	}
	return ^uint16(sum)
}
