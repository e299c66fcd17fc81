package twin

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// span is a range of addresses of one family.
type span struct{ first, last netip.Addr }

func (s span) holds(a netip.Addr) bool {
	return s.first.BitLen() == a.BitLen() && s.first.Compare(a) <= 0 && a.Compare(s.last) <= 0
}

func (s span) overlaps(p netip.Prefix) bool {
	return p.Contains(s.first) || p.Contains(s.last) || s.holds(p.Addr())
}

// spanOf reads an address, a network or a range.
func spanOf(text string) (s span, ok bool) {
	from, to, ranged := strings.Cut(text, "-")
	if ranged {
		a, err1 := netip.ParseAddr(from)
		b, err2 := netip.ParseAddr(to)
		return span{a, b}, err1 == nil && err2 == nil
	}
	p, ok := network(text)
	return span{p.Addr(), lastOf(p)}, ok
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := max(p.Bits(), 0); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// toldApart are the addresses that rules, address lists and routes name: packets of
// others may fare differently.
func toldApart(cfg *routeros.Config) (list []span) {
	note := func(text string) {
		if s, ok := spanOf(strings.TrimPrefix(text, "!")); ok {
			list = append(list, s)
		}
	}
	for _, menu := range menus {
		for r := range cfg.Rows("/ip/firewall/" + menu) {
			if !r.Off() {
				note(r.Get("src-address").Text)
				note(r.Get("dst-address").Text)
			}
		}
	}
	for _, menu := range []string{"/ip/firewall/address-list", "/ip/route", "/ip/route/rule", "/routing/rule"} {
		for r := range cfg.Rows(menu) {
			if r.Off() {
				continue
			}
			for _, name := range []string{"address", "src-address", "dst-address"} {
				note(r.Get(name).Text)
			}
		}
	}
	return list
}

// vast reports whether a span is a quarter of all IPv4 addresses or more, as 0.0.0.0/0 is.
func (s span) vast() bool {
	if !s.first.Is4() || !s.last.Is4() {
		return false
	}
	a, b := s.first.As4(), s.last.As4()
	return binary.BigEndian.Uint32(b[:])-binary.BigEndian.Uint32(a[:]) >= 1<<30-1
}

// isOrdinary reports whether the router treats a network as it does most of the Internet:
// nothing names it.
func (b *builder) isOrdinary(p netip.Prefix) bool {
	return b.isFree(p) && !slices.ContainsFunc(b.told, func(s span) bool { return !s.vast() && s.overlaps(p) })
}

// isFree reports whether a network is none of the router's.
func (b *builder) isFree(p netip.Prefix) bool {
	return !slices.ContainsFunc(b.plugs, func(plug plug) bool {
		return slices.ContainsFunc(slices.Concat(plug.Addrs, plug.Far), p.Overlaps)
	})
}

// block is a network of 256 addresses that is ordinary: one for documentation (RFC 5737),
// one of those that IANA lists as special and as reachable everywhere (lists of what must
// not come from the Internet do not have them), or one for measurements (RFC 2544).
func (b *builder) block(first string) netip.Prefix {
	list := []string{first, "192.0.2.0/24", "203.0.113.0/24", "198.51.100.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24"}
	for i := range 64 {
		list = append(list, fmt.Sprintf("198.18.%d.0/24", i))
	}
	for _, good := range []func(netip.Prefix) bool{b.isOrdinary, b.isFree} {
		for _, c := range list {
			if p := netip.MustParsePrefix(c); good(p) {
				return p
			}
		}
	}
	return netip.MustParsePrefix(first)
}

// nth is an address of a network; 0 is its first.
func nth(p netip.Prefix, n int) netip.Addr {
	a := p.Masked().Addr()
	for range n {
		a = a.Next()
	}
	return a
}

// servers are stand-ins for those of the Internet.
func (b *builder) servers() lab.Servers {
	p := b.block("198.51.100.0/24")
	return lab.Servers{Gateway: nth(p, 1), Responder: nth(p, 2), Responder2: nth(p, 3), SIP: nth(p, 20), STUN: nth(p, 30)}
}

// Servers are those of the Internet with the responder where the provider is, and at a
// second address that no rule of the router tells from the first; invalid where there is
// none such. Of no networks, or of those that the router has inside, they are stand-ins.
func (t *Twin) Servers(provider []netip.Prefix) lab.Servers {
	s := t.Site.Servers
	list := slices.DeleteFunc(addressesOf(provider), t.isOurs)
	if len(list) == 0 {
		return s
	}
	s.Responder, s.Responder2 = list[0], netip.Addr{}
	others := append(list[1:], s.Responder.Next(), s.Responder.Prev(), t.Site.Servers.Responder2)
	if i := slices.IndexFunc(others, func(a netip.Addr) bool { return !t.isOurs(a) && t.alike(s.Responder, a) }); i >= 0 {
		s.Responder2 = others[i]
	}
	return s
}

// addressesOf are some of the IPv4 addresses that hosts in networks may have.
func addressesOf(networks []netip.Prefix) (list []netip.Addr) {
	const most = 256 // of each
	for _, p := range networks {
		a := p.Masked().Addr()
		if p.Bits() < 31 {
			a = a.Next() // the first address is the network's own
		}
		for n := 0; n < most && a.Is4() && p.Contains(a); n++ {
			list = append(list, a)
			a = a.Next()
		}
	}
	return list
}

// isOurs reports whether an address is the router's, another host's here, or one of a
// network behind the router.
func (t *Twin) isOurs(a netip.Addr) bool {
	has := func(list []netip.Prefix) bool {
		return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Addr() == a })
	}
	return !a.IsValid() || slices.ContainsFunc(t.Site.Ports, func(p lab.Port) bool { return has(p.Addrs) || has(p.Far) || !p.Uplink && p.Reaches(a) })
}

// alike reports whether nothing in the configuration tells two addresses apart.
func (t *Twin) alike(a, b netip.Addr) bool {
	return a != b && !slices.ContainsFunc(t.told, func(s span) bool { return s.holds(a) != s.holds(b) })
}
