package responder

import (
	"crypto/rand"
	"encoding/hex"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

type store struct {
	limits Limits
	bytes  atomic.Int64 // recorded by all sessions

	mu      sync.Mutex
	byID    map[string]*conversation
	byCall  map[string]*conversation // by the call that opened it, so that a repeated open opens nothing
	bySrc   map[netip.Addr]int
	opened  uint64
	removed []*conversation // since the latest expire
	ended   map[string]bool // sessions that had to make room, the latest maxEnded

	joined, left func(*conversation) // hear of every session; under mu
}

// maxEnded bounds the names of sessions that had to make room.
const maxEnded = 1024

func newStore(l Limits) *store {
	return &store{
		limits: l, byID: map[string]*conversation{}, byCall: map[string]*conversation{}, bySrc: map[netip.Addr]int{},
		ended: map[string]bool{}, joined: func(*conversation) {}, left: func(*conversation) {},
	}
}

// open starts a session for the client at seen, or finds the one that the
// same call has opened before. The error is for the client to read.
func (st *store) open(call string, seen netip.AddrPort, now time.Time) (*conversation, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if c, ok := st.byCall[call]; ok && c.seen.Addr() == seen.Addr() {
		return c, nil
	}
	if err := st.room(seen.Addr(), now); err != nil {
		return nil, err
	}
	var id [8]byte
	secret := make([]byte, 32)
	_, _ = rand.Read(id[:]) // never returns an error
	_, _ = rand.Read(secret)
	c := &conversation{
		store: st, id: hex.EncodeToString(id[:]), secret: secret, call: call, seen: seen,
		born: now, used: now, proved: []netip.Addr{seen.Addr()}, tokens: rate.NewLimiter(st.limits.PerSession, st.limits.SessionBurst),
		bytes: sessionSize,
	}
	st.byID[c.id], st.byCall[call] = c, c
	st.bySrc[sourceKey(seen.Addr())]++
	st.bytes.Add(sessionSize)
	st.opened++
	st.joined(c)
	return c, nil
}

func (st *store) find(id string, now time.Time) *conversation {
	st.mu.Lock()
	defer st.mu.Unlock()
	c := st.byID[id]
	if c == nil || st.over(c, now) {
		return nil
	}
	return c
}

func (st *store) over(c *conversation, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Sub(c.used) > st.limits.Idle || now.Sub(c.born) > st.limits.Lifetime
}

func (st *store) end(c *conversation) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.remove(c)
}

func (st *store) remove(c *conversation) {
	if st.byID[c.id] != c {
		return
	}
	delete(st.byID, c.id)
	delete(st.byCall, c.call)
	src := sourceKey(c.seen.Addr())
	if st.bySrc[src]--; st.bySrc[src] <= 0 {
		delete(st.bySrc, src)
	}
	st.bytes.Add(-c.release())
	st.left(c)
	st.removed = append(st.removed, c)
}

// expire removes the sessions whose time is up. It returns all that were
// removed since the latest call, for whoever holds something of theirs.
func (st *store) expire(now time.Time) (removed []*conversation) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, c := range st.byID {
		if st.over(c, now) {
			st.remove(c)
		}
	}
	removed, st.removed = st.removed, nil
	return removed
}

// named returns the sweep and the call of the session that a packet names; nil
// where there is none. The packet may be anybody's.
func (st *store) named(id [8]byte) (*sweep, *call) {
	var name [16]byte
	hex.Encode(name[:], id[:])
	st.mu.Lock()
	c := st.byID[string(name[:])]
	st.mu.Unlock()
	if c == nil {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sweep, c.media
}

func (st *store) count() (open int, ever uint64) {
	st.mu.Lock()
	defer st.mu.Unlock()
	return len(st.byID), st.opened
}

// A conversation is one session as the responder keeps it.
type conversation struct {
	store  *store
	id     string
	secret []byte
	call   string
	seen   netip.AddrPort // where the open request came from
	born   time.Time
	tokens *rate.Limiter // for its messages and calls
	udp    atomic.Int64  // datagrams of its own that have arrived
	conns  atomic.Int32  // TCP connections
	before tally         // the counts when it began

	// the client's view of us: it dialled dialled, and that reached us at reached
	dialled, reached netip.Addr

	mu       sync.Mutex
	over     bool
	used     time.Time
	proved   []netip.Addr // addresses that this client has shown it receives at
	arrivals []session.Arrival
	index    map[arrivalKey]int
	bytes    int64
	refused  session.Limits // what was not done for it
	invites  map[int]*invite
	replies  [4]keptReply // the latest calls, so that a repeated one is not done twice
	next     int          // where the next kept reply goes
	rtp      int          // RTP packets sent

	quiet  map[int]*quietFlow // by probe: flows that wait for a late message
	credit int                // bytes of size probes received, less those answered
	sweep  *sweep             // of the RTP ports; nil: not started
	media  *call              // its simulated calls; nil: none
}

// arrivalKey tells a retransmission from a new message: the same bytes on the
// same flow.
type arrivalKey struct {
	probe     int
	masked    bool
	transport string
	from      netip.AddrPort
	local     uint16
	raw       string
}

// keptReply is the outcome of a call.
type keptReply struct {
	call   string
	done   bool
	status int
	body   []byte
}

func (c *conversation) release() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	n := c.bytes
	c.bytes, c.arrivals, c.index, c.invites, c.replies = 0, nil, nil, nil, [4]keptReply{}
	c.quiet = nil
	return n
}

func (c *conversation) touch(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used = now
}

// prove notes that the client receives at a: it finished a TCP handshake on
// the control channel from there, or returned a cookie.
func (c *conversation) prove(a netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.provedLocked(a) && len(c.proved) < maxProved {
		c.proved = append(c.proved, a)
	}
}

func (c *conversation) isProved(a netip.Addr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.provedLocked(a)
}

func (c *conversation) provedLocked(a netip.Addr) bool {
	return slices.Contains(c.proved, a)
}

// visible is our address as the client knows it.
func (c *conversation) visible(local netip.Addr) netip.Addr {
	if c.dialled.IsValid() && (!local.IsValid() || local.IsUnspecified() || local == c.reached) {
		return c.dialled
	}
	return local
}

// begin claims a call; first is false when it was begun before, and then done
// says whether its outcome is known.
func (c *conversation) begin(call string) (r keptReply, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.replies {
		if k.call == call && call != "" {
			return k, false
		}
	}
	gone := int64(len(c.replies[c.next].body))
	c.bytes -= gone
	c.store.bytes.Add(-gone)
	c.replies[c.next] = keptReply{call: call}
	c.next = (c.next + 1) % len(c.replies)
	return keptReply{}, true
}

// bigReply is where a kept reply begins to matter for memory, bytes: only the
// newest of those is kept.
const bigReply = 2048

// finish keeps the outcome of a call that begin has claimed.
func (c *conversation) finish(call string, status int, body []byte) keptReply {
	r := keptReply{call: call, done: true, status: status, body: body}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return r
	}
	grown := 0
	for i := range c.replies {
		k := &c.replies[i]
		switch {
		case k.call == call:
			grown += len(body) - len(k.body)
			*k = r
		case len(body) > bigReply && len(k.body) > bigReply:
			grown -= len(k.body)
			*k = keptReply{}
		}
	}
	c.bytes += int64(grown)
	c.store.bytes.Add(int64(grown))
	return r
}
