package natlifetime

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
)

const (
	// streamGap lies between the two exchanges of a stream: Linux (5.1 and
	// later) takes a flow for a stream when it is still used two seconds after
	// its first packet (nf_conntrack_proto_udp.c, stream_ts). That is the first
	// that reached the router, so the gap begins with the answer to it: after
	// lost packets our own clock has run for longer than the router's.
	streamGap = 2500 * time.Millisecond
	// lateGrace is how long after its time the last copy of a late message may
	// come: the responder spreads four over 0.9 s, and a path that can carry
	// calls is faster than the rest.
	lateGrace = 2 * time.Second
)

// exchangeSchedule spreads an exchange over 1.75 s at most: on a path that loses
// a tenth each way all of it is lost once in 4000 flows, and a single exchange
// never becomes a stream.
func exchangeSchedule() probe.Schedule { return probe.At(500, 0, 250, 750, 1250, 1750) }

// A flow is one socket that falls silent.
type flow struct {
	run     *run
	kind    string
	seconds int // of silence
	probe   int
	token   string
	remote  netip.AddrPort
	source  netip.AddrPort // what our messages say about ourselves
	conn    platform.UDPConn
	last    time.Time // when the latest answer came: silence begins
	seen    *Flow     // under the run's lock
}

// errSettled ends the waiting of a group on purpose.
var errSettled = errors.New("two rungs in a row were forgotten")

// wait opens the flow, asks for the late message and listens until its time
// has passed or ctx ends.
func (f *flow) wait(ctx context.Context) {
	if err := f.waitInSilence(ctx); err != nil && context.Cause(ctx) != errSettled {
		f.note(func(s *Flow) { s.Note = platform.Words(err) })
	}
}

func (f *flow) waitInSilence(ctx context.Context) error {
	if err := f.open(ctx); err != nil {
		return err
	}
	defer f.conn.Close()
	if err := f.exchanges(ctx); err != nil {
		return err
	}
	reply, err := f.run.client.Later(ctx, session.LaterRequest{Flows: []int{f.probe}, AfterS: f.seconds})
	if err == nil && len(reply.Flows) == 1 && reply.Flows[0].Refused != "" {
		err = errors.New(reply.Flows[0].Refused)
	}
	if err != nil {
		return err
	}
	return f.listen(ctx)
}

func (f *flow) open(ctx context.Context) error {
	env, far := f.run.env, f.run.client.Addr
	conn, err := env.Net.OpenUDP(ctx, netip.AddrPortFrom(probe.Bind(env.Inputs.Bind, far), 0))
	if err != nil {
		return err
	}
	f.conn, f.source = conn, probe.LocalOf(env.Net, conn.LocalAddr(), far)
	f.note(func(s *Flow) { s.Local = f.source })
	return nil
}

// exchanges makes the flow what its kind says: answered once, or a stream.
func (f *flow) exchanges(ctx context.Context) error {
	if err := f.exchange(ctx, 1); err != nil {
		return err
	}
	if f.kind != kindOnce {
		if err := probe.Sleep(ctx, streamGap); err != nil {
			return err
		}
		if err := f.exchange(ctx, 2); err != nil {
			return err
		}
	}
	f.note(func(s *Flow) { s.Opened = true })
	return nil
}

var errUnanswered = errors.New(unanswered)

// exchange sends one request until it is answered. Only the SIP port gets it
// readable.
func (f *flow) exchange(ctx context.Context, seq int) error {
	req := session.LaterMessage(f.source, f.remote, f.token, seq)
	a := &probe.Ask{
		Payload: func() []byte {
			if f.kind == kindSIP {
				return req
			}
			return session.Mask(req, rand.Uint32())
		},
		Match: func(b []byte, from netip.AddrPort) bool {
			n, late, ok := f.parse(b)
			return ok && !late && n == seq && from == f.remote
		},
	}
	_, err := probe.Exchange(ctx, f.conn, f.remote, exchangeSchedule(), a)
	_, isICMP := errors.AsType[*platform.ICMPError](err)
	switch {
	case a.Reply != nil:
		f.last = time.Now()
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil || isICMP:
		return errUnanswered
	}
	return err
}

func (f *flow) listen(ctx context.Context) error {
	until := f.last.Add(time.Duration(f.seconds)*time.Second + lateGrace)
	if err := f.conn.SetReadDeadline(until); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = f.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for b, d := range probe.Datagrams(f.conn, nil) {
		_, late, ok := f.parse(b)
		switch {
		case !ok || d.From != f.remote:
		case !late:
			f.last = time.Now() // a repetition of the answer
		default:
			f.note(func(s *Flow) {
				if s.Heard++; s.Heard == 1 {
					s.AfterMS = time.Since(f.last).Milliseconds()
				}
			})
		}
	}
	if ctx.Err() == nil && !time.Now().Before(until) { // before that the socket has failed, which says nothing
		f.note(func(s *Flow) { s.Waited = true })
	}
	return nil
}

// parse tells an answer from a late message. A message that an ALG has touched
// is still one, as long as its first line and our token stand.
func (f *flow) parse(b []byte) (seq int, late, ok bool) {
	if p, masked := session.Unmask(b); masked {
		b = p
	}
	t, found := session.FindToken(b)
	if !found || t.String() != f.token {
		return 0, false, false
	}
	return read(b)
}

// read is the part of parse that does not depend on the flow.
func read(b []byte) (seq int, late, ok bool) {
	if session.IsLater(b) {
		return 0, true, true
	}
	if !bytes.HasPrefix(b, []byte("SIP/2.0 ")) {
		return 0, false, false
	}
	_, rest, found := bytes.Cut(b, []byte("\r\nCSeq: "))
	if !found {
		return 0, false, false
	}
	digits, _, _ := bytes.Cut(rest, []byte(" "))
	seq, err := strconv.Atoi(string(digits))
	return seq, false, err == nil
}

func (f *flow) note(change func(*Flow)) {
	f.run.mu.Lock()
	defer f.run.mu.Unlock()
	change(f.seen)
}
