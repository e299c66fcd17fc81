package rtpports

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// sendBatch is how many probes one system call sends, as many as it takes.
	sendBatch = 64
	// doze is the shortest wait: at high rates several probes leave together
	// after it, which costs the machine less than one at a time.
	doze = time.Millisecond
)

// A question is one probe to be sent.
type question struct {
	port  int
	again *round // asked although it is known to be open, as a measure of this round
	plain bool
	retry bool // leave it if it has answered in the meantime, and leave time between tries
}

// asking makes questions of ports.
func asking(ports []int, q question) []question {
	out := make([]question, len(ports))
	for i, n := range ports {
		out[i] = q
		out[i].port = n
	}
	return out
}

// An outbox holds what one system call sends, and takes what one has read.
type outbox struct {
	out, in []platform.Message
	ports   []*port
}

// ask sends one probe to each port at the pace and waits for the last answers.
func (s *sweep) ask(ctx context.Context, ports []int, plain bool) error {
	if err := s.put(ctx, asking(ports, question{plain: plain})); err != nil {
		return err
	}
	return s.settle(ctx, func() bool { return s.allAnswered(ports, plain) })
}

// put sends questions at the pace, no more at a time than the window allows.
// Meanwhile it takes the answers.
func (s *sweep) put(ctx context.Context, qs []question) error {
	told := time.Now()
	s.pace.begin()
	for len(qs) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		if s.tripped() {
			return errTableFull
		}
		n, wait := s.room(qs)
		if n == 0 {
			if err := s.idle(ctx, wait); err != nil {
				return err
			}
			continue
		}
		s.send(qs[:n])
		qs = qs[n:]
		if err := s.poll(); err != nil {
			return err
		}
		if now := time.Now(); now.Sub(told) >= time.Second && len(qs) > 0 {
			told = now
			s.keepSession(ctx)
			left := time.Duration(len(qs)) * time.Second / time.Duration(s.pace.current())
			s.env.Say(words.Say("rtp-ports.progress.left", words.Args{"n": len(qs), "time": rounded(left)}))
		}
	}
	return nil
}

// room is how many of the questions may leave now; if none, how long to wait.
func (s *sweep) room(qs []question) (n int, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.flight.expire(now, s.rto(), s.latest())
	n = min(len(qs), sendBatch)
	if space := s.flight.window - s.flight.under; space < n {
		if space < sendBatch/2 {
			return 0, doze // one here and one there would cost as much as a batch each
		}
		n = space
	}
	for i, q := range qs[:n] {
		if due := s.due(q); now.Before(due) {
			if i == 0 {
				return 0, max(due.Sub(now), doze)
			}
			n = i
			break
		}
	}
	n, wait = s.pace.claim(n)
	return n, max(wait, doze)
}

// due is when a question may be asked, under the lock: a second try when the
// answer to the first should have come, or the first is given up, more not too
// soon after it, so that a short outage does not take all tries of a port.
func (s *sweep) due(q question) time.Time {
	const outage = 60 * time.Millisecond
	t := s.ports[q.port]
	switch {
	case !q.retry || t == nil || t.answered || t.last.IsZero():
		return time.Time{}
	case t.away:
		return t.last.Add(s.latest())
	case t.tries < 2:
		return t.last.Add(s.rto())
	}
	return t.last.Add(max(s.rto(), outage))
}

// rto is after what time without an answer a probe counts as lost for the
// purpose of sending on; under the lock.
func (s *sweep) rto() time.Duration {
	if s.rtt == 0 {
		return time.Second
	}
	return s.rtt + s.rtt/4 + 10*time.Millisecond
}

// send sends the questions that still are any.
func (s *sweep) send(qs []question) {
	src := s.prepare(qs)
	ms, ports := s.out.out, s.out.ports
	for len(ms) > 0 {
		n, err := src.write(ms)
		if err == nil {
			return
		}
		s.unsent(src, ports[n], err)
		ms, ports = ms[n+1:], ports[n+1:]
	}
}

// prepare writes the probes into the outbox and notes them as sent.
func (s *sweep) prepare(qs []question) *source {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, now := &s.out, time.Now()
	src := s.sources[len(s.sources)-1]
	o.ports = o.ports[:0]
	for _, q := range qs {
		t := s.port(q.port)
		if q.retry && t.answered {
			continue
		}
		s.serial++
		t.serial = s.serial
		p := session.RTPProbe{Session: s.key.Session, Port: uint16(q.port), Serial: s.serial, Plain: q.plain}
		o.add(t, s.key, p, s.client.Addr)
		if t.tries == 0 && !q.plain {
			s.order = append(s.order, q.port)
		}
		if q.again != nil {
			s.rounds[s.serial] = q.again
			q.again.asked++
		}
		t.last, t.heard = now, false
		t.tries++
		s.flight.sent(t, now)
	}
	o.out = o.out[:len(o.ports)]
	s.pace.refund(len(qs) - len(o.ports))
	s.sent += len(o.ports)
	src.sent += len(o.ports)
	return src
}

// add puts one probe into the outbox.
func (o *outbox) add(t *port, key *session.RTPKey, p session.RTPProbe, to netip.Addr) {
	i := len(o.ports)
	o.ports = append(o.ports, t)
	if o.out = o.out[:cap(o.out)]; i == len(o.out) {
		o.out = append(o.out, platform.Message{})
	}
	m := &o.out[i]
	m.Buf, m.Peer = key.Append(m.Buf[:0], p), netip.AddrPortFrom(to, p.Port)
}

// port finds or makes what is known of a port, under the lock.
func (s *sweep) port(n int) *port {
	if s.ports[n] == nil {
		if len(s.slab) == 0 {
			s.slab = make([]port, 1024)
		}
		s.ports[n], s.slab = &s.slab[0], s.slab[1:]
		s.known++
	}
	return s.ports[n]
}

// write is WriteBatch, or one datagram after the other where there is none.
func (src *source) write(ms []platform.Message) (sent int, err error) {
	if src.batch != nil {
		return src.batch.WriteBatch(ms)
	}
	for i, m := range ms {
		if err := src.conn.WriteTo(m.Buf, m.Peer, platform.SendOptions{}); err != nil {
			return i, err
		}
	}
	return len(ms), nil
}

// unsent takes a try back that has not left this machine.
func (s *sweep) unsent(src *source, t *port, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.tries--
	t.refused++
	s.sent--
	src.sent--
	s.flight.landed(t)
	s.sendErr = platform.Words(err)
	if platform.Classify(err) == platform.ClassLocalFilter {
		s.local++
		t.local = true
	}
}

// idle lets d pass and takes the answers that come; with the first of them it
// returns.
func (s *sweep) idle(ctx context.Context, d time.Duration) error {
	src := s.asker()
	if src.batch == nil {
		return probe.Sleep(ctx, d)
	}
	const attention = 50 * time.Millisecond // to ctx
	in := s.inbox()
	n, err := src.batch.ReadBatch(in, min(d, attention))
	return errors.Join(s.digest(src, in[:n], err), ctx.Err())
}

// poll takes the answers that have come.
func (s *sweep) poll() error {
	src := s.asker()
	for src.batch != nil {
		in := s.inbox()
		n, err := src.batch.ReadBatch(in, 0)
		if err := s.digest(src, in[:n], err); err != nil {
			return err
		}
		if err == nil && n < len(in) {
			return nil
		}
	}
	return nil
}

func (s *sweep) asker() *source {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sources[len(s.sources)-1]
}

func (s *sweep) inbox() []platform.Message {
	if s.out.in == nil {
		s.out.in = newInbox()
	}
	return s.out.in
}

// newInbox has room for a batch of answers. A byte more than a probe shows what
// is no probe.
func newInbox() []platform.Message {
	in := make([]platform.Message, sendBatch)
	for i := range in {
		in[i].Buf = make([]byte, session.RTPProbeSize+1)
	}
	return in
}

// digest takes a batch of answers, or what a hop said.
func (s *sweep) digest(src *source, in []platform.Message, err error) error {
	if icmp, told := errors.AsType[*platform.ICMPError](err); told {
		s.heardICMP(icmp)
		return nil
	}
	if err != nil {
		return err
	}
	var proved [sendBatch]session.RTPProbe
	good := 0
	for _, m := range in {
		if p, ok := s.proved(m.Buf[:m.N], m.Peer); ok {
			proved[good] = p
			good++
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, p := range proved[:good] {
		s.take(src, p, now)
	}
	return nil
}

// settle waits for the answers under way: as long as the slowest took, and no
// longer than until done.
func (s *sweep) settle(ctx context.Context, done func() bool) error {
	return s.settleFor(ctx, s.patience, done)
}

// settleFor is settle with another patience, which may change meanwhile.
func (s *sweep) settleFor(ctx context.Context, patience func() time.Duration, done func() bool) error {
	for begin := time.Now(); !done(); {
		left := patience() - time.Since(begin)
		if left <= 0 {
			return nil
		}
		if err := s.idle(ctx, min(left, 10*doze)); err != nil {
			return err
		}
	}
	return nil
}

// brief is long enough for what decides nothing for good: an answer that comes
// later still counts.
func (s *sweep) brief() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rto()
}

// patience is how long an answer may take: twice the slowest seen and a
// scheduler's hiccup, or a second before any was seen.
func (s *sweep) patience() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest()
}

// latest is patience under the lock.
func (s *sweep) latest() time.Duration {
	if s.rtt == 0 {
		return time.Second
	}
	return min(2*s.rtt+100*time.Millisecond, 2*time.Second)
}

func (s *sweep) allAnswered(ports []int, plain bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !slices.ContainsFunc(ports, func(n int) bool {
		t := s.ports[n]
		return plain && !t.plain || !plain && !t.heard
	})
}

// pause lets d pass while answers are taken.
func (s *sweep) pause(ctx context.Context, d time.Duration) error {
	for end := time.Now().Add(d); ; {
		left := time.Until(end)
		if left <= 0 {
			return ctx.Err()
		}
		if err := s.idle(ctx, left); err != nil {
			return err
		}
	}
}
