//go:build linux

package packetfilter_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// A shot is one packet that the referee sends for real.
type shot struct {
	hook     string // "input", "forward" or "output"
	in       string // the machine's interface that it enters by
	out      string // by which it leaves, should it be sent on
	proto    uint8  // 1 ICMP, 6 TCP, 17 UDP, 58 ICMPv6, anything else bare
	src, dst netip.Addr
	sport    uint16
	dport    uint16 // for ICMP: the type
	flags    byte   // of TCP; a SYN begins a connection
	ctmark   uint32 // of the conversation it belongs to
	// established: the conversation was there before the rules.
	established bool
	// fragmented: it comes in two pieces.
	fragmented bool
	id         uint32 // unique in a salvo; it comes back in every trace of the shot
}

func (s shot) String() string {
	names := map[uint8]string{1: "icmp", 6: "tcp", 17: "udp", 47: "gre", 58: "icmpv6"}
	return fmt.Sprintf("%s in=%s %s %v:%d > %v:%d", s.hook, s.in, names[s.proto], s.src, s.sport, s.dst, s.dport)
}

const (
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoGRE    = 47
	protoICMPv6 = 58
	tcpSYN      = 2
	magic       = 0x7265666a // marks our payloads
)

// frame is the shot on an Ethernet cable.
func (s shot) frame(to, from [6]byte) []byte {
	ethertype := uint16(0x0800)
	if s.dst.Is6() {
		ethertype = 0x86dd
	}
	if s.dst.Is4() && s.dst.As4()[3] == 255 {
		to = [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	}
	if s.dst.Is4() && s.dst.IsMulticast() {
		a := s.dst.As4()
		to = [6]byte{1, 0, 0x5e, a[1] & 0x7f, a[2], a[3]}
	}
	b := append(append([]byte{}, to[:]...), from[:]...)
	return append(binary.BigEndian.AppendUint16(b, ethertype), s.packet()...)
}

// frames are the pieces of the shot on an Ethernet cable: one, or two. The
// first piece holds the header of UDP and the mark, the second only the id.
func (s shot) frames(to, from [6]byte) [][]byte {
	whole := s.frame(to, from)
	if !s.fragmented {
		return [][]byte{whole}
	}
	whole = append(whole, make([]byte, 16)...) // what comes in the second piece
	const first = 16                           // bytes of UDP in the first
	piece := func(offset, length uint16, more bool) []byte {
		b := append([]byte{}, whole[:34]...)
		b = append(b, whole[34+offset:34+offset+length]...)
		h := b[14:34]
		binary.BigEndian.PutUint16(h[2:], 20+length)
		binary.BigEndian.PutUint16(h[4:], uint16(s.id))
		flags := offset / 8
		if more {
			flags |= 0x2000
		}
		binary.BigEndian.PutUint16(h[6:], flags)
		h[10], h[11] = 0, 0
		binary.BigEndian.PutUint16(h[10:], checksum(h, 0))
		return b
	}
	// The length in the header of UDP counts both; its checksum is left out.
	binary.BigEndian.PutUint16(whole[34+4:], first+16)
	whole[34+6], whole[34+7] = 0, 0
	return [][]byte{piece(0, first, true), piece(first, 16, false)}
}

// packet is the shot with its IP header.
func (s shot) packet() []byte {
	body := s.body()
	var h []byte
	if s.dst.Is4() {
		h = []byte{0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, s.proto, 0, 0}
		binary.BigEndian.PutUint16(h[2:], uint16(20+len(body)))
		h = append(append(h, s.src.AsSlice()...), s.dst.AsSlice()...)
		binary.BigEndian.PutUint16(h[10:], checksum(h, 0))
	} else {
		h = []byte{0x60, 0, 0, 0, 0, 0, s.proto, 64}
		binary.BigEndian.PutUint16(h[4:], uint16(len(body)))
		h = append(append(h, s.src.AsSlice()...), s.dst.AsSlice()...)
	}
	return append(h, body...)
}

// body is what follows the IP header, with the shot's id in it.
func (s shot) body() []byte {
	be := binary.BigEndian
	var b []byte
	at := 0 // where the checksum goes
	switch s.proto {
	case protoUDP:
		b = be.AppendUint16(be.AppendUint16(nil, s.sport), s.dport)
		b = append(b, 0, 16, 0, 0)
		b = be.AppendUint32(be.AppendUint32(b, magic), s.id)
		at = 6
	case protoTCP:
		b = be.AppendUint16(be.AppendUint16(nil, s.sport), s.dport)
		b = be.AppendUint32(b, s.id)
		b = append(b, 0, 0, 0, 0, 0x50, s.flags, 0xff, 0xff, 0, 0, 0, 0)
		at = 16
	case protoICMP, protoICMPv6:
		b = []byte{byte(s.dport), 0, 0, 0}
		b = be.AppendUint16(be.AppendUint16(b, s.sport), 1)
		b = be.AppendUint32(be.AppendUint32(b, magic), s.id)
		at = 2
	default:
		// GRE without options, carrying a protocol that nobody speaks.
		b = []byte{0, 0, 0x88, 0xb6}
		return be.AppendUint32(be.AppendUint32(b, magic), s.id)
	}
	var pseudo []byte
	if s.proto != protoICMP {
		pseudo = append(append(pseudo, s.src.AsSlice()...), s.dst.AsSlice()...)
		pseudo = append(pseudo, 0, s.proto, 0, byte(len(b)))
	}
	be.PutUint16(b[at:], checksum(b, sum(pseudo)))
	return b
}

func sum(b []byte) (n uint32) {
	for i := 0; i+1 < len(b); i += 2 {
		n += uint32(b[i])<<8 | uint32(b[i+1])
	}
	if len(b)%2 == 1 {
		n += uint32(b[len(b)-1]) << 8
	}
	return n
}

func checksum(b []byte, n uint32) uint16 {
	n += sum(b)
	for n > 0xffff {
		n = n>>16 + n&0xffff
	}
	if n == 0xffff {
		return 0xffff
	}
	return ^uint16(n)
}

// A trace is what is seen of a shot.
type trace struct {
	id     uint32
	reject string // "" for the shot itself; else the ICMP type and code, or "reset"
	dport  uint16 // as it arrived, after any NAT
	// src and dst are those of the packet as it arrived, where its header was seen.
	src, dst netip.Addr
}

// readPacket recognises a shot, or a refusal of one, in an IP packet.
func readPacket(b []byte) (trace, bool) {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		t, ok := readBody(b[9], b[int(b[0]&15)*4:])
		t.src, t.dst = netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
		return t, ok
	case len(b) >= 40 && b[0]>>4 == 6:
		t, ok := readBody(b[6], b[40:])
		t.src, t.dst = netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
		return t, ok
	}
	return trace{}, false
}

func readBody(proto uint8, b []byte) (trace, bool) {
	be := binary.BigEndian
	switch {
	case proto == protoUDP && len(b) >= 16 && be.Uint32(b[8:]) == magic:
		return trace{id: be.Uint32(b[12:]), dport: be.Uint16(b[2:])}, true
	case proto == protoTCP && len(b) >= 20 && b[13]&4 != 0:
		return trace{id: be.Uint32(b[8:]) - 1, reject: "reset"}, true
	case proto == protoTCP && len(b) >= 8:
		return trace{id: be.Uint32(b[4:]), dport: be.Uint16(b[2:])}, true
	case proto == protoGRE && len(b) >= 12 && be.Uint32(b[4:]) == magic:
		return trace{id: be.Uint32(b[8:])}, true
	case (proto == protoICMP || proto == protoICMPv6) && len(b) >= 16:
		echo := proto == protoICMP && b[0] != 3 && b[0] != 11 || proto == protoICMPv6 && b[0] >= 128
		if echo {
			ok := be.Uint32(b[8:]) == magic
			return trace{id: be.Uint32(b[12:]), dport: uint16(b[0])}, ok
		}
		t, ok := readPacket(b[8:])
		t.reject = fmt.Sprintf("icmp %d/%d", b[0], b[1])
		return t, ok
	}
	return trace{}, false
}
