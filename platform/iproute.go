package platform

import (
	"encoding/json"
	"strings"
)

// Link is a row of "ip -j -d address", as far as it is read: an interface and
// its addresses. Systems without that program answer in the same words.
type Link struct {
	Index   int      `json:"ifindex"`
	Name    string   `json:"ifname"`
	Flags   []string `json:"flags,omitempty"`
	MTU     int      `json:"mtu,omitempty"`
	State   string   `json:"operstate,omitempty"`
	Type    string   `json:"link_type,omitempty"`
	MAC     string   `json:"address,omitempty"`
	Master  string   `json:"master,omitempty"`
	Lower   string   `json:"link,omitempty"` // what it is made of; of a veth, its other end
	Info    LinkInfo `json:"linkinfo,omitzero"`
	Addrs   []Addr   `json:"addr_info,omitempty"`
	Kind    LinkKind `json:"kind,omitempty"`  // where the system itself tells it, which is not Linux
	SpeedMb int      `json:"speed,omitempty"` // likewise
}

// LinkInfo is what makes an interface: nothing for a card.
type LinkInfo struct {
	Kind string          `json:"info_kind"`
	Data json.RawMessage `json:"info_data,omitempty"` // depends on Kind
}

// Addr is an address of an interface.
type Addr struct {
	Local     string `json:"local"`
	PrefixLen int    `json:"prefixlen"`
}

// The flags of a Link that are read.
const (
	FlagLoopback = "LOOPBACK"
	FlagUp       = "UP"
	FlagLowerUp  = "LOWER_UP"
)

// A RouteRow is a row of "ip -j route show table all", as far as it is read.
type RouteRow struct {
	Type     string    `json:"type,omitempty"` // empty: unicast
	Dst      string    `json:"dst"`
	Gateway  string    `json:"gateway,omitempty"`
	Dev      string    `json:"dev,omitempty"`
	Table    string    `json:"table,omitempty"` // empty: main
	PrefSrc  string    `json:"prefsrc,omitempty"`
	Metric   int64     `json:"metric,omitempty"`
	Pref     string    `json:"pref,omitempty"` // of IPv6 alone
	NextHops []NextHop `json:"nexthops,omitempty"`
}

// NextHop is one of the ways of a route that has several.
type NextHop struct {
	Gateway string `json:"gateway,omitempty"`
	Dev     string `json:"dev,omitempty"`
}

// A NeighbourRow is a row of "ip -j neigh", as far as it is read.
type NeighbourRow struct {
	Dst   string   `json:"dst"`
	Dev   string   `json:"dev,omitempty"`
	MAC   string   `json:"lladdr,omitempty"`
	State []string `json:"state,omitempty"`
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
