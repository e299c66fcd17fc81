package checktest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/sipdoctor/sipdoctor/platform"
)

// A Host is a machine in the world; it is a platform.Network.
type Host struct {
	w       *World
	addrs   []netip.Addr
	segment func(dst netip.Addr) *Segment // the link towards dst; nil: no route
	self    node                          // whose packets these are: the host, or the router it is part of
	filter  []Rule
	dns     []netip.AddrPort // whom the host was told to ask

	udp       map[netip.AddrPort]*udpConn
	listeners map[netip.AddrPort]*listener
	conns     map[connKey]*tcpConn
	nextPort  uint16
}

var _ platform.Network = (*Host)(nil)

// connKey names a TCP connection at one host.
type connKey struct{ local, remote netip.AddrPort }

// Host adds a machine with the given addresses to the segment. Every host also
// has the loopback addresses.
func (s *Segment) Host(addrs ...string) *Host {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	h := s.w.newHost(parseAddrs(addrs))
	h.self = h
	h.segment = func(netip.Addr) *Segment { return s }
	for _, a := range h.addrs {
		s.owners[a] = h
	}
	return h
}

func (w *World) newHost(addrs []netip.Addr) *Host {
	h := &Host{
		w: w, addrs: addrs,
		udp: map[netip.AddrPort]*udpConn{}, listeners: map[netip.AddrPort]*listener{}, conns: map[connKey]*tcpConn{},
		nextPort: uint16(w.rng.IntN(20000)), // as on real systems, hosts do not all start with the same port
	}
	w.hosts = append(w.hosts, h)
	return h
}

// Addr returns the host's first address.
func (h *Host) Addr() netip.Addr { return h.addrs[0] }

// BlockOutput makes the host's own packet filter refuse what the rules match:
// sending fails with EPERM, as under Linux.
func (h *Host) BlockOutput(rules ...Rule) {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	h.filter = rules
}

func (h *Host) SourceFor(remote netip.Addr) (netip.Addr, error) {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	return h.source(remote.Unmap())
}

func (h *Host) source(remote netip.Addr) (netip.Addr, error) {
	if h.owns(remote) {
		return remote, nil
	}
	seg := h.segment(remote)
	var second netip.Addr
	for _, a := range h.addrs {
		switch {
		case a.Is4() != remote.Is4() || seg == nil:
		case seg.contains(a):
			return a, nil
		case !second.IsValid():
			second = a
		}
	}
	if second.IsValid() {
		return second, nil
	}
	return netip.Addr{}, os.NewSyscallError("connect", syscall.ENETUNREACH)
}

func (h *Host) owns(a netip.Addr) bool { return a.IsLoopback() || slices.Contains(h.addrs, a) }

func (h *Host) LookupAddrs(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	addrs, err := find(ctx, h.w, h.w.names, dnsName(host))
	slices.SortStableFunc(addrs, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	return addrs, err
}

// LookupSRV implements platform.Network. Equal priorities are ordered by
// weight, the heaviest first, so that tests need no luck.
func (h *Host) LookupSRV(ctx context.Context, service, proto, domain string) ([]platform.SRV, error) {
	list, err := find(ctx, h.w, h.w.srv, srvName(service, proto, domain))
	slices.SortStableFunc(list, func(a, b platform.SRV) int {
		return cmp.Or(int(a.Priority)-int(b.Priority), int(b.Weight)-int(a.Weight))
	})
	return list, err
}

func (h *Host) LookupTXT(ctx context.Context, name string) ([]string, error) {
	return find(ctx, h.w, h.w.txt, dnsName(name))
}

// find looks a name up among the records of one kind.
func find[T any](ctx context.Context, w *World, table map[string][]T, name string) ([]T, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(table[name]) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return slices.Clone(table[name]), nil
}

// SetNameservers tells the host which DNS servers to ask. Look-ups by
// LookupAddrs and LookupSRV do not use them.
func (h *Host) SetNameservers(addrs ...string) {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	h.dns = nil
	for _, a := range parseAddrs(addrs) {
		h.dns = append(h.dns, netip.AddrPortFrom(a, 53))
	}
}

func (h *Host) Nameservers(context.Context) ([]netip.AddrPort, error) {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	if len(h.dns) == 0 {
		return nil, fmt.Errorf("listing the DNS servers: %w", errors.ErrUnsupported)
	}
	return slices.Clone(h.dns), nil
}

// output sends a packet of this host. The error is what the system call would
// return.
func (h *Host) output(p *packet) error {
	if h.w.closed {
		return net.ErrClosed
	}
	for _, r := range h.filter {
		if r.match(p, p.dst, p.src) {
			return os.NewSyscallError("sendto", syscall.EPERM)
		}
	}
	if h.owns(p.dst.Addr()) {
		h.w.schedule(0, func() { h.deliver(p) })
		return nil
	}
	seg := h.segment(p.dst.Addr())
	if seg == nil || p.src.Addr().Is4() != p.dst.Addr().Is4() {
		return os.NewSyscallError("sendto", syscall.ENETUNREACH)
	}
	seg.emit(p, h.self)
	return nil
}

// receive implements node. A host forwards nothing.
func (h *Host) receive(p *packet, _ *Segment) {
	if h.owns(p.dst.Addr()) {
		h.deliver(p)
	}
}

// deliver hands a packet to its socket, or says that there is none.
func (h *Host) deliver(p *packet) {
	switch p.proto {
	case icmp:
		h.deliverICMP(p)
	case TCP:
		h.deliverTCP(p)
	case UDP:
		if c := lookup(h.udp, p.dst); c != nil {
			c.enqueue(p)
		} else if e := icmpAbout(p, p.dst.Addr(), portUnreachable, defaultQuote); e != nil {
			_ = h.output(e) // an ICMP error that cannot be sent is nobody's loss
		}
	}
}

func (h *Host) deliverICMP(p *packet) {
	q := p.about.quote
	switch q.proto {
	case UDP:
		if c := lookup(h.udp, q.src); c != nil {
			c.fail(p.icmpError())
		}
	case TCP:
		if c := h.conns[connKey{q.src, q.dst}]; c != nil {
			c.icmp(p.icmpError())
		}
	}
}

// lookup finds the socket bound to the very address, then the one bound to all
// addresses of the family.
func lookup[T any](table map[netip.AddrPort]*T, at netip.AddrPort) *T {
	if s := table[at]; s != nil {
		return s
	}
	return table[netip.AddrPortFrom(anyAddr(at.Addr()), at.Port())]
}

func anyAddr(like netip.Addr) netip.Addr {
	if like.Is6() {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

func (h *Host) closeAll() {
	for _, c := range h.udp {
		c.shut()
	}
	for _, l := range h.listeners {
		l.shut()
	}
	for _, c := range h.conns {
		c.abort(net.ErrClosed)
	}
}
