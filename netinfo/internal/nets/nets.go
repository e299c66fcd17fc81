// Package nets reads addresses and networks as lists of bans, rules and settings
// write them, and compares them.
package nets

import (
	"math/bits"
	"net/netip"
	"strings"
)

// How a listed network relates to the one that was asked about.
const (
	Exact    = "exact"
	Covering = "covering" // the listed one is wider
	Covered  = "covered"  // the listed one is a part of what was asked about
)

// Parse reads an address, or a network in CIDR notation or with a dotted mask,
// in brackets or without. IPv4 written as IPv6 becomes IPv4; host bits are
// cleared.
func Parse(s string) (netip.Prefix, bool) {
	host, mask, slash := strings.Cut(strings.Trim(strings.TrimSpace(s), "[]"), "/")
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return netip.Prefix{}, false
	}
	addr = addr.WithZone("")
	if !slash {
		return Normal(netip.PrefixFrom(addr, addr.BitLen())), true
	}
	if m, err := netip.ParseAddr(mask); err == nil {
		n, ok := Ones(m)
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, n).Masked(), ok && m.BitLen() == addr.BitLen()
	}
	p, err := netip.ParsePrefix(addr.String() + "/" + mask)
	return Normal(p), err == nil
}

// Normal is p without a zone and host bits, and IPv4 where it is IPv4 written as
// IPv6.
func Normal(p netip.Prefix) netip.Prefix {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(a.Unmap(), p.Bits()-96).Masked()
	}
	return netip.PrefixFrom(p.Addr().WithZone(""), p.Bits()).Masked()
}

// Ones counts the ones that a mask begins with; ok is false where more of them
// follow.
func Ones(mask netip.Addr) (n int, ok bool) {
	for _, b := range mask.AsSlice() {
		ones := bits.LeadingZeros8(^b)
		if n += ones; ones < 8 {
			break
		}
	}
	p, err := mask.Prefix(n)
	return n, err == nil && p.Addr() == mask
}

// Relation says how a listed network relates to the one asked about; empty when
// they share no address.
func Relation(listed, asked netip.Prefix) string {
	switch {
	case !listed.Overlaps(asked):
		return ""
	case listed == asked:
		return Exact
	case listed.Bits() < asked.Bits():
		return Covering
	}
	return Covered
}

// Short writes a network as people do: without the length if it is one address.
func Short(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
