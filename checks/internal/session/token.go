package session

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
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

// Masked bytes are the control of every SIP probe: the same length plus eight,
// the same ports, and nothing in them that content inspection could know as
// SIP or as an address. It is not encryption; it only has to be unreadable to
// something that looks for text.
//
//	"sdm1" | 4-byte nonce | payload XOR keystream(nonce)
var maskMagic = []byte("sdm1")

// MaskOverhead is how many bytes Mask adds.
const MaskOverhead = 8

// Mask returns p in masked form. Every nonce gives other bytes.
func Mask(p []byte, nonce uint32) []byte {
	out := make([]byte, MaskOverhead+len(p))
	copy(out, maskMagic)
	binary.BigEndian.PutUint32(out[4:], nonce)
	xorStream(out[8:], p, nonce)
	return out
}

// Unmask returns the payload of masked bytes; ok is false when b is not
// masked.
func Unmask(b []byte) (p []byte, ok bool) {
	return UnmaskInto(nil, b)
}

// UnmaskInto is Unmask into a buffer of the caller's: where it is long enough, a
// flood of masked bytes costs no memory.
func UnmaskInto(buf, b []byte) (p []byte, ok bool) {
	if len(b) < MaskOverhead || !bytes.Equal(b[:4], maskMagic) {
		return nil, false
	}
	n := len(b) - MaskOverhead
	p = slices.Grow(buf[:0], n)[:n]
	xorStream(p, b[8:], binary.BigEndian.Uint32(b[4:]))
	return p, true
}

// WriteMasked writes p in masked form to a stream, its length before it.
func WriteMasked(w io.Writer, p []byte) error {
	m := Mask(p, rand.Uint32())
	_, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(m))), m...))
	return err
}

// ReadMasked reads what WriteMasked wrote.
func ReadMasked(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > sip.MaxMessage {
		return nil, fmt.Errorf("masked frame of %d bytes", n)
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(r, frame); err != nil {
		return nil, err
	}
	p, ok := Unmask(frame)
	if !ok {
		return nil, errors.New("the answer is not in masked form")
	}
	return p, nil
}

// xorStream is xorshift32: it must only differ from byte to byte and never
// leave the text readable, so speed and size decide.
func xorStream(dst, src []byte, nonce uint32) {
	x := nonce | 1
	for i := range src {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		dst[i] = src[i] ^ (byte(x>>11) | 0x80) // the high bit flips in every byte: no ASCII survives
	}
}
