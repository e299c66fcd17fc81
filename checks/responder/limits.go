package responder

import (
	"cmp"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/time/rate"
)

// Limits bound what a responder spends on anybody. Zero fields take the
// default named beside them. Whoever has opened a session has a budget of his
// own, which nobody else can use up; strangers share what is below.
type Limits struct {
	Sessions          int           // 1000 open at a time
	SessionsPerSource int           // 256 from one address; fewer as the responder fills up, see store.room
	Idle              time.Duration // 60 s without a call or a probe end a session
	Lifetime          time.Duration // 10 min end every session
	Memory            int64         // 128 MiB of recorded messages, connections and sessions

	PerSession   rate.Limit // 500 messages a second of one session: the busiest check sends 400
	SessionBurst int        // 2000: a whole matrix of probes at once, with repetitions

	PerSource   rate.Limit // 300 datagrams or calls a second from one address (one /64 of IPv6) without a session
	Burst       int        // 600
	Strangers   rate.Limit // 200 answers of each kind a second to all who have not shown themselves: no use to a reflection attack
	Connections int        // 4096 TCP connections at a time; strangers have half of them
}

// DefaultMemory is how much of recorded messages, connections and sessions a
// responder keeps, bytes.
const DefaultMemory = 128 << 20

// Bounds of one session. A whole run of the checks (--deep) was measured to
// leave 106 messages and 171 KiB, a lossy line adds repetitions.
const (
	maxArrivals     = 512
	maxRaw          = 64 << 10  // the longest message that is kept, bytes
	maxSessionBytes = 384 << 10 // requests, answers and arrivalSize
	arrivalSize     = 768       // what keeping a message costs beside its bytes, measured
	maxInvites      = 64
	maxProved       = 8 // addresses that one session may have shown itself at
	// sessionSize is what a session costs before anything is recorded, bytes.
	sessionSize = 2048
	// maxSessionConns bounds the connections of one session. A whole run (--deep)
	// has 40 at a time.
	maxSessionConns = 64
)

// What one connection costs until it is closed, bytes: a stack, buffers, and
// where there is TLS its records.
const (
	plainConnSize = 16 << 10
	tlsConnSize   = 44 << 10
)

func (l Limits) withDefaults() Limits {
	return Limits{
		Sessions: cmp.Or(l.Sessions, 1000), SessionsPerSource: cmp.Or(l.SessionsPerSource, 256),
		Idle: cmp.Or(l.Idle, time.Minute), Lifetime: cmp.Or(l.Lifetime, 10*time.Minute), Memory: cmp.Or(l.Memory, DefaultMemory),
		PerSession: cmp.Or(l.PerSession, 500), SessionBurst: cmp.Or(l.SessionBurst, 2000),
		PerSource: cmp.Or(l.PerSource, 300), Burst: cmp.Or(l.Burst, 600),
		Strangers: cmp.Or(l.Strangers, 200), Connections: cmp.Or(l.Connections, 4096),
	}
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

// addrPort reads the address of a net.Conn; the zero value for one that is not
// an IP address.
func addrPort(a net.Addr) netip.AddrPort {
	if a == nil {
		return netip.AddrPort{}
	}
	return parseAddrPort(a.String())
}

func parseAddrPort(text string) netip.AddrPort {
	ap, err := netip.ParseAddrPort(text)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// idleForRoom is how long a session must have been silent to be ended when
// another one needs its place. The most silent check, nat-lifetime, speaks
// every 20 s.
const idleForRoom = 30 * time.Second

// room finds out whether one more session from a may be opened. The error is
// for the client to read; the store's lock is held.
//
// As long as half of the places are free, one source may take SessionsPerSource
// of them; then an eighth of what is free, so that a few dozen sources cannot
// take what is left. One is possible for everybody as long as there is any;
// when there is none, the longest silent session of whoever has most must go.
func (st *store) room(a netip.Addr, now time.Time) error {
	src := sourceKey(a)
	held := st.bySrc[src]
	if st.bytes.Load()+sessionSize >= st.limits.Memory {
		return refuseBusy(http.StatusServiceUnavailable, "its memory is in use (%d sessions); try again in a minute", len(st.byID))
	}
	free := st.limits.Sessions - len(st.byID)
	if free <= 0 {
		if !st.makeRoom(src, now) {
			return refuseBusy(http.StatusServiceUnavailable, "the responder is full (%d sessions); try again in a minute", len(st.byID))
		}
		return nil
	}
	most := st.limits.SessionsPerSource
	if free < st.limits.Sessions/2 {
		most = min(most, max(1, free/8))
	}
	if held >= most {
		return refuseBusy(http.StatusServiceUnavailable, "%d sessions are open from %s already; try again in a minute", held, a)
	}
	return nil
}

// makeRoom ends the longest silent session of the source that has most, if it
// has more than the one that asks.
func (st *store) makeRoom(src netip.Addr, now time.Time) bool {
	most := st.bySrc[src] + 1
	var from netip.Addr
	for a, n := range st.bySrc {
		if n > most {
			from, most = a, n
		}
	}
	var victim *conversation
	var silent time.Duration
	for _, c := range st.byID {
		if !from.IsValid() || sourceKey(c.seen.Addr()) != from {
			continue
		}
		if d := c.silentFor(now); d > idleForRoom && d > silent {
			victim, silent = c, d
		}
	}
	if victim == nil {
		return false
	}
	st.remove(victim)
	if len(st.ended) >= maxEnded {
		clear(st.ended)
	}
	st.ended[victim.id] = true
	return true
}

func (c *conversation) silentFor(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Sub(c.used)
}

// gone is the refusal of a call for a session that is not there.
func (st *store) gone(id string) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.ended[id] {
		return refuseBusy(http.StatusUnauthorized, "the session had to make room for other clients after a time of silence; run the check again")
	}
	return errUnknownSession
}

// reserve takes memory for something that lasts a moment; false when there is
// none. The caller gives it back.
func (st *store) reserve(n int) bool {
	if st.bytes.Add(int64(n)) <= st.limits.Memory {
		return true
	}
	st.bytes.Add(-int64(n))
	return false
}
