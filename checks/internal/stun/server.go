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

	// Proven says that the caller knows that somebody who asked for it receives
	// at the source address. Everybody else may be an address that was put into
	// the packet to have a victim flooded.
	Proven bool
}

// provenLimit is how many times longer than its question an answer to a proven
// address may be. A bare question has 20 bytes, and the attributes that RFC
// 5780 wants in every answer do not fit into that.
const provenLimit = 4

// Answer makes the reply to a Binding request that came from the given
// address, and says which of the server's addresses it has to leave from. ok
// is false for everything that deserves no answer. The reply goes to where the
// request came from.
//
// With an Alternate this is RFC 5780 in full. With one address OTHER-ADDRESS
// is not sent (RFC 5780 section 7.4), a change of port alone is obeyed, and a
// change of address is refused with 420, as it cannot be done.
//
// To an address that is not proven the reply is no longer than the request: a
// bare question, which has no room for the one attribute that counts, is not
// answered, and a change of address or port is refused. Our own client pads its
// questions; others do it with PADDING (RFC 5780 section 7.6) or any attribute
// that a server may ignore.
func Answer(req []byte, from netip.AddrPort, s Server) (reply []byte, replyFrom netip.AddrPort, ok bool) {
	if !from.Addr().IsValid() || from.Port() == 0 {
		return nil, netip.AddrPort{}, false
	}
	r, unknown, err := ParseRequest(req)
	if err != nil {
		return nil, netip.AddrPort{}, false
	}
	if r.ChangeIP && !s.Alternate.IsValid() || r.ChangePort && s.AltPort == 0 || (r.ChangeIP || r.ChangePort) && !s.Proven {
		unknown = append(unknown, pion.AttrChangeRequest.Value()) // understood, but it cannot be obeyed
	}
	a := answer{server: s, request: r, limit: len(req), most: len(req)}
	if s.Proven {
		a.most = provenLimit * len(req)
	}
	if len(unknown) > 0 {
		reply, replyFrom = a.refusal(unknown), s.Local
	} else {
		replyFrom = s.origin(r)
		reply = a.success(from, replyFrom)
	}
	if len(reply) > a.most {
		return nil, netip.AddrPort{}, false
	}
	return reply, replyFrom, true
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
	most    int // length that the answer may have
}

// success adds attributes in the order of their worth, as far as they fit.
func (a answer) success(from, origin netip.AddrPort) []byte {
	m := begin(a.request.ID, pion.BindingSuccess)
	_ = putAddress(m, pion.AttrXORMappedAddress, from)
	s := a.server
	if s.Alternate.IsValid() {
		a.add(m, pion.AttrOtherAddress, s.other(), a.most)
	}
	if origin.Addr().IsUnspecified() {
		origin = netip.AddrPortFrom(s.Primary, origin.Port())
	}
	if origin.Addr().IsValid() {
		a.add(m, pion.AttrResponseOrigin, origin, a.most)
	}
	a.add(m, pion.AttrMappedAddress, from, a.limit)
	if room := a.limit - a.end() - len(m.Raw) - 4; a.request.Padding > 0 && room > 0 && s.Proven {
		m.Add(pion.AttrPadding, make([]byte, min(a.request.Padding, room&^3)))
	}
	return a.finish(m)
}

func (a answer) refusal(unknown []uint16) []byte {
	m := begin(a.request.ID, pion.BindingError)
	_ = pion.ErrorCodeAttribute{Code: pion.CodeUnknownAttribute, Reason: []byte("Unknown Attribute")}.AddTo(m)
	var v []byte
	for _, t := range unknown {
		v = binary.BigEndian.AppendUint16(v, t)
	}
	m.Add(pion.AttrUnknownAttributes, v)
	return a.finish(m)
}

// add puts an address in, unless the reply would grow past limit bytes.
func (a answer) add(m *pion.Message, t pion.AttrType, addr netip.AddrPort, limit int) {
	if len(m.Raw)+4+addrLen(addr.Addr().Unmap())+a.end() <= limit {
		_ = putAddress(m, t, addr)
	}
}

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
