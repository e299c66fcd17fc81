package stun

import (
	"errors"
	"fmt"
	"net/netip"

	pion "github.com/pion/stun/v2"
)

var errNotRequest = errors.New("not a Binding request")

// Response is a Binding answer, good or bad.
type Response struct {
	ID        ID
	Mapped    netip.AddrPort // XOR-MAPPED-ADDRESS: where the server saw us; invalid when absent
	Plain     netip.AddrPort // MAPPED-ADDRESS: the same, readable by an ALG; invalid when absent
	Other     netip.AddrPort // OTHER-ADDRESS, or the CHANGED-ADDRESS of RFC 3489
	Origin    netip.AddrPort // RESPONSE-ORIGIN, or the SOURCE-ADDRESS of RFC 3489
	ErrorCode int            // 0 for a success
	Unknown   []uint16       // UNKNOWN-ATTRIBUTES of a 420
	Padding   int            // bytes
	Software  string         // bytes from a stranger
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
	if v, err := m.Get(pion.AttrPadding); err == nil {
		r.Padding = len(v)
	}
	if v, err := m.Get(pion.AttrSoftware); err == nil {
		r.Software = string(v)
	}
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
