package stun

import (
	"fmt"
	"slices"

	pion "github.com/pion/stun/v2"
)

// ClientSoftware is the SOFTWARE attribute of our own questions. It explains
// itself to whoever captures it, and its length (96 bytes) makes the question
// as long as the longest answer, so that a server needs no amplification to
// answer us in full.
const ClientSoftware = "sipdoctor: a NAT test. This text is here to make the question as long as the longest answer is. "

// Request is a Binding request.
type Request struct {
	ID          ID
	ChangeIP    bool   // answer from the other address (RFC 5780 section 7.2)
	ChangePort  bool   // answer from the other port
	Padding     int    // bytes of PADDING, which the answer has to return; 0 none (RFC 5780 section 7.6)
	Software    string // at most 127 characters (RFC 8489 section 14.14)
	Fingerprint bool   // ask for the answer's FINGERPRINT by sending one
}

// maxPadding keeps a padded request within one UDP datagram.
const maxPadding = 60000

// Bytes is the request on the wire. A padding out of range is cut.
func (r Request) Bytes() []byte {
	m := pion.New()
	m.TransactionID = r.ID
	m.Type = pion.BindingRequest
	m.WriteHeader()
	flags := byte(0)
	if r.ChangeIP {
		flags |= flagChangeIP
	}
	if r.ChangePort {
		flags |= flagChangePort
	}
	if flags != 0 {
		m.Add(pion.AttrChangeRequest, []byte{0, 0, 0, flags})
	}
	if n := min(r.Padding, maxPadding); n > 0 {
		m.Add(pion.AttrPadding, make([]byte, n))
	}
	if r.Software != "" {
		m.Add(pion.AttrSoftware, []byte(r.Software))
	}
	if r.Fingerprint {
		_ = pion.Fingerprint.AddTo(m) // has no way to go wrong
	}
	return m.Raw
}

// ParseRequest reads a Binding request. unknown lists the comprehension-
// required attributes that this server does not understand, each once, for
// the UNKNOWN-ATTRIBUTES of a 420 answer (RFC 8489 section 6.3.1).
func ParseRequest(b []byte) (r Request, unknown []uint16, err error) {
	m, err := decode(b)
	if err != nil {
		return Request{}, nil, err
	}
	if m.Type != pion.BindingRequest {
		return Request{}, nil, fmt.Errorf("%w but a %s", errNotRequest, typeName(m.Type))
	}
	r = Request{ID: m.TransactionID, Fingerprint: m.Contains(pion.AttrFingerprint)}
	seen := map[pion.AttrType]bool{}
	for _, a := range m.Attributes {
		if seen[a.Type] {
			continue // only the first of each counts (RFC 8489 section 14)
		}
		seen[a.Type] = true
		if !r.take(a) {
			unknown = append(unknown, a.Type.Value())
		}
	}
	return r, unknown, nil
}

// take notes one attribute; it is false for a required one that is not
// understood or not readable.
func (r *Request) take(a pion.RawAttribute) bool {
	switch a.Type {
	case pion.AttrChangeRequest:
		if len(a.Value) != 4 {
			return false
		}
		r.ChangeIP, r.ChangePort = a.Value[3]&flagChangeIP != 0, a.Value[3]&flagChangePort != 0
	case pion.AttrPadding:
		r.Padding = len(a.Value)
	case pion.AttrSoftware:
		r.Software = string(a.Value)
	default:
		return !a.Type.Required() || slices.Contains(ignorable(), a.Type)
	}
	return true
}

// ignorable are required attributes that a server without credentials may
// ignore: it does not authenticate anybody (RFC 8489 section 9).
func ignorable() []pion.AttrType {
	return []pion.AttrType{
		pion.AttrUsername, pion.AttrMessageIntegrity, pion.AttrMessageIntegritySHA256,
		pion.AttrRealm, pion.AttrNonce, pion.AttrUserhash, pion.AttrPasswordAlgorithm,
	}
}
