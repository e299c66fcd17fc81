package session

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
)

// The probe of an RTP port is a real RTP packet (RFC 3550, 5.1): version 2,
// payload type 0, 20 ms of G.711. Its control has the same length and the same
// content behind 12 bytes that no device takes for RTP.
//
//	0   RTP header, or 12 bytes that are none
//	12  magic: what the responder's socket filter looks for
//	16  flags
//	17  session, 8 bytes
//	25  port that the client asked
//	27  serial, tells the tries and the sockets of a client apart
//	31  AES-128 of the bytes 16 to 30 and one of 0x80, its first 8 bytes: for a
//	    single block of fixed length AES is a MAC by itself, and at 100,000
//	    probes a second a tenth of the cost of HMAC shows. The key is the first
//	    16 bytes of HMAC-SHA256(secret of the session, rtpKeyLabel)
//	39  noise, as in a recording of silence
const (
	// RTPProbeSize is the length of a probe and of its answer, bytes.
	RTPProbeSize = 172
	// RTPMagicOffset is where in the UDP payload RTPMagic stands.
	RTPMagicOffset = 12
	// RTPMagic is "sdr1", big-endian.
	RTPMagic = 0x73647231

	rtpKeyLabel = "sipdoctor RTP probe 1"

	rtpSigned = 16
	rtpMAC    = 31
	rtpNoise  = 39
)

const (
	rtpAnswerFlag = 1 << iota
	rtpPlainFlag
)

// An RTPProbe is the content of a probe or of its answer.
type RTPProbe struct {
	Session [8]byte
	Port    uint16 // that the client asked; the answer repeats it
	Serial  uint32
	Answer  bool
	Plain   bool // the control: it does not look like RTP
}

// An RTPKey signs and proves the probes of one session. It may be used
// concurrently.
type RTPKey struct {
	Session [8]byte
	cipher  cipher.Block
	mu      sync.Mutex
	in, out [aes.BlockSize]byte // under mu; here they need not be allocated for each probe
}

// NewRTPKey returns the key of a session. The error is for a session whose
// name is not 16 hex digits.
func NewRTPKey(session string, secret []byte) (*RTPKey, error) {
	k := &RTPKey{}
	if b, err := hex.DecodeString(session); err != nil || copy(k.Session[:], b) != len(b) || len(b) != 8 {
		return nil, fmt.Errorf("session name %.40q is not 16 hex digits", session)
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(rtpKeyLabel))
	block, err := aes.NewCipher(mac.Sum(nil)[:16])
	if err != nil {
		return nil, fmt.Errorf("making the key of session %s: %w", session, err)
	}
	k.cipher = block
	return k, nil
}

func (k *RTPKey) sum(b []byte) (out [8]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	copy(k.in[:], b[rtpSigned:rtpMAC])
	k.in[rtpMAC-rtpSigned] = 0x80
	k.cipher.Encrypt(k.out[:], k.in[:])
	return [8]byte(k.out[:8])
}

// Append appends the RTPProbeSize bytes of p to b.
func (k *RTPKey) Append(b []byte, p RTPProbe) []byte {
	at := len(b)
	b = slices.Grow(b, RTPProbeSize)[:at+RTPProbeSize] // all of it is written below
	out := b[at:]
	out[0], out[1] = 0x80, 0 // version 2, payload type 0
	binary.BigEndian.PutUint16(out[2:], uint16(p.Serial))
	binary.BigEndian.PutUint32(out[4:], p.Serial*160) // 8000 Hz, 20 ms
	copy(out[8:12], k.Session[:])
	flags := byte(0)
	if p.Plain {
		// The two highest bits set are version 3, and STUN, DTLS, TURN and QUIC
		// have none of these either (RFC 9443, section 2).
		flags |= rtpPlainFlag
		binary.BigEndian.PutUint32(out, 0xe0000000|p.Serial&0xffffff)
	}
	if p.Answer {
		flags |= rtpAnswerFlag
	}
	binary.BigEndian.PutUint32(out[RTPMagicOffset:], RTPMagic)
	out[rtpSigned] = flags
	copy(out[17:25], k.Session[:])
	binary.BigEndian.PutUint16(out[25:], p.Port)
	binary.BigEndian.PutUint32(out[27:], p.Serial)
	mac := k.sum(out)
	copy(out[rtpMAC:], mac[:])
	fillNoise(out[rtpNoise:], p.Serial)
	return b
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

// ParseRTPProbe reads a probe without proving it. It looks neither at the
// first 12 bytes nor at the noise, which a translator on the way may change.
func ParseRTPProbe(b []byte) (p RTPProbe, ok bool) {
	if len(b) != RTPProbeSize || binary.BigEndian.Uint32(b[RTPMagicOffset:]) != RTPMagic || b[rtpSigned] > rtpAnswerFlag|rtpPlainFlag {
		return p, false
	}
	copy(p.Session[:], b[17:25])
	p.Port = binary.BigEndian.Uint16(b[25:])
	p.Serial = binary.BigEndian.Uint32(b[27:])
	p.Answer, p.Plain = b[rtpSigned]&rtpAnswerFlag != 0, b[rtpSigned]&rtpPlainFlag != 0
	return p, true
}

// Proves reports whether the probe in b, which ParseRTPProbe has read, was
// made with this key.
func (k *RTPKey) Proves(b []byte) bool {
	sum := k.sum(b)
	return bytes.Equal(b[17:25], k.Session[:]) && subtle.ConstantTimeCompare(b[rtpMAC:rtpNoise], sum[:]) == 1
}
