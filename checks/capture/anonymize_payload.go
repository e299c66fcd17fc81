package capture

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
)

// datagram writes what UDP carries, as far as the reader of captures knows it.
func (a *Anonymizer) datagram(out []byte, d *pcap.Datagram) {
	b := d.Payload
	switch {
	case len(bytes.Trim(b, "\r\n\x00")) == 0: // keeps a NAT open
		copy(out, b)
	case len(b) < 4:
	case b[0]>>6 == 2:
		if d.Src.Port() < firstPort || d.Dst.Port() < firstPort {
			return
		}
		if len(b) >= 8 && isRTCP(b) {
			anonymousRTCP(out, b)
		} else {
			a.rtp(out, b)
		}
	case isSTUN(b):
		a.stun(out, b)
	case sip.Start(b) >= 0:
		a.message(out, b)
	case len(b) == stunHeader:
		out[0] = 0xff // zeros of this length would be STUN
	}
}

const stunHeader = 20

// message writes a SIP message, or nothing where it does not fit.
func (a *Anonymizer) message(out, b []byte) {
	if m, _, ok := sip.Lenient(b); ok && bytes.HasPrefix(m.Body, []byte("v=")) {
		for _, media := range readSDP(m.Body).Media {
			for _, c := range media.Codecs {
				if len(c.Name) >= len(telephoneEvent) && strings.EqualFold(c.Name[:len(telephoneEvent)], telephoneEvent) {
					a.events[c.Type] = true
				}
			}
		}
	}
	masked, ok := a.mask.Message(b)
	if ok {
		copy(out, masked)
	} else if _, _, isMessage := sip.Lenient(b); isMessage {
		a.left++
	}
}

const telephoneEvent = "telephone-event"

// rtp writes the header of RTP, and silence. Of a digit, told as an event or as tones,
// stays how long it was pressed.
func (a *Anonymizer) rtp(out, b []byte) {
	if len(b) < rtpHeader {
		return
	}
	const hasExtension, hasPadding = 0x10, 0x20
	n := rtpHeader + int(b[0]&0xf)*4
	if b[0]&hasExtension != 0 && n+4 <= len(b) {
		copy(out[n:n+4], b[n:])
		n += 4 + int(binary.BigEndian.Uint16(b[n+2:]))*4
	}
	copy(out, b[:rtpHeader])
	if n >= len(b) {
		return
	}
	payload, kind := out[n:], b[1]&0x7f
	if b[0]&hasPadding != 0 {
		out[len(out)-1] = b[len(b)-1]
		payload = payload[:len(payload)-min(len(payload), int(b[len(b)-1]))]
	}
	const event = 4 // bytes (RFC 4733, 2.3)
	was := b[n : n+len(payload)]
	switch {
	case a.events[kind] && len(payload) == event:
		copy(payload[1:], was[1:])
	case (kind == 0 || kind == 8) && sameBytes(was):
		copy(payload, was) // the sender was silent, or broken: no word is in it
	case (kind == 0 || kind == 8) && key(was, kind == 8) != 0:
		sameKey(payload, kind == 8)
	case kind == 0:
		quiet(payload, 0xff) // PCMU
	case kind == 8:
		quiet(payload, 0xd5) // PCMA
	}
}

// quiet is the lowest level of G.711, with both signs: nothing to hear, and not what a
// sender is that has gone silent.
func quiet(b []byte, zero byte) {
	const sign = 0x80
	for i := range b {
		b[i] = zero ^ byte(i&1)*sign
	}
}

func sameBytes(b []byte) bool { return len(b) == 0 || bytes.Count(b, b[:1]) == len(b) }

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}

// anonymousRTCP writes reports; names and reasons become x (RFC 3550, 6.4 to 6.6).
func anonymousRTCP(out, b []byte) {
	const senderReport, receiverReport, description, goodbye, extended = 200, 201, 202, 203, 207
	for len(b) >= 4 {
		n := (int(binary.BigEndian.Uint16(b[2:])) + 1) * 4
		if n > len(b) {
			return
		}
		count, known := int(b[0]&0x1f), 4
		switch b[1] {
		case senderReport:
			known = 28 + 24*count
		case receiverReport:
			known = 8 + 24*count
		case goodbye:
			known = 4 + 4*count
		case extended:
			known = 8
			anonymousMetrics(out[:n], b[:n])
		case description:
			copy(out, b[:4])
			anonymousNames(out[4:n], b[4:n])
			known = 0
		default:
			known = 8
		}
		known = min(known, n)
		copy(out, b[:known])
		if b[1] == goodbye && known < n {
			length := min(int(b[known]), n-known-1)
			out[known] = byte(length)
			fill(out[known+1:known+1+length], 'x')
		}
		out, b = out[n:], b[n:]
	}
}

// anonymousMetrics writes the blocks of an extended report that measure speech (RFC
// 3611, 4.7).
func anonymousMetrics(out, b []byte) {
	const speech, length = 7, 36
	for at := 8; at+4 <= len(b); {
		n := 4 + int(binary.BigEndian.Uint16(b[at+2:]))*4
		copy(out[at:], b[at:at+4])
		if b[at] == speech && n == length && at+n <= len(b) {
			copy(out[at:at+n], b[at:])
		}
		at += n
	}
}

// anonymousNames writes the chunks of a source description.
func anonymousNames(out, b []byte) {
	for i := 0; i+4 <= len(b); {
		copy(out[i:], b[i:i+4]) // the source
		for i += 4; i < len(b) && b[i] != 0; {
			if i+2 > len(b) {
				return
			}
			end := i + 2 + int(b[i+1])
			copy(out[i:], b[i:i+2])
			fill(out[min(i+2, len(out)):min(end, len(out))], 'x')
			i = end
		}
		i = (i + 4) &^ 3 // an empty item, then up to the next word
	}
}
