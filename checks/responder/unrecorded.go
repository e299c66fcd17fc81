package responder

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/platform"
)

// unrecorded answers what the checks of time and size send: many messages of
// which only a number matters, so that they would fill the record for nothing.
// ok is false for every other message. No answer is longer than its request
// unless the address has shown that it is the client's.
func (s *Server) unrecorded(m *message, now time.Time) (reply []byte, ok bool) {
	if m.socket == nil || m.socket.kind != probeSocket {
		return nil, false
	}
	switch {
	case session.IsLater(m.Raw):
		reply = s.laterFlow(m, now)
	case session.IsSize(m.Raw):
		reply = s.sizeProbe(m)
	default:
		return nil, false
	}
	m.conv.touch(now)
	return reply, true
}

// sizeProbe answers a datagram of a certain length with one of the length that
// it wants. No answer is longer than its request unless the session has sent
// us as many bytes before from an address that is its own: over all, it gets no
// more than it sent.
func (s *Server) sizeProbe(m *message) []byte {
	p, ok := session.ParseSizeProbe(m.Raw)
	arrived := len(m.Raw) + session.MaskOverhead
	if !ok || !m.Masked || p.Want > session.MaxSize || arrived < session.MinSize {
		return nil
	}
	r := session.SizeReply{Token: p.Token, Seq: p.Seq, Got: arrived}
	c := m.conv
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.provedLocked(m.From.Addr()) {
		if p.Want <= arrived {
			r.Want = p.Want
		}
		return r.Bytes()
	}
	c.credit += arrived
	if p.Want <= c.credit {
		r.Want = p.Want
	}
	b := r.Bytes()
	c.credit -= len(b) + session.MaskOverhead
	return b
}

const (
	// lateCopies go out to a silent flow: four lost in a row, on two flows, cannot
	// be chance on any line that can carry a call.
	lateCopies = 4
	// lateSpacing keeps one burst of loss from taking all copies.
	lateSpacing = 300 * time.Millisecond
	// lateMargin makes sure that a router whose timer is exactly as long as the
	// asked silence has forgotten the flow: its clock begins when our last
	// answer passes it, a little after we sent it.
	lateMargin = 100 * time.Millisecond
	// maxQuiet bounds the flows of one session: a ladder of 16 rungs needs 102.
	maxQuiet = 128
	// quietSize is what one of them costs, bytes, with its timer.
	quietSize = 384
)

// A quietFlow is a UDP flow on which nobody speaks until its time comes.
// Guarded by its session's lock.
type quietFlow struct {
	session.LaterFlow
	local  netip.AddrPort
	socket *socket
	masked bool
	last   time.Time     // when the latest packet of it arrived
	after  time.Duration // the silence that was asked for; 0: none yet
}

// laterFlow takes a message that opens or refreshes a flow and answers it as
// any SIP server would.
func (s *Server) laterFlow(m *message, now time.Time) []byte {
	c := m.conv
	c.mu.Lock()
	f := c.quiet[m.Probe]
	switch {
	case c.over || f == nil && len(c.quiet) >= maxQuiet:
		c.refused.Answers++
		c.mu.Unlock()
		return nil
	case f == nil:
		f = &quietFlow{LaterFlow: session.LaterFlow{Flow: m.Probe}}
		if c.quiet == nil {
			c.quiet = map[int]*quietFlow{}
		}
		c.quiet[m.Probe] = f
		c.bytes += quietSize
		c.store.bytes.Add(quietSize)
	}
	f.From, f.local, f.socket, f.masked, f.last = m.From, m.Local, m.socket, m.Masked, now
	f.Packets++
	c.mu.Unlock()
	msg, err := sip.Parse(m.Raw)
	if err != nil {
		return nil
	}
	reply := s.answerer(c, m.From, m.Local, "udp", m.Probe).short(msg)
	if len(reply) > len(m.Raw) {
		c.count(withheld)
		return nil
	}
	return reply
}

// later arranges late messages, and says how flows stand.
func (s *Server) later(ctx context.Context, c *conversation, r session.LaterRequest) (session.LaterReply, error) {
	after := platform.Seconds(r.AfterS)
	if after < 0 || after > s.cfg.Limits.Lifetime {
		return session.LaterReply{}, refuse(http.StatusBadRequest, "%d s of silence: a session lasts %d s at most", r.AfterS, int(s.cfg.Limits.Lifetime/time.Second))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	out := session.LaterReply{Flows: make([]session.LaterFlow, len(r.Flows))}
	for i, n := range r.Flows {
		f := c.quiet[n]
		if f == nil {
			out.Flows[i].Flow = n
			continue
		}
		out.Flows[i] = f.LaterFlow
		switch {
		case !c.provedLocked(f.From.Addr()):
			out.Flows[i].Refused = f.From.Addr().String() + " has not shown that it is this client's"
		case after > 0 && f.after == 0:
			f.after = after
			s.wait(ctx, c, n, f)
		}
	}
	return out, nil
}

// wait starts the clock of one flow; the session's lock is held.
func (s *Server) wait(ctx context.Context, c *conversation, probe int, f *quietFlow) {
	time.AfterFunc(time.Until(f.due()), func() { s.speak(ctx, c, probe, f) })
}

func (f *quietFlow) due() time.Time { return f.last.Add(f.after + lateMargin) }

// speak sends the next late message of a flow, unless a straggler of the
// client has broken the silence: then it begins anew.
func (s *Server) speak(ctx context.Context, c *conversation, probe int, f *quietFlow) {
	defer s.recoverPanic()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over || ctx.Err() != nil || f.Sent >= lateCopies || !c.provedLocked(f.From.Addr()):
		return
	case f.Sent == 0 && time.Now().Before(f.due()):
		s.wait(ctx, c, probe, f)
		return
	}
	f.Sent++
	us := netip.AddrPortFrom(c.visible(f.local.Addr()), f.local.Port())
	b := session.LaterMessage(us, f.From, session.NewToken(c.id, c.secret, probe), f.Sent)
	b = s.counters.sending(b)
	if f.masked {
		b = session.Mask(b, rand.Uint32())
	}
	if f.socket.reply(b, f.local.Addr(), f.From) != nil {
		f.Sent-- // it did not leave, and the client must not take that for silence
		return
	}
	time.AfterFunc(lateSpacing, func() { s.speak(ctx, c, probe, f) })
}
