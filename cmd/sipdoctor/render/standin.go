package render

import (
	"fmt"
	"net/netip"
	"strings"
)

// kind is what sort of thing was redacted.
type kind int

const (
	kindName kind = iota
	kindUser
	kindComment
	kindMAC
	kindFingerprint
	kindToken
	kindHex
	kindDashed   // an IPv4 address written with dashes
	kindReverse  // the name of an IPv6 address in the DNS
	kindPrivate4 // RFC 1918
	kindShared4  // 100.64.0.0/10, a carrier's own (RFC 6598)
	kindLinkLocal4
	kindPublic4
	kindUnique6 // fc00::/7
	kindLinkLocal6
	kindPublic6
)

// word reports whether originals of this kind are words, not numbers.
func (k kind) word() bool { return k <= kindComment }

// kindOf keeps what a judge asks of an address: its family, and whether it is
// private, a carrier's, link-local or public.
func kindOf(a netip.Addr) kind {
	switch {
	case a.Is4() && a.IsPrivate():
		return kindPrivate4
	case netip.MustParsePrefix("100.64.0.0/10").Contains(a):
		return kindShared4
	case a.Is4() && a.IsLinkLocalUnicast():
		return kindLinkLocal4
	case a.Is4():
		return kindPublic4
	case a.IsPrivate():
		return kindUnique6
	case a.IsLinkLocalUnicast():
		return kindLinkLocal6
	}
	return kindPublic6
}

// standIn makes the n-th (from 1) replacement of its kind. Addresses stay
// addresses, in the far corner of their range where nobody's network is, or in
// the ranges for documentation (RFC 5737, RFC 3849).
func (k kind) standIn(n int, original string) string {
	hi, lo := (n-1)/254, (n-1)%254+1
	switch k {
	case kindName:
		return fmt.Sprintf("host-%d.invalid", n)
	case kindUser:
		return fmt.Sprintf("user-%d", n)
	case kindComment:
		return fmt.Sprintf("comment-%d", n)
	case kindDashed:
		return strings.ReplaceAll(kindPublic4.standIn(n, original), ".", strings.Trim(original, "0123456789")[:1])
	case kindReverse:
		return fmt.Sprintf("host-reverse-%d.invalid", n)
	case kindMAC:
		return fmt.Sprintf("02:00:00:00:%02x:%02x", n>>8&0xff, n&0xff)
	case kindFingerprint:
		return strings.Repeat("00:", strings.Count(original, ":")-1) + fmt.Sprintf("%02x:%02x", n>>8&0xff, n&0xff)
	case kindToken:
		return fmt.Sprintf("sdt%016xp%sh%016x", 0, token.FindStringSubmatch(original)[1], 0)
	case kindHex:
		return fmt.Sprintf("%0*x", len(original), n)
	case kindPrivate4:
		return fmt.Sprintf("172.31.%d.%d", 255-hi%256, lo)
	case kindShared4:
		return fmt.Sprintf("100.127.%d.%d", 255-hi%256, lo)
	case kindLinkLocal4:
		return fmt.Sprintf("169.254.%d.%d", 254-hi%254, lo)
	case kindPublic4:
		documentation := []string{"203.0.113", "198.51.100", "192.0.2"}
		if hi < len(documentation) {
			return fmt.Sprintf("%s.%d", documentation[hi], lo)
		}
		return fmt.Sprintf("198.19.%d.%d", hi%256, lo) // RFC 2544, for benchmarks
	case kindUnique6:
		return fmt.Sprintf("fdff:ffff::%x", n)
	case kindLinkLocal6:
		return fmt.Sprintf("fe80::ffff:%x", n)
	}
	return fmt.Sprintf("2001:db8:ffff::%x", n)
}
