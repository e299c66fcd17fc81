package responder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
)

// A callError is a refusal with its HTTP status; its text is for the client's
// user.
type callError struct {
	status int
	text   string
	retry  time.Duration // not 0: only limits of ours stand in the way, for so long
}

func (e *callError) Error() string { return e.text }

func refuse(status int, format string, args ...any) error {
	return &callError{status: status, text: fmt.Sprintf(format, args...)}
}

// A controlCall is one call, however it came.
type controlCall struct {
	op      string
	id      string // names the call in all its repetitions; may be empty over HTTPS
	seen    netip.AddrPort
	reached netip.Addr // our address that the client used, before any NAT in front of us was undone
	body    []byte
}

func (s *Server) open(c *controlCall, now time.Time) (*conversation, session.Info, error) {
	var req session.OpenRequest
	if err := json.Unmarshal(c.body, &req); err != nil {
		return nil, session.Info{}, refuse(http.StatusBadRequest, "the open request is not JSON of this protocol")
	}
	if req.Protocol != session.Protocol {
		return nil, session.Info{}, refuse(http.StatusBadRequest,
			"this responder speaks protocol %d, the client %d: use the same version of sipdoctor at both ends", session.Protocol, req.Protocol)
	}
	id := c.id
	if id == "" {
		id = "once " + c.seen.String() + now.String()
	}
	conv, err := s.sessions.open(id, c.seen, now)
	if err != nil {
		s.logf("refused %s: %s", c.seen.Addr(), err)
		return nil, session.Info{}, err
	}
	conv.mu.Lock()
	conv.dialled, conv.reached = req.Dialled.Unmap(), c.reached
	conv.mu.Unlock()
	s.logf("session %s for %s (%s)", conv.id, c.seen.Addr(), printable(req.Tool))
	return conv, s.info(conv), nil
}

// printable keeps a stranger's text harmless in a log.
func printable(t string) string {
	t = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, t[:min(len(t), 60)])
	return strings.TrimSpace(t)
}

func (s *Server) info(c *conversation) session.Info {
	p := &s.ports
	i := session.Info{
		Protocol: session.Protocol, Tool: s.cfg.Tool, ID: c.id, Secret: c.secret, Seen: c.seen,
		RTPRange: s.rtp.rtpText(), RTPBlock: s.rtp.block(c.reachedAt()), ExpiresS: int(s.cfg.Limits.Idle / time.Second), Fingerprint: s.Fingerprint(),
	}
	now := time.Now()
	if reached := c.reachedAt(); reached.IsValid() && !reached.IsUnspecified() { // else this system does not tell
		i.Reached = reached
	}
	m := s.machine.look(now, p.held)
	at := p.portsAt(i.Reached, m)
	i.PortsChecked, i.Busy = m.checked, p.lacks(i.Reached, m)
	// Nothing that another program gets in our place.
	i.SIPUDP, i.SIPTCP, i.SIPTLS, i.PlainUDP, i.PlainTCP, i.STUN = at.SIPUDP, at.SIPTCP, at.SIPTLS, at.PlainUDP, at.PlainTCP, at.STUN
	s.unproven.prove(c.seen.Addr(), now, s.cfg.Limits.Lifetime) // by the handshake or cookie of this call
	// An address behind a 1:1 NAT is of no use to the client: only when ours and
	// the one it dialled are the same is the second one known to be right too.
	if c.dialled == c.reached {
		if first, second := p.stunPair(c.reached); second.IsValid() {
			i.Alternate = second
			if c.reached == second {
				i.Alternate = first
			}
		}
	}
	return i
}

func (s *Server) perform(ctx context.Context, c *controlCall, conv *conversation) (any, error) {
	switch c.op {
	case session.OpArrivals:
		out := conv.list()
		out.Limits = s.limited(conv).Limits
		return out, nil
	case session.OpLimits:
		return s.limited(conv), nil
	case session.OpInvite:
		return decoded(ctx, c, conv, s.invite)
	case session.OpRTP:
		return decoded(ctx, c, conv, s.sendRTP)
	case session.OpLater:
		return decoded(ctx, c, conv, s.later)
	case session.OpSweep:
		return decoded(ctx, c, conv, s.rtp.sweep)
	case session.OpInbound:
		return decoded(ctx, c, conv, func(ctx context.Context, conv *conversation, r session.InboundRequest) (session.InboundReply, error) {
			return s.inbound.call(ctx, conv, c.seen.Addr(), r)
		})
	case session.OpBitmap:
		return s.rtp.bitmap(conv)
	case session.OpMedia:
		return decoded(ctx, c, conv, s.calls.media)
	case session.OpClose:
		s.calls.drop(conv)
		s.rtp.drop(conv)
		s.sessions.end(conv)
		return struct{}{}, nil
	}
	return nil, refuse(http.StatusNotFound, "this responder has no call %.20q: use the same version of sipdoctor at both ends", c.op)
}

// decoded does a call with the request that its body holds.
func decoded[R, A any](ctx context.Context, c *controlCall, conv *conversation, do func(context.Context, *conversation, R) (A, error)) (any, error) {
	var r R
	if err := json.Unmarshal(c.body, &r); err != nil {
		return nil, refuse(http.StatusBadRequest, "the %s request is malformed", c.op)
	}
	return do(ctx, conv, r)
}

// encode turns the outcome of a call into what travels.
func (s *Server) encode(v any, err error) (status int, body []byte) {
	status = http.StatusOK
	if err != nil {
		s.counters.callRefused.Add(1)
		status = http.StatusInternalServerError
		reply := session.ErrorReply{Error: string(platform.Words(err))}
		var c *callError
		if errors.As(err, &c) {
			status = c.status
			reply.RetryAfterS = int((c.retry + time.Second - 1) / time.Second)
		}
		v = reply
	}
	body, err = json.Marshal(v)
	if err != nil {
		return http.StatusInternalServerError, []byte(`{"error":"internal error"}`)
	}
	return status, body
}

var errUnknownSession = &callError{status: http.StatusUnauthorized,
	text: "the session is over or unknown to this responder; it ends after a minute of silence, or when the responder is restarted"}

// run does a call at most once, however often it arrives. pending is true when
// the same call is still being done.
func (s *Server) run(ctx context.Context, c *controlCall, conv *conversation, pack bool) (r keptReply, pending bool) {
	kept, first := conv.begin(c.id)
	if !first {
		return kept, !kept.done
	}
	status, body := s.encode(s.perform(ctx, c, conv))
	if pack {
		body = session.Pack(body)
	}
	return conv.finish(c.id, status, body), false
}
