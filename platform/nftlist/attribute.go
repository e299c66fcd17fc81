//go:build linux

package nftlist

import (
	"encoding/binary"
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// typeMask leaves of an attribute's type its number.
const typeMask = 0x3fff

// errDamaged is about a message that is not of netlink's form.
var errDamaged = errors.New("a message of nftables is damaged")

// attributes is the payload of a netlink message, or of a nested attribute.
type attributes []byte

// next cuts the first attribute off; typ is without the flags of netlink.
func (a *attributes) next() (typ uint16, value attributes, err error) {
	b := *a
	if len(b) < unix.SizeofRtAttr {
		return 0, nil, errDamaged
	}
	n := int(binary.NativeEndian.Uint16(b))
	if n < unix.SizeofRtAttr || n > len(b) {
		return 0, nil, errDamaged
	}
	typ = binary.NativeEndian.Uint16(b[2:]) & typeMask
	*a = b[min((n+3)&^3, len(b)):]
	return typ, b[unix.SizeofRtAttr:n], nil
}

// fill reads the attributes into to, by their number; one with a number beyond
// is left out. It reports whether none was damaged.
func (a attributes) fill(to []attributes) bool {
	return a.read(to, true)
}

// all is fill for what must be known whole: it reports false as well where there
// is an attribute beyond, with which a newer kernel may mean something else.
func (a attributes) all(to []attributes) bool {
	return a.read(to, false)
}

func (a attributes) read(to []attributes, beyond bool) bool {
	for len(a) > 0 {
		typ, value, err := a.next()
		switch {
		case err != nil:
			return false
		case int(typ) < len(to):
			to[typ] = value
		case !beyond:
			return false
		}
	}
	return true
}

// number is a number of 32 bits as nftables sends it; 0 when there is none.
func (a attributes) number() uint32 {
	if len(a) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(a)
}

func (a attributes) long() uint64 {
	if len(a) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(a)
}

func (a attributes) text() string { return strings.TrimRight(string(a), "\x00") }

// is compares a text without making a string of it.
func (a attributes) is(s string) bool {
	return len(a) == len(s)+1 && a[len(s)] == 0 && string(a[:len(s)]) == s
}

// data is the value of a nested NFTA_DATA_VALUE.
func (a attributes) data() attributes {
	const value = 1 // NFTA_DATA_VALUE
	var in [2]attributes
	if !a.fill(in[:]) {
		return nil
	}
	return in[value]
}
