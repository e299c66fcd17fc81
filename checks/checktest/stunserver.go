package checktest

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/pion/stun/v2"

	"github.com/sipdoctor/sipdoctor/platform"
)

// ServeSTUN starts a STUN server on port 3478 of an address. It is as most are:
// it answers from nowhere else (RFC 5780). The caller closes it.
func ServeSTUN(ctx context.Context, n platform.Network, addr netip.Addr) (*Server, error) {
	c, err := n.OpenUDP(ctx, netip.AddrPortFrom(addr, stun.DefaultPort))
	if err != nil {
		return nil, fmt.Errorf("starting the STUN server: %w", err)
	}
	s := &Server{}
	s.hold(c, func() {
		datagrams(c, func(b []byte, d platform.Datagram) {
			if answer := answerSTUN(b, d.From); answer != nil {
				_ = c.WriteTo(answer, d.From, platform.SendOptions{}) // the client repeats what it misses
			}
		})
	})
	return s, nil
}

// answerSTUN makes the answer to a Binding request; nil for anything else.
func answerSTUN(b []byte, from netip.AddrPort) []byte {
	req := &stun.Message{Raw: b}
	if !stun.IsMessage(b) || req.Decode() != nil || req.Type != stun.BindingRequest {
		return nil
	}
	setters := []stun.Setter{
		stun.BindingSuccess,
		&stun.XORMappedAddress{IP: from.Addr().AsSlice(), Port: int(from.Port())},
		&stun.MappedAddress{IP: from.Addr().AsSlice(), Port: int(from.Port())},
	}
	if req.Contains(stun.AttrChangeRequest) { // RFC 5780 section 6.1
		setters = []stun.Setter{stun.BindingError, stun.CodeUnknownAttribute, stun.UnknownAttributes{stun.AttrChangeRequest}}
	}
	m, err := stun.Build(append(setters, stun.NewTransactionIDSetter(req.TransactionID), stun.Fingerprint)...)
	if err != nil {
		return nil // never: the setters' only errors are sizes, which are fixed here
	}
	return m.Raw
}
