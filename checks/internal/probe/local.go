package probe

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
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
		return a, platform.NoRoute(remote.String(), err)
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
func Lookup(ctx context.Context, n platform.Network, server string, defaultPort int, local netip.Addr) (netip.AddrPort, error) {
	at, err := netinfo.ParseHostPort(server)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%s: %w", server, err)
	}
	addrs, err := n.LookupAddrs(ctx, at.Host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	a, ok := SameFamily(addrs, local)
	if !ok {
		return netip.AddrPort{}, NoFamily(local)
	}
	return netip.AddrPortFrom(a, uint16(at.PortOr(defaultPort))), nil
}

// NoFamily is the error of a host without an address of the family of local; its
// text is a code for messages.
func NoFamily(local netip.Addr) error {
	if local.Is6() {
		return errors.New("no-ipv6")
	}
	return errors.New("no-ipv4")
}

// A Server is where a SIP server answers over one transport.
type Server struct {
	Host string // whose address it is: the server, or an SRV record's target
	Addr netip.AddrPort
	SRV  int // place of Host among the record's targets, from 1; 0: not from there
}

// Servers finds where host answers over a transport (udp tcp tls ws wss), in the
// order in which phones ask. Without a port, and unless host is an address, SRV
// records go before the default port (RFC 3263, 4.2); of their targets the first
// few are taken, most at most, and of each the first address of bind's family.
// The error is that of the last look-up that failed.
func Servers(ctx context.Context, n platform.Network, bind netip.Addr, transport, host string, port, most int) (out []Server, err error) {
	targets, fromSRV := []platform.SRV{{Target: host, Port: uint16(cmp.Or(port, DefaultPort(transport)))}}, false
	if _, notAddr := netip.ParseAddr(host); port == 0 && notAddr != nil {
		if list := lookupSIP(ctx, n, transport, host); len(list) > 0 {
			targets, fromSRV = list[:min(most, len(list))], true
		}
	}
	for i, t := range targets {
		addrs, failed := n.LookupAddrs(ctx, t.Target)
		if failed != nil {
			err = failed
		} else if a, ok := SameFamily(addrs, bind); ok {
			s := Server{Host: t.Target, Addr: netip.AddrPortFrom(a, t.Port)}
			if fromSRV {
				s.SRV = i + 1
			}
			out = append(out, s)
		}
	}
	return out, err
}

// lookupSIP looks up the SRV records of a domain's SIP service (RFC 3263, 4.1);
// nil where there are none.
func lookupSIP(ctx context.Context, n platform.Network, transport, domain string) (list []platform.SRV) {
	switch transport {
	case "udp", "tcp":
		list, _ = n.LookupSRV(ctx, "sip", transport, domain)
	case "tls":
		list, _ = n.LookupSRV(ctx, "sips", "tcp", domain)
	}
	return list
}

// DefaultPort is the port of a transport (RFC 3261, 19.1.2; RFC 7118, 5).
func DefaultPort(transport string) int {
	switch transport {
	case "tls":
		return 5061
	case "ws":
		return 80
	case "wss":
		return 443
	}
	return 5060
}
