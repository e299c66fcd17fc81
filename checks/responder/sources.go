package responder

import (
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

// sources are the addresses that sessions have shown to be theirs. Nobody gets
// in by a spoofed packet, so the table is as small as the sessions are few.
type sources struct {
	limits Limits

	mu   sync.Mutex
	open map[netip.Addr]*source // by sourceKey
}

// A source is one such address. Its budget is for what carries no session:
// STUN questions, and control datagrams before they are read. It grows with
// the sessions, so that an office of fifty testers has fifty budgets.
type source struct {
	sessions int
	tokens   *rate.Limiter
	tally
}

// A tally is what has been counted for an address.
type tally struct {
	refused session.Limits
	udp     int // datagrams without a session
}

func newSources(l Limits) *sources {
	return &sources{limits: l, open: map[netip.Addr]*source{}}
}

// enter counts one more session at an address and returns what had been
// refused there before.
func (t *sources) enter(a netip.Addr) (before tally) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := sourceKey(a)
	s := t.open[key]
	if s == nil {
		s = &source{}
		t.open[key] = s
	}
	s.sessions++
	// A new bucket is full: the new session finds its share in it.
	s.tokens = rate.NewLimiter(t.limits.PerSession*rate.Limit(s.sessions), t.limits.SessionBurst*s.sessions)
	return s.tally
}

func (t *sources) leave(a netip.Addr) {
	t.at(a, func(s *source) {
		if s.sessions--; s.sessions <= 0 {
			delete(t.open, sourceKey(a))
			return
		}
		s.tokens.SetLimit(t.limits.PerSession * rate.Limit(s.sessions))
		s.tokens.SetBurst(t.limits.SessionBurst * s.sessions)
	})
}

// at does something with the source that an address is; false where it has no
// session.
func (t *sources) at(a netip.Addr, do func(*source)) (known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.open[sourceKey(a)]
	if s != nil {
		do(s)
	}
	return s != nil
}

// allow takes a token for a datagram of a session's address; known is false
// for an address that has none.
func (t *sources) allow(a netip.Addr, now time.Time) (ok, known bool) {
	known = t.at(a, func(s *source) {
		s.udp++
		ok = s.tokens.AllowN(now, 1)
	})
	return ok, known
}

// count notes something refused to an address; strangers' is not kept.
func (t *sources) count(a netip.Addr, add func(*session.Limits)) {
	t.at(a, func(s *source) { add(&s.refused) })
}

func (t *sources) look(a netip.Addr) (now tally) {
	t.at(a, func(s *source) { now = s.tally })
	return now
}

// maxSources bounds each table of buckets, about 3 MB. Whoever comes when it is
// full shares one bucket with all others who do: spoofed sources can fill the
// table, but slow nobody who is in it, and no session is in it at all.
const maxSources = 16384

// restRate is what all share who find the table full: a flood of spoofed
// sources leaves room for one in a few of those who are real.
const restRate = 3000

// A limiter holds a token bucket for every source address without a session.
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
	return &limiter{
		limits: l, sources: map[netip.Addr]*bucket{},
		rest: &bucket{tokens: rate.NewLimiter(max(restRate, l.PerSource), max(restRate, l.Burst))},
	}
}

func (m *limiter) allow(a netip.Addr, now time.Time) bool {
	key := sourceKey(a)
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.sources[key]
	if !ok {
		b = m.rest
		if len(m.sources) < maxSources {
			b = &bucket{tokens: rate.NewLimiter(m.limits.PerSource, m.limits.Burst)}
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
	maps.DeleteFunc(m.sources, func(_ netip.Addr, b *bucket) bool { return now.Sub(b.used) > 30*time.Second })
}

// udpSources remembers the two addresses that UDP came from last: enough to
// tell one client whether anybody else's gets here.
type udpSources struct {
	mu    sync.Mutex
	since time.Time
	last  [2]netip.Addr
	full  atomic.Bool
}

// note keeps a source. Once there are two it does nothing, so that a flood does
// not pass through one lock.
func (u *udpSources) note(a netip.Addr) {
	if u.full.Load() || a.IsLoopback() {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	key := sourceKey(a)
	switch {
	case !u.last[0].IsValid():
		u.last[0] = key
	case u.last[0] != key && !u.last[1].IsValid():
		u.last[1] = key
		u.full.Store(true)
	}
}

// udpMemory is how long an address is remembered: a firewall may have been
// closed meanwhile.
const udpMemory = 10 * time.Minute

func (u *udpSources) forget(now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if now.Sub(u.since) > udpMemory {
		u.since, u.last = now, [2]netip.Addr{}
		u.full.Store(false)
	}
}

// than reports whether UDP came from another address than key.
func (u *udpSources) than(key netip.Addr) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.ContainsFunc(u.last[:], func(a netip.Addr) bool { return a.IsValid() && a != key })
}
