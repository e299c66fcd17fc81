package reports

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// nonceLife is how long a nonce is good: the office uses it at once.
const nonceLife = time.Minute

// nonces are good once, and only with the start of the responder that made them.
// They cost nothing until they are used: each holds its own time and a code over it.
type nonces struct {
	secret [32]byte
	start  time.Time // with its monotonic clock, which does not jump
	used   map[string]time.Duration
}

const nonceBytes = 8 + 16 + 16 // time, random, code

func newNonces() *nonces {
	n := &nonces{start: time.Now(), used: map[string]time.Duration{}}
	_, _ = rand.Read(n.secret[:]) // never returns an error
	return n
}

func (n *nonces) make() string {
	b := make([]byte, 24, nonceBytes)
	binary.BigEndian.PutUint64(b, uint64(time.Since(n.start)))
	_, _ = rand.Read(b[8:]) // never returns an error
	return base64.RawURLEncoding.EncodeToString(append(b, n.code(b)...))
}

func (n *nonces) code(b []byte) []byte {
	m := hmac.New(sha256.New, n.secret[:])
	m.Write(b)
	return m.Sum(nil)[:16]
}

// fresh reports whether this start made a nonce, less than nonceLife ago.
func (n *nonces) fresh(nonce string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(nonce)
	if err != nil || len(b) != nonceBytes || !hmac.Equal(b[24:], n.code(b[:24])) {
		return false
	}
	return time.Since(n.start)-time.Duration(binary.BigEndian.Uint64(b)) < nonceLife
}

// use marks a fresh nonce as used; false where it was already. Only offices with a
// key get here, each of them once in MinInterval, which bounds what is remembered.
func (n *nonces) use(nonce string) bool {
	now := time.Since(n.start)
	if _, used := n.used[nonce]; used {
		return false
	}
	for old, at := range n.used {
		if now-at > nonceLife {
			delete(n.used, old)
		}
	}
	n.used[nonce] = now
	return true
}

func (n *nonces) wasUsed(nonce string) bool { _, used := n.used[nonce]; return used }
