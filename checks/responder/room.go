package responder

import (
	"net/http"
	"net/netip"
	"time"
)

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
