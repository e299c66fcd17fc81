package responder

import (
	"net/netip"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

// known returns the answer that was given to the very same message before, and
// counts the repetition.
func (c *conversation) known(k arrivalKey, now time.Time) (sent []byte, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used = now
	i, ok := c.index[k]
	if !ok {
		return nil, false
	}
	c.arrivals[i].Copies++
	return c.arrivals[i].Sent, true
}

// record keeps an arrival, or counts it as dropped when there is no room.
// Nothing that is kept shares memory with a.
func (c *conversation) record(k arrivalKey, a session.Arrival) bool {
	size := int64(len(a.Raw) + len(a.Sent) + arrivalSize)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	if len(c.arrivals) >= maxArrivals || len(a.Raw) > maxRaw || c.bytes+size > maxSessionBytes ||
		c.store.bytes.Load()+size > c.store.limits.Memory {
		c.refused.Records++
		return false
	}
	// The key's copy of the bytes is the only one: Raw is made from it when the
	// client asks.
	a.Raw, a.Sent, a.Copies = nil, slices.Clone(a.Sent), 1
	if c.index == nil {
		c.index = map[arrivalKey]int{}
	}
	c.index[k] = len(c.arrivals)
	c.arrivals = append(c.arrivals, a)
	c.bytes += size
	c.store.bytes.Add(size)
	return true
}

// list is everything recorded so far, in order of arrival.
func (c *conversation) list() session.ArrivalsReply {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := session.ArrivalsReply{Arrivals: slices.Clone(c.arrivals), Dropped: c.refused.Records}
	for k, i := range c.index {
		out.Arrivals[i].Raw = []byte(k.raw)
	}
	if out.Arrivals == nil {
		out.Arrivals = []session.Arrival{}
	}
	return out
}

// latest returns the newest recorded message of a probe that fits.
func (c *conversation) latest(fits func(a *session.Arrival, raw string) bool) (session.Arrival, string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	best, text := -1, ""
	for k, i := range c.index {
		if i > best && fits(&c.arrivals[i], k.raw) {
			best, text = i, k.raw
		}
	}
	if best < 0 {
		return session.Arrival{}, "", false
	}
	return c.arrivals[best], text, true
}

// A message is what one probe looked like on arrival, unmasked.
type message struct {
	transport string // udp tcp tls
	from      netip.AddrPort
	local     netip.AddrPort // the address asked may be invalid where the system does not tell
	ttl, tos  int
	masked    bool
	raw       []byte
	segments  int
	whole     bool    // false: the rest of a stream, cut short
	socket    *socket // of a datagram

	// conv and probe are what the message belongs to. On a stream they are
	// those of the message before, for a rest that has no token of its own.
	conv  *conversation
	probe int
}

func (m *message) key(probe int) arrivalKey {
	return arrivalKey{
		probe: probe, masked: m.masked, transport: m.transport, from: m.from, local: m.local.Port(), raw: string(m.raw),
	}
}

func (m *message) arrival(probe int, at time.Time, sent []byte) session.Arrival {
	return session.Arrival{
		Probe: probe, Transport: m.transport, Masked: m.masked, From: m.from, Local: m.local, TTL: m.ttl, TOS: m.tos,
		At: at, Raw: m.raw, Sent: sent, Segments: m.segments,
	}
}
