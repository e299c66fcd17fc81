package checks

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// A PBX that does not know who asks may log every OPTIONS and every REGISTER as a
// failed login: Asterisk's PJSIP does ("No matching endpoint found"), and five such
// lines in ten minutes are what fail2ban bans an office for by default. A BYE that
// belongs to no call is answered with 481 before anybody asks whose it is (RFC 3261,
// 15.1.2), and nobody counts it. So a server that asks a stranger for a password is
// asked so from then on.

// Manners remembers, for a run and those that follow it, which SIP servers take us for
// a stranger. It may be used concurrently.
type Manners struct {
	mu      sync.Mutex
	servers map[netip.Addr]*manner
}

type manner struct {
	asked    atomic.Bool   // somebody sends the first question
	known    chan struct{} // closed once the first question has been answered, or given up
	stranger atomic.Bool   // it asked for a password
}

// NewManners knows nobody.
func NewManners() *Manners { return &Manners{servers: map[netip.Addr]*manner{}} }

// AddStranger says that a server takes us for a stranger, as an earlier run learnt.
func (all *Manners) AddStranger(server netip.Addr) {
	m := all.of(server)
	m.stranger.Store(true)
	if m.asked.CompareAndSwap(false, true) {
		close(m.known)
	}
}

// Strangers are the servers that take us for a stranger.
func (all *Manners) Strangers() (list []netip.Addr) {
	all.mu.Lock()
	defer all.mu.Unlock()
	for a, m := range all.servers {
		if m.stranger.Load() {
			list = append(list, a)
		}
	}
	return list
}

// firstAnswer is how long the others wait for the answer to the first question.
const firstAnswer = 700 * time.Millisecond

// AskSIP asks a SIP server by ask, which sends a request of that method and returns
// the answer; nil for none. All checks of a run ask a server through it: the first
// with OPTIONS, and the others with BYE where that was refused to a stranger, and with
// OPTIONS after all where the BYE is not answered.
func (e *Env) AskSIP(ctx context.Context, server netip.Addr, ask func(method string) (reply []byte)) {
	m := e.manners().of(server)
	first := m.asked.CompareAndSwap(false, true)
	if !first && m.toStranger(ctx) && ask("BYE") != nil {
		return
	}
	reply := ask("OPTIONS")
	m.heard(reply, first)
}

// Stranger reports whether a server asks strangers for a password, as far as that is
// known once the first question to it has had its time.
func (e *Env) Stranger(ctx context.Context, server netip.Addr) bool {
	return e.manners().of(server).toStranger(ctx)
}

func (m *manner) toStranger(ctx context.Context) bool {
	timer := time.NewTimer(firstAnswer)
	defer timer.Stop()
	select {
	case <-m.known:
	case <-timer.C:
	case <-ctx.Done():
	}
	return m.stranger.Load()
}

func (e *Env) manners() *Manners {
	e.mannersOnce.Do(func() {
		if e.Manners == nil {
			e.Manners = NewManners()
		}
	})
	return e.Manners
}

// of is what is known of a server.
func (all *Manners) of(server netip.Addr) *manner {
	all.mu.Lock()
	defer all.mu.Unlock()
	server = server.Unmap()
	if all.servers[server] == nil {
		all.servers[server] = &manner{known: make(chan struct{})}
	}
	return all.servers[server]
}

func (m *manner) heard(reply []byte, first bool) {
	if r, err := sip.Parse(reply); err == nil && (r.Status == 401 || r.Status == 407) {
		m.stranger.Store(true)
	}
	if first {
		close(m.known)
	}
}
