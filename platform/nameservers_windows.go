package platform

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"unsafe"

	"golang.org/x/sys/windows"
)

// adapterNameservers lists the DNS servers of the interfaces that are up, those
// with a gateway first: the order in which Windows asks them without a policy.
func adapterNameservers() ([]netip.AddrPort, error) {
	size := uint32(15 << 10) // see windowsAdapters
	for range 4 {
		buf := make([]byte, size)
		first := (*windows.IpAdapterAddresses)(unsafe.Pointer(&buf[0]))
		err := windows.GetAdaptersAddresses(windows.AF_UNSPEC, windows.GAA_FLAG_INCLUDE_GATEWAYS, 0, first, &size)
		if errors.Is(err, windows.ERROR_BUFFER_OVERFLOW) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the DNS servers of the interfaces: %w", err)
		}
		var main, rest []netip.AddrPort
		for a := first; a != nil; a = a.Next {
			if a.OperStatus != windows.IfOperStatusUp {
				continue
			}
			if a.FirstGatewayAddress != nil {
				main = append(main, dnsServersOf(a)...)
			} else {
				rest = append(rest, dnsServersOf(a)...)
			}
		}
		var out []netip.AddrPort
		for _, s := range append(main, rest...) {
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
		if len(out) == 0 {
			return nil, errors.New("no interface that is up has a DNS server")
		}
		return out, nil
	}
	return nil, errors.New("reading the DNS servers of the interfaces: the list keeps growing")
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
