package platform

import (
	"context"
	"net/netip"
	"strings"
)

// Machine is what the operating system says about this computer. ThisMachine
// asks the one the program runs on; tests fill in what they need. A nil
// function means that this system has no way to ask. All of them may be called
// concurrently, change nothing, and send nothing to the network.
type Machine struct {
	OS   string // GOOS
	Arch string // GOARCH

	Hostname func() (string, error)
	Root     func() bool // root, or an elevated administrator

	// Tables reads interfaces, routes and neighbours. What could be read is
	// returned beside an error that says what could not.
	Tables func(context.Context) (Tables, error)

	// Neighbours reads only the neighbours: they change while they are asked.
	Neighbours func(context.Context) (Tables, error)

	// RouteTo asks the system which way it would send a packet to an address,
	// policy routing included. Where it is nil the routes of Tables decide.
	RouteTo func(context.Context, netip.Addr) (Route, error)

	// Conntrack says how many connections the kernel tracks, and can. It
	// satisfies errors.Is(err, fs.ErrNotExist) where it tracks none.
	Conntrack func() (count, most int, err error)
	// PacketFilter lists the packet filter rules that may attach the kernel's
	// SIP helper. It satisfies errors.Is(err, ErrPrivilege) for users who may
	// not read them.
	PacketFilter func(context.Context) ([]Text, error)
}

// ThisMachine returns the machine that the program runs on.
func ThisMachine() Machine { return thisMachine() }

// Tables are the machine's network tables: rows where the system hands out
// rows, and the text of its programs where it does not. Package netinfo reads
// the text, so that every dialect is tested on every system.
type Tables struct {
	Interfaces []Interface
	Routes     []Route
	Neighbours []Neighbour
	Texts      []Text
}

// Text is what a program of the system printed.
type Text struct {
	Program string // with its arguments, as a user would type it
	Output  []byte
}

// Interface is one network interface.
type Interface struct {
	Name      string
	Index     int
	MTU       int
	MAC       string // lower case, colons; empty without one
	Kind      LinkKind
	Up        bool           // switched on, and not known to lack its cable or radio
	SpeedMbps int            // 0 when unknown
	Addrs     []netip.Prefix // addresses with their network's length
}

// LinkKind is what an interface is made of, as far as it matters for phones.
type LinkKind string

// The kinds. KindEthernet includes bridges, VLANs and virtual cables.
const (
	KindEthernet LinkKind = "ethernet"
	KindWireless LinkKind = "wireless"
	KindMobile   LinkKind = "mobile" // a modem of a mobile network
	KindTunnel   LinkKind = "tunnel" // wireguard, tun, ipsec, gre and the like
	KindTAP      LinkKind = "tap"    // an Ethernet made by a program: bridged VPN, or a virtual machine
	KindPPP      LinkKind = "ppp"    // PPPoE or a modem, but L2TP and PPTP too
	KindLoopback LinkKind = "loopback"
)

// Route is one row of the routing table.
type Route struct {
	Dst       netip.Prefix // 0.0.0.0/0 or ::/0 is the default route
	Gateway   netip.Addr   // invalid: directly connected; IPv6 link-local without a zone
	Interface string       // name; empty where the system names the interface by its address
	Source    netip.Addr   // preferred source address, if the system says so
	Metric    int          // lower wins among equals; 0 when the system orders them itself
}

// Neighbour is one row of the ARP or NDP table.
type Neighbour struct {
	Addr      netip.Addr // without a zone
	MAC       string     // lower case, colons; empty while unresolved
	Interface string
	// Unresolved reports that the system asked and nobody has answered.
	Unresolved bool
}

// linkKindByName tells an interface's kind by its name, on systems that name
// interfaces after their driver. Unknown names are taken for Ethernet.
//
// Source: the interface manual pages of FreeBSD (tun(4), wg(4), gif(4),
// wlan(4), ng_iface(4), tap(4)) and of macOS (utun, ipsec, ppp; its Wi-Fi is an
// "en" and is told apart by networksetup).
func linkKindByName(name string) LinkKind {
	driver := strings.TrimRight(name, "0123456789")
	switch driver {
	case "lo":
		return KindLoopback
	case "utun", "tun", "wg", "ipsec", "gif", "gre", "stf", "ovpn":
		return KindTunnel
	case "ppp", "ng":
		return KindPPP
	case "tap":
		return KindTAP
	case "wlan", "iwn", "iwm", "iwx":
		return KindWireless
	case "pdp_ip", "ue_wwan", "umb":
		return KindMobile
	}
	return KindEthernet
}

// windowsLinkKind tells an adapter's kind by its interface type (the numbers of
// IANA's ifType) and, because VPN programs like to call theirs Ethernet, by
// the description its driver gave it.
//
// Source: https://learn.microsoft.com/windows/win32/api/iptypes/ns-iptypes-ip_adapter_addresses_lh
func windowsLinkKind(ifType uint32, description string) LinkKind {
	switch ifType {
	case 24:
		return KindLoopback
	case 71: // IEEE 802.11
		return KindWireless
	case 243, 244: // WWAN
		return KindMobile
	case 53, 131: // proprietary virtual (Wintun, WireGuard), encapsulation
		return KindTunnel
	case 23:
		return KindPPP
	}
	d := strings.ToLower(description)
	for _, word := range []string{"tap-", "vpn", "anyconnect", "pangp", "fortinet", "wireguard", "wintun", "zerotier"} {
		if strings.Contains(d, word) {
			return KindTAP
		}
	}
	return KindEthernet
}
