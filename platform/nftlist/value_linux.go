package nftlist

import (
	"encoding/binary"
	"math/bits"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// protocols are those that nft writes by the same name everywhere.
var protocols = map[uint8]string{1: "icmp", tcp: "tcp", udp: "udp", 58: "ipv6-icmp"}

// value writes one whole value; ok is false where nft may write it otherwise.
func (l *left) value(to []byte, v []byte) (out []byte, ok bool) {
	if len(v) != l.size {
		return to, false
	}
	switch l.typ {
	case typeAddr4:
		to = netip.AddrFrom4([4]byte(v)).AppendTo(append(to, '"'))
		return append(to, '"'), true
	case typeAddr6:
		a := netip.AddrFrom16([16]byte(v))
		if oddIPv6(a) {
			return to, false
		}
		return append(a.AppendTo(append(to, '"')), '"'), true
	case typePort:
		return strconv.AppendUint(to, uint64(binary.BigEndian.Uint16(v)), 10), true
	case typeProto:
		name, ok := protocols[v[0]]
		return append(append(append(to, '"'), name...), '"'), ok
	case typeFamily:
		switch v[0] {
		case etherIP:
			return append(to, `"ipv4"`...), true
		case etherIP6:
			return append(to, `"ipv6"`...), true
		}
	case typeMark:
		return strconv.AppendUint(to, uint64(binary.NativeEndian.Uint32(v)), 10), true
	case typeName:
		return interfaceName(to, strings.TrimRight(string(v), "\x00"), "")
	case typeIndex:
		i, err := net.InterfaceByIndex(int(binary.NativeEndian.Uint32(v)))
		if err != nil {
			return to, false
		}
		return interfaceName(to, i.Name, "")
	}
	return to, false
}

// oddIPv6 are the addresses that C libraries write with a part in IPv4's form.
func oddIPv6(a netip.Addr) bool {
	b := a.As16()
	return [12]byte(b[:12]) == [12]byte{} && (b[12] != 0 || b[13] != 0)
}

// interfaceName writes the name of an interface if it is of plain letters: nft
// has signs of its own.
func interfaceName(to []byte, name, more string) ([]byte, bool) {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' || r == '@'
	}
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return to, false
	}
	return append(append(append(append(to, '"'), name...), more...), '"'), true
}

// beginning writes what a comparison with a field's first bytes is: of an
// address a network, of a name the names that begin so.
func (l *left) beginning(to []byte, v []byte) (out []byte, ok bool) {
	switch l.typ {
	case typeAddr4, typeAddr6:
		whole := make([]byte, l.size)
		copy(whole, v)
		return l.prefix(to, whole, 8*len(v))
	case typeName:
		return interfaceName(to, string(v), "*")
	}
	return to, false
}

// prefix writes a network.
func (l *left) prefix(to []byte, v []byte, length int) (out []byte, ok bool) {
	if length <= 0 || length >= 8*l.size {
		return to, false
	}
	to = append(to, `{"prefix":{"addr":`...)
	if to, ok = l.value(to, v); !ok {
		return to, false
	}
	to = strconv.AppendInt(append(to, `,"len":`...), int64(length), 10)
	return append(to, "}}"...), true
}

// prefixLength is the length of a mask of ones followed by zeros, if v has no
// bits outside it.
func prefixLength(mask, v []byte) (n int, ok bool) {
	if len(mask) != len(v) {
		return 0, false
	}
	for i, m := range mask {
		ones := bits.LeadingZeros8(^m)
		if m != ^byte(0)<<(8-ones) || v[i]&^m != 0 || ones > 0 && n < 8*i {
			return 0, false
		}
		n += ones
	}
	return n, true
}

// states are the names of a connection's states in the order of their bits.
var states = []struct {
	bit  uint32
	name string
}{{1, "invalid"}, {2, "established"}, {4, "related"}, {8, "new"}, {64, "untracked"}}

// stateNames writes the states of a mask.
func stateNames(to []byte, mask uint32) (out []byte, ok bool) {
	var list []string
	for _, s := range states {
		if mask&s.bit != 0 {
			list = append(list, `"`+s.name+`"`)
			mask &^= s.bit
		}
	}
	switch {
	case mask != 0 || len(list) == 0:
		return to, false
	case len(list) == 1:
		return append(to, list[0]...), true
	}
	return append(append(append(to, '['), strings.Join(list, ",")...), ']'), true
}
