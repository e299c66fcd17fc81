package stun

import (
	"encoding/binary"
	"net/netip"

	pion "github.com/pion/stun/v2"
)

// Server is the address a Binding request was asked at, and the others that
// the server can answer from.
type Server struct {
	Local     netip.AddrPort // where the request arrived; the address may be unspecified on a wildcard socket
	Primary   netip.Addr
	Alternate netip.Addr // the second address; invalid when there is one only
	Port      int        // the primary port, usually 3478
	AltPort   int        // the second port; 0 when there is one only

	// ResponsePort says that the caller sends to Destination, so that
	// RESPONSE-PORT is obeyed; otherwise it is refused as unknown.
	ResponsePort bool
}

// AmplificationLimit is the most that an answer may be longer than its
// question. A bare question has 20 bytes, and the attributes that RFC 5780
// wants in every answer do not fit into that; what is merely useful is added
// only while the answer stays no longer than the question.
const AmplificationLimit = 4

// Answer makes the reply to a Binding request that came from the given
// address, and says which of the server's addresses it has to leave from. ok
// is false for everything that deserves no answer. The reply goes to where the
// request came from.
//
// With an Alternate this is RFC 5780 in full. With one address OTHER-ADDRESS
// is not sent (RFC 5780 section 7.4), a change of port alone is obeyed, and a
// change of address is refused with 420, as it cannot be done.
//
// A reply is never longer than AmplificationLimit times the request, and no
// longer than the request where that has room for it, as our own client's do.
func Answer(req []byte, from netip.AddrPort, s Server) (reply []byte, replyFrom netip.AddrPort, ok bool) {
	if !from.Addr().IsValid() || from.Port() == 0 {
		return nil, netip.AddrPort{}, false
	}
	r, unknown, err := ParseRequest(req)
	if err != nil {
		return nil, netip.AddrPort{}, false
	}
	unknown = append(unknown, s.unable(r)...)
	a := answer{server: s, request: r, limit: len(req)}
	switch {
	case len(unknown) > 0:
		reply, replyFrom = a.refusal(pion.CodeUnknownAttribute, "Unknown Attribute", unknown), s.Local
	case r.Padding > 0 && r.ResponsePort != 0:
		// A padded answer to a port that did not ask: RFC 5780 section 6.1.
		reply, replyFrom = a.refusal(pion.CodeBadRequest, "Bad Request", nil), s.Local
	default:
		replyFrom = s.origin(r)
		reply = a.success(from, replyFrom)
	}
	if len(reply) > AmplificationLimit*len(req) {
		return nil, netip.AddrPort{}, false
	}
	return reply, replyFrom, true
}

// Destination is where the answer to req goes: back to where it came from, or
// to the port of RESPONSE-PORT at the same address. Only a Server with
// ResponsePort set may use it.
func Destination(req []byte, from netip.AddrPort) netip.AddrPort {
	if r, _, err := ParseRequest(req); err == nil && r.ResponsePort != 0 {
		return netip.AddrPortFrom(from.Addr(), r.ResponsePort)
	}
	return from
}

// unable lists the attributes of r that this server understands but cannot
// obey.
func (s Server) unable(r Request) (types []uint16) {
	if r.ChangeIP && !s.Alternate.IsValid() || r.ChangePort && s.AltPort == 0 {
		types = append(types, pion.AttrChangeRequest.Value())
	}
	if r.ResponsePort != 0 && !s.ResponsePort {
		types = append(types, pion.AttrResponsePort.Value())
	}
	return types
}

// other is the address and port that differ from the ones asked at.
func (s Server) other() netip.AddrPort {
	addr, port := s.Alternate, s.AltPort
	if s.Local.Addr() == s.Alternate {
		addr = s.Primary
	}
	if port == 0 || int(s.Local.Port()) == s.AltPort {
		port = s.Port
	}
	return netip.AddrPortFrom(addr, uint16(port))
}

// origin is where the answer to r leaves from (RFC 5780 section 6.1, table 1).
func (s Server) origin(r Request) netip.AddrPort {
	addr, port := s.Local.Addr(), s.Local.Port()
	if r.ChangeIP {
		addr = s.other().Addr()
	}
	if r.ChangePort {
		port = s.other().Port()
	}
	return netip.AddrPortFrom(addr, port)
}

type answer struct {
	server  Server
	request Request
	limit   int // length of the question, bytes
}

// success adds attributes in the order of their worth, as far as they fit.
func (a answer) success(from, origin netip.AddrPort) []byte {
	m := a.begin(pion.BindingSuccess)
	_ = putAddress(m, pion.AttrXORMappedAddress, from)
	s := a.server
	if s.Alternate.IsValid() {
		a.add(m, pion.AttrOtherAddress, s.other(), AmplificationLimit*a.limit)
	}
	if origin.Addr().IsUnspecified() {
		origin = netip.AddrPortFrom(s.Primary, origin.Port())
	}
	if origin.Addr().IsValid() {
		a.add(m, pion.AttrResponseOrigin, origin, AmplificationLimit*a.limit)
	}
	a.add(m, pion.AttrMappedAddress, from, a.limit)
	if room := a.limit - a.end() - len(m.Raw) - 4; a.request.Padding > 0 && room > 0 {
		m.Add(pion.AttrPadding, make([]byte, min(a.request.Padding, room&^3)))
	}
	return a.finish(m)
}

func (a answer) refusal(code pion.ErrorCode, reason string, unknown []uint16) []byte {
	m := a.begin(pion.BindingError)
	_ = pion.ErrorCodeAttribute{Code: code, Reason: []byte(reason)}.AddTo(m)
	if len(unknown) > 0 {
		var v []byte
		for _, t := range unknown {
			v = binary.BigEndian.AppendUint16(v, t)
		}
		m.Add(pion.AttrUnknownAttributes, v)
	}
	return a.finish(m)
}

func (a answer) begin(t pion.MessageType) *pion.Message {
	m := pion.New()
	m.TransactionID = a.request.ID
	m.Type = t
	m.WriteHeader()
	return m
}

// add puts an address in, unless the reply would grow past limit bytes.
func (a answer) add(m *pion.Message, t pion.AttrType, addr netip.AddrPort, limit int) {
	if len(m.Raw)+4+addrLen(addr.Addr().Unmap())+a.end() <= limit {
		_ = putAddress(m, t, addr)
	}
}

// end is what finish will add, bytes.
func (a answer) end() int {
	if a.request.Fingerprint {
		return 8
	}
	return 0
}

func (a answer) finish(m *pion.Message) []byte {
	if a.request.Fingerprint {
		_ = pion.Fingerprint.AddTo(m)
	}
	return m.Raw
}
