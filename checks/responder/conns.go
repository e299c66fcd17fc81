package responder

import (
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

// strangerLife is how long a connection may live that has shown neither a
// token nor a session: its owner has nothing to do here.
const strangerLife = 10 * time.Second

// A connTable bounds the TCP connections, and knows them so that a stop closes
// them. A connection is a stranger's until it shows what session it belongs
// to. Strangers have a share of their own, in which the oldest of whoever has
// most makes room for the next; those of a session count for the session.
type connTable struct {
	s  *Server
	wg sync.WaitGroup

	mu        sync.Mutex
	open      map[*limitedConn]struct{}
	strangers map[netip.Addr][]*limitedConn // the oldest first
	waiting   int                           // strangers' connections
	leaving   int                           // closed by the table, and still being wound up
	held      int64                         // bytes that they cost
	closed    bool
}

type limitedConn struct {
	net.Conn
	table *connTable
	peer  netip.Addr
	size  int64
	once  sync.Once
	timer *time.Timer

	// under the table's lock
	conv *conversation // nil: a stranger's
	gone bool          // closed by the table; it counts no longer as a stranger's
}

// add takes a new connection; nil means that there is no room for it.
func (t *connTable) add(conn net.Conn, size int64) *limitedConn {
	c := &limitedConn{Conn: conn, table: t, peer: sourceKey(addrPort(conn.RemoteAddr()).Addr()), size: size}
	t.mu.Lock()
	limits := t.s.cfg.Limits
	if t.closed || len(t.open)-t.leaving >= limits.Connections || t.leaving >= max(limits.Connections, 8) || t.s.sessions.bytes.Load()+size > limits.Memory {
		t.mu.Unlock()
		t.refused(c.peer)
		return nil
	}
	var victim *limitedConn
	if t.waiting >= max(1, limits.Connections/2) || t.held+size > limits.Memory/2 {
		if victim = t.oldest(); victim != nil {
			t.dismiss(victim)
		}
	}
	t.open[c] = struct{}{}
	t.strangers[c.peer] = append(t.strangers[c.peer], c)
	t.waiting++
	t.held += size
	t.s.sessions.bytes.Add(size)
	t.wg.Add(1)
	c.timer = time.AfterFunc(strangerLife, c.expire)
	t.mu.Unlock()
	if victim != nil {
		t.refused(victim.peer)
		_ = victim.Conn.Close() // whoever serves it gives its place back
	}
	return c
}

// oldest is the oldest connection of the source that has most of them.
func (t *connTable) oldest() *limitedConn {
	var most []*limitedConn
	for _, list := range t.strangers {
		if len(list) > len(most) {
			most = list
		}
	}
	if len(most) == 0 {
		return nil
	}
	return most[0]
}

// dismiss takes a stranger's connection out of the strangers' share; the caller
// closes it, and whoever serves it gives the rest back.
func (t *connTable) dismiss(c *limitedConn) {
	t.forgetStranger(c)
	c.gone = true
	t.leaving++
}

func (t *connTable) refused(peer netip.Addr) {
	t.s.counters.connRefused.Add(1)
	t.s.sources.count(peer, func(l *session.Limits) { l.Connections++ })
}

func (c *limitedConn) expire() {
	t := c.table
	t.mu.Lock()
	stranger := c.conv == nil && !c.gone
	if stranger {
		t.dismiss(c)
	}
	t.mu.Unlock()
	if stranger {
		_ = c.Conn.Close()
	}
}

// belongs gives the connection to a session; false means that the session has
// as many as it may. A nil connection refuses nothing.
func (c *limitedConn) belongs(conv *conversation) bool {
	if c == nil {
		return true
	}
	t := c.table
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.conv == conv {
		return true
	}
	if _, open := t.open[c]; !open || c.gone {
		return false
	}
	if conv.conns.Add(1) > maxSessionConns {
		conv.conns.Add(-1)
		conv.count(func(l *session.Limits) { l.Connections++ })
		t.s.counters.connRefused.Add(1)
		return false
	}
	if c.conv == nil {
		t.forgetStranger(c)
		c.timer.Stop()
	} else {
		c.conv.conns.Add(-1)
	}
	c.conv = conv
	return true
}

func (t *connTable) forgetStranger(c *limitedConn) {
	list := slices.DeleteFunc(t.strangers[c.peer], func(other *limitedConn) bool { return other == c })
	if t.strangers[c.peer] = list; len(list) == 0 {
		delete(t.strangers, c.peer)
	}
	t.waiting--
	t.held -= c.size
}

// Close closes the connection and gives its place back.
func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		t := c.table
		c.timer.Stop()
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.open, c)
		switch {
		case c.conv != nil:
			c.conv.conns.Add(-1)
		case c.gone:
			t.leaving--
		default:
			t.forgetStranger(c)
		}
		t.s.sessions.bytes.Add(-c.size)
		t.wg.Done()
	})
	return err
}

func (t *connTable) closeAll() {
	t.mu.Lock()
	t.closed = true
	list := slices.Collect(maps.Keys(t.open))
	t.mu.Unlock()
	for _, c := range list {
		_ = c.Conn.Close()
	}
}

// A limitedListener accepts only as many connections as the limits allow.
type limitedListener struct {
	net.Listener
	s      *Server
	size   int64
	refuse func(net.Conn) // tells and closes one that there is no room for; nil: only closes
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.s.conns.add(conn, l.size); c != nil {
			return c, nil
		}
		if l.refuse != nil {
			l.refuse(conn)
		} else {
			_ = conn.Close()
		}
	}
}

const (
	// maxFarewells bounds the connections that are told at a time that there is
	// no room for them.
	maxFarewells = 64
	// farewellTime is how long that may take.
	farewellTime = time.Second
)

// sayBusy tells a client of the control channel that there is no room, in a
// form that its TLS library hands on, and closes the connection.
func (s *Server) sayBusy(conn net.Conn) {
	if s.farewells.Add(1) > maxFarewells {
		s.farewells.Add(-1)
		_ = conn.Close()
		return
	}
	go func() {
		defer s.farewells.Add(-1)
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(farewellTime))
		if _, err := conn.Write([]byte(session.BusyPreface)); err != nil {
			return
		}
		// What the client has sent must be read: closing before that resets the
		// connection, and the farewell is lost.
		_, _ = conn.Read(make([]byte, 512))
	}()
}
