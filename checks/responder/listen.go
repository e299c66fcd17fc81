package responder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

// ports is what a responder has bound. It does not change after Listen.
type ports struct {
	addrs []netip.Addr // as listened at; unspecified ones stand for all of their family

	held    []endpoint
	refused []refusal

	stun, stunAlt int // 0: not served
	rtp           int // 0: not served

	sockets []*socket
}

type boundTCP struct {
	listener net.Listener
	serve    func(context.Context, net.Listener) error
}

// Listen binds every address and port. A port that belongs to another program
// is left out and named in Busy; it is an error only when there is no way to
// reach the responder, or no port to probe.
func (s *Server) Listen(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &binder{s: s, optional: map[netip.Addr]bool{}}
	b.addrs(s.cfg.Listen)
	b.bind(ctx)
	b.nameOwners(ctx)
	s.ports, s.tcp = b.ports, b.tcp
	s.rtp.listen(ctx, s.ports.addrs)
	if err := b.check(); err != nil {
		s.closePorts()
		s.ports, s.tcp = ports{}, nil
		return err
	}
	return nil
}

// check refuses a responder that has nothing to be reached at.
func (b *binder) check() error {
	a, p := b.unbound(), &b.ports
	switch {
	case a.IsValid():
		return fmt.Errorf("listening at %s: %w", a, b.why())
	case !p.serves(controlService, plainService):
		return fmt.Errorf("opening the control port: %w", b.why())
	case !p.serves(sipService, tlsService, plainService):
		return fmt.Errorf("opening the probe ports: %w", b.why())
	}
	return nil
}

type binder struct {
	s        *Server
	ports    ports
	tcp      []boundTCP
	optional map[netip.Addr]bool // addresses that nobody asked for by name
	errs     []error
}

func (b *binder) addrs(listen []netip.Addr) {
	for _, a := range listen {
		if a = a.Unmap(); !slices.Contains(b.ports.addrs, a) {
			b.ports.addrs = append(b.ports.addrs, a)
		}
	}
	if len(b.ports.addrs) == 0 {
		b.ports.addrs = []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
		b.optional[netip.IPv6Unspecified()] = true
	}
}

func (b *binder) bind(ctx context.Context) {
	c, p := &b.s.cfg, &b.ports
	plain := func(ctx context.Context, l net.Listener) error { return b.s.serveSIP(ctx, l, nil) }
	crypt := func(ctx context.Context, l net.Listener) error { return b.s.serveSIP(ctx, l, b.s.tlsConfig()) }
	at := p.addrs
	if c.Control.IsValid() {
		at = []netip.Addr{c.Control.Unmap()}
	}
	number := b.tcpPort(ctx, controlService, at, c.ControlPort, b.s.serveControl)
	if c.ControlPort != AnyPort {
		number = c.ControlPort
	}
	b.udpPort(ctx, plainService, number)
	b.tcpPort(ctx, plainService, p.addrs, c.PlainTCP, plain)
	for _, n := range c.SIPPorts {
		b.udpPort(ctx, sipService, n)
		b.tcpPort(ctx, sipService, p.addrs, n, plain)
	}
	b.tcpPort(ctx, tlsService, p.addrs, c.SIPSPort, crypt)
	p.stun = b.udpPort(ctx, stunService, c.STUNPort)
	p.stunAlt = b.udpPort(ctx, stunService, c.STUNAltPort)
	if p.stun == 0 {
		p.stun, p.stunAlt = p.stunAlt, 0
	}
	p.rtp = b.rtpPort(ctx, c.RTPPort)
	if c.Metrics.IsValid() {
		l, err := c.Net.ListenTCP(ctx, c.Metrics)
		if b.note(endpoint{metricsService, "tcp", c.Metrics}, err) {
			b.tcp = append(b.tcp, boundTCP{l, b.s.serveMetrics})
		}
	}
}

// tcpPort listens at a port of the given addresses and returns its number, 0
// when none could be had.
func (b *binder) tcpPort(ctx context.Context, v service, at []netip.Addr, port int, serve func(context.Context, net.Listener) error) (bound int) {
	for _, a := range at {
		e := endpoint{v, "tcp", where(a, port)}
		l, err := b.s.cfg.Net.ListenTCP(ctx, e.at)
		if !b.note(e, err) {
			continue
		}
		b.tcp = append(b.tcp, boundTCP{l, serve})
		port = b.hold(e, addrPort(l.Addr()))
		bound = port
	}
	return bound
}

// udpPort is tcpPort for UDP, at every address.
func (b *binder) udpPort(ctx context.Context, v service, port int) (bound int) {
	kind := map[service]socketKind{stunService: stunSocket, rtpService: mediaSocket}[v] // else a probeSocket
	for _, a := range b.ports.addrs {
		e := endpoint{v, "udp", where(a, port)}
		conn, err := b.s.cfg.Net.OpenUDP(ctx, e.at)
		if !b.note(e, err) {
			continue
		}
		port = b.hold(e, conn.LocalAddr())
		bound = port
		b.ports.sockets = append(b.ports.sockets, &socket{kind: kind, conn: conn, addr: a, port: bound})
	}
	return bound
}

// hold notes that e was bound, and returns its port.
func (b *binder) hold(e endpoint, bound netip.AddrPort) int {
	e.at = netip.AddrPortFrom(e.at.Addr(), bound.Port())
	b.ports.held = append(b.ports.held, e)
	return int(bound.Port())
}

// rtpPort takes the wanted port, or the first free even one from 8770: near
// the control port, so that a firewall rule for all of them is short, and
// below the RTP range of every PBX.
func (b *binder) rtpPort(ctx context.Context, want int) int {
	if want != 0 {
		return b.udpPort(ctx, rtpService, want)
	}
	for port := 8770; port < 8800; port += 2 {
		conn, err := b.s.cfg.Net.OpenUDP(ctx, where(b.ports.addrs[0], port))
		if err != nil {
			continue
		}
		_ = conn.Close()
		return b.udpPort(ctx, rtpService, port)
	}
	b.ports.refused = append(b.ports.refused, refusal{endpoint{rtpService, "udp", where(b.ports.addrs[0], 8770)}, "in use, and so are the ports up to 8798"})
	return 0
}

func where(a netip.Addr, port int) netip.AddrPort {
	return netip.AddrPortFrom(a, uint16(max(port, 0)))
}

// note keeps why a port is not served; true means that it is.
func (b *binder) note(e endpoint, err error) bool {
	if err == nil {
		return true
	}
	b.errs = append(b.errs, err)
	text := string(platform.Words(err))
	if platform.Classify(err) == platform.ClassInUse {
		text = inUseBy("")
	} else if b.optional[e.at.Addr()] {
		return false // this machine has no IPv6
	}
	b.ports.refused = append(b.ports.refused, refusal{e, text})
	return false
}

// nameOwners says which program has the ports that were refused, as far as the
// system tells.
func (b *binder) nameOwners(ctx context.Context) {
	list := b.s.machine.learn(ctx, b.ports.held).sockets
	for i := range b.ports.refused {
		r := &b.ports.refused[i]
		at := r.at.Addr()
		if at.IsUnspecified() {
			at = netip.Addr{}
		}
		if o, ok := netinfo.Listens(list, r.transport, at, r.at.Port()); ok && r.reason == inUseBy("") {
			r.reason = inUseBy(o.Program)
		}
	}
}

func (b *binder) why() error {
	if busy := b.ports.lacks(netip.Addr{}, &around{}); len(busy) > 0 {
		return errors.New(strings.Join(busy[:min(len(busy), 3)], "; "))
	}
	return errors.Join(b.errs...)
}

// unbound returns an address that was asked for by name and at which no port
// could be bound: most likely it is not one of this machine's.
func (b *binder) unbound() netip.Addr {
	for _, a := range b.ports.addrs {
		bound := slices.ContainsFunc(b.ports.sockets, func(u *socket) bool { return u.addr == a })
		if !bound && !b.optional[a] {
			return a
		}
	}
	return netip.Addr{}
}

// stunPair returns the two addresses between which a client at local can
// compare, local itself and another one of its family, in the order of Listen,
// as far as STUN is served at both ports of both. With one address only, or all
// of the machine's, the second is invalid.
func (p *ports) stunPair(local netip.Addr) (primary, alternate netip.Addr) {
	var same []netip.Addr
	for _, a := range p.addrs {
		if a.Is4() == local.Is4() && !a.IsUnspecified() {
			same = append(same, a)
		}
	}
	served := len(same) >= 2 && slices.Contains(same[:2], local)
	for i := 0; served && i < 2; i++ {
		served = p.find(stunSocket, where(same[i], p.stun)) != nil && p.find(stunSocket, where(same[i], p.stunAlt)) != nil
	}
	if !served {
		return local, netip.Addr{}
	}
	return same[0], same[1]
}

func (p *ports) find(kind socketKind, at netip.AddrPort) *socket {
	for _, u := range p.sockets {
		if u.kind == kind && u.port == int(at.Port()) && (u.addr == at.Addr() || u.addr.IsUnspecified() && u.addr.Is4() == at.Addr().Is4()) {
			return u
		}
	}
	return nil
}

func (p *ports) mediaSocket(local netip.Addr) *socket {
	return p.find(mediaSocket, netip.AddrPortFrom(local, uint16(p.rtp)))
}

func (p *ports) serves(services ...service) bool {
	return slices.ContainsFunc(p.held, func(e endpoint) bool { return slices.Contains(services, e.service) })
}

// Ports is what a responder serves, for people to read.
type Ports struct {
	Addrs []netip.Addr // unspecified: all of the machine's
	// At is what is served at each of them, in the same order; the embedded
	// one is what is served at any of them.
	At []PortsAt
	PortsAt
	RTPRange string   // UDP ports of RTP probes, "10000-65535"; empty: none
	RTPBlock int      // how many of them are open at a time; 0: all
	Busy     []string // what could not be had, and why
}

// PortsAt is what is served at one address.
type PortsAt struct {
	Control            int // TCP; 0: not here
	SIPUDP, SIPTCP     []int
	SIPTLS             []int
	PlainUDP, PlainTCP []int
	STUN               []int
	RTP                int // UDP; 0: not here
}

// Ports says what Listen has bound.
func (s *Server) Ports() Ports {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &s.ports
	m := s.machine.look(time.Now(), p.held)
	out := Ports{
		Addrs: p.addrs, PortsAt: p.portsAt(netip.Addr{}, m), Busy: p.lacks(netip.Addr{}, m), RTPRange: s.rtp.rtpText(),
	}
	for _, a := range p.addrs {
		out.At = append(out.At, p.portsAt(a, m))
	}
	if len(p.addrs) > 0 {
		out.RTPBlock = s.rtp.block(p.addrs[0])
	}
	return out
}

func (p *ports) portsAt(a netip.Addr, m *around) PortsAt {
	get := func(v service, transport string) []int { return p.numbers(v, transport, a, m) }
	out := PortsAt{
		SIPUDP: get(sipService, "udp"), SIPTCP: get(sipService, "tcp"), SIPTLS: get(tlsService, "tcp"),
		PlainUDP: get(plainService, "udp"), PlainTCP: get(plainService, "tcp"), STUN: get(stunService, "udp"),
	}
	for _, n := range get(controlService, "tcp") {
		out.Control = cmp.Or(out.Control, n)
	}
	for _, n := range get(rtpService, "udp") {
		out.RTP = cmp.Or(out.RTP, n)
	}
	return out
}
