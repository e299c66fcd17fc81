package routes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
)

// Interface is a network interface.
type Interface struct {
	Name      string
	MTU       int
	MAC       string // lower case, colons; empty without one
	Kind      platform.LinkKind
	Up        bool           // switched on, and not known to lack its cable or radio
	SpeedMbps int            // 0 when unknown
	Addrs     []netip.Prefix // addresses with their network's length
	Master    string         // the bridge, bond or VRF that it is part of
	Under     string         // the interface that carries it, of a VLAN and its like
	VRFTable  string         // of a VRF: the table that it looks up
}

// Interfaces reads the interfaces of s with their addresses.
func Interfaces(ctx context.Context, s platform.System) ([]Interface, error) {
	out, err := s.Run(ctx, "ip", "-j", "-d", "address")
	if err != nil {
		return nil, err
	}
	var rows []platform.Link
	if err := json.Unmarshal(out, &rows); err != nil {
		return nil, fmt.Errorf("reading ip -j -d address: %w", err)
	}
	var list []Interface
	for _, row := range rows {
		list = append(list, interfaceOf(s, row))
	}
	if goos, _ := platform.OSOf(s); goos == "darwin" {
		if out, err = s.Run(ctx, "networksetup", "-listallhardwareports"); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		wireless := parseHardwarePorts(out)
		for i := range list {
			if slices.Contains(wireless, list[i].Name) {
				list[i].Kind = platform.KindWireless
			}
		}
	}
	return list, err
}

func interfaceOf(s platform.System, l platform.Link) Interface {
	i := Interface{Name: l.Name, MTU: l.MTU, MAC: l.MAC, Kind: l.Kind, SpeedMbps: l.SpeedMb, Master: l.Master}
	// The carrier flag changes at once, the operational state up to a second
	// later; a Wi-Fi that is not admitted yet has a carrier but is dormant.
	switch l.State {
	case "DOWN", "LOWERLAYERDOWN", "NOTPRESENT", "DORMANT":
	default:
		i.Up = slices.Contains(l.Flags, platform.FlagUp) && slices.Contains(l.Flags, platform.FlagLowerUp)
	}
	for _, a := range l.Addrs {
		if addr, err := netip.ParseAddr(a.Local); err == nil {
			i.Addrs = append(i.Addrs, netip.PrefixFrom(addr, a.PrefixLen))
		}
	}
	var data struct {
		Type  string
		Table any
	}
	_ = json.Unmarshal(l.Info.Data, &data) // what other kinds have there is not asked for
	switch l.Info.Kind {
	case "vrf":
		i.VRFTable = fmt.Sprint(data.Table)
	case "vlan", "macvlan", "macvtap", "ipvlan", "ipvtap":
		i.Under = l.Lower
	}
	if i.Kind != "" {
		return i
	}
	i.Kind = linkKind(l, data.Type)
	if l.Info.Kind == "" {
		i.askSysfs(s)
	}
	return i
}

// linkKind tells a Linux interface's kind by its rtnetlink type; sub is the
// type of a TUN or TAP.
func linkKind(l platform.Link, sub string) platform.LinkKind {
	tunnels := []string{"tun", "wireguard", "amneziawg", "ovpn", "ipip", "sit", "gre", "ip6gre", "ip6tnl", "vti", "vti6", "xfrm", "fou", "gtp"}
	switch kind := l.Info.Kind; {
	case slices.Contains(l.Flags, platform.FlagLoopback):
		return platform.KindLoopback
	case kind == "tun" && sub == "tap":
		return platform.KindTAP
	case slices.Contains(tunnels, kind):
		return platform.KindTunnel
	case kind == "ppp" || l.Type == "ppp":
		return platform.KindPPP
	case kind == "wwan" || kind == "rmnet":
		return platform.KindMobile
	}
	return platform.KindEthernet
}

// askSysfs asks sysfs what a card is and how fast. /sys shows the network
// namespace it was mounted in, which need not be ours: a directory whose
// hardware address differs belongs to a namesake.
func (i *Interface) askSysfs(s platform.System) {
	dir := "/sys/class/net/" + i.Name + "/"
	read := func(name string) string {
		b, err := platform.ReadSystemFile(s, dir+name, 4<<10)
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(b))
	}
	if i.MAC == "" || read("address") != i.MAC {
		return
	}
	about := read("uevent")
	extensions, _ := s.Glob(dir + "wireless") // of drivers older than cfg80211
	switch {
	case strings.Contains(about, "DEVTYPE=wlan") || len(extensions) > 0:
		i.Kind = platform.KindWireless
	case strings.Contains(about, "DEVTYPE=wwan"):
		i.Kind = platform.KindMobile
	}
	if n, err := strconv.Atoi(read("speed")); err == nil && n > 0 { // -1 without a cable
		i.SpeedMbps = n
	}
}

// VRFs are the tables that interfaces of a VRF are routed by, by name: those of
// the VRF itself and of its members.
func VRFs(list []Interface) map[string]string {
	tables := map[string]string{}
	for _, i := range list {
		if i.VRFTable != "" {
			tables[i.Name] = i.VRFTable
		}
	}
	for _, i := range list {
		if table := tables[i.Master]; table != "" {
			tables[i.Name] = table
		}
	}
	return tables
}

// Neighbour is one row of the ARP or NDP table.
type Neighbour struct {
	Addr      netip.Addr // without a zone
	MAC       string     // lower case, colons; empty while unresolved
	Interface string     // empty where the system names it by its address
	// Unresolved reports that the system asked and had no answer.
	Unresolved bool
}

// Neighbours reads the neighbour tables of s.
func Neighbours(ctx context.Context, s platform.System) (list []Neighbour, err error) {
	out, err := s.Run(ctx, "ip", "-j", "neigh")
	if errors.Is(err, fs.ErrNotExist) {
		flags := "-an"
		if goos, _ := platform.OSOf(s); goos == "windows" {
			flags = "-a"
		}
		if out, err = s.Run(ctx, "arp", flags); err == nil {
			return parseARP(out), nil
		}
	}
	if err != nil {
		return nil, err
	}
	var rows []platform.NeighbourRow
	if err := json.Unmarshal(out, &rows); err != nil {
		return nil, fmt.Errorf("reading ip -j neigh: %w", err)
	}
	for _, r := range rows {
		n := Neighbour{Addr: address(r.Dst), MAC: r.MAC, Interface: r.Dev}
		if n.Unresolved = slices.Contains(r.State, "FAILED") || slices.Contains(r.State, "INCOMPLETE"); n.Unresolved {
			n.MAC = ""
		}
		if n.Addr.IsValid() {
			list = append(list, n)
		}
	}
	return list, nil
}
