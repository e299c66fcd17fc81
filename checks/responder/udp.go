package responder

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
	"github.com/sipdoctor/sipdoctor/platform"
)

type socketKind int

const (
	probeSocket socketKind = iota // SIP, masked bytes, masked control
	stunSocket
	mediaSocket // RTP leaves from here
)

// A socket is one bound UDP port of the responder.
type socket struct {
	kind socketKind
	conn platform.UDPConn
	addr netip.Addr // as listened at; may be unspecified
	port int

	plain []byte // of the reader: where masked bytes become readable
}

// asked is the address that a datagram was sent to.
func (u *socket) asked(d platform.Datagram) netip.AddrPort {
	addr := d.To
	if !addr.IsValid() {
		addr = u.addr
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(u.port))
}

// reply sends b back from the address that was asked. An error concerns this
// datagram only: the client repeats what it gets no answer to.
func (u *socket) reply(b []byte, from netip.Addr, to netip.AddrPort) error {
	var o platform.SendOptions
	if from.IsValid() && !from.IsUnspecified() {
		o.From = from
	}
	return u.conn.WriteTo(b, to, o)
}

// serveUDP answers on one socket until it is closed.
func (s *Server) serveUDP(ctx context.Context, u *socket) error {
	told := func(e *platform.ICMPError) { s.inbound.hear(u, e) }
	err := receive(u.conn, make([]byte, 65536), told, func(d platform.Datagram, b []byte) { s.datagram(ctx, u, d, b) })
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("receiving on UDP port %d: %w", u.port, err)
	}
	return nil
}

// receive hands over what arrives at a socket, and what ICMP says, until the
// socket is closed. What a system reports of single datagrams does not end it.
func receive(conn platform.UDPConn, buf []byte, told func(*platform.ICMPError), take func(platform.Datagram, []byte)) error {
	for bad := 0; ; {
		d, err := conn.ReadFrom(buf)
		icmp, isICMP := errors.AsType[*platform.ICMPError](err)
		switch {
		case err == nil:
			bad = 0
			take(d, buf[:d.N])
		case isICMP:
			told(icmp)
		case errors.Is(err, net.ErrClosed):
			return nil
		default:
			if bad++; bad > 100 {
				return err
			}
		}
	}
}

func (s *Server) datagram(ctx context.Context, u *socket, d platform.Datagram, b []byte) {
	defer s.recoverPanic()
	now := time.Now()
	from := netip.AddrPortFrom(d.From.Addr().Unmap(), d.From.Port())
	if from.Port() == 0 || !from.Addr().IsValid() || from.Addr().IsMulticast() || from.Addr().IsUnspecified() {
		return // nobody who wants an answer sends from there
	}
	s.others.note(from.Addr())
	m := &message{Arrival: session.Arrival{Transport: "udp", From: from, Local: u.asked(d), TTL: d.TTL, TOS: d.TOS, Raw: b}, whole: true, socket: u}
	if u.kind == stunSocket {
		s.stunRequest(u, m, now)
		return
	}
	if p, ok := session.UnmaskInto(u.plain, b); ok {
		u.plain = p[:0]
		m.Raw, m.Masked = p, true
		if session.IsFrame(p) && u.kind == probeSocket {
			s.controlFrame(ctx, m, len(b), now)
			return
		}
	}
	reply := s.handle(m, now)
	if reply == nil {
		return
	}
	if m.Masked {
		reply = session.Mask(reply, rand.Uint32())
	}
	if u.reply(reply, m.Local.Addr(), from) != nil && m.conv != nil {
		m.conv.count(withheld) // a packet filter of this machine's own, most likely
	}
}

// stunRequest answers a Binding request, to an address that has shown itself
// from the socket that it asks for (RFC 5780, 4.3).
func (s *Server) stunRequest(u *socket, m *message, now time.Time) {
	if !s.admit(m.From.Addr(), now, func(l *session.Limits) { l.Questions++ }) {
		return
	}
	proven := s.unproven.isProven(m.From.Addr(), now)
	primary, alternate := s.ports.stunPair(m.Local.Addr())
	altPort := s.ports.stunAlt
	if s.ports.find(stunSocket, netip.AddrPortFrom(m.Local.Addr(), uint16(altPort))) == nil {
		altPort = 0 // it is another program's at this address
	}
	reply, origin, ok := stun.Answer(m.Raw, m.From, stun.Server{
		Local: m.Local, Primary: primary, Alternate: alternate, Port: s.ports.stun, AltPort: altPort,
		Proven: proven,
	})
	if !ok || !proven && !s.unproven.may(strangerSTUN, len(m.Raw), len(reply), now) {
		s.counters.refused.Add(1)
		return
	}
	out := u
	if origin != m.Local {
		if out = s.ports.find(stunSocket, origin); out == nil {
			return
		}
	}
	s.counters.stun.Add(1)
	_ = out.reply(reply, origin.Addr(), m.From)
}
