package pcap

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
)

// The builders of these tests write headers as their RFCs draw them.

func bytes16(n int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }
func bytes32(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

var (
	phone  = netip.MustParseAddrPort("192.168.88.10:5060")
	pbx    = netip.MustParseAddrPort("198.51.100.2:5062")
	phone6 = netip.MustParseAddrPort("[2001:db8:1::10]:5060")
	pbx6   = netip.MustParseAddrPort("[2001:db8:2::2]:5062")
	hello  = []byte("OPTIONS sip:pbx.example.net SIP/2.0\r\nContent-Length: 0\r\n\r\n")
)

func udp(src, dst netip.AddrPort, payload []byte) []byte {
	return slices.Concat(bytes16(int(src.Port())), bytes16(int(dst.Port())), bytes16(8+len(payload)), bytes16(0), payload)
}

func tcpSegment(src, dst netip.AddrPort, seq uint32, flags byte, payload []byte) []byte {
	return slices.Concat(bytes16(int(src.Port())), bytes16(int(dst.Port())), bytes32(int(seq)), bytes32(0),
		[]byte{6 << 4, flags}, make([]byte, 10), payload) // with one word of options
}

const (
	tos = 0xb8
	ttl = 57
)

func ipPacket(protocol byte, src, dst netip.Addr, body []byte) []byte {
	return ipPiece(protocol, src, dst, 0, 0, false, body)
}

func ipPiece(protocol byte, src, dst netip.Addr, id, at int, more bool, body []byte) []byte {
	where := at / 8
	if more {
		where |= 0x2000
	}
	if src.Is4() {
		return slices.Concat([]byte{0x46, tos}, bytes16(24+len(body)), bytes16(id), bytes16(where), []byte{ttl, protocol, 0, 0},
			src.AsSlice(), dst.AsSlice(), []byte{1, 1, 1, 0}, body) // with options
	}
	var extra []byte
	next := protocol
	if at > 0 || more {
		where = at
		if more {
			where |= 1
		}
		extra, next = slices.Concat([]byte{protocol, 0}, bytes16(where), bytes32(id)), protoFragment
	}
	hop := []byte{next, 0, 1, 4, 0, 0, 0, 0}
	return slices.Concat([]byte{0x60 | tos>>4, tos << 4 & 0xff, 0, 0}, bytes16(len(hop)+len(extra)+len(body)), []byte{protoHopByHop, ttl},
		src.AsSlice(), dst.AsSlice(), hop, extra, body)
}

func udpPacket(src, dst netip.AddrPort, payload []byte) []byte {
	return ipPacket(UDP, src.Addr(), dst.Addr(), udp(src, dst, payload))
}

func etherType(packet []byte) int {
	if packet[0]>>4 == 6 {
		return etherIPv6
	}
	return etherIPv4
}

func ethernet(kind int, body []byte) []byte {
	return slices.Concat([]byte("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02"), bytes16(kind), body)
}

func ether(packet []byte) []byte { return ethernet(etherType(packet), packet) }

// outer wraps something in IP and UDP between two routers.
func outer(port int, payload []byte) []byte {
	a, b := netip.MustParseAddrPort("203.0.113.1:40000"), netip.AddrPortFrom(netip.MustParseAddr("203.0.113.9"), uint16(port))
	return udpPacket(a, b, payload)
}

func outerIP(protocol byte, payload []byte) []byte {
	return ipPacket(protocol, netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.9"), payload)
}

// stamp is when the frames of these tests were captured.
const stamp = int64(1_764_400_000)*second + 123_456_000

// classicFile writes frames in the oldest format.
func classicFile(order binary.ByteOrder, magic uint32, link Link, frames ...[]byte) []byte {
	u32 := func(b []byte, list ...int64) []byte {
		for _, n := range list {
			b = append(b, 0, 0, 0, 0)
			order.PutUint32(b[len(b)-4:], uint32(n))
		}
		return b
	}
	out := u32(nil, int64(magic))
	out = append(out, 0, 0, 0, 0)
	order.PutUint16(out[4:], 2)
	order.PutUint16(out[6:], 4)
	out = u32(out, 0, 0, 65535, int64(link))
	part := stamp % second
	if magic != magicNanoseconds {
		part /= 1000
	}
	for _, f := range frames {
		out = u32(out, stamp/second, part, int64(len(f)), int64(len(f)))
		if magic == magicModified {
			out = u32(out, 1, 0)
		}
		out = append(out, f...)
	}
	return out
}

func little(link Link, frames ...[]byte) []byte {
	return classicFile(binary.LittleEndian, magicMicroseconds, link, frames...)
}

// section is a writer of pcapng.
type section struct {
	order binary.ByteOrder
	bytes.Buffer
}

func newSection(order binary.ByteOrder) *section {
	s := &section{order: order}
	s.block(blockSection, s.u32(byteOrderMagic), s.u16(1), s.u16(0), bytes.Repeat([]byte{0xff}, 8))
	return s
}

func (s *section) u32(n int) []byte {
	b := make([]byte, 4)
	s.order.PutUint32(b, uint32(n))
	return b
}

func (s *section) u16(n int) []byte {
	b := make([]byte, 2)
	s.order.PutUint16(b, uint16(n))
	return b
}

func (s *section) option(code int, v []byte) []byte {
	return slices.Concat(s.u16(code), s.u16(len(v)), v, make([]byte, -len(v)&3))
}

func (s *section) block(kind int, parts ...[]byte) {
	body := slices.Concat(parts...)
	body = append(body, make([]byte, -len(body)&3)...)
	n := s.u32(len(body) + blockFrame)
	s.Write(slices.Concat(s.u32(kind), n, body, n))
}

func (s *section) anInterface(link Link, name string, options ...[]byte) {
	s.block(blockInterface, s.u16(int(link)), s.u16(0), s.u32(0), s.option(optionName, []byte(name)), slices.Concat(options...), s.u32(0))
}

// packet writes a frame whose time is a count of ticks.
func (s *section) packet(number int, count uint64, data []byte, length int) {
	s.block(blockPacket, s.u32(number), s.u32(int(count>>32)), s.u32(int(count&0xffffffff)), s.u32(len(data)), s.u32(length), data)
}
