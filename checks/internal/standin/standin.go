package standin

import (
	"bytes"
	"crypto/rand"
	"net/netip"
	"sync"
)

// Mask replaces what names somebody in the packets of captures. It is for one
// goroutine.
type Mask struct {
	cipher    cipher
	addresses addresses
	cards     map[[6]byte][6]byte
	names     map[string]bool // words of users, hosts and persons, lower-case
	agents    map[string]string
}

// maxNames bounds the words that are looked for where a maker's name may stand beside
// a customer's.
const maxNames = 1 << 16

// New returns a mask with a key of its own, which nobody learns.
func New() *Mask {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand)
	return WithKey(key)
}

// WithKey returns the mask of a key, for tests.
func WithKey(key [32]byte) *Mask {
	return &Mask{cipher: cipher{key: key}, addresses: newAddresses(), cards: map[[6]byte][6]byte{}, names: map[string]bool{}, agents: map[string]string{}}
}

// Learned says that everything has gone through the mask once, to no purpose but that
// it knows the originals: from now on no stand-in is one of them, and names of the
// capture are found in User-Agent wherever they stand. Stand-ins are chosen anew.
func (m *Mask) Learned() {
	m.addresses.learned()
	m.cipher = cipher{key: m.cipher.key, avoid: m.names, swapped: map[string]string{}, taken: map[string]bool{}}
	m.cards, m.agents = map[[6]byte][6]byte{}, map[string]string{}
}

// Addr returns the stand-in of an address.
func (m *Mask) Addr(a netip.Addr) netip.Addr { return m.addresses.of(a) }

// PutAddr writes the stand-in of the address in b, 4 or 16 bytes, in its place.
func (m *Mask) PutAddr(b []byte) {
	if a, ok := netip.AddrFromSlice(b); ok {
		copy(b, m.Addr(a).AsSlice())
	}
}

// PutCard writes the stand-in of a hardware address in its place: a number, locally
// administered. Of a group only stays that it is one, because it holds a part of the
// address.
func (m *Mask) PutCard(b []byte) {
	const group = 1
	was := [6]byte(b)
	switch out, ok := m.cards[was]; {
	case was == [6]byte{} || was == [6]byte{255, 255, 255, 255, 255, 255}:
	case was[0]&group != 0:
		copy(b[3:], []byte{0, 0, 1})
	case ok:
		copy(b, out[:])
	default:
		n := min(len(m.cards)+1, maxHosts)
		out = [6]byte{2, 0, 0, byte(n >> 16), byte(n >> 8), byte(n)}
		if len(m.cards) < maxHosts {
			m.cards[was] = out
		}
		copy(b, out[:])
	}
}

// Host returns the stand-in of a name, with as many bytes.
func (m *Mask) Host(b []byte) []byte { return fit(m.identity(nil, b), len(b)) }

// fit cuts or fills b to n bytes.
func fit(b []byte, n int) []byte {
	if len(b) >= n {
		return b[:n]
	}
	return append(b, bytes.Repeat([]byte{' '}, n-len(b))...)
}

// plainWords are names that name nobody: those of specifications, and Asterisk's
// default for everything.
var plainWords = sync.OnceValue(func() map[string]bool {
	return wordSet(`anonymous invalid localhost local unknown unavailable restricted asterisk`)
})

func wordSet(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range bytes.Fields([]byte(list)) {
		set[string(w)] = true
	}
	return set
}
