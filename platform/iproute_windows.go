package platform

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/windows"
)

// nativeAnswers are the programs of Linux that the system itself answers for.
func nativeAnswers() map[string]func() ([]byte, error) {
	return map[string]func() ([]byte, error){
		"hostname": nativeHostname, "ip -j -d address": nativeLinks, "ip -j route show table all": nativeRoutes,
	}
}

// nativeLinks answers for "ip -j -d address".
func nativeLinks() ([]byte, error) {
	adapters, err := windowsAdapters()
	if err != nil {
		return nil, err
	}
	rows := []Link{}
	for _, a := range adapters {
		rows = append(rows, a.Link)
	}
	return json.Marshal(rows)
}

// nativeRoutes answers for "ip -j route show table all".
func nativeRoutes() ([]byte, error) {
	adapters, err := windowsAdapters()
	if err != nil {
		return nil, err
	}
	rows, err := windowsRoutes(adapters)
	if err != nil {
		return nil, err
	}
	return json.Marshal(rows)
}

type windowsAdapter struct {
	Link
	index6           int
	metric4, metric6 uint32
}

func windowsAdapters() (list []windowsAdapter, err error) {
	err = eachAdapter(windows.GAA_FLAG_INCLUDE_PREFIX, func(a *windows.IpAdapterAddresses) { list = append(list, adapterOf(a)) })
	return list, err
}

// eachAdapter calls f for every interface. The flags say what is told of it.
func eachAdapter(flags uint32, f func(*windows.IpAdapterAddresses)) error {
	// 15 KiB is what the documentation of GetAdaptersAddresses recommends to
	// start with; the call says how much it really needs.
	size := uint32(15 << 10)
	for range 4 {
		buf := make([]byte, size)
		first := (*windows.IpAdapterAddresses)(unsafe.Pointer(&buf[0]))
		err := windows.GetAdaptersAddresses(windows.AF_UNSPEC, flags, 0, first, &size)
		if errors.Is(err, windows.ERROR_BUFFER_OVERFLOW) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading interfaces: %w", err)
		}
		for a := first; a != nil; a = a.Next {
			f(a)
		}
		return nil
	}
	return errors.New("reading interfaces: the list keeps growing")
}

func adapterOf(a *windows.IpAdapterAddresses) windowsAdapter {
	mac := net.HardwareAddr(a.PhysicalAddress[:min(int(a.PhysicalAddressLength), len(a.PhysicalAddress))])
	out := windowsAdapter{
		Link: Link{
			Name: windows.UTF16PtrToString(a.FriendlyName), Index: int(a.IfIndex), MAC: mac.String(),
			Kind: windowsLinkKind(a.IfType, windows.UTF16PtrToString(a.Description)),
		},
		index6: int(a.Ipv6IfIndex), metric4: a.Ipv4Metric, metric6: a.Ipv6Metric,
	}
	if a.OperStatus == windows.IfOperStatusUp {
		out.Flags = []string{FlagUp, FlagLowerUp}
	}
	if a.Mtu < 1<<16 { // the loopback and some tunnels say 2^32-1: no limit
		out.MTU = int(a.Mtu)
	}
	if a.TransmitLinkSpeed < 1<<60 { // 2^64-1 means unknown
		out.SpeedMb = int(a.TransmitLinkSpeed / 1_000_000)
	}
	for u := a.FirstUnicastAddress; u != nil; u = u.Next {
		if addr, ok := netip.AddrFromSlice(u.Address.IP()); ok {
			out.Addrs = append(out.Addrs, Addr{addr.Unmap().String(), int(u.OnLinkPrefixLength)})
		}
	}
	return out
}

func windowsRoutes(adapters []windowsAdapter) ([]RouteRow, error) {
	var table *windows.MibIpForwardTable2
	if err := windows.GetIpForwardTable2(windows.AF_UNSPEC, &table); err != nil {
		return nil, fmt.Errorf("reading routes: %w", err)
	}
	defer windows.FreeMibTable(unsafe.Pointer(table))
	list := []RouteRow{}
	for _, row := range table.Rows() {
		to := sockaddrAddr(row.DestinationPrefix.Prefix)
		r := RouteRow{Dst: netip.PrefixFrom(to, int(row.DestinationPrefix.PrefixLength)).String(), Metric: int64(row.Metric)}
		if next := sockaddrAddr(row.NextHop); next.IsValid() && !next.IsUnspecified() { // else "On-link"
			r.Gateway = next.String()
		}
		for _, a := range adapters {
			// The order of routes is decided by the sum of both metrics.
			if to.Is4() && a.Index == int(row.InterfaceIndex) {
				r.Dev, r.Metric = a.Name, r.Metric+int64(a.metric4)
			} else if to.Is6() && a.index6 == int(row.InterfaceIndex) {
				r.Dev, r.Metric = a.Name, r.Metric+int64(a.metric6)
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
