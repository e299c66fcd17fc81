package checktest

import (
	"net/netip"
	"slices"
	"time"
)

// allocate chooses the outside endpoint of a new mapping.
func (s *stateTable) allocate(m *mapping, remote netip.AddrPort, now time.Time) netip.AddrPort {
	if !s.r.translates(m.inside.Addr()) {
		return m.inside
	}
	n := s.kind(m.inside.Addr())
	if at := s.promised(m, remote, now); at.IsValid() {
		return at
	}
	addr := s.poolAddr(n, m.inside.Addr())
	for attempt := range natPortCount {
		port := n.pick(s.r.w.rng, m.inside.Port(), attempt, &s.last)
		if at := netip.AddrPortFrom(addr, port); s.free(m, at, remote, now) {
			return at
		}
	}
	return netip.AddrPort{}
}

// promised is the outside endpoint that an ALG has already told the far end
// about: media must leave from there.
func (s *stateTable) promised(m *mapping, remote netip.AddrPort, now time.Time) netip.AddrPort {
	for _, h := range s.pinholes {
		if h.proto == m.proto && h.inside == m.inside && now.Before(h.expires) && h.from == remote.Addr() &&
			living(s.out[outsideKey{m.proto, h.outside, s.kind(m.inside.Addr()).shared(remote)}], now) == nil {
			return h.outside
		}
	}
	return netip.AddrPort{}
}

// free reports whether nothing else uses an outside endpoint.
func (s *stateTable) free(m *mapping, at, remote netip.AddrPort, now time.Time) bool {
	if living(s.out[outsideKey{m.proto, at, s.kind(at.Addr()).shared(remote)}], now) != nil {
		return false
	}
	if m.proto == UDP && lookup(s.r.self.udp, at) != nil || m.proto == TCP && lookup(s.r.self.listeners, at) != nil {
		return false // the router's own
	}
	return !slices.ContainsFunc(s.pinholes, func(h pinhole) bool {
		return h.proto == m.proto && h.outside == at && h.inside != m.inside && now.Before(h.expires)
	})
}

// poolAddr picks the outside address.
func (s *stateTable) poolAddr(n *NAT, inside netip.Addr) netip.Addr {
	var pool []netip.Addr
	for _, a := range s.r.outside {
		if a.Is4() == inside.Is4() {
			pool = append(pool, a)
		}
	}
	if len(pool) == 0 {
		return netip.Addr{}
	}
	if n.Arbitrary {
		return pool[s.r.w.rng.IntN(len(pool))]
	}
	if _, ok := s.paired[inside]; !ok {
		s.paired[inside] = pool[len(s.paired)%len(pool)]
	}
	return s.paired[inside]
}

// count is the number of living flows.
func (s *stateTable) count(now time.Time) int {
	n := 0
	for _, m := range s.in {
		for _, f := range m.flows {
			if liveFlow(f, now) != nil {
				n++
			}
		}
	}
	return n
}

// full reports whether the table has no room for another flow. It is asked
// for every new flow, so it is also where the dead ones are swept out, once a
// second at most.
func (s *stateTable) full(now time.Time) bool {
	if now.Sub(s.swept) >= time.Second {
		s.sweep(now)
	}
	return s.r.o.StateLimit > 0 && s.count(now) >= s.r.o.StateLimit
}

func (s *stateTable) sweep(now time.Time) {
	s.swept = now
	for k, m := range s.in {
		if living(m, now) == nil {
			delete(s.in, k)
			continue
		}
		for peer, f := range m.flows {
			if liveFlow(f, now) == nil {
				delete(m.flows, peer)
			}
		}
	}
	for k, m := range s.out {
		if living(m, now) == nil {
			delete(s.out, k)
		}
	}
	s.pinholes = slices.DeleteFunc(s.pinholes, func(h pinhole) bool { return !now.Before(h.expires) })
}

// media opens pinholes for an RTP port and the RTCP port above it, and returns
// the outside endpoint of the RTP port: the same port when that is free, or
// the next free pair; exact is false for an ALG that prefers ports of its own.
func (s *stateTable) media(inside netip.AddrPort, t transit, exact bool, life time.Duration) netip.AddrPort {
	now := time.Now()
	at := inside
	if s.r.translates(inside.Addr()) && t.mapping != nil {
		at = netip.AddrPortFrom(t.mapping.outside.Addr(), inside.Port())
		if !exact {
			at = netip.AddrPortFrom(at.Addr(), uint16(firstNATPort+s.r.w.rng.IntN(natPortCount)&^1))
		}
	}
	if exact && s.r.translates(inside.Addr()) && (s.taken(at, t, now) || s.taken(above(at), t, now)) {
		return netip.AddrPort{}
	}
	for !s.mediaFree(at, inside, now) || !s.mediaFree(above(at), above(inside), now) {
		if at.Port() >= 65532 {
			return netip.AddrPort{}
		}
		at = netip.AddrPortFrom(at.Addr(), at.Port()+2)
	}
	s.open(at, inside, t, life, now)
	s.open(above(at), above(inside), t, life, now)
	return at
}

// taken reports whether another call with the same far end has the promise of
// that port. The kernel makes no second one and drops the message
// (__nf_ct_expect_check: EALREADY, which nf_nat_sdp_media does not get over).
func (s *stateTable) taken(at netip.AddrPort, t transit, now time.Time) bool {
	return slices.ContainsFunc(s.pinholes, func(h pinhole) bool {
		return h.proto == UDP && h.outside == at && h.from == t.remote.Addr() && now.Before(h.expires) &&
			!h.lasting && (h.owner != t.mapping || h.call != t.remote)
	})
}

func above(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), a.Port()+1) }

// mediaFree is like free, but an inside endpoint may be promised again what it
// already has.
func (s *stateTable) mediaFree(at, inside netip.AddrPort, now time.Time) bool {
	for k, m := range s.out {
		if k.proto == UDP && k.outside == at && m.inside != inside && living(m, now) != nil {
			return false
		}
	}
	return !slices.ContainsFunc(s.pinholes, func(h pinhole) bool {
		return h.proto == UDP && h.outside == at && h.inside != inside && now.Before(h.expires)
	})
}

// register lets the registrar call an inside endpoint from any of its ports.
func (s *stateTable) register(t transit, life time.Duration) {
	s.pinholes = slices.DeleteFunc(s.pinholes, func(h pinhole) bool {
		return h.lasting && h.outside == t.outside && h.from == t.remote.Addr()
	})
	s.pinholes = append(s.pinholes, pinhole{
		proto: UDP, inside: t.inside, outside: t.outside, from: t.remote.Addr(),
		expires: time.Now().Add(life), lasting: true, owner: t.mapping, call: t.remote,
	})
}

// open makes or renews a pinhole for whoever is at the far end of the call.
func (s *stateTable) open(outside, inside netip.AddrPort, t transit, life time.Duration, now time.Time) {
	h := pinhole{
		proto: UDP, inside: inside, outside: outside, from: t.remote.Addr(), expires: now.Add(life),
		owner: t.mapping, call: t.remote,
	}
	i := slices.IndexFunc(s.pinholes, func(p pinhole) bool { return p.proto == UDP && p.outside == outside && p.from == h.from })
	if i >= 0 {
		s.pinholes[i] = h
		return
	}
	s.pinholes = append(s.pinholes, h)
}

// hangUp closes the media pinholes of a call that came to nothing.
func (s *stateTable) hangUp(t transit) {
	s.pinholes = slices.DeleteFunc(s.pinholes, func(h pinhole) bool {
		return !h.lasting && h.owner == t.mapping && h.call == t.remote
	})
}
