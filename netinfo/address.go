package netinfo

import "net/netip"

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
