package checktest

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"

	"github.com/pion/stun/v2"

	"github.com/sipdoctor/sipdoctor/platform"
)

// STUNOptions describes a STUN server on ports 3478 and 3479.
type STUNOptions struct {
	// Addrs are one or two addresses. With two the server does all of RFC
	// 5780; with one it says nothing of other addresses and refuses to answer
	// from one.
	Addrs     []netip.Addr
	DropEvery int // loses every n-th request; 1 never answers, 0 loses none
}

// CHANGE-REQUEST and RESPONSE-PORT, RFC 5780 sections 7.2 and 7.5.
const (
	changeAddrFlag = 0x04
	changePortFlag = 0x02
)

// stunServer is the sockets by address and port index.
type stunServer struct {
	*Server
	o     STUNOptions
	socks [2][2]platform.UDPConn
	own   [2][2]netip.AddrPort
}

// ServeSTUN starts a STUN server. The caller closes it.
func ServeSTUN(ctx context.Context, n platform.Network, o STUNOptions) (*Server, error) {
	if len(o.Addrs) < 1 || len(o.Addrs) > 2 {
		return nil, fmt.Errorf("starting the STUN server: %d addresses, want one or two", len(o.Addrs))
	}
	s := &stunServer{Server: &Server{}, o: o}
	open := make(chan struct{}) // closed when all sockets are open
	start := sync.OnceFunc(func() { close(open) })
	defer start()
	for i, a := range o.Addrs {
		for j, port := range []uint16{stun.DefaultPort, stun.DefaultPort + 1} {
			c, err := n.OpenUDP(ctx, netip.AddrPortFrom(a, port))
			if err != nil {
				start()
				s.Close()
				return nil, fmt.Errorf("starting the STUN server: %w", err)
			}
			s.socks[i][j], s.own[i][j] = c, netip.AddrPortFrom(a, port)
			s.hold(c, func() {
				<-open
				datagrams(c, func(b []byte, d platform.Datagram) { s.answer(i, j, b, d) })
			})
		}
	}
	return s.Server, nil
}

// answer replies to one datagram that arrived at socket i, j.
func (s *stunServer) answer(i, j int, b []byte, d platform.Datagram) {
	s.hear(Heard{UDP, d.From, d.TTL, b})
	n := s.requests.Add(1)
	if s.o.DropEvery > 0 && n%int64(s.o.DropEvery) == 0 {
		return
	}
	req := &stun.Message{Raw: b}
	if !stun.IsMessage(b) || req.Decode() != nil || req.Type != stun.BindingRequest {
		return
	}
	ai, pj, ok := s.origin(i, j, req)
	reply := s.refusal(req)
	if ok {
		reply = s.success(req, d.From, i, j, ai, pj)
	}
	to := d.From
	if port, err := req.Get(stun.AttrResponsePort); err == nil && len(port) >= 2 {
		to = netip.AddrPortFrom(to.Addr(), binary.BigEndian.Uint16(port))
	}
	_ = s.socks[ai][pj].WriteTo(reply.Raw, to, platform.SendOptions{}) // the client repeats what it misses
}

// origin is the socket to answer from; ok is false when there is none such.
func (s *stunServer) origin(i, j int, req *stun.Message) (ai, pj int, ok bool) {
	change, err := req.Get(stun.AttrChangeRequest)
	if err != nil || len(change) != 4 {
		return i, j, true
	}
	ai, pj = i, j
	if change[3]&changePortFlag != 0 {
		pj = 1 - j
	}
	if change[3]&changeAddrFlag != 0 {
		if len(s.o.Addrs) < 2 {
			return i, j, false
		}
		ai = 1 - i
	}
	return ai, pj, true
}

func (s *stunServer) success(req *stun.Message, from netip.AddrPort, i, j, ai, pj int) *stun.Message {
	setters := []stun.Setter{
		stun.NewTransactionIDSetter(req.TransactionID), stun.BindingSuccess,
		&stun.XORMappedAddress{IP: from.Addr().AsSlice(), Port: int(from.Port())},
		&stun.MappedAddress{IP: from.Addr().AsSlice(), Port: int(from.Port())},
	}
	origin := s.own[ai][pj]
	setters = append(setters, &stun.ResponseOrigin{IP: origin.Addr().AsSlice(), Port: int(origin.Port())})
	if other := s.own[1-i][1-j]; other.IsValid() {
		setters = append(setters, &stun.OtherAddress{IP: other.Addr().AsSlice(), Port: int(other.Port())})
	}
	return build(append(setters, stun.Fingerprint)...)
}

// refusal is 420 about CHANGE-REQUEST, RFC 5780 section 6.1.
func (s *stunServer) refusal(req *stun.Message) *stun.Message {
	return build(stun.NewTransactionIDSetter(req.TransactionID), stun.BindingError,
		stun.CodeUnknownAttribute, stun.UnknownAttributes{stun.AttrChangeRequest}, stun.Fingerprint)
}

// build cannot go wrong: the setters' only errors are sizes that are fixed
// here.
func build(setters ...stun.Setter) *stun.Message {
	m, err := stun.Build(setters...)
	if err != nil {
		panic(fmt.Sprintf("building a STUN message: %v", err))
	}
	return m
}
