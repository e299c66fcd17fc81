package probe

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

// Token returns 26 random lower-case letters and digits, 130 bits.
func Token() string { return strings.ToLower(rand.Text()) }

// Bind returns the local address for a socket that talks to remote: the wanted
// one where it is valid, else any of the family of remote.
func Bind(wanted, remote netip.Addr) netip.Addr {
	switch {
	case wanted.IsValid():
		return wanted
	case remote.Is6():
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

// Source returns the local address that packets to remote leave from: the wanted
// one where it is valid, else the one that routing picks.
func Source(n platform.Network, wanted, remote netip.Addr) (netip.Addr, error) {
	if wanted.IsValid() {
		return wanted, nil
	}
	a, err := n.SourceFor(remote)
	if err != nil {
		return a, fmt.Errorf("no route to %s: %w", remote, err)
	}
	return a, nil
}

// LocalOf returns the address and port that packets to remote leave from on a
// socket bound to local, which may have no address.
func LocalOf(n platform.Network, local netip.AddrPort, remote netip.Addr) netip.AddrPort {
	if a, err := n.SourceFor(remote); err == nil && local.Addr().IsUnspecified() {
		return netip.AddrPortFrom(a, local.Port())
	}
	return local
}

// SameFamily returns the first address that the local one can talk to; an
// invalid one can talk to any.
func SameFamily(addrs []netip.Addr, local netip.Addr) (netip.Addr, bool) {
	for _, a := range addrs {
		if !local.IsValid() || a.Is4() == local.Is4() {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// Lookup returns the address of a server, "host" or "host:port", that the local
// address can talk to.
func Lookup(ctx context.Context, n platform.Network, server string, defaultPort int, local netip.Addr) (netip.AddrPort, bool) {
	at, err := netinfo.ParseHostPort(server)
	if err != nil {
		return netip.AddrPort{}, false
	}
	addrs, _ := n.LookupAddrs(ctx, at.Host)
	a, ok := SameFamily(addrs, local)
	return netip.AddrPortFrom(a, uint16(at.PortOr(defaultPort))), ok
}

// LookupSIP looks up the SRV records of a domain's SIP service over udp, tcp or
// tls (RFC 3263, 4.1).
func LookupSIP(ctx context.Context, n platform.Network, transport, domain string) ([]platform.SRV, error) {
	if transport == "tls" {
		return n.LookupSRV(ctx, "sips", "tcp", domain)
	}
	return n.LookupSRV(ctx, "sip", transport, domain)
}
