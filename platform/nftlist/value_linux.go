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

// writer writes JSON as nft does.
type writer struct {
	out     []byte
	unknown bool // there was something that nft may write otherwise
}

func (w *writer) put(parts ...string) {
	for _, p := range parts {
		w.out = append(w.out, p...)
	}
}

func (w *writer) must(known bool) { w.unknown = w.unknown || !known }

// value writes one whole value.
func (w *writer) value(l *left, v []byte) {
	if w.must(len(v) == l.size); w.unknown {
		return
	}
	switch l.typ {
	case typeAddr4, typeAddr6:
		a, _ := netip.AddrFromSlice(v)
		w.must(l.typ == typeAddr4 || !oddIPv6(a))
		w.out = append(a.AppendTo(append(w.out, '"')), '"')
	case typePort:
		w.out = strconv.AppendUint(w.out, uint64(binary.BigEndian.Uint16(v)), 10)
	case typeProto:
		name, known := protocols[v[0]]
		w.must(known)
		w.put(`"`, name, `"`)
	case typeFamily:
		name := `"ipv4"`
		if v[0] == etherIP6 {
			name = `"ipv6"`
		}
		w.must(v[0] == etherIP || v[0] == etherIP6)
		w.put(name)
	case typeMark:
		w.out = strconv.AppendUint(w.out, uint64(binary.NativeEndian.Uint32(v)), 10)
	case typeName:
		w.interfaceName(strings.TrimRight(string(v), "\x00"), "")
	case typeIndex:
		if i, err := net.InterfaceByIndex(int(binary.NativeEndian.Uint32(v))); err == nil {
			w.interfaceName(i.Name, "")
		} else {
			w.unknown = true
		}
	default:
		w.unknown = true
	}
}

// oddIPv6 are the addresses that C libraries write with a part in IPv4's form.
func oddIPv6(a netip.Addr) bool {
	b := a.As16()
	return [12]byte(b[:12]) == [12]byte{} && (b[12] != 0 || b[13] != 0)
}

func (w *writer) interfaceName(name, more string) {
	w.must(plainName(name))
	w.put(`"`, name, more, `"`)
}

// plainName reports whether the name of an interface is of plain letters: nft has
// signs of its own.
func plainName(name string) bool {
	return name != "" && strings.Trim(name, nameLetters+"-_.@") == ""
}

const nameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// beginning writes what a comparison with a field's first bytes is: of an
// address a network, of a name the names that begin so.
func (w *writer) beginning(l *left, v []byte) {
	switch {
	case l.isAddr():
		whole := make([]byte, l.size)
		copy(whole, v)
		w.prefix(l, whole, 8*len(v))
	case l.typ == typeName:
		w.interfaceName(string(v), "*")
	default:
		w.unknown = true
	}
}

// prefix writes a network.
func (w *writer) prefix(l *left, v []byte, length int) {
	w.must(length > 0 && length < 8*l.size)
	w.put(`{"prefix":{"addr":`)
	w.value(l, v)
	w.put(`,"len":`, strconv.Itoa(length), "}}")
}

// span writes a range.
func (w *writer) span(l *left, lo, hi []byte) {
	w.put(`{"range":[`)
	w.value(l, lo)
	w.put(",")
	w.value(l, hi)
	w.put("]}")
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

// states writes the states of a mask.
func (w *writer) states(mask uint32) {
	var list []string
	for _, s := range states {
		if mask&s.bit != 0 {
			list = append(list, `"`+s.name+`"`)
			mask &^= s.bit
		}
	}
	w.must(mask == 0 && len(list) > 0)
	if len(list) == 1 {
		w.put(list[0])
	} else {
		w.put("[", strings.Join(list, ","), "]")
	}
}
