package natlifetime

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"sync"
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
	// firstWait, doubling up to mostWait, and exchangeTries spread an exchange
	// over 1.75 s at most: on a path that loses a tenth each way all of it is
	// lost once in 4000 flows, and a single exchange never becomes a stream.
	firstWait     = 250 * time.Millisecond
	mostWait      = 500 * time.Millisecond
	exchangeTries = 5
	// lateGrace is how long after its time the last copy of a late message may
	// come: the responder spreads four over 0.9 s, and a path that can carry
	// calls is faster than the rest.
	lateGrace = 2 * time.Second
)

type group struct {
	kind   string
	port   int
	masked bool
	rungs  []*rung

	mu      sync.Mutex
	settled bool // two rungs in a row were forgotten: the longer ones need no waiting
}

type rung struct {
	seconds int
	control bool
	flows   []*flow
}

// A flow is one socket that falls silent.
type flow struct {
	run    *run
	group  *group
	rung   *rung
	probe  int
	token  string
	remote netip.AddrPort
	source netip.AddrPort // what our messages say about ourselves
	conn   platform.UDPConn

	answers chan int // sequence numbers answered

	mu   sync.Mutex
	seen Flow
	last time.Time // when the latest answer came: silence begins
}

// wait opens the flow, asks for the late message and listens until its time
// has passed or ctx ends.
func (f *flow) wait(ctx context.Context) {
	if err := f.open(ctx); err != nil {
		f.note(err)
		return
	}
	var reading sync.WaitGroup
	reading.Go(f.read)
	defer reading.Wait()
	defer f.conn.Close()
	if err := f.exchanges(ctx); err != nil {
		f.note(err)
		return
	}
	reply, err := f.run.client.Later(ctx, session.LaterRequest{Flows: []int{f.probe}, AfterS: f.rung.seconds})
	if err == nil && len(reply.Flows) == 1 && reply.Flows[0].Refused != "" {
		err = errors.New(reply.Flows[0].Refused)
	}
	if err != nil {
		f.note(err)
		return
	}
	f.mu.Lock()
	left := time.Until(f.last.Add(time.Duration(f.rung.seconds)*time.Second + lateGrace))
	f.mu.Unlock()
	if probe.Sleep(ctx, left) == nil {
		f.mu.Lock()
		f.seen.Waited = true
		f.mu.Unlock()
	}
}

func (f *flow) open(ctx context.Context) error {
	env, far := f.run.env, f.run.client.Addr
	f.remote = netip.AddrPortFrom(far, uint16(f.group.port))
	conn, err := env.Net.OpenUDP(ctx, netip.AddrPortFrom(probe.Bind(env.Inputs.Bind, far), 0))
	if err != nil {
		return err
	}
	f.conn, f.source = conn, probe.LocalOf(env.Net, conn.LocalAddr(), far)
	f.answers = make(chan int, 2*exchangeTries)
	f.mu.Lock()
	f.seen.Local = f.source
	f.mu.Unlock()
	return nil
}

// exchanges makes the flow what its kind says: answered once, or a stream.
func (f *flow) exchanges(ctx context.Context) error {
	if err := f.exchange(ctx, 1); err != nil {
		return err
	}
	if f.group.kind != kindOnce {
		if probe.Sleep(ctx, streamGap) != nil {
			return ctx.Err()
		}
		if err := f.exchange(ctx, 2); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen.Opened = true
	return nil
}

var errUnanswered = errors.New(unanswered)

// exchange sends one request until it is answered.
func (f *flow) exchange(ctx context.Context, seq int) error {
	req := session.LaterMessage(f.source, f.remote, f.token, seq)
	wait := firstWait
	for range exchangeTries {
		b := req
		if f.group.masked {
			b = session.Mask(req, rand.Uint32())
		}
		if err := f.conn.WriteTo(b, f.remote, platform.SendOptions{}); err != nil {
			return err
		}
		t := time.NewTimer(wait)
		for waiting := true; waiting; {
			select {
			case n := <-f.answers:
				if n == seq {
					t.Stop()
					return nil
				}
			case <-t.C:
				waiting = false
			case <-ctx.Done():
				t.Stop()
				return ctx.Err()
			}
		}
		wait = min(2*wait, mostWait)
	}
	return errUnanswered
}

// read takes everything that arrives on the socket until it is closed.
func (f *flow) read() {
	for b, d := range probe.Datagrams(f.conn, nil) {
		if seq, late, ok := f.parse(b); ok && d.From == f.remote {
			f.heard(seq, late)
		}
	}
}

// heard notes a late message, or the answer to one of ours.
func (f *flow) heard(seq int, late bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !late {
		f.last = time.Now()
		select {
		case f.answers <- seq:
		default: // a repetition
		}
		return
	}
	if f.seen.Heard++; f.seen.Heard == 1 {
		f.seen.AfterMS = time.Since(f.last).Milliseconds()
	}
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

func (f *flow) note(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if errors.Is(err, context.Canceled) && f.group.isSettled() {
		return // the waiting was ended on purpose
	}
	f.seen.Note = platform.Words(err)
}

// snapshot is what the flow has seen so far.
func (f *flow) snapshot() Flow {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen
}
