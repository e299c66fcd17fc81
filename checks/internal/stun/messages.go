package stun

import (
	"errors"
	"fmt"
	"net/netip"
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
	m := begin(r.ID, pion.BindingRequest)
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
		return Request{}, nil, fmt.Errorf("not a Binding request but a %s", typeName(m.Type))
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

// Response is a Binding answer, good or bad.
type Response struct {
	ID        ID
	Mapped    netip.AddrPort // XOR-MAPPED-ADDRESS: where the server saw us; invalid when absent
	Plain     netip.AddrPort // MAPPED-ADDRESS: the same, readable by an ALG; invalid when absent
	Other     netip.AddrPort // OTHER-ADDRESS, or the CHANGED-ADDRESS of RFC 3489
	Origin    netip.AddrPort // RESPONSE-ORIGIN, or the SOURCE-ADDRESS of RFC 3489
	ErrorCode int            // 0 for a success
	Unknown   []uint16       // UNKNOWN-ATTRIBUTES of a 420
}

// Seen is where the server saw us: XOR-MAPPED-ADDRESS, else MAPPED-ADDRESS
// (servers older than RFC 5389).
func (r Response) Seen() netip.AddrPort {
	if r.Mapped.IsValid() {
		return r.Mapped
	}
	return r.Plain
}

// ParseResponse reads a Binding success or error response. A success without
// any readable mapped address is an error.
func ParseResponse(b []byte) (Response, error) {
	m, err := decode(b)
	if err != nil {
		return Response{}, err
	}
	r := Response{ID: m.TransactionID}
	switch m.Type {
	case pion.BindingSuccess:
	case pion.BindingError:
		return r, r.readError(m)
	default:
		return Response{}, fmt.Errorf("not an answer to a Binding request but a %s", typeName(m.Type))
	}
	r.Mapped = address(m, pion.AttrXORMappedAddress)
	r.Plain = address(m, pion.AttrMappedAddress)
	r.Other = firstAddress(m, pion.AttrOtherAddress, pion.AttrChangedAddress)
	r.Origin = firstAddress(m, pion.AttrResponseOrigin, pion.AttrSourceAddress)
	if !r.Seen().IsValid() {
		return Response{}, errors.New("a Binding success without a readable mapped address")
	}
	return r, nil
}

// readError reads ERROR-CODE and UNKNOWN-ATTRIBUTES (RFC 8489 sections 14.8
// and 14.13).
func (r *Response) readError(m *pion.Message) error {
	var code pion.ErrorCodeAttribute
	if err := code.GetFrom(m); err != nil || code.Code < 300 || code.Code > 699 {
		return errors.New("a Binding error without a readable error code")
	}
	r.ErrorCode = int(code.Code)
	if v, err := m.Get(pion.AttrUnknownAttributes); err == nil {
		for ; len(v) >= 2; v = v[2:] {
			r.Unknown = append(r.Unknown, uint16(v[0])<<8|uint16(v[1]))
		}
	}
	return nil
}

func firstAddress(m *pion.Message, types ...pion.AttrType) netip.AddrPort {
	for _, t := range types {
		if a := address(m, t); a.IsValid() {
			return a
		}
	}
	return netip.AddrPort{}
}

// typeName avoids MessageType.String, which panics on a class it does not
// know.
func typeName(t pion.MessageType) string {
	return fmt.Sprintf("message of type %#04x", t.Value())
}
