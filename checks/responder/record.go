package responder

import (
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

// A message is what one probe looked like on arrival. The address asked may be
// invalid where the system does not tell. On a stream the probe is that of the
// message before, for a rest that has no token of its own, and so is conv.
type message struct {
	session.Arrival
	whole  bool    // false: the rest of a stream, cut short
	socket *socket // of a datagram
	conv   *conversation
}

func (m *message) key() arrivalKey {
	return arrivalKey{
		probe: m.Probe, masked: m.Masked, transport: m.Transport, from: m.From, local: m.Local.Port(), raw: string(m.Raw),
	}
}
