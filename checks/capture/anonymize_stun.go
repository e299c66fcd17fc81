package capture

import (
	"bytes"
	"encoding/binary"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

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
