// Package nets reads addresses and networks as lists of bans, rules and settings
// write them, and compares them.
package nets

import (
	"math/bits"
	"net/netip"
	"strconv"
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
// cleared. The prefix is not valid where ok is false.
func Parse(s string) (p netip.Prefix, ok bool) {
	if a, err := netip.ParseAddr(s); err == nil { // as nearly all are, of lists that may have 100,000
		return Normal(netip.PrefixFrom(a, a.BitLen())), true
	}
	addr, mask, ok := ParseMask(s)
	n, ok2 := Ones(mask)
	if !ok || !ok2 {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(addr, n).Masked(), true
}

// ParseMask is Parse for a mask whose ones need not be in one run.
func ParseMask(s string) (addr, mask netip.Addr, ok bool) {
	host, bits, slash := strings.Cut(strings.Trim(strings.TrimSpace(s), "[]"), "/")
	addr, err := netip.ParseAddr(strings.Trim(strings.TrimSpace(host), "[]"))
	if err != nil {
		return addr, mask, false
	}
	mapped := addr.Is4In6()
	addr = addr.Unmap().WithZone("")
	length := addr.BitLen()
	if bits = strings.TrimSpace(bits); slash {
		if mask, err := netip.ParseAddr(bits); err == nil {
			return addr, mask, mask.BitLen() == addr.BitLen()
		}
		n, err := strconv.ParseUint(bits, 10, 8)
		if length = int(n); mapped && length >= 96 {
			length -= 96
		}
		if err != nil || length > addr.BitLen() {
			return addr, mask, false
		}
	}
	ones := make([]byte, addr.BitLen()/8)
	for i := range length {
		ones[i/8] |= 0x80 >> (i % 8)
	}
	mask, ok = netip.AddrFromSlice(ones)
	return addr, mask, ok
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
