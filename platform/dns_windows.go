package platform

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/windows"
)

// systemNameservers: Windows keeps its resolvers per interface and policy; the
// system is asked instead.
func systemNameservers() ([]string, error) { return nil, errors.ErrUnsupported }

// adapterNameservers lists the DNS servers of the interfaces that are up, those
// with a gateway first: the order in which Windows asks them without a policy.
func adapterNameservers() ([]netip.AddrPort, error) {
	var main, rest []netip.AddrPort
	err := eachAdapter(windows.GAA_FLAG_INCLUDE_GATEWAYS, func(a *windows.IpAdapterAddresses) {
		switch {
		case a.OperStatus != windows.IfOperStatusUp:
		case a.FirstGatewayAddress != nil:
			main = append(main, dnsServersOf(a)...)
		default:
			rest = append(rest, dnsServersOf(a)...)
		}
	})
	if list := unique(append(main, rest...)); err != nil || len(list) > 0 {
		return list, err
	}
	return nil, errors.New("no interface that is up has a DNS server")
}

// dnsServersOf leaves out fec0:0:0:ffff::1 to ::3, which Windows fills in where
// nobody set up an IPv6 server, and which exist nowhere (RFC 3879).
func dnsServersOf(a *windows.IpAdapterAddresses) (list []netip.AddrPort) {
	placeholder := netip.MustParsePrefix("fec0:0:0:ffff::/64")
	for d := a.FirstDnsServerAddress; d != nil; d = d.Next {
		if addr, ok := netip.AddrFromSlice(d.Address.IP()); ok && !placeholder.Contains(addr) {
			list = append(list, netip.AddrPortFrom(addr.Unmap(), 53))
		}
	}
	return list
}
