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

// message writes a SIP message, or nothing where it cannot be rewritten.
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
	if masked, ok := a.mask.Message(b); ok {
		copy(out, masked)
	}
}

const telephoneEvent = "telephone-event"

// rtp writes the header of RTP, and silence. Of a digit stays how long it was pressed.
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
			known = n
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

// stun writes the header and the kinds of attributes, and where it is told, the
// address (RFC 8489, 14).
func (a *Anonymizer) stun(out, b []byte) {
	const mapped, xorMapped, ipv4 = 1, 0x20, 1
	copy(out, b[:stunHeader])
	for at := stunHeader; at+4 <= len(b); {
		n := int(binary.BigEndian.Uint16(b[at+2:]))
		copy(out[at:], b[at:at+4])
		if v := at + 4; n == 8 && v+n <= len(b) && b[v+1] == ipv4 {
			switch binary.BigEndian.Uint16(b[at:]) {
			case mapped:
				copy(out[v:], b[v:v+n])
				a.mask.PutAddr(out[v+4 : v+8])
			case xorMapped:
				copy(out[v:], b[v:v+n])
				a.xor(out[v+4:v+8], b[4:8])
				a.mask.PutAddr(out[v+4 : v+8])
				a.xor(out[v+4:v+8], b[4:8])
			}
		}
		at += 4 + (n+3)&^3
	}
}

func (a *Anonymizer) xor(b, key []byte) {
	for i := range b {
		b[i] ^= key[i]
	}
}

// hep writes a packet of Homer: the chunks that say what it carries, and the message.
func (a *Anonymizer) hep(out, b []byte) {
	if bytes.HasPrefix(b, []byte("HEP3")) {
		a.hep3(out, b)
		return
	}
	const header = 8
	width := 4
	if b[2] == 10 {
		width = 16
	}
	end := header + 2*width
	copy(out, b[:min(end, len(b))])
	a.mask.PutAddr(out[header : header+width])
	a.mask.PutAddr(out[header+width : end])
	if b[0] == 2 {
		copy(out[end:end+12], b[end:])
		end += 12
	}
	a.carried(out[end:], b[end:])
}

// carried writes what Homer's agent has forwarded.
func (a *Anonymizer) carried(out, b []byte) {
	if sip.Start(b) >= 0 {
		a.message(out, b)
	}
}

func (a *Anonymizer) hep3(out, b []byte) {
	const header, payload, lastPlain = 6, 15, 12
	copy(out, b[:header])
	for at := header; at+header <= len(b); {
		vendor, kind, n := binary.BigEndian.Uint16(b[at:]), binary.BigEndian.Uint16(b[at+2:]), int(binary.BigEndian.Uint16(b[at+4:]))
		if n < header || at+n > len(b) {
			return
		}
		copy(out[at:], b[at:at+header])
		in, to := b[at+header:at+n], out[at+header:at+n]
		switch {
		case vendor != 0:
		case kind >= 3 && kind <= 6: // addresses
			copy(to, in)
			a.mask.PutAddr(to)
		case kind <= lastPlain: // family, protocol, ports, times, the agent's number
			copy(to, in)
		case kind == payload:
			a.carried(to, in)
		}
		at += n
	}
}
