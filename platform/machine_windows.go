package platform

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"
)

func thisMachine() Machine {
	return Machine{
		OS: runtime.GOOS, Arch: runtime.GOARCH,
		Hostname:   os.Hostname,
		Root:       func() bool { return windows.GetCurrentProcessToken().IsElevated() },
		Tables:     windowsTables,
		Neighbours: windowsNeighbours,
	}
}

func windowsTables(ctx context.Context) (Tables, error) {
	adapters, aerr := windowsAdapters()
	routes, rerr := windowsRoutes(adapters)
	var t Tables
	for _, a := range adapters {
		t.Interfaces = append(t.Interfaces, a.Interface)
	}
	t.Routes = routes
	n, nerr := windowsNeighbours(ctx)
	t.Texts = n.Texts
	return t, errors.Join(aerr, rerr, nerr)
}

// windowsNeighbours lists the ARP table; its rows read the same in every
// language of Windows.
func windowsNeighbours(ctx context.Context) (Tables, error) {
	texts, err := runTexts(ctx, []string{"arp", "-a"})
	return Tables{Texts: texts}, err
}

type windowsAdapter struct {
	Interface
	index6           int
	metric4, metric6 uint32
}

func windowsAdapters() ([]windowsAdapter, error) {
	// 15 KiB is what the documentation of GetAdaptersAddresses recommends to
	// start with; the call says how much it really needs.
	size := uint32(15 << 10)
	for range 4 {
		buf := make([]byte, size)
		first := (*windows.IpAdapterAddresses)(unsafe.Pointer(&buf[0]))
		err := windows.GetAdaptersAddresses(windows.AF_UNSPEC, windows.GAA_FLAG_INCLUDE_PREFIX, 0, first, &size)
		if errors.Is(err, windows.ERROR_BUFFER_OVERFLOW) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading interfaces: %w", err)
		}
		var list []windowsAdapter
		for a := first; a != nil; a = a.Next {
			list = append(list, adapterOf(a))
		}
		return list, nil
	}
	return nil, errors.New("reading interfaces: the list keeps growing")
}

func adapterOf(a *windows.IpAdapterAddresses) windowsAdapter {
	mac := net.HardwareAddr(a.PhysicalAddress[:min(int(a.PhysicalAddressLength), len(a.PhysicalAddress))])
	out := windowsAdapter{
		Interface: Interface{
			Name: windows.UTF16PtrToString(a.FriendlyName), Index: int(a.IfIndex), MAC: mac.String(),
			Kind: windowsLinkKind(a.IfType, windows.UTF16PtrToString(a.Description)),
			Up:   a.OperStatus == windows.IfOperStatusUp,
		},
		index6: int(a.Ipv6IfIndex), metric4: a.Ipv4Metric, metric6: a.Ipv6Metric,
	}
	if a.Mtu < 1<<16 { // the loopback and some tunnels say 2^32-1: no limit
		out.MTU = int(a.Mtu)
	}
	if a.TransmitLinkSpeed < 1<<60 { // 2^64-1 means unknown
		out.SpeedMbps = int(a.TransmitLinkSpeed / 1_000_000)
	}
	for u := a.FirstUnicastAddress; u != nil; u = u.Next {
		if addr, ok := netip.AddrFromSlice(u.Address.IP()); ok {
			out.Addrs = append(out.Addrs, netip.PrefixFrom(addr.Unmap(), int(u.OnLinkPrefixLength)))
		}
	}
	return out
}

func windowsRoutes(adapters []windowsAdapter) ([]Route, error) {
	var table *windows.MibIpForwardTable2
	if err := windows.GetIpForwardTable2(windows.AF_UNSPEC, &table); err != nil {
		return nil, fmt.Errorf("reading routes: %w", err)
	}
	defer windows.FreeMibTable(unsafe.Pointer(table))
	var list []Route
	for _, row := range table.Rows() {
		r := Route{Gateway: sockaddrAddr(row.NextHop), Metric: int(row.Metric)}
		r.Dst = netip.PrefixFrom(sockaddrAddr(row.DestinationPrefix.Prefix), int(row.DestinationPrefix.PrefixLength))
		if r.Gateway.IsUnspecified() { // "On-link"
			r.Gateway = netip.Addr{}
		}
		for _, a := range adapters {
			// The order of routes is decided by the sum of both metrics.
			if r.Dst.Addr().Is4() && a.Index == int(row.InterfaceIndex) {
				r.Interface, r.Metric = a.Name, r.Metric+int(a.metric4)
			} else if r.Dst.Addr().Is6() && a.index6 == int(row.InterfaceIndex) {
				r.Interface, r.Metric = a.Name, r.Metric+int(a.metric6)
			}
		}
		list = append(list, r)
	}
	return list, nil
}

// sockaddrAddr reads a SOCKADDR_INET: the address follows the port at once in
// IPv4, and after the flow label in IPv6.
func sockaddrAddr(s windows.RawSockaddrInet) netip.Addr {
	var b [24]byte
	for i, w := range s.Data {
		binary.NativeEndian.PutUint32(b[4*i:], w)
	}
	switch s.Family {
	case windows.AF_INET:
		return netip.AddrFrom4([4]byte(b[:4]))
	case windows.AF_INET6:
		return netip.AddrFrom16([16]byte(b[4:20]))
	}
	return netip.Addr{}
}
