package responder

import (
	"net/netip"
	"sync"
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
	refused  session.Limits
	udp      int // datagrams without a session
}

func newSources(l Limits) *sources {
	return &sources{limits: l, open: map[netip.Addr]*source{}}
}

// enter counts one more session at an address and returns what had been
// refused there before.
func (t *sources) enter(a netip.Addr) (before session.Limits, udp int) {
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
	return s.refused, s.udp
}

func (t *sources) leave(a netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := sourceKey(a)
	s := t.open[key]
	if s == nil {
		return
	}
	if s.sessions--; s.sessions <= 0 {
		delete(t.open, key)
		return
	}
	s.tokens.SetLimit(t.limits.PerSession * rate.Limit(s.sessions))
	s.tokens.SetBurst(t.limits.SessionBurst * s.sessions)
}

// allow takes a token for a datagram of a session's address; known is false
// for an address that has none.
func (t *sources) allow(a netip.Addr, now time.Time) (ok, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.open[sourceKey(a)]
	if s == nil {
		return false, false
	}
	s.udp++
	return s.tokens.AllowN(now, 1), true
}

// count notes something refused to an address; strangers' is not kept.
func (t *sources) count(a netip.Addr, add func(*session.Limits)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.open[sourceKey(a)]; s != nil {
		add(&s.refused)
	}
}

func (t *sources) look(a netip.Addr) (refused session.Limits, udp int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.open[sourceKey(a)]; s != nil {
		return s.refused, s.udp
	}
	return session.Limits{}, 0
}
