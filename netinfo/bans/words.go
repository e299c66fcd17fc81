package bans

import (
	"net/netip"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform/command"
)

// parsePrefix reads an address or a network in CIDR notation, or with a dotted
// mask.
func parsePrefix(s string) (netip.Prefix, bool) {
	s = strings.Trim(strings.TrimSpace(s), "[]")
	host, mask, slash := strings.Cut(s, "/")
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return netip.Prefix{}, false
	}
	addr = addr.Unmap().WithZone("")
	if !slash {
		return netip.PrefixFrom(addr, addr.BitLen()), true
	}
	if m, err := netip.ParseAddr(mask); err == nil {
		ones, ok := ones(m)
		if !ok || m.BitLen() != addr.BitLen() {
			return netip.Prefix{}, false
		}
		return netip.PrefixFrom(addr, ones).Masked(), true
	}
	p, err := netip.ParsePrefix(addr.String() + "/" + mask)
	return p.Masked(), err == nil
}

// ones counts the leading ones of a mask, which nothing may follow.
func ones(mask netip.Addr) (n int, ok bool) {
	ended := false
	for _, b := range mask.AsSlice() {
		for i := 7; i >= 0; i-- {
			set := b>>i&1 == 1
			if set && ended {
				return 0, false
			}
			if ended = !set; set {
				n++
			}
		}
	}
	return n, true
}

// short writes a network as people do: without the length if it is one address.
func short(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// only is a list of one command.
func only(c command.Command) []command.Command { return []command.Command{c} }
