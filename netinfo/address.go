package netinfo

import (
	"net/netip"
	"slices"
)

// SharedSpace is the address range between a carrier's NAT and its customers
// (RFC 6598, section 7).
var SharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// IsPrivate reports whether an address means something only inside a network:
// RFC 1918, a carrier's shared space, unique local, link-local, loopback or
// unspecified.
func IsPrivate(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || IsShared(a)
}

// IsShared reports whether an address belongs to a carrier's NAT.
func IsShared(a netip.Addr) bool { return SharedSpace.Contains(a.Unmap()) }

// dsLite is the space of a router whose IPv4 is carried in IPv6 to the
// carrier's NAT (RFC 6333, section 5.7; RFC 7335).
var dsLite = netip.MustParsePrefix("192.0.0.0/29")

// IsCarrierSide reports whether an address is one that a carrier gives to
// routers in front of its own NAT: shared space, or the ends of DS-Lite and
// 464XLAT.
func IsCarrierSide(a netip.Addr) bool { return IsShared(a) || dsLite.Contains(a.Unmap()) }

// notAssigned are the IPv4 blocks that no interface to the Internet has
// (RFC 6890; benchmarking: RFC 2544).
var notAssigned = []struct {
	prefix netip.Prefix
	what   string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "not the address of a single host"},
	{netip.MustParsePrefix("127.0.0.0/8"), "the loopback address of the router itself"},
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address, which an interface takes when it gets no other"},
	{netip.MustParsePrefix("192.0.0.0/24"), "reserved for protocols"},
	{netip.MustParsePrefix("198.18.0.0/15"), "reserved for benchmarks"},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},
}

// notOuter says why an address that a router gave cannot be its outer one;
// empty when it can. Routers answer with all sorts of things while they are
// offline, in bridge mode, or badly written.
func notOuter(a netip.Addr, u *Uplink) string {
	a = a.Unmap()
	switch {
	case !a.IsValid() || a.IsUnspecified():
		return "no address"
	case a == u.Gateway || a == u.Gateway6:
		return "its inner address"
	case slices.Contains(u.Local, a):
		return "this machine's own address"
	case IsCarrierSide(a):
		return ""
	case a.Is6() && !a.IsGlobalUnicast():
		return "an address that is valid in one network only"
	}
	return reserved(a)
}

// reserved says what the block of an address is for that no interface to the
// Internet has; empty for the others.
func reserved(a netip.Addr) string {
	for _, n := range notAssigned {
		if n.prefix.Contains(a) {
			return n.what
		}
	}
	return ""
}

// IsDocumentation reports addresses that stand in examples and laboratories
// and nowhere else (RFC 5737, RFC 3849).
func IsDocumentation(a netip.Addr) bool {
	a = a.Unmap()
	return slices.ContainsFunc(documentation, func(p netip.Prefix) bool { return p.Contains(a) })
}

var documentation = []netip.Prefix{
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32"),
}

// OuterAddresses are those that the router says it has on its outer side and
// that it can have there: anything else tells nothing about NAT.
func (h *Host) OuterAddresses() (list []External) {
	if h == nil || h.Router == nil {
		return nil
	}
	for _, e := range h.Router.External {
		if notOuter(e.Addr, &h.Uplink) == "" {
			e.Addr = e.Addr.Unmap()
			list = append(list, e)
		}
	}
	return list
}
