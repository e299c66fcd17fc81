package responder

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits bound what a responder spends on anybody. Zero fields take the
// default named beside them.
type Limits struct {
	Sessions          int           // 1000 open at a time
	SessionsPerSource int           // 32: an office of testers behind one address, but not a flood
	Idle              time.Duration // 60 s without a call or a probe end a session
	Lifetime          time.Duration // 10 min end every session
	Memory            int64         // 128 MiB of recorded messages, all sessions together: 700 whole runs

	PerSource   rate.Limit // 300 datagrams or messages a second from one address (one /64 of IPv6)
	Burst       int        // 600: a whole matrix of probes at once, with repetitions
	Strangers   rate.Limit // 200 answers of each kind a second to all who have not shown themselves: no use to a reflection attack
	Connections int        // 1024 TCP connections at a time
	PerPeer     int        // 64 of them from one address
}

// Bounds of one session. A whole run of the checks (--deep) was measured to
// leave 106 messages and 171 KiB, a lossy line adds repetitions.
const (
	maxArrivals     = 512
	maxRaw          = 64 << 10  // the longest message that is kept, bytes
	maxSessionBytes = 384 << 10 // requests, answers and arrivalSize
	arrivalSize     = 768       // what keeping a message costs beside its bytes, measured
	maxInvites      = 64
	maxProved       = 8 // addresses that one session may have shown itself at
)

// maxSources bounds the table of buckets, about 3 MB. Whoever comes when it is
// full shares one bucket with all others who do: spoofed sources can fill the
// table, but slow nobody who is in it.
const maxSources = 16384

func (l Limits) withDefaults() Limits {
	set := func(p *int, n int) {
		if *p == 0 {
			*p = n
		}
	}
	set(&l.Sessions, 1000)
	set(&l.SessionsPerSource, 32)
	set(&l.Burst, 600)
	set(&l.Connections, 1024)
	set(&l.PerPeer, 64)
	if l.Idle == 0 {
		l.Idle = time.Minute
	}
	if l.Lifetime == 0 {
		l.Lifetime = 10 * time.Minute
	}
	if l.Memory == 0 {
		l.Memory = 128 << 20
	}
	if l.PerSource == 0 {
		l.PerSource = 300
	}
	if l.Strangers == 0 {
		l.Strangers = 200
	}
	return l
}

// A limiter holds a token bucket for every source address.
type limiter struct {
	limits Limits

	mu      sync.Mutex
	sources map[netip.Addr]*bucket
	rest    *bucket // shared by all who find the table full
}

type bucket struct {
	tokens *rate.Limiter
	used   time.Time
}

func newLimiter(l Limits) *limiter {
	m := &limiter{limits: l, sources: map[netip.Addr]*bucket{}}
	m.rest = m.fresh()
	return m
}

func (m *limiter) fresh() *bucket {
	return &bucket{tokens: rate.NewLimiter(m.limits.PerSource, m.limits.Burst)}
}

// sourceKey is what counts as one source: an address, or the /64 that an IPv6
// customer has to himself.
func sourceKey(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if a.Is6() {
		p, _ := a.WithZone("").Prefix(64)
		return p.Addr()
	}
	return a
}

// allow takes one token of a source's bucket.
func (m *limiter) allow(a netip.Addr, now time.Time) bool {
	key := sourceKey(a)
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.sources[key]
	if !ok {
		b = m.rest
		if len(m.sources) < maxSources {
			b = m.fresh()
			m.sources[key] = b
		}
	}
	b.used = now
	return b.tokens.AllowN(now, 1)
}

// forget drops the buckets that are full again anyway.
func (m *limiter) forget(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for a, b := range m.sources {
		if now.Sub(b.used) > 30*time.Second {
			delete(m.sources, a)
		}
	}
}

// connCount bounds the TCP connections, and knows them so that a stop closes
// them.
type connCount struct {
	limits Limits
	wg     sync.WaitGroup

	mu     sync.Mutex
	open   map[net.Conn]netip.Addr
	peers  map[netip.Addr]int
	closed bool
}

// add takes a new connection; false means that there are too many.
func (c *connCount) add(conn net.Conn) bool {
	peer := sourceKey(addrPort(conn.RemoteAddr()).Addr())
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.open) >= c.limits.Connections || c.peers[peer] >= c.limits.PerPeer {
		return false
	}
	if c.open == nil {
		c.open, c.peers = map[net.Conn]netip.Addr{}, map[netip.Addr]int{}
	}
	c.open[conn] = peer
	c.peers[peer]++
	c.wg.Add(1)
	return true
}

func (c *connCount) remove(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	peer, ok := c.open[conn]
	if !ok {
		return
	}
	delete(c.open, conn)
	if c.peers[peer]--; c.peers[peer] == 0 {
		delete(c.peers, peer)
	}
	c.wg.Done()
}

func (c *connCount) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for conn := range c.open {
		_ = conn.Close()
	}
}

func (c *connCount) wait() { c.wg.Wait() }

// addrPort reads the address of a net.Conn; the zero value when it is none of
// IP.
func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	if a != nil {
		if ap, err := netip.ParseAddrPort(a.String()); err == nil {
			return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
		}
	}
	return netip.AddrPort{}
}
