package checktest

import (
	"net/netip"
	"slices"
	"time"
)

// insideKey and outsideKey are the two ways into the table. The remote is
// reduced to what the NAT's mapping, and its overloading of ports, depend on.
type insideKey struct {
	proto  string
	inside netip.AddrPort
	remote netip.AddrPort
}

type outsideKey struct {
	proto   string
	outside netip.AddrPort
	remote  netip.AddrPort
}

// mapping is an inside endpoint and the outside endpoint that stands for it;
// they are equal where nothing is translated.
type mapping struct {
	proto           string
	inside, outside netip.AddrPort
	remote          netip.AddrPort // reduced
	flows           map[netip.AddrPort]*flow
	expires         time.Time
}

// flow is what passes between a mapping and one remote endpoint.
type flow struct {
	created, expires time.Time
	answered         bool
	closing          bool          // TCP: a FIN or reset passed
	helper           time.Duration // an ALG's own lifetime
	viaPort          uint16        // an ALG sends what comes in to this port of the near end; 0: as it is
}

// pinhole lets a remote reach an inside endpoint that has sent nothing yet: a
// conntrack expectation.
type pinhole struct {
	proto           string
	inside, outside netip.AddrPort
	from            netip.Addr // invalid: anybody
	expires         time.Time
	lasting         bool // it serves many flows, not just the first
	owner           *mapping
	call            netip.AddrPort // the remote of the flow whose ALG made it
}

// stateTable is a router's memory of flows.
type stateTable struct {
	r        *Router
	in       map[insideKey]*mapping
	out      map[outsideKey]*mapping
	pinholes []pinhole
	paired   map[netip.Addr]netip.Addr
	last     uint16 // of SequentialPorts
	swept    time.Time
}

func newStateTable(r *Router) *stateTable {
	return &stateTable{
		r: r, in: map[insideKey]*mapping{}, out: map[outsideKey]*mapping{}, paired: map[netip.Addr]netip.Addr{},
		last: uint16(firstNATPort + r.w.rng.IntN(natPortCount)),
	}
}

// kind is the NAT that rules packets of a's family.
func (s *stateTable) kind(a netip.Addr) *NAT {
	if s.r.o.NAT == nil {
		return identity()
	}
	if a.Is4() {
		return s.r.o.NAT
	}
	n := *s.r.o.NAT
	n.Mapping, n.Ports = EndpointIndependent, PreservePorts
	return &n
}

// shared is the part of the remote by which one outside port is told from
// itself.
func (n *NAT) shared(remote netip.AddrPort) netip.AddrPort {
	if n.Ports == OverloadPorts {
		return n.Mapping.reduce(remote)
	}
	return netip.AddrPort{}
}

// find returns the living mapping of a flow seen from inside.
func (s *stateTable) find(proto string, inside, remote netip.AddrPort) *mapping {
	m := s.in[insideKey{proto, inside, s.kind(inside.Addr()).Mapping.reduce(remote)}]
	return living(m, time.Now())
}

// findOutside returns the living mapping of a flow seen from outside.
func (s *stateTable) findOutside(proto string, outside, remote netip.AddrPort) *mapping {
	m := s.out[outsideKey{proto, outside, s.kind(outside.Addr()).shared(remote)}]
	return living(m, time.Now())
}

func living(m *mapping, now time.Time) *mapping {
	if m == nil || !now.Before(m.expires) {
		return nil
	}
	return m
}

// outbound finds or makes the mapping of a packet from inside and records the
// packet; nil when the table or the ports are exhausted.
func (s *stateTable) outbound(p *packet, now time.Time) *mapping {
	m := s.find(p.proto, p.src, p.dst)
	if (m == nil || liveFlow(m.flows[p.dst], now) == nil) && s.full(now) {
		return nil
	}
	if m == nil {
		n := s.kind(p.src.Addr())
		m = &mapping{proto: p.proto, inside: p.src, remote: n.Mapping.reduce(p.dst)}
		if m.outside = s.allocate(m, p.dst, now); !m.outside.IsValid() {
			return nil
		}
		s.add(m, n.shared(p.dst))
	}
	f := m.flow(p.dst, now)
	s.touch(m, f, p, now)
	return m
}

// liveFlow is living for a flow.
func liveFlow(f *flow, now time.Time) *flow {
	if f == nil || !now.Before(f.expires) {
		return nil
	}
	return f
}

func (s *stateTable) add(m *mapping, shared netip.AddrPort) {
	m.flows = map[netip.AddrPort]*flow{}
	s.in[insideKey{m.proto, m.inside, m.remote}] = m
	s.out[outsideKey{m.proto, m.outside, shared}] = m
}

func (m *mapping) flow(remote netip.AddrPort, now time.Time) *flow {
	f := liveFlow(m.flows[remote], now)
	if f == nil {
		f = &flow{created: now}
		m.flows[remote] = f
	}
	return f
}

// touch prolongs a flow by a packet of it.
func (s *stateTable) touch(m *mapping, f *flow, p *packet, now time.Time) {
	f.closing = f.closing || p.seg.flags&(flagFIN|flagRST) != 0
	f.expires = now.Add(s.kind(m.inside.Addr()).lifetime(p.proto, f, now))
	m.prolong(f.expires)
}

func (m *mapping) prolong(until time.Time) {
	if until.After(m.expires) {
		m.expires = until
	}
}

// inbound finds the mapping that lets a packet from outside in, by its flow or
// by a pinhole, and records the packet; nil: nothing expects it.
func (s *stateTable) inbound(p *packet, now time.Time) *mapping {
	n := s.kind(p.dst.Addr())
	m := s.findOutside(p.proto, p.dst, p.src)
	if m == nil || !n.admits(m, p.src, now) && !(n.PerHost && s.hostAdmits(n, m, p.src, now)) {
		return s.expected(p, now)
	}
	f := liveFlow(m.flows[p.src], now)
	if f == nil { // admitted, though nothing was ever sent to this very peer
		m.prolong(now.Add(n.lifetime(p.proto, &flow{created: now}, now)))
		return m
	}
	f.answered = true
	s.touch(m, f, p, now)
	return m
}

// hostAdmits is admits for a filter that looks at all flows of the inside host.
func (s *stateTable) hostAdmits(n *NAT, m *mapping, from netip.AddrPort, now time.Time) bool {
	for _, other := range s.in {
		if other.inside.Addr() == m.inside.Addr() && living(other, now) != nil && n.admits(other, from, now) {
			return true
		}
	}
	return false
}

// admits is the filtering behaviour.
func (n *NAT) admits(m *mapping, from netip.AddrPort, now time.Time) bool {
	switch n.Filtering {
	case EndpointIndependent:
		return true
	case AddressDependent:
		for peer, f := range m.flows {
			if peer.Addr() == from.Addr() && liveFlow(f, now) != nil {
				return true
			}
		}
		return false
	default:
		return liveFlow(m.flows[from], now) != nil
	}
}

// expected lets a packet through a pinhole, which makes it a flow.
func (s *stateTable) expected(p *packet, now time.Time) *mapping {
	i := slices.IndexFunc(s.pinholes, func(h pinhole) bool {
		return h.proto == p.proto && h.outside == p.dst && now.Before(h.expires) && (!h.from.IsValid() || h.from == p.src.Addr())
	})
	if i < 0 || s.full(now) {
		return nil
	}
	h := s.pinholes[i]
	if !h.lasting {
		s.pinholes = slices.Delete(s.pinholes, i, i+1)
	}
	n := s.kind(p.dst.Addr())
	m := s.findOutside(p.proto, p.dst, p.src)
	if m == nil || m.inside != h.inside {
		m = &mapping{proto: p.proto, inside: h.inside, outside: h.outside, remote: n.Mapping.reduce(p.src)}
		s.add(m, n.shared(p.src))
	}
	s.touch(m, m.flow(p.src, now), p, now)
	return m
}
