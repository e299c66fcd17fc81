package platform

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func thisMachine() Machine {
	return Machine{
		OS: runtime.GOOS, Arch: runtime.GOARCH,
		Hostname:     os.Hostname,
		Root:         func() bool { return os.Geteuid() == 0 },
		Tables:       linuxTables,
		Neighbours:   func(context.Context) (Tables, error) { return linuxNeighbours() },
		RouteTo:      linuxRouteTo,
		PacketFilter: linuxPacketFilter,
		Conntrack:    linuxConntrack,
	}
}

func linuxTables(context.Context) (Tables, error) {
	var t Tables
	links, lerr := dumpAgain(netlink.LinkList)
	addrs, aerr := dumpAgain(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
	routes, rerr := dumpAgain(func() ([]netlink.Route, error) { return netlink.RouteList(nil, netlink.FAMILY_ALL) })
	names := map[int]string{}
	for _, l := range links {
		i := linuxInterface(l)
		for _, a := range addrs {
			if a.LinkIndex == i.Index && a.IPNet != nil {
				i.Addrs = append(i.Addrs, prefixOf(a.IPNet))
			}
		}
		names[i.Index] = i.Name
		t.Interfaces = append(t.Interfaces, i)
	}
	for _, r := range routes {
		t.Routes = append(t.Routes, linuxRoute(r, names))
	}
	n, nerr := linuxNeighbours()
	t.Neighbours = n.Neighbours
	return t, errors.Join(reading("interfaces", lerr), reading("addresses", aerr), reading("routes", rerr), nerr)
}

// dumpAgain repeats a netlink dump that the kernel reports as interrupted by a
// change; a table that changed three times in a row is taken as it is.
func dumpAgain[T any](dump func() ([]T, error)) ([]T, error) {
	rows, err := dump()
	for try := 0; try < 2 && errors.Is(err, netlink.ErrDumpInterrupted); try++ {
		rows, err = dump()
	}
	if errors.Is(err, netlink.ErrDumpInterrupted) {
		err = nil
	}
	return rows, err
}

func reading(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("reading %s: %w", what, err)
}

func linuxInterface(l netlink.Link) Interface {
	a := l.Attrs()
	i := Interface{Name: a.Name, Index: a.Index, MTU: a.MTU, MAC: a.HardwareAddr.String()}
	// The carrier flag changes at once, the operational state up to a second
	// later; a Wi-Fi that is not admitted yet has a carrier but is dormant.
	switch a.OperState {
	case netlink.OperDown, netlink.OperLowerLayerDown, netlink.OperNotPresent, netlink.OperDormant:
	default:
		i.Up = a.Flags&net.FlagUp != 0 && a.RawFlags&unix.IFF_LOWER_UP != 0
	}
	i.Kind = linuxKind(l)
	if l.Type() == "device" {
		if dir := sysClassNet(a.Name, i.MAC); dir != "" {
			i.Kind = physicalKind(dir, i.Kind)
			i.SpeedMbps = sysNumber(filepath.Join(dir, "speed"))
		}
	}
	return i
}

// linuxKind tells an interface's kind by its rtnetlink type.
func linuxKind(l netlink.Link) LinkKind {
	if l.Attrs().Flags&net.FlagLoopback != 0 {
		return KindLoopback
	}
	switch l.Type() {
	case "tuntap", "tun":
		if t, ok := l.(*netlink.Tuntap); ok && t.Mode == netlink.TUNTAP_MODE_TAP {
			return KindTAP
		}
		return KindTunnel
	case "wireguard", "amneziawg", "ovpn", "ipip", "sit", "gre", "ip6gre", "ip6tnl", "vti", "vti6", "xfrm", "fou", "gtp":
		return KindTunnel
	case "ppp":
		return KindPPP
	case "wwan", "rmnet":
		return KindMobile
	}
	if l.Attrs().EncapType == "ppp" {
		return KindPPP
	}
	return KindEthernet
}

// sysClassNet returns the sysfs directory of an interface. /sys shows the
// network namespace it was mounted in, which need not be ours: a directory
// whose hardware address differs belongs to a namesake.
func sysClassNet(name, mac string) string {
	dir := filepath.Join("/sys/class/net", name)
	b, err := os.ReadFile(filepath.Join(dir, "address"))
	if err != nil || strings.TrimSpace(string(b)) != mac {
		return ""
	}
	return dir
}

func physicalKind(dir string, otherwise LinkKind) LinkKind {
	for _, sub := range []string{"wireless", "phy80211"} {
		if _, err := os.Stat(filepath.Join(dir, sub)); err == nil {
			return KindWireless
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "uevent")); err == nil && strings.Contains(string(b), "DEVTYPE=wwan") {
		return KindMobile
	}
	return otherwise
}

// sysNumber reads a positive number; 0 for anything else (a device without a
// cable says -1 or fails).
func sysNumber(path string) int {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func linuxRoute(r netlink.Route, names map[int]string) Route {
	out := Route{Gateway: addrOf(r.Gw), Interface: names[r.LinkIndex], Source: addrOf(r.Src), Metric: r.Priority}
	if len(r.MultiPath) > 0 && !out.Gateway.IsValid() {
		out.Gateway, out.Interface = addrOf(r.MultiPath[0].Gw), names[r.MultiPath[0].LinkIndex]
	}
	switch {
	case r.Dst != nil:
		out.Dst = prefixOf(r.Dst)
	case r.Family == netlink.FAMILY_V6:
		out.Dst = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	default:
		out.Dst = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return out
}

func linuxRouteTo(_ context.Context, to netip.Addr) (Route, error) {
	routes, err := netlink.RouteGet(to.AsSlice())
	if err != nil {
		return Route{}, fmt.Errorf("asking the way to %s: %w", to, err)
	}
	if len(routes) == 0 {
		return Route{}, fmt.Errorf("asking the way to %s: no answer", to)
	}
	names := map[int]string{}
	if l, err := netlink.LinkByIndex(routes[0].LinkIndex); err == nil {
		names[routes[0].LinkIndex] = l.Attrs().Name
	}
	return linuxRoute(routes[0], names), nil
}

func linuxNeighbours() (Tables, error) {
	var t Tables
	rows, err := dumpAgain(func() ([]netlink.Neigh, error) { return netlink.NeighList(0, netlink.FAMILY_ALL) })
	names := map[int]string{}
	for _, n := range rows {
		if n.Family != netlink.FAMILY_V4 && n.Family != netlink.FAMILY_V6 || n.State&netlink.NUD_NOARP != 0 {
			continue
		}
		if _, ok := names[n.LinkIndex]; !ok {
			if l, err := netlink.LinkByIndex(n.LinkIndex); err == nil {
				names[n.LinkIndex] = l.Attrs().Name
			}
		}
		out := Neighbour{Addr: addrOf(n.IP), Interface: names[n.LinkIndex], Unresolved: n.State&(netlink.NUD_FAILED|netlink.NUD_INCOMPLETE) != 0}
		if !out.Unresolved {
			out.MAC = n.HardwareAddr.String()
		}
		t.Neighbours = append(t.Neighbours, out)
	}
	return t, reading("neighbours", err)
}

func addrOf(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}

func prefixOf(n *net.IPNet) netip.Prefix {
	ones, _ := n.Mask.Size()
	return netip.PrefixFrom(addrOf(n.IP), ones)
}
