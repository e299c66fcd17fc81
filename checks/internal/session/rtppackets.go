package session

import (
	"crypto/aes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"
)

// RTPMagic marks the probe of an RTP port: what the responder's socket filter
// looks for. It is "sdr1", big-endian.
const RTPMagic = 0x73647231

const (
	rtpAnswerFlag = 1 << iota
	rtpPlainFlag
	rtpFlagLimit
)

// An RTPProbe is the content of the probe of an RTP port, or of its answer. Its
// control has the same length and the same content after 12 bytes that no
// device takes for RTP.
type RTPProbe struct {
	Session [8]byte
	Port    uint16 // that the client asked; the answer repeats it
	Serial  uint32 // tells the tries and the sockets of a client apart
	Answer  bool
	Plain   bool // the control: it does not look like RTP
}

// An RTPKey signs and proves the probes of one session. It may be used
// concurrently.
type RTPKey struct{ packetKey }

// NewRTPKey returns the key of a session. The error is for a session whose
// name is not 16 hex digits.
func NewRTPKey(session string, secret []byte) (*RTPKey, error) {
	block, err := aes.NewCipher(packetSecret(secret, "sipdoctor RTP probe 1")[:16])
	if err != nil {
		return nil, fmt.Errorf("making the key of session %s: %w", session, err)
	}
	// The MAC is AES-128 of the signed bytes and one of 0x80: for a single block
	// of fixed length AES is a MAC by itself, and at 100,000 probes a second a
	// tenth of the cost of HMAC shows.
	var in, out [aes.BlockSize]byte // here they need not be allocated for each probe
	k := &RTPKey{packetKey{macAt: headSize, mac: func(signed []byte) [macSize]byte {
		in[copy(in[:], signed)] = 0x80
		block.Encrypt(out[:], in[:])
		return [macSize]byte(out[:])
	}}}
	return k, k.name(session)
}

// Append appends the RTPProbeSize bytes of p to b.
func (k *RTPKey) Append(b []byte, p RTPProbe) []byte {
	flags := flagged(p.Answer, rtpAnswerFlag) | flagged(p.Plain, rtpPlainFlag)
	b, packet := k.begin(b, packetHead{RTPMagic, flags, p.Port, p.Serial})
	if p.Plain {
		// The two highest bits set are version 3, and STUN, DTLS, TURN and QUIC
		// have none of these either (RFC 9443, section 2).
		binary.BigEndian.PutUint32(packet, 0xe0000000|p.Serial&0xffffff)
	}
	k.sign(packet, p.Serial)
	return b
}

// ParseRTPProbe reads a probe without proving it.
func ParseRTPProbe(b []byte) (p RTPProbe, ok bool) {
	h, session, ok := parseHead(b, RTPMagic, rtpFlagLimit)
	if !ok {
		return p, false
	}
	return RTPProbe{session, h.number, h.seq, h.flags&rtpAnswerFlag != 0, h.flags&rtpPlainFlag != 0}, true
}

// After the head a packet of a simulated call has
//
//	31  when it was sent, by the sender's own clock, µs
//	39  when the latest packet heard was sent, by its sender's clock, µs
//	47  how long ago that one came, µs
//	51  HMAC-SHA256, its first 8 bytes
const (
	mediaMagic = 0x73646d31 // "sdm1", another one than RTPMagic
	mediaMAC   = 51
)

const (
	mediaDown  = 1 << iota // from the responder
	mediaHello             // no sound yet: answered by one packet
	mediaSpoken
	mediaEcho
	mediaFlagLimit
)

// A MediaPacket is the content of one.
type MediaPacket struct {
	Session [8]byte
	Leg     uint16
	Seq     uint32 // of the stream, from 0
	Down    bool   // from the responder
	Hello   bool   // a question whether the leg can be reached, or its answer
	Spoken  bool   // sent because of MediaRequest.Speak
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
type MediaKey struct{ packetKey }

// NewMediaKey returns the key of a session. The error is for a session whose
// name is not 16 hex digits.
func NewMediaKey(session string, secret []byte) (*MediaKey, error) {
	mac := hmac.New(sha256.New, packetSecret(secret, "media"))
	var full [sha256.Size]byte
	k := &MediaKey{packetKey{macAt: mediaMAC, mac: func(signed []byte) [macSize]byte {
		mac.Reset()
		mac.Write(signed)
		return [macSize]byte(mac.Sum(full[:0]))
	}}}
	return k, k.name(session)
}

// Append appends the RTPProbeSize bytes of p to b.
func (k *MediaKey) Append(b []byte, p MediaPacket) []byte {
	flags := flagged(p.Down, mediaDown) | flagged(p.Hello, mediaHello) | flagged(p.Spoken, mediaSpoken) | flagged(p.HasEcho, mediaEcho)
	b, packet := k.begin(b, packetHead{mediaMagic, flags, p.Leg, p.Seq})
	packet[8] ^= byte(p.Leg) // a source of its own for every stream
	packet[9] ^= flags & mediaDown
	if !p.HasEcho {
		p.Echo, p.Held = 0, 0
	}
	binary.BigEndian.PutUint64(packet[31:], uint64(p.Sent.Microseconds()))
	binary.BigEndian.PutUint64(packet[39:], uint64(p.Echo.Microseconds()))
	binary.BigEndian.PutUint32(packet[47:], uint32(p.Held.Microseconds()))
	k.sign(packet, p.Seq)
	return b
}

// ParseMediaPacket reads a packet without proving it.
func ParseMediaPacket(b []byte) (p MediaPacket, ok bool) {
	h, session, ok := parseHead(b, mediaMagic, mediaFlagLimit)
	if !ok {
		return p, false
	}
	sent, echo := binary.BigEndian.Uint64(b[31:]), binary.BigEndian.Uint64(b[39:])
	// A clock of more than a year is not plausible, and might not fit a Duration.
	const most = uint64(365 * 24 * time.Hour / time.Microsecond)
	if sent > most || echo > most {
		return p, false
	}
	p = MediaPacket{
		Session: session, Leg: h.number, Seq: h.seq, Sent: time.Duration(sent) * time.Microsecond,
		Down: h.flags&mediaDown != 0, Hello: h.flags&mediaHello != 0, Spoken: h.flags&mediaSpoken != 0, HasEcho: h.flags&mediaEcho != 0,
	}
	if p.HasEcho {
		p.Echo = time.Duration(echo) * time.Microsecond
		p.Held = time.Duration(binary.BigEndian.Uint32(b[47:])) * time.Microsecond
	}
	return p, true
}
