package lab

import (
	"net/netip"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// register is the one packet filter register that every match uses in turn.
const register = 1

func exprs(e ...expr.Any) []expr.Any { return e }

func accept() []expr.Any { return exprs(&expr.Verdict{Kind: expr.VerdictAccept}) }
func drop() []expr.Any   { return exprs(&expr.Verdict{Kind: expr.VerdictDrop}) }

func equal(data []byte) expr.Any {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: data}
}

func inInterface(name string) []expr.Any { return interfaceIs(expr.MetaKeyIIFNAME, name) }

func interfaceIs(key expr.MetaKey, name string) []expr.Any {
	padded := make([]byte, unix.IFNAMSIZ)
	copy(padded, name)
	return exprs(&expr.Meta{Key: key, Register: register}, equal(padded))
}

func protocolIs(p string) []expr.Any {
	return exprs(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register}, equal([]byte{protocolNumber(p)}))
}

func protocolNumber(p string) uint8 {
	switch p {
	case "tcp":
		return unix.IPPROTO_TCP
	case "icmp":
		return unix.IPPROTO_ICMP
	case "icmpv6":
		return unix.IPPROTO_ICMPV6
	}
	return unix.IPPROTO_UDP
}

// fragment4 matches a piece of an IPv4 packet: an offset, or more to follow
// (RFC 791, section 3.1).
func fragment4() []expr.Any {
	return append(append(familyIs(unix.NFPROTO_IPV4), load(expr.PayloadBaseNetworkHeader, 6, 2)), anyOf([]byte{0x3f, 0xff})...)
}

// fragment6 matches an IPv6 packet with a fragment header (RFC 8200, section
// 4.5) directly behind the fixed one, as hosts send them.
func fragment6() []expr.Any {
	return append(familyIs(unix.NFPROTO_IPV6), load(expr.PayloadBaseNetworkHeader, 6, 1), equal([]byte{unix.IPPROTO_FRAGMENT}))
}

// clearDSCP4 is "ip dscp set 0": the upper six bits of the second byte (RFC
// 791, section 3.1; RFC 2474), and the header's checksum with them.
func clearDSCP4() []expr.Any {
	const checksum = 10 // offset in the header
	return append(familyIs(unix.NFPROTO_IPV4), rewriteFirst([]byte{0xff, 0x03}, &expr.Payload{
		OperationType: expr.PayloadWrite, SourceRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: 0, Len: 2,
		CsumType: expr.CsumTypeInet, CsumOffset: checksum,
	})...)
}

// clearDSCP6 is "ip6 dscp set 0": six bits across the first two bytes (RFC
// 8200, section 3). IPv6 has no checksum of its own.
func clearDSCP6() []expr.Any {
	return append(familyIs(unix.NFPROTO_IPV6), rewriteFirst([]byte{0xf0, 0x3f}, &expr.Payload{
		OperationType: expr.PayloadWrite, SourceRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: 0, Len: 2,
	})...)
}

// rewriteFirst keeps the given bits of the first two bytes of a packet.
func rewriteFirst(keep []byte, write *expr.Payload) []expr.Any {
	return exprs(load(expr.PayloadBaseNetworkHeader, 0, 2), mask(keep), write)
}

// load reads bytes of a header.
func load(base expr.PayloadBase, offset, length uint32) expr.Any {
	return &expr.Payload{DestRegister: register, Base: base, Offset: offset, Len: length}
}

func mask(bits []byte) expr.Any {
	return &expr.Bitwise{SourceRegister: register, DestRegister: register, Len: uint32(len(bits)), Mask: bits, Xor: make([]byte, len(bits))}
}

// anyOf matches what is loaded when one of the bits is set.
func anyOf(bits []byte) []expr.Any {
	return exprs(mask(bits), &expr.Cmp{Op: expr.CmpOpNeq, Register: register, Data: make([]byte, len(bits))})
}

func familyIs(family byte) []expr.Any {
	return exprs(&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: register}, equal([]byte{family}))
}

// dportIs matches the destination port.
func dportIs(port int) []expr.Any {
	return exprs(load(expr.PayloadBaseTransportHeader, destinationPort, 2), equal(binaryutil.BigEndian.PutUint16(uint16(port))))
}

// Where the ports stand in the headers of both UDP and TCP.
const (
	sourcePort      uint32 = 0
	destinationPort uint32 = 2
)

// portWithin matches a port from first to last.
func portWithin(offset uint32, first, last int) []expr.Any {
	return exprs(load(expr.PayloadBaseTransportHeader, offset, 2),
		&expr.Cmp{Op: expr.CmpOpGte, Register: register, Data: binaryutil.BigEndian.PutUint16(uint16(first))},
		&expr.Cmp{Op: expr.CmpOpLte, Register: register, Data: binaryutil.BigEndian.PutUint16(uint16(last))})
}

// flowsOver matches when more than n flows have passed here and still live
// ("ct count over n").
func flowsOver(n int) []expr.Any {
	const over = 1 // NFT_CONNLIMIT_F_INV
	return exprs(&expr.Connlimit{Count: uint32(n), Flags: over})
}

// innerHeader is NFT_PAYLOAD_INNER_HEADER: the first byte after the TCP header
// with its options (Linux 6.2).
const innerHeader = expr.PayloadBase(3)

// payloadBegins matches the first bytes after the transport header.
func payloadBegins(protocol, text string) []expr.Any {
	base, offset := expr.PayloadBaseTransportHeader, uint32(8)
	if protocol == "tcp" {
		base, offset = innerHeader, 0
	}
	return exprs(load(base, offset, uint32(len(text))), equal([]byte(text)))
}

func stateIn(bits uint32) []expr.Any {
	return append(exprs(&expr.Ct{Key: expr.CtKeySTATE, Register: register}), anyOf(binaryutil.NativeEndian.PutUint32(bits))...)
}

// oneIn100 matches n of 100 packets at random. The order of numbers is the
// order of their bytes only when the most significant comes first.
func oneIn100(n int) []expr.Any {
	return exprs(&expr.Numgen{Register: register, Modulus: 100, Type: unix.NFT_NG_RANDOM},
		&expr.Byteorder{SourceRegister: register, DestRegister: register, Op: expr.ByteorderHton, Len: 4, Size: 4},
		&expr.Cmp{Op: expr.CmpOpLt, Register: register, Data: binaryutil.BigEndian.PutUint32(uint32(n))})
}

// forwardTo is "dnat to ADDRESS" or "dnat to ADDRESS:PORT".
func forwardTo(fw Forward) []expr.Any {
	const portRegister = register + 1
	nat := &expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: register}
	to := exprs(&expr.Immediate{Register: register, Data: netip.MustParseAddr(fw.To).AsSlice()})
	if fw.ToPort != 0 {
		nat.RegProtoMin = portRegister
		to = append(to, &expr.Immediate{Register: portRegister, Data: binaryutil.BigEndian.PutUint16(uint16(fw.ToPort))})
	}
	return append(to, nat)
}

// forwarded matches flows whose destination was translated ("ct status dnat").
func forwarded() []expr.Any {
	const dstNAT = 1 << 5 // IPS_DST_NAT
	return append(exprs(&expr.Ct{Key: expr.CtKeySTATUS, Register: register}), anyOf(binaryutil.NativeEndian.PutUint32(dstNAT))...)
}
