package responder

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

const (
	// rtpPackets go out for one request: five lost in a row cannot be chance on
	// any line that can carry a call.
	rtpPackets = 5
	// rtpSpacing is that of G.711 (RFC 3551, 4.2), so that rate limits of
	// firewalls see nothing unusual.
	rtpSpacing = 20 * time.Millisecond
	// rtpPayload makes 172 bytes with the header: 20 ms of G.711.
	rtpPayload = 160
	// maxAsked bounds how often the same call is made again on request.
	maxAsked = 5
	// maxRTP bounds one session: 100 requests.
	maxRTP = 100 * rtpPackets
)

// invite calls the client on a UDP flow that a probe of its session opened.
func (s *Server) invite(ctx context.Context, c *conversation, r session.InviteRequest) (out session.InviteReply, err error) {
	flow, _, ok := c.latest(func(a *session.Arrival, _ string) bool { return a.Probe == r.Flow && a.Transport == "udp" })
	switch {
	case !ok:
		return out, refuse(http.StatusNotFound, "no UDP message of probe %d has arrived", r.Flow)
	case !c.isProved(flow.From.Addr()):
		return out, refuse(http.StatusForbidden, "probe %d came from %s, which has not shown that it is this client's", r.Flow, flow.From.Addr())
	case r.Probe < 0 || r.Probe > 0xffff:
		return out, refuse(http.StatusBadRequest, "probe %d: 0 to 65535 are possible", r.Probe)
	}
	u := s.ports.find(probeSocket, flow.Local)
	if u == nil {
		return out, refuse(http.StatusNotFound, "the flow of probe %d leads to a port that makes no calls", r.Flow)
	}
	inv, first, err := c.newInvite(r, s.answerer(c, flow.From, flow.Local, "udp", r.Probe))
	if err != nil {
		return out, err
	}
	if err := u.reply(inv.wire(), flow.Local.Addr(), flow.From); err != nil {
		return out, refuse(http.StatusBadGateway, "sending the call: %s", err)
	}
	s.counters.sending(inv.sent)
	if first {
		s.background(func() { s.repeatInvite(ctx, u, flow, inv) })
	}
	return session.InviteReply{Sent: inv.sent}, nil
}

// newInvite makes the call of a probe, or returns the one that was made
// before: a client that asks again has not heard it.
func (c *conversation) newInvite(r session.InviteRequest, a *answerer) (inv *invite, first bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.invites[r.Probe]; old != nil {
		if old.asked++; old.asked > maxAsked {
			return nil, false, refuse(http.StatusTooManyRequests, "probe %d has been called %d times; that is the most", r.Probe, maxAsked)
		}
		return old, false, nil
	}
	if len(c.invites) >= maxInvites {
		return nil, false, refuse(http.StatusTooManyRequests, "this session has made %d calls; that is the most", maxInvites)
	}
	if c.invites == nil {
		c.invites = map[int]*invite{}
	}
	inv = &invite{sent: a.call(session.NewToken(c.id, c.secret, r.Probe)), masked: r.Masked, asked: 1, answered: make(chan struct{})}
	c.invites[r.Probe] = inv
	return inv, true, nil
}

// repeatInvite is timer A of RFC 3261, 17.1.1.2, cut off after 3.5 s: four
// tries are enough to tell loss from a filter.
func (s *Server) repeatInvite(ctx context.Context, u *socket, flow session.Arrival, inv *invite) {
	for wait := 500 * time.Millisecond; wait <= 2*time.Second; wait *= 2 {
		select {
		case <-ctx.Done():
			return
		case <-inv.answered:
			return
		case <-time.After(wait):
		}
		if u.reply(inv.wire(), flow.Local.Addr(), flow.From) != nil {
			return
		}
		s.counters.sending(inv.sent)
	}
}

// sendRTP sends a few packets to the port that a message of the session named
// in its SDP, at the address that the message came from, never at one that is
// only written in it.
func (s *Server) sendRTP(ctx context.Context, c *conversation, r session.RTPRequest) (out session.RTPReply, err error) {
	arrival, raw, ok := c.latest(func(a *session.Arrival, raw string) bool {
		if a.Probe != r.Probe {
			return false
		}
		_, has := mediaPort(raw)
		return has || r.Port != 0
	})
	if !ok {
		return out, refuse(http.StatusNotFound, "no message of probe %d with an SDP has arrived", r.Probe)
	}
	port := r.Port
	if port == 0 {
		port, _ = mediaPort(raw)
	}
	switch {
	case !c.isProved(arrival.From.Addr()):
		return out, refuse(http.StatusForbidden, "probe %d came from %s, which has not shown that it is this client's", r.Probe, arrival.From.Addr())
	case port < 1024 || port > 65535:
		return out, refuse(http.StatusBadRequest, "port %d: RTP goes to ports from 1024 to 65535 only", port)
	}
	token := session.NewToken(c.id, c.secret, r.Probe)
	u, done := s.speaker(ctx, arrival.Local.Addr(), s.mediaPort(c, r.Probe))
	if u == nil {
		return out, refuse(http.StatusServiceUnavailable, "this responder has no RTP port")
	}
	defer done()
	if !c.takeRTP(rtpPackets) {
		return out, refuse(http.StatusTooManyRequests, "this session has sent %d RTP packets; that is the most", maxRTP)
	}
	out = session.RTPReply{
		From: netip.AddrPortFrom(c.visible(arrival.Local.Addr()), uint16(u.port)),
		To:   netip.AddrPortFrom(arrival.From.Addr(), uint16(port)),
	}
	out.Sent, err = s.stream(ctx, u, arrival.Local.Addr(), out.To, token)
	if out.Sent == 0 {
		return out, refuse(http.StatusBadGateway, "sending RTP: %s", err)
	}
	return out, nil
}

// mediaPort is the port that the SDP of a probe's answer names: an even one of
// the RTP range, another one for every probe, and from another start in every
// session. A helper keeps what it expects at such a port for minutes, and drops
// the next answer that names the same one: a fixed port would spoil the run
// after this.
func (s *Server) mediaPort(c *conversation, probe int) int {
	pairs := (s.cfg.RTPLast - s.cfg.RTPFirst) / 2
	if s.cfg.RTPFirst == 0 || pairs < 1 {
		return s.ports.rtp
	}
	start := sha256.Sum256([]byte(c.id))
	n := (uint64(binary.BigEndian.Uint32(start[:])) + uint64(probe)) % uint64(pairs)
	return s.cfg.RTPFirst + s.cfg.RTPFirst%2 + 2*int(n)
}

// speaker is a socket at the media port that an SDP named, for as long as the
// packets take; where another program has that port, it is the fixed one.
func (s *Server) speaker(ctx context.Context, local netip.Addr, port int) (u *socket, done func()) {
	fixed := s.ports.mediaSocket(local)
	if fixed == nil || port == fixed.port {
		return fixed, func() {}
	}
	h := s.rtp.blocks.acquire(ctx, port)
	if h == nil {
		return fixed, func() {}
	}
	for _, u := range h.sockets {
		if u.addr == fixed.addr {
			return u, func() { s.rtp.blocks.giveBack(port) }
		}
	}
	s.rtp.blocks.giveBack(port)
	return fixed, func() {}
}

// stream sends the packets at the pace of a call and says how many left.
func (s *Server) stream(ctx context.Context, u *socket, from netip.Addr, to netip.AddrPort, token string) (sent int, err error) {
	seq, stamp, ssrc := uint16(rand.Uint32()), rand.Uint32(), rand.Uint32()
	for i := range rtpPackets {
		if i > 0 && probe.Sleep(ctx, rtpSpacing) != nil {
			return sent, ctx.Err()
		}
		if e := u.reply(rtpPacket(seq+uint16(i), stamp+uint32(i)*rtpPayload, ssrc, token), from, to); e != nil {
			err = e
			continue
		}
		sent++
		s.counters.rtp.Add(1)
	}
	return sent, err
}

func (c *conversation) takeRTP(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rtp+n > maxRTP {
		return false
	}
	c.rtp += n
	return true
}

// rtpPacket is one packet of G.711 µ-law (RFC 3550, 5.1: version 2, no
// extras, payload type 0) whose sound is the token, then silence.
func rtpPacket(seq uint16, stamp, ssrc uint32, token string) []byte {
	b := make([]byte, 12, 12+rtpPayload)
	b[0] = 2 << 6
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], stamp)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	b = append(b, token...)
	return append(b, bytes.Repeat([]byte{0xff}, cap(b)-len(b))...) // µ-law zero
}

// mediaPort is the port of the first audio stream that a SIP message's SDP
// names, as it arrived.
func mediaPort(raw string) (int, bool) {
	m, err := sip.Parse([]byte(raw))
	if err != nil {
		return 0, false
	}
	at, _ := sip.Media(m.Body) // a host name instead of an address does not matter here
	return int(at.Port()), at.Port() != 0
}
