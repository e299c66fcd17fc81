package responder

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

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

// allow takes one token of a source's bucket.
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
	for a, b := range m.sources {
		if now.Sub(b.used) > 30*time.Second {
			delete(m.sources, a)
		}
	}
}
