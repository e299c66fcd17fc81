package responder

import (
	"context"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
)

// What the responder does not do because of its own limits is counted where it
// concerns a session: in the session, at its address, or for everybody. The
// client asks for it before it takes silence for a fact about the network.

const (
	// retryAfter is what a client is told to wait for when there is no room:
	// a run of the checks lasts some ten seconds.
	retryAfter = 5 * time.Second
	// lateEvery is how often the responder looks whether it comes to its work,
	// and lateBy how much later than asked is late: a client repeats its
	// questions after 250 to 400 ms.
	lateEvery = 100 * time.Millisecond
	lateBy    = 200 * time.Millisecond
	// lateBacklog is how many bytes may wait at one socket, two looks in a row: a
	// thousand datagrams with what the kernel needs for each, 10 ms of the
	// fastest sweep.
	lateBacklog = 1 << 20
)

// refuseBusy is a refusal that only limits of the responder stand behind.
func refuseBusy(status int, format string, args ...any) error {
	e := refuse(status, format, args...).(*callError)
	e.retry = retryAfter
	return e
}

func (c *conversation) count(add func(*session.Limits)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	add(&c.refused)
}

func (c *conversation) allow(now time.Time) bool {
	if c.tokens.AllowN(now, 1) {
		return true
	}
	c.count(func(l *session.Limits) { l.Messages++ })
	return false
}

// withheld notes an answer that a session does not get.
func withheld(l *session.Limits) { l.Answers++ }

func (s *Server) limited(c *conversation) session.LimitsReply {
	now := s.standing(s.sources.look(c.seen.Addr()))
	c.mu.Lock()
	l := c.refused
	c.mu.Unlock()
	l.Questions += max(0, now.refused.Questions-c.before.refused.Questions)
	l.Connections += max(0, now.refused.Connections-c.before.refused.Connections)
	l.Calls += max(0, now.refused.Calls-c.before.refused.Calls)
	l.Overflow = max(0, now.refused.Overflow-c.before.refused.Overflow)
	l.Late = now.refused.Late - c.before.refused.Late
	out := session.LimitsReply{
		Limits: l, UDP: int(c.udp.Load()) + max(0, now.udp-c.before.udp), OthersUDP: s.others.than(sourceKey(c.seen.Addr())),
	}
	if l.Silent() > 0 {
		out.RetryAfterS = int(retryAfter / time.Second)
	}
	return out
}

// standing adds what concerns everybody to the counts of an address.
func (s *Server) standing(t tally) tally {
	t.refused.Overflow, t.refused.Late = int(s.backlog.look(s).Dropped), int(s.late.Load())
	return t
}

// joined registers a new session's address and takes the counts of that
// moment. Nobody else has the session yet.
func (s *Server) joined(c *conversation) { c.before = s.standing(s.sources.enter(c.seen.Addr())) }

func (s *Server) left(c *conversation) { s.sources.leave(c.seen.Addr()) }

// watchLateness counts the moments at which this process was not given the
// processor, or had not read what has long arrived, until ctx ends.
func (s *Server) watchLateness(ctx context.Context) {
	for behind := 0; ; { // looks in a row at a long queue
		begin := time.Now()
		if probe.Sleep(ctx, lateEvery) != nil {
			return
		}
		if behind++; s.backlog.look(s).Waiting <= lateBacklog {
			behind = 0
		}
		if time.Since(begin) > lateEvery+lateBy || behind > 1 {
			s.late.Add(1)
		}
	}
}

// A backlogMeter adds the backlogs of all sockets up, and asks the system for
// them a few times a second at most.
type backlogMeter struct {
	mu   sync.Mutex
	at   time.Time
	last platform.Backlog
}

// backlogEvery is how old the last look may be.
const backlogEvery = lateEvery / 2

// look is how much has been dropped at all sockets together, and the longest
// queue of one.
func (m *backlogMeter) look(s *Server) platform.Backlog {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if now.Sub(m.at) < backlogEvery {
		return m.last
	}
	m.at, m.last = now, platform.Backlog{}
	add := func(socket any) {
		meter, ok := socket.(platform.BacklogMeter)
		if !ok {
			return
		}
		if b, err := meter.Backlog(); err == nil {
			m.last.Dropped += b.Dropped
			m.last.Waiting = max(m.last.Waiting, b.Waiting)
		}
	}
	for _, u := range s.ports.sockets {
		add(u.conn)
	}
	for _, r := range s.rtp.raw {
		add(r)
	}
	return m.last
}
