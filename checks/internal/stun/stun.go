// Package stun is both ends of a STUN conversation (RFC 8489) with the NAT
// behaviour discovery of RFC 5780: pure functions over bytes, and a client
// engine that asks many servers from one socket.
//
// It stands on github.com/pion/stun/v2, with three guards: datagrams are
// copied to their exact size before decoding, an address attribute's length is
// checked before it is read (the library panics on an empty one), and DialURI
// is never called, so that the library's DTLS is never used.
package stun

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	pion "github.com/pion/stun/v2"
)

// ID is the 96-bit transaction ID by which an answer is matched to its
// question (RFC 8489 section 5).
type ID = [pion.TransactionIDSize]byte

// NewID returns a random transaction ID.
func NewID() ID { return pion.NewTransactionID() }

// Attributes of RFC 5780 and RFC 3489 that the library only numbers, and the
// flags of CHANGE-REQUEST (RFC 5780 section 7.2).
const (
	flagChangeIP   = 0x04
	flagChangePort = 0x02
)

// headerLen is the STUN header (RFC 8489 section 5), bytes.
const headerLen = 20

// errNotSTUN means that the bytes are not a complete STUN message with the magic
// cookie. Servers that know only RFC 3489 send none and are not understood.
var errNotSTUN = errors.New("not a STUN message")

func begin(id ID, t pion.MessageType) *pion.Message {
	m := pion.New()
	m.TransactionID, m.Type = id, t
	m.WriteHeader()
	return m
}

// decode reads a whole datagram. Bytes after the message, an unaligned length
// or set bits in front of the type make it another protocol's.
func decode(b []byte) (*pion.Message, error) {
	if len(b) < headerLen || b[0]&0xC0 != 0 || !pion.IsMessage(b) {
		return nil, errNotSTUN
	}
	if n := int(binary.BigEndian.Uint16(b[2:4])); n%4 != 0 || headerLen+n != len(b) {
		return nil, fmt.Errorf("%w: the header says %d bytes, %d came", errNotSTUN, headerLen+n, len(b))
	}
	m := &pion.Message{Raw: append(make([]byte, 0, len(b)), b...)}
	if err := m.Decode(); err != nil {
		return nil, fmt.Errorf("reading STUN attributes: %w", err)
	}
	if m.Contains(pion.AttrFingerprint) {
		if err := pion.Fingerprint.Check(m); err != nil {
			return nil, fmt.Errorf("checking FINGERPRINT: %w", err)
		}
	}
	return m, nil
}

// addrLen is the length of an address attribute: 8 bytes for IPv4, 20 for
// IPv6 (RFC 8489 section 14.1).
func addrLen(a netip.Addr) int {
	if a.Is4() {
		return 8
	}
	return 20
}

// address reads an address attribute; the zero AddrPort means that it is
// absent or malformed.
func address(m *pion.Message, t pion.AttrType) netip.AddrPort {
	v, err := m.Get(t)
	if err != nil || len(v) < 2 {
		return netip.AddrPort{}
	}
	family := v[1]
	if !(family == 1 && len(v) == 8 || family == 2 && len(v) == 20) {
		return netip.AddrPort{}
	}
	var a pion.MappedAddress
	if t == pion.AttrXORMappedAddress {
		x := (*pion.XORMappedAddress)(&a)
		err = x.GetFromAs(m, t)
	} else {
		err = a.GetFromAs(m, t)
	}
	ip, ok := netip.AddrFromSlice(a.IP)
	if err != nil || !ok {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(a.Port))
}

func putAddress(m *pion.Message, t pion.AttrType, a netip.AddrPort) error {
	p := pion.MappedAddress{IP: a.Addr().Unmap().AsSlice(), Port: int(a.Port())}
	if t == pion.AttrXORMappedAddress {
		return pion.XORMappedAddress(p).AddToAs(m, t)
	}
	return p.AddToAs(m, t)
}

// PublicServers are asked when nobody names a server: eight operators in
// different networks, so that one that is gone or filtered does not matter.
// The first two are the longest lived but have one address each; the others
// are telephone companies that have answered RFC 5780 tests. Nothing they say
// of themselves is believed unseen.
func PublicServers() []string {
	return []string{
		"stun.l.google.com:19302",
		"stun.cloudflare.com:3478",
		"stun.sipgate.net:3478",
		"stun.t-online.de:3478",
		"stun.easybell.de:3478",
		"stun.voipgate.com:3478",
		"stun.acrobits.cz:3478",
		"stun.aa.net.uk:3478",
	}
}
