package session

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
)

// The probe of an RTP port and the packet of a simulated call are real RTP
// packets (RFC 3550, 5.1): version 2, payload type 0, 20 ms of G.711. They begin
// alike:
//
//	0   RTP header
//	12  magic
//	16  flags
//	17  session, 8 bytes
//	25  number: the port that the client asked, or the leg of a call
//	27  sequence number
//	31  what the kind has beside that, and its MAC of all from 16 on, 8 bytes;
//	    then noise, as in a recording of silence
const (
	// RTPProbeSize is the length of a packet, bytes.
	RTPProbeSize = 172
	// RTPMagicOffset is where in the UDP payload the magic stands.
	RTPMagicOffset = 12

	signedAt = 16
	headSize = 31
	macSize  = 8
)

type packetHead struct {
	magic  uint32
	flags  byte
	number uint16
	seq    uint32
}

// packetKey signs and proves the packets of one session. It may be used
// concurrently.
type packetKey struct {
	Session [8]byte
	macAt   int
	mu      sync.Mutex
	mac     func(signed []byte) [macSize]byte // under mu
}

// packetSecret makes the key of one kind of packets out of a session's secret.
func packetSecret(secret []byte, kind string) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(kind))
	return m.Sum(nil)
}

// name takes the session's name; the error is for one that is not 16 hex digits.
func (k *packetKey) name(session string) error {
	if b, err := hex.DecodeString(session); err != nil || copy(k.Session[:], b) != len(b) || len(b) != len(k.Session) {
		return fmt.Errorf("session name %.40q is not 16 hex digits", session)
	}
	return nil
}

// begin appends a packet to b; the caller writes what stands between the head
// and the MAC.
func (k *packetKey) begin(b []byte, h packetHead) (all, packet []byte) {
	at := len(b)
	b = slices.Grow(b, RTPProbeSize)[:at+RTPProbeSize]
	out := b[at:]
	out[0], out[1] = 0x80, 0 // version 2, payload type 0
	binary.BigEndian.PutUint16(out[2:], uint16(h.seq))
	binary.BigEndian.PutUint32(out[4:], h.seq*160) // 8000 Hz, 20 ms
	copy(out[8:], k.Session[:4])
	binary.BigEndian.PutUint32(out[RTPMagicOffset:], h.magic)
	out[signedAt] = h.flags
	copy(out[17:], k.Session[:])
	binary.BigEndian.PutUint16(out[25:], h.number)
	binary.BigEndian.PutUint32(out[27:], h.seq)
	return b, out
}

func (k *packetKey) sign(packet []byte, seed uint32) {
	mac := k.sum(packet)
	fillNoise(packet[k.macAt+copy(packet[k.macAt:], mac[:]):], seed)
}

func (k *packetKey) sum(packet []byte) [macSize]byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.mac(packet[signedAt:k.macAt])
}

// Proves reports whether the packet in b, which its Parse function has read,
// was made with this key.
func (k *packetKey) Proves(b []byte) bool {
	mac := k.sum(b)
	return bytes.Equal(b[17:25], k.Session[:]) && hmac.Equal(b[k.macAt:k.macAt+macSize], mac[:])
}

// parseHead reads a packet of one kind, whose flags are below the limit. It
// looks neither at the RTP header nor at the noise, which a translator on the
// way may change.
func parseHead(b []byte, magic uint32, limit byte) (h packetHead, session [8]byte, ok bool) {
	if len(b) != RTPProbeSize || binary.BigEndian.Uint32(b[RTPMagicOffset:]) != magic || b[signedAt] >= limit {
		return h, session, false
	}
	h = packetHead{magic, b[signedAt], binary.BigEndian.Uint16(b[25:]), binary.BigEndian.Uint32(b[27:])}
	return h, [8]byte(b[17:25]), true
}

func flagged(on bool, flag byte) byte {
	if on {
		return flag
	}
	return 0
}

// fillNoise writes G.711 near silence: bytes from 0xf8 to 0xff, eight at a time.
func fillNoise(b []byte, seed uint32) {
	const silence = 0xf8f8f8f8f8f8f8f8
	x := uint64(seed)<<1 | 1
	for ; len(b) >= 8; b = b[8:] {
		x = xorshift(x)
		binary.BigEndian.PutUint64(b, x|silence)
	}
	var last [8]byte
	binary.BigEndian.PutUint64(last[:], xorshift(x)|silence)
	copy(b, last[:])
}

// xorshift is the xorshift64 of Marsaglia (2003).
func xorshift(x uint64) uint64 {
	x ^= x << 13
	x ^= x >> 7
	return x ^ x<<17
}
