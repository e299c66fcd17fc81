package responder

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

// controlFrame takes one datagram of the control channel. size is its length
// on the wire: no answer is longer.
func (s *Server) controlFrame(ctx context.Context, m *message, size int, now time.Time) {
	if size < session.FrameSize || !s.admit(m.From.Addr(), now, func(l *session.Limits) { l.Calls++ }) {
		return
	}
	f, err := session.ParseFrame(m.Raw)
	if err != nil {
		return
	}
	s.counters.calls.Add(1)
	if f.Op == session.OpHello || !s.cookies.valid(f.Cookie, m.From, now) {
		s.replyCookie(m, size, &f, now)
		return
	}
	c := &controlCall{op: f.Op, id: f.Call, seen: m.From, reached: m.Local.Addr(), body: f.Body}
	if f.Op == session.OpOpen {
		s.replyPiece(m, size, &f, s.openFrame(c, now))
		return
	}
	conv := s.sessions.find(f.Session, now)
	if conv == nil || !f.Signed(conv.secret) {
		status, body := s.encode(nil, s.sessions.gone(f.Session))
		s.replyPiece(m, size, &f, keptReply{status: status, body: session.Pack(body)})
		return
	}
	conv.touch(now)
	conv.prove(m.From.Addr()) // the cookie has
	s.unproven.prove(m.From.Addr(), now, s.cfg.Limits.Lifetime)
	do := func() {
		if r, pending := s.run(ctx, c, conv, true); !pending {
			s.replyPiece(m, size, &f, r)
		}
	}
	if f.Op != session.OpRTP && f.Op != session.OpSweep && f.Op != session.OpMedia {
		do()
		return
	}
	// Sending RTP and opening a block of ports take a while, and this goroutine has a socket to read.
	own := *m
	own.Raw = nil
	m = &own
	s.background(do)
}

// admit takes a token for a datagram that carries no session yet: from the
// budget of the sessions at its address, or else from the strangers'.
func (s *Server) admit(from netip.Addr, now time.Time, count func(*session.Limits)) bool {
	ok, known := s.sources.allow(from, now)
	if !known {
		ok = s.limits.allow(from, now)
	}
	if !ok {
		s.counters.limited.Add(1)
		s.sources.count(from, count)
	}
	return ok
}

// openFrame opens a session for a source that has returned a cookie. The reply
// is kept with the session, for the pieces after the first.
func (s *Server) openFrame(c *controlCall, now time.Time) keptReply {
	conv, info, err := s.open(c, now)
	var v any
	if err == nil {
		kept, first := conv.begin(c.id)
		if !first && kept.done {
			return kept
		}
		v, err = session.SignInfo(&s.cert, c.id, info)
	}
	status, body := s.encode(v, err)
	body = session.Pack(body)
	if err != nil || status != http.StatusOK {
		return keptReply{status: status, body: body}
	}
	return conv.finish(c.id, status, body)
}

func (s *Server) replyPiece(m *message, size int, f *session.Frame, r keptReply) {
	at := min(f.Offset, len(r.body))
	reply := session.FrameReply{
		Call: f.Call, Status: r.status, Offset: f.Offset, Total: len(r.body),
		Data: r.body[at:min(at+session.MaxChunk, len(r.body))],
	}
	b, err := reply.Seal(rand.Uint32())
	if err == nil && len(b) <= size {
		_ = m.socket.reply(b, m.Local.Addr(), m.From)
	}
}

// replyCookie asks an address that has not shown itself to return a cookie.
func (s *Server) replyCookie(m *message, size int, f *session.Frame, now time.Time) {
	r := session.FrameReply{
		Call: f.Call, Offset: f.Offset, Total: f.Offset, Status: session.StatusCookie, Cookie: s.cookies.make(m.From, now),
	}
	b, err := r.Seal(rand.Uint32())
	if err != nil || !s.unproven.may(strangerCookie, size, len(b), now) {
		s.counters.refused.Add(1)
		return
	}
	_ = m.socket.reply(b, m.Local.Addr(), m.From)
}
