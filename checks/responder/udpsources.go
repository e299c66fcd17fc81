package responder

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

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
