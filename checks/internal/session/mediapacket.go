package session

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"sync"
	"time"
)

// A packet of a simulated call is a real RTP packet (RFC 3550, 5.1): version 2,
// payload type 0, 20 ms of G.711.
//
//	0   RTP header
//	12  magic
//	16  flags
//	17  session, 8 bytes
//	25  leg
//	27  sequence number of the stream, from 0
//	31  when it was sent, by the sender's own clock, µs
//	39  when the latest packet heard was sent, by its sender's clock, µs
//	47  how long ago that one came, µs
//	51  HMAC-SHA256 of the bytes 16 to 50, its first 8 bytes
//	59  noise
const (
	mediaMagic  = 0x73646d31 // "sdm1", another one than RTPMagic
	mediaSigned = 16
	mediaMAC    = 51
	mediaNoise  = 59
)

const (
	mediaDown  = 1 << iota // from the responder
	mediaHello             // no sound yet: answered by one packet
	mediaSpoken
	mediaEcho
)

// A MediaPacket is the content of one.
type MediaPacket struct {
	Session [8]byte
	Leg     uint16
	Seq     uint32
	Down    bool // from the responder
	Hello   bool // a question whether the leg can be reached, or its answer
	Spoken  bool // sent because of MediaRequest.Speak
	Sent    time.Duration
	// Echo is Sent of the latest packet that came from the other side, Held how
	// long before this one it came; both are void unless HasEcho.
	HasEcho    bool
	Echo, Held time.Duration
}

// RTT is the round trip that a packet with an echo shows to who sent the
// echoed one, by whose clock it came now.
func (p *MediaPacket) RTT(now time.Duration) (time.Duration, bool) {
	d := now - p.Echo - p.Held
	return d, p.HasEcho && d >= 0
}

// A MediaKey signs and proves the packets of one session. It may be used
// concurrently.
type MediaKey struct {
	Session [8]byte
	mu      sync.Mutex
	mac     hash.Hash // under mu
}

// NewMediaKey returns the key of a session. The error is for a session whose
// name is not 16 hex digits.
func NewMediaKey(session string, secret []byte) (*MediaKey, error) {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte("media")) // another key than that of the RTP probes
	k := &MediaKey{mac: hmac.New(sha256.New, m.Sum(nil))}
	if b, err := hex.DecodeString(session); err != nil || copy(k.Session[:], b) != len(b) || len(b) != 8 {
		return nil, fmt.Errorf("session name %.40q is not 16 hex digits", session)
	}
	return k, nil
}

func (k *MediaKey) sum(b []byte) (out [8]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mac.Reset()
	k.mac.Write(b[mediaSigned:mediaMAC])
	var full [sha256.Size]byte
	copy(out[:], k.mac.Sum(full[:0]))
	return out
}

// Append appends the RTPProbeSize bytes of p to b.
func (k *MediaKey) Append(b []byte, p MediaPacket) []byte {
	at := len(b)
	b = append(b, make([]byte, RTPProbeSize)...)
	out := b[at:]
	out[0] = 0x80 // version 2
	binary.BigEndian.PutUint16(out[2:], uint16(p.Seq))
	binary.BigEndian.PutUint32(out[4:], p.Seq*160) // 8000 Hz, 20 ms
	copy(out[8:12], k.Session[:])
	flags := p.flags()
	out[8] ^= byte(p.Leg) // a source of its own for every stream
	out[9] ^= flags & mediaDown
	binary.BigEndian.PutUint32(out[RTPMagicOffset:], mediaMagic)
	out[mediaSigned] = flags
	copy(out[17:25], k.Session[:])
	binary.BigEndian.PutUint16(out[25:], p.Leg)
	binary.BigEndian.PutUint32(out[27:], p.Seq)
	binary.BigEndian.PutUint64(out[31:], uint64(p.Sent.Microseconds()))
	if p.HasEcho {
		binary.BigEndian.PutUint64(out[39:], uint64(p.Echo.Microseconds()))
		binary.BigEndian.PutUint32(out[47:], uint32(p.Held.Microseconds()))
	}
	mac := k.sum(out)
	copy(out[mediaMAC:], mac[:])
	x := p.Seq | 1
	for i := mediaNoise; i < RTPProbeSize; i++ {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		out[i] = 0xf8 | byte(x&7) // G.711 near silence
	}
	return b
}

func (p *MediaPacket) flags() (f byte) {
	if p.Down {
		f |= mediaDown
	}
	if p.Hello {
		f |= mediaHello
	}
	if p.Spoken {
		f |= mediaSpoken
	}
	if p.HasEcho {
		f |= mediaEcho
	}
	return f
}

// ParseMediaPacket reads a packet without proving it. It looks neither at the
// RTP header nor at the noise, which a translator on the way may change.
func ParseMediaPacket(b []byte) (p MediaPacket, ok bool) {
	if len(b) != RTPProbeSize || binary.BigEndian.Uint32(b[RTPMagicOffset:]) != mediaMagic || b[mediaSigned] >= 2*mediaEcho {
		return p, false
	}
	copy(p.Session[:], b[17:25])
	p.Leg = binary.BigEndian.Uint16(b[25:])
	p.Seq = binary.BigEndian.Uint32(b[27:])
	flags := b[mediaSigned]
	p.Down, p.Hello, p.Spoken, p.HasEcho = flags&mediaDown != 0, flags&mediaHello != 0, flags&mediaSpoken != 0, flags&mediaEcho != 0
	sent, echo := binary.BigEndian.Uint64(b[31:]), binary.BigEndian.Uint64(b[39:])
	// A clock of more than a year is not plausible, and might not fit a Duration.
	const most = uint64(365 * 24 * time.Hour / time.Microsecond)
	if sent > most || echo > most {
		return MediaPacket{}, false
	}
	p.Sent = time.Duration(sent) * time.Microsecond
	if p.HasEcho {
		p.Echo = time.Duration(echo) * time.Microsecond
		p.Held = time.Duration(binary.BigEndian.Uint32(b[47:])) * time.Microsecond
	}
	return p, true
}

// Proves reports whether the packet in b, which ParseMediaPacket has read, was
// made with this key.
func (k *MediaKey) Proves(b []byte) bool {
	sum := k.sum(b)
	return bytes.Equal(b[17:25], k.Session[:]) && hmac.Equal(b[mediaMAC:mediaNoise], sum[:])
}
