// Package netinfo holds facts about hosts and networks and everything that is
// "bytes in, facts out": address classes, vendors, routers, profiles.
package netinfo

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Host is what is known of the machine the checks run on and of the router in
// front of it. It is gathered once a run and stored in the report, so that
// judges see the same facts when a report is judged again.
type Host struct {
	Hostname string `json:"hostname,omitempty"`
	OS       string `json:"os"`   // GOOS
	Arch     string `json:"arch"` // GOARCH
	Root     bool   `json:"root"`
	Uplink   Uplink `json:"uplink"`
	// Networks are those that this machine is connected to, over whatever
	// interface but a tunnel: what is in them needs no router.
	Networks []netip.Prefix `json:"networks,omitempty"`
	Router   *Router        `json:"router,omitempty"` // nil: nothing in front of us answered
	// SIPHelpers are packet filter rules of this very machine that hand SIP to
	// the kernel's helper. Empty without root.
	SIPHelpers []SIPHelper `json:"sip_helpers,omitempty"`
	// Tracking is how full this machine's own connection table is; nil: it has none.
	Tracking *Tracking `json:"tracking,omitempty"`
	// Contacts are the addresses that this run sent something to, and what came
	// back; empty in reports of older versions.
	Contacts []Contact     `json:"contacts,omitempty"`
	Notes    []words.Cause `json:"notes,omitempty"` // what could not be read, and why

	// Beyond is the router after Router; nil: none showed itself. A report keeps it
	// beside the host (checks.Report.Beyond), whose form is a part of the version of
	// every observation: a second router adds names and fixes, never a verdict.
	Beyond *Beyond `json:"-"`
}

// Uplink is the way from this machine to the Internet.
type Uplink struct {
	Interface     string       `json:"interface,omitempty"`
	Wireless      bool         `json:"wireless"`
	Local         []netip.Addr `json:"local,omitempty"` // addresses of the interface, IPv4 first
	Gateway       netip.Addr   `json:"gateway,omitzero"`
	Gateway6      netip.Addr   `json:"gateway6,omitzero"`
	GatewayMAC    string       `json:"gateway_mac,omitempty"`
	GatewayVendor string       `json:"gateway_vendor,omitempty"` // from the OUI
	MTU           int          `json:"mtu,omitempty"`
	IPv6          bool         `json:"ipv6"` // a global IPv6 address and a default route
	VPN           bool         `json:"vpn"`  // the default route, or half of the address space, goes through a tunnel
	VPNInterface  string       `json:"vpn_interface,omitempty"`
	SpeedMbps     int          `json:"speed_mbps,omitempty"`
	// DefaultRoute reports that there is a way to the Internet at all; a PPP
	// line has one without a gateway address.
	DefaultRoute bool   `json:"default_route"`
	Kind         string `json:"kind,omitempty"` // platform.LinkKind of Interface
	Down         bool   `json:"down,omitempty"` // Interface has no link: no cable, no radio, switched off
	// Unread reports that the interfaces or the routes could not be read, as a note
	// says: what is missing here is then unknown.
	Unread bool `json:"unread,omitempty"`
	// GatewayUnresolved reports that the gateway was asked for its hardware
	// address (ARP) and had not answered by the end of the discovery.
	GatewayUnresolved bool `json:"gateway_unresolved,omitempty"`
}

// Router is the box at the gateway address, as far as it told us what it is.
type Router struct {
	Platform string `json:"platform,omitempty"` // slug of the remedy catalogue; empty when unknown
	Vendor   string `json:"vendor,omitempty"`
	Model    string `json:"model,omitempty"`
	Version  string `json:"version,omitempty"`
	Name     string `json:"name,omitempty"`
	// Confidence in Platform: certain, likely or possible. A hardware address
	// of a maker with several product lines is never more than possible.
	Confidence   string     `json:"confidence,omitempty"`
	Alternatives []string   `json:"alternatives,omitempty"` // slugs that the clues fit as well
	Clues        []Clue     `json:"clues,omitempty"`
	External     []External `json:"external,omitempty"`
}

// Beyond is a router after the one at the gateway address, with an address of a
// private network: a modem that routes, or the core of a larger office.
type Beyond struct {
	Addr   netip.Addr `json:"addr"`
	Router Router     `json:"router"`
}

// Tracking is how many connections a machine's kernel can track, and does.
type Tracking struct {
	Max   int `json:"max"`
	Count int `json:"count"`
}

// Clue is one thing by which a router was recognised.
type Clue struct {
	Method string `json:"method"` // oui, upnp, upnp-server, http-title, http-server, http-realm, http-body, tls-subject, boxinfo, nat-pmp, pcp, mndp, snmp, snmp-object, lldp, cdp
	Value  string `json:"value"`  // what was seen, as it came
}

// External is the address a router says it has on its outer side.
type External struct {
	Method string     `json:"method"` // upnp, nat-pmp, pcp
	Addr   netip.Addr `json:"addr"`
}

// SIPHelper is one rule of this machine that attaches the kernel's SIP helper.
type SIPHelper struct {
	Tool  string `json:"tool"`  // iptables-legacy, iptables-nft, ip6tables-…, nft, sysctl
	Table string `json:"table"` // raw, or the nft table with its family
	Chain string `json:"chain"`
	Rule  string `json:"rule"` // as the tool lists it
	Del   string `json:"del"`  // the command that removes just this rule
	Add   string `json:"add"`  // the command that puts it back

	// Edit is the rule in its place; nil for the kernel's own switch.
	Edit *packetfilter.RuleEdit `json:"edit,omitempty"`
}

// RTPConf is the range of UDP ports that Asterisk takes for media.
type RTPConf struct {
	File    string        `json:"file"`
	First   int           `json:"first"`
	Last    int           `json:"last"`
	Default bool          `json:"default,omitempty"` // the file sets neither end, or nonsense: Asterisk's own range counts
	Notes   []words.Cause `json:"notes,omitempty"`   // what a person should look at in the file
}
