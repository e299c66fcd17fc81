package responder

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo"
)

type service int

const (
	controlService service = iota
	sipService
	plainService
	tlsService
	stunService
	rtpService
	metricsService
)

// An endpoint is one port that the responder holds at one own address, which
// may be unspecified: then it is all addresses of its family but those where
// another program has the port.
type endpoint struct {
	service   service
	transport string // "udp" or "tcp"
	at        netip.AddrPort
}

// reaches reports whether what is sent to an own address arrives here.
func (e endpoint) reaches(addr netip.Addr, m *around) bool {
	here := e.of(addr)
	if m.rerouted[here] {
		return false
	}
	if e.at.Addr() == addr {
		return true
	}
	if !e.at.Addr().IsUnspecified() || e.at.Addr().Is4() != addr.Is4() {
		return false
	}
	// The kernel prefers a socket that is bound to exactly this address to one
	// that is bound to all of them.
	return !slices.ContainsFunc(m.sockets, func(s netinfo.Socket) bool { return s.Protocol == e.transport && s.Local == here.at })
}

// of is the endpoint at a single address.
func (e endpoint) of(addr netip.Addr) endpoint {
	e.at = netip.AddrPortFrom(addr, e.at.Port())
	return e
}

// numbers are the ports of a service at an own address, in the order in which
// they were configured. An invalid address stands for any.
func (p *ports) numbers(s service, transport string, addr netip.Addr, m *around) []int {
	var out []int
	for _, e := range p.held {
		n := int(e.at.Port())
		if e.service == s && e.transport == transport && !slices.Contains(out, n) && (!addr.IsValid() || e.reaches(addr, m)) {
			out = append(out, n)
		}
	}
	return out
}

// A refusal is a port that could not be had at an address.
type refusal struct {
	endpoint
	reason string // in few words
}

func (r refusal) String() string {
	place, family := r.at.String(), "IPv6"
	if r.at.Addr().Is4() {
		family = "IPv4"
	}
	if r.at.Addr().IsUnspecified() {
		place = fmt.Sprintf("%d of all %s addresses", r.at.Port(), family)
	}
	return r.name() + " " + place + ": " + r.reason
}

// concerns reports whether somebody who uses an own address misses the port.
func (r refusal) concerns(addr netip.Addr) bool {
	a := r.at.Addr()
	return !addr.IsValid() || a == addr || (a.IsUnspecified() || addr.IsUnspecified()) && a.Is4() == addr.Is4()
}

// lacks says what is not served at an own address, and why; an invalid one
// stands for all.
func (p *ports) lacks(addr netip.Addr, m *around) []string {
	var out []string
	add := func(r refusal) {
		if s := r.String(); r.concerns(addr) && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, r := range p.refused {
		add(r)
	}
	for _, e := range p.held {
		for _, at := range m.reroutedFrom(e) {
			add(refusal{e.of(at), "a packet filter rule of this machine takes it elsewhere"})
		}
		for _, o := range m.sockets {
			a := o.Local.Addr()
			if o.Protocol == e.transport && o.Local.Port() == e.at.Port() && e.at.Addr().IsUnspecified() && !a.IsUnspecified() && a.Is4() == e.at.Addr().Is4() {
				add(refusal{e.of(a), inUseBy(o.Program)})
			}
		}
	}
	return out
}

func (e endpoint) name() string {
	transport := strings.ToUpper(e.transport)
	return [...]string{
		controlService: "HTTPS control on TCP", sipService: "SIP over " + transport, plainService: transport, tlsService: "SIP over TLS",
		stunService: "STUN on UDP", rtpService: "RTP on UDP", metricsService: "metrics on TCP",
	}[e.service]
}

// inUseBy words who has a port; program may be empty.
func inUseBy(program string) string {
	if program == "" {
		return "in use by another program"
	}
	return "in use by " + printable(program)
}

func foreign(list []netinfo.Socket, held []endpoint) []netinfo.Socket {
	return slices.DeleteFunc(list, func(s netinfo.Socket) bool {
		return slices.ContainsFunc(held, func(e endpoint) bool { return e.transport == s.Protocol && e.at == s.Local })
	})
}
