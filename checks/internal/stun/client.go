package stun

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// Socket asks STUN questions, many at a time, from one local port. One
// goroutine reads; answers find their question by transaction ID.
type Socket struct {
	conn platform.UDPConn
	done chan struct{} // closed when the reader has ended

	mu      sync.Mutex
	pending map[ID]*ask
	settled map[ID]bool // late copies of these are not strays
	strays  int
}

// Open binds a socket; the caller closes it. An invalid local takes a fresh
// port on all IPv4 addresses.
func Open(ctx context.Context, n platform.Network, local netip.AddrPort) (*Socket, error) {
	conn, err := n.OpenUDP(ctx, local)
	if err != nil {
		return nil, fmt.Errorf("opening a UDP socket: %w", err)
	}
	s := &Socket{conn: conn, done: make(chan struct{}), pending: map[ID]*ask{}, settled: map[ID]bool{}}
	go s.read()
	return s, nil
}

// Local is the bound address and port.
func (s *Socket) Local() netip.AddrPort { return s.conn.LocalAddr() }

// Strays is how many datagrams came that answered no question.
func (s *Socket) Strays() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.strays
}

// Close ends the reader and waits for it.
func (s *Socket) Close() {
	_ = s.conn.Close()
	<-s.done
}

// Plan is when a question is sent again.
type Plan struct {
	First  time.Duration // wait after the first send
	Most   time.Duration // the wait doubles up to this
	Sends  int           // datagrams at most
	Linger time.Duration // wait after the last send
}

// Patient is the plan where silence would be believed only in the end: nine
// sends within four seconds. RFC 8489 section 6.2.1 begins at 500 ms and
// doubles without end, to spare a server that is overloaded; nine datagrams a
// server burden nobody, and at 10 % loss each way all of them are lost once in
// three million runs.
func Patient() Plan {
	return Plan{First: 250 * time.Millisecond, Most: 500 * time.Millisecond, Sends: 9, Linger: 500 * time.Millisecond}
}

// Steady is the plan of a test whose usual outcome is silence, at a server
// that is known to answer within rtt: eleven sends in one second, so that loss
// is no explanation (at 10 % each way all are lost once in 86 million tests),
// at a pace that no rate limit minds.
func Steady(rtt time.Duration) Plan {
	const pace = 100 * time.Millisecond
	return Plan{First: pace, Most: pace, Sends: 11, Linger: min(max(250*time.Millisecond, 2*rtt), longestLinger)}
}

// longestLinger bounds the wait for the answer to the last send. A round trip
// that is an Outcome's Elapsed contains the waits for what was lost, and twice
// that would outlast every budget: after two lost questions, 1.5 s instead of
// the 80 ms of the path. 700 ms is a satellite's round trip; on a slower path
// the answers to the first sends still have a second more.
const longestLinger = 700 * time.Millisecond

// Question is one request and the answer it hopes for.
type Question struct {
	To      netip.AddrPort
	Expect  netip.AddrPort // where the answer should come from; invalid: To
	Request Request        // a zero ID is replaced by a fresh one
	Plan    Plan
	TTL     int // 0: the system's default
}

// Outcome is everything that a question led to.
type Outcome struct {
	Answered  bool             // an answer came from the expected address
	Response  Response         // that answer
	From      netip.AddrPort   // where it came from
	Elapsed   time.Duration    // from the first send to the answer: an upper bound of the round trip
	Sent      int              // datagrams
	Elsewhere []netip.AddrPort // where answers with the right transaction came from instead: evidence, no answers
	ICMP      []*platform.ICMPError
	SendErr   error // the last error of a send; nil when the last one left
}

// ask is a question under way. Its events are buffered, so that the reader
// never waits.
type ask struct {
	to     netip.AddrPort
	events chan event
}

type event struct {
	from     netip.AddrPort
	response Response
	icmp     *platform.ICMPError
}

// enough ICMP errors or refused sends end a question: one may be a passing
// state of the network.
const enoughErrors = 3

// Ask sends q until it is answered, its plan is used up, or ctx ends. Without
// SOFTWARE of its own it carries ClientSoftware: a server that does not
// amplify has no room for an answer to a bare question. It may be called
// concurrently.
func (s *Socket) Ask(ctx context.Context, q Question) Outcome {
	if q.Request.Software == "" {
		q.Request.Software = ClientSoftware
	}
	if q.Request.ID == (ID{}) {
		q.Request.ID = NewID()
	}
	if !q.Expect.IsValid() {
		q.Expect = q.To
	}
	a := &ask{to: q.To, events: make(chan event, 32)}
	s.mu.Lock()
	s.pending[q.Request.ID] = a
	s.mu.Unlock()
	defer s.settle(q.Request.ID)
	return s.run(ctx, q, a)
}

func (s *Socket) run(ctx context.Context, q Question, a *ask) (o Outcome) {
	raw, start, wait, refused := q.Request.Bytes(), time.Now(), q.Plan.First, 0
	for o.Sent < max(1, q.Plan.Sends) {
		o.Sent++
		o.SendErr = s.conn.WriteTo(raw, q.To, platform.SendOptions{TTL: q.TTL})
		if o.SendErr != nil {
			if refused++; refused == enoughErrors {
				return o
			}
		}
		if o.Sent == q.Plan.Sends {
			wait = q.Plan.Linger
		}
		if o.await(ctx, q, a, wait) {
			o.Elapsed = time.Since(start)
			return o
		}
		if ctx.Err() != nil {
			return o
		}
		wait = min(2*wait, q.Plan.Most)
	}
	return o
}

// await takes events for a while; it is true when the question is settled.
func (o *Outcome) await(ctx context.Context, q Question, a *ask, wait time.Duration) bool {
	t := time.NewTimer(wait)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-t.C:
			return false
		case e := <-a.events:
			if o.take(q, e) {
				return true
			}
		}
	}
}

// take notes one event; it is true when the question is settled.
func (o *Outcome) take(q Question, e event) bool {
	switch {
	case e.icmp != nil:
		o.ICMP = append(o.ICMP, e.icmp)
		return e.icmp.TimeExceeded() && q.TTL > 0 || len(o.ICMP) >= enoughErrors
	case e.from == q.Expect, e.from == q.To && e.response.ErrorCode != 0:
		// A refusal comes from where we asked, wherever else the answer was
		// to come from.
		o.Answered, o.Response, o.From = true, e.response, e.from
		return true
	}
	o.Elsewhere = append(o.Elsewhere, e.from)
	// The server itself answering from an address it was asked not to use
	// settles the question; a third party's words never do.
	return e.from == q.To
}

func (s *Socket) settle(id ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, id)
	s.settled[id] = true
}

// maxDatagram holds every answer that we ask for; a truncated one is not
// a valid STUN message.
const maxDatagram = 4096

func (s *Socket) read() {
	defer close(s.done)
	buf := make([]byte, maxDatagram)
	for broken := 0; broken < 100; { // a socket that only errs is dead
		d, err := s.conn.ReadFrom(buf)
		var icmp *platform.ICMPError
		switch {
		case err == nil:
			s.deliver(buf[:d.N], d.From)
			broken = 0
		case errors.As(err, &icmp):
			s.deliverICMP(icmp)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			broken++
		}
	}
}

func (s *Socket) deliver(b []byte, from netip.AddrPort) {
	r, err := ParseResponse(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.pending[r.ID]
	if err != nil || a == nil {
		if err != nil || !s.settled[r.ID] {
			s.strays++
		}
		return
	}
	a.post(event{from: from, response: r})
}

// deliverICMP hands an ICMP error to the question it quotes, or, where the
// system does not give the quote, to all that go to its destination.
func (s *Socket) deliverICMP(e *platform.ICMPError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(e.Quote) >= headerLen {
		if a := s.pending[ID(e.Quote[8:headerLen])]; a != nil && a.to == e.To {
			a.post(event{icmp: e})
		}
		return
	}
	for _, a := range s.pending {
		if a.to == e.To {
			a.post(event{icmp: e})
		}
	}
}

// post drops the event of a question that is flooded.
func (a *ask) post(e event) {
	select {
	case a.events <- e:
	default:
	}
}
