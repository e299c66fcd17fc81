package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
)

// A token names a session and a probe and proves that the sender holds the
// session's secret. It is lower-case letters and digits only, so that it
// stands unescaped in a Call-ID, a branch, a tag, a user part and a username.
//
//	sdt <session: 16 hex> p <probe: 4 hex> h <HMAC-SHA256, first 8 bytes: 16 hex>
var tokenPattern = regexp.MustCompile(`sdt([0-9a-f]{16})p([0-9a-f]{4})h([0-9a-f]{16})`)

// A Token is a parsed probe token, not yet proved.
type Token struct {
	Session string // 16 hex digits
	Probe   int    // 0..65535
	mac     string
}

// NewToken makes the token of one probe of a session.
func NewToken(session string, secret []byte, probe int) string {
	return Token{session, probe, tokenMAC(session, secret, probe)}.String()
}

// FindToken looks for the first token anywhere in b: an ALG may have moved or
// rewritten everything around it.
func FindToken(b []byte) (Token, bool) {
	m := tokenPattern.FindSubmatch(b)
	if m == nil {
		return Token{}, false
	}
	n, _ := strconv.ParseUint(string(m[2]), 16, 16) // four hex digits fit
	return Token{Session: string(m[1]), Probe: int(n), mac: string(m[3])}, true
}

// String is the token as it stands in messages.
func (t Token) String() string {
	return fmt.Sprintf("sdt%sp%04xh%s", t.Session, t.Probe, t.mac)
}

// Valid reports whether the token was made with secret.
func (t Token) Valid(secret []byte) bool {
	return hmac.Equal([]byte(t.mac), []byte(tokenMAC(t.Session, secret, t.Probe)))
}

func tokenMAC(session string, secret []byte, probe int) string {
	m := hmac.New(sha256.New, secret)
	var n [2]byte
	binary.BigEndian.PutUint16(n[:], uint16(probe))
	m.Write([]byte(session))
	m.Write(n[:])
	return hex.EncodeToString(m.Sum(nil)[:8])
}
