package responder

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

func at(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 40000)
}

// fill opens sessions for one source until it is refused, at most most.
func fill(st *store, source, most int, now time.Time) int {
	for i := range most {
		if _, err := st.open(fmt.Sprintf("%d/%d/%d", source, i, now.UnixNano()), at(source), now); err != nil {
			return i
		}
	}
	return most
}

func TestAFewAddressesCannotTakeAllSessions(t *testing.T) {
	now := time.Now()
	st := newStore(Limits{}.withDefaults())
	if n := fill(st, 1, 1000, now); n != 256 {
		t.Errorf("one address has %d sessions", n)
	}
	for source := 2; source <= 32; source++ {
		fill(st, source, 1000, now)
	}
	open, _ := st.count()
	if open < 900 || open > 990 {
		t.Errorf("32 greedy addresses have %d of 1000 sessions", open)
	}
	for office := 100; office < 105; office++ {
		if n := fill(st, office, 1, now); n != 1 {
			t.Errorf("office %d gets no session beside them", office)
		}
	}
}

func TestAnOfficeOfFiftyTestersHasRoom(t *testing.T) {
	st := newStore(Limits{}.withDefaults())
	now := time.Now()
	fill(st, 1, 256, now)
	if n := fill(st, 2, 50, now); n != 50 {
		t.Errorf("%d of 50 sessions", n)
	}
}

// When all places are taken, the longest silent session of whoever has most
// makes room, and is told why. A session that speaks is never ended.
func TestWhoIsSilentMakesRoomForANewOffice(t *testing.T) {
	start := time.Now()
	full := func() *store {
		st := newStore(Limits{Sessions: 10, SessionsPerSource: 10}.withDefaults())
		fill(st, 1, 3, start)
		for source := 2; source <= 8; source++ {
			fill(st, source, 1, start)
		}
		if open, _ := st.count(); open != 10 {
			t.Fatalf("%d sessions", open)
		}
		return st
	}
	for _, tt := range []struct {
		name   string
		silent time.Duration
		want   int
	}{
		{"they were silent for as long as the quietest check is", idleForRoom, 0},
		{"they were silent for longer", idleForRoom + time.Second, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st := full()
			held := st.bySrc[at(1).Addr()]
			if got := fill(st, 99, 1, start.Add(tt.silent)); got != tt.want {
				t.Fatalf("%d sessions for the new office", got)
			}
			if len(st.ended) != tt.want || st.bySrc[at(1).Addr()] != held-tt.want {
				t.Errorf("%d sessions were ended; the largest holder has %d of %d left", len(st.ended), st.bySrc[at(1).Addr()], held)
			}
			for id := range st.ended {
				var c *callError
				if err := st.gone(id); !errors.As(err, &c) || c.retry == 0 {
					t.Errorf("the session that made room is told %v", err)
				}
			}
		})
	}
}

// Datagrams in the names of others fill the strangers' table, and take nothing
// from an address that has a session.
func TestSpoofedSourcesTakeNothingFromASession(t *testing.T) {
	s := quiet(t, &void{})
	s.limits, s.sources = newLimiter(Limits{}.withDefaults()), newSources(Limits{}.withDefaults())
	now := time.Now()
	s.cfg.Limits = Limits{}.withDefaults()
	c := conversationOf(t, s, client, 1)
	questions := func(l *session.Limits) { l.Questions++ }
	refused := 0
	for i := range maxSources + 20000 {
		if !s.admit(at(i).Addr(), now, questions) {
			refused++
		}
	}
	if refused == 0 {
		t.Error("the flood was never refused")
	}
	for i := range 500 {
		if !s.admit(client.Addr(), now, questions) {
			t.Fatalf("question %d of the session's address is refused", i)
		}
	}
	if l := s.limited(c); l.Limits.Silent() != 0 {
		t.Errorf("the session is told of %+v", l.Limits)
	}
	for range 5000 {
		s.admit(client.Addr(), now, questions)
	}
	if l := s.limited(c); l.Limits.Questions == 0 || l.RetryAfterS == 0 {
		t.Errorf("a session that asks too much is told of %+v", l)
	}
}

// Each session of an office has the whole budget, whatever its neighbours do.
func TestNeighboursBehindOneAddressDoNotShareABudget(t *testing.T) {
	s := quiet(t, &void{})
	s.sessions.limits.PerSession, s.sessions.limits.SessionBurst = 1, 10
	loud, calm := conversationOf(t, s, client, 1), conversationOf(t, s, client, 2)
	now := time.Now()
	for range 100 {
		loud.allow(now)
	}
	for i := range 10 {
		if !calm.allow(now) {
			t.Fatalf("message %d of the calm one is refused", i)
		}
	}
	if a, b := s.limited(loud).Limits.Messages, s.limited(calm).Limits.Messages; a != 90 || b != 0 {
		t.Errorf("the loud one is told of %d messages, the calm one of %d", a, b)
	}
	if calm.allow(now) {
		t.Error("one message too many is taken")
	}
}

// A pipeConn is a TCP connection without a network.
type pipeConn struct {
	net.Conn
	from netip.AddrPort
}

func (c pipeConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.from) }

func dialPipe(t *testing.T, from netip.AddrPort) net.Conn {
	a, b := net.Pipe()
	t.Cleanup(func() { _ = b.Close() })
	return pipeConn{a, from}
}

// Idle connections of a neighbour behind the same NAT, or of anybody, make room
// for the next; those of a session stay.
func TestIdleConnectionsLockNobodyOut(t *testing.T) {
	s := quiet(t, &void{})
	s.cfg.Limits.Connections = 100
	c := conversationOf(t, s, client, 1)
	mine := s.conns.add(dialPipe(t, client), plainConnSize)
	if mine == nil || !mine.belongs(c) {
		t.Fatal("the session has no connection")
	}
	var idle []*limitedConn
	for i := range 140 {
		n := s.conns.add(dialPipe(t, client), plainConnSize)
		if n == nil {
			t.Fatalf("idle connection %d of the neighbour is refused", i)
		}
		idle = append(idle, n)
	}
	other := s.conns.add(dialPipe(t, stranger), plainConnSize)
	if other == nil {
		t.Fatal("another address gets no connection")
	}
	for i, n := range idle {
		if gone := i < 91; n.gone != gone {
			t.Fatalf("idle connection %d: closed %v", i, n.gone)
		}
	}
	if mine.gone || other.gone {
		t.Error("the session's connection, or the other address's, had to make room")
	}
	if l := s.limited(c); l.Limits.Connections != 91 {
		t.Errorf("the session is told of %d connections closed at its address", l.Limits.Connections)
	}
	for _, n := range append(idle, mine, other) {
		_ = n.Close()
	}
	if s.conns.waiting != 0 || s.conns.held != 0 || len(s.conns.open) != 0 || len(s.conns.strangers) != 0 || c.conns.Load() != 0 {
		t.Errorf("left: %d waiting, %d bytes, %d open, %d of the session", s.conns.waiting, s.conns.held, len(s.conns.open), c.conns.Load())
	}
}

func TestOneSessionHasSoManyConnections(t *testing.T) {
	s := quiet(t, &void{})
	c := conversationOf(t, s, client, 1)
	for i := range maxSessionConns + 1 {
		n := s.conns.add(dialPipe(t, client), plainConnSize)
		if ok := n.belongs(c); ok != (i < maxSessionConns) {
			t.Errorf("connection %d belongs to the session: %v", i+1, ok)
		}
	}
	if l := s.limited(c).Limits.Connections; l != 1 {
		t.Errorf("the session is told of %d connections", l)
	}
}

// Whatever is opened, the memory that is promised for everything stays the
// bound.
func TestConnectionsCountAsMemory(t *testing.T) {
	s := quiet(t, &void{})
	s.cfg.Limits.Memory = 100 * tlsConnSize
	s.sessions.limits.Memory = s.cfg.Limits.Memory
	for i := range 500 {
		s.conns.add(dialPipe(t, at(i)), tlsConnSize)
	}
	if s.conns.held > s.cfg.Limits.Memory/2+tlsConnSize {
		t.Errorf("strangers hold %d of %d bytes", s.conns.held, s.cfg.Limits.Memory)
	}
}
