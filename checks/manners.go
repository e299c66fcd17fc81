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
// a stranger: each for StrangerLife. It may be used concurrently.
type Manners struct {
	mu      sync.Mutex
	servers map[netip.Addr]*manner
}

type manner struct {
	asked atomic.Bool   // somebody sends the first question
	known chan struct{} // closed once the first question has been answered, or given up
	since atomic.Int64  // when it asked for a password, Unix nanoseconds; 0: it did not
}

const (
	// StrangerLife is how long a server is believed to take us for a stranger: fail2ban
	// looks back ten minutes by default, and an office that was let in meanwhile is to
	// be seen as that.
	StrangerLife = time.Hour
	// maxManners bounds what is remembered: whoever may name servers to a responder
	// may name many.
	maxManners = 1000
)

// NewManners knows nobody.
func NewManners() *Manners { return &Manners{servers: map[netip.Addr]*manner{}} }

// AddStranger says that a server takes us for a stranger, as an earlier run learnt then.
func (all *Manners) AddStranger(server netip.Addr, since time.Time) {
	m := all.of(server)
	m.since.Store(since.UnixNano())
	if m.asked.CompareAndSwap(false, true) {
		close(m.known)
	}
}

// Strangers are the servers that take us for a stranger, and since when.
func (all *Manners) Strangers() map[netip.Addr]time.Time {
	all.mu.Lock()
	defer all.mu.Unlock()
	list := map[netip.Addr]time.Time{}
	for a, m := range all.servers {
		if m.stranger() {
			list[a] = time.Unix(0, m.since.Load()).UTC()
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
	return m.stranger()
}

func (m *manner) stranger() bool { return m.since.Load() != 0 && !m.outlived() }

// outlived is also true of what was learnt in the future: the clock was set.
func (m *manner) outlived() bool {
	age := time.Duration(time.Now().UnixNano() - m.since.Load())
	return m.since.Load() != 0 && (age < 0 || age >= StrangerLife)
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
	m := all.servers[server]
	if m == nil || m.outlived() { // one question tells it again
		if len(all.servers) >= maxManners {
			clear(all.servers)
		}
		m = &manner{known: make(chan struct{})}
		all.servers[server] = m
	}
	return m
}

func (m *manner) heard(reply []byte, first bool) {
	if r, err := sip.Parse(reply); err == nil && (r.Status == 401 || r.Status == 407) {
		m.since.Store(time.Now().UnixNano())
	}
	if first {
		close(m.known)
	}
}
