package uplink

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// Facts is the stable summary of the check.
type Facts struct {
	Interface     string       `json:"interface"`
	Wireless      bool         `json:"wireless"`
	Local         []netip.Addr `json:"local"`
	Gateway       string       `json:"gateway"`
	GatewayMAC    string       `json:"gateway_mac"`
	GatewayVendor string       `json:"gateway_vendor"`
	MTU           int          `json:"mtu"`
	IPv6          bool         `json:"ipv6"`
	VPN           bool         `json:"vpn"`
}

// smallMTU is the size under which a line is worth a warning. An INVITE with
// SDP has 1000 to 1400 bytes; PPPoE (1492), DS-Lite (1460), mobile networks
// (1420 and more) carry it in one packet, what is smaller cuts it in two, and
// many firewalls lose the second half. Over a tunnel it is expected.
const smallMTU = 1400

func judge(o Observation, h *netinfo.Host) checks.Judgement {
	if h == nil {
		return checks.Judgement{Skip: "nothing is known of this machine's network"}
	}
	u := h.Uplink
	if u.Kind == "loopback" {
		return checks.Judgement{Skip: "checked over loopback: nothing leaves this machine", Facts: facts(u)}
	}
	j := checks.Judgement{Summary: summary(h), Facts: facts(u)}
	if !hasWay(u) {
		j.Findings, j.Explains = []checks.Finding{noWay(o, h)}, checks.ReachAll
		return j
	}
	found, unclear := outside(o, h)
	j.Explains = checks.ReachAll
	if len(found) > 0 && found[0].ID == "uplink.no-route" {
		j.Explains = checks.ReachUntold // the other family works
	}
	j.Findings = found
	j.Inconclusive = unclear
	if u.VPN {
		j.Findings = append(j.Findings, vpn(u))
	}
	if u.MTU > 0 && u.MTU < smallMTU && u.Kind != "tunnel" {
		j.Findings = append(j.Findings, smallPackets(u))
	}
	if u.Wireless {
		j.Findings = append(j.Findings, wireless(u))
	}
	if a, ok := translated(u); ok {
		j.Findings = append(j.Findings, overIPv6(a))
	}
	if len(found) > 0 {
		j.Summary += "; " + strings.ToLower(found[0].Title[:1]) + found[0].Title[1:]
	}
	return j
}

func facts(u netinfo.Uplink) Facts {
	f := Facts{
		Interface: u.Interface, Wireless: u.Wireless, Local: u.Local, GatewayMAC: u.GatewayMAC,
		GatewayVendor: u.GatewayVendor, MTU: u.MTU, IPv6: u.IPv6, VPN: u.VPN,
	}
	if f.Local == nil {
		f.Local = []netip.Addr{}
	}
	if g := gateway(u); g.IsValid() {
		f.Gateway = g.String()
	}
	return f
}

func gateway(u netinfo.Uplink) netip.Addr {
	if u.Gateway.IsValid() {
		return u.Gateway
	}
	return u.Gateway6
}

// hasWay reports whether packets for the Internet have somewhere to go.
func hasWay(u netinfo.Uplink) bool {
	return (u.DefaultRoute || gateway(u).IsValid() || u.VPN) && !u.Down && len(u.Local) > 0
}

// summary says in a line by what the machine is connected, and to whom.
func summary(h *netinfo.Host) string {
	u := h.Uplink
	if !hasWay(u) {
		return "no way to the Internet: " + missing(u)
	}
	parts := []string{medium(u)}
	if u.VPN {
		parts[0] = "VPN " + u.VPNInterface + " over " + medium(u)
	}
	if g := gateway(u); g.IsValid() {
		parts = append(parts, strings.Join(strings.Fields("gateway "+maker(h)+" "+g.String()), " "))
	} else {
		parts = append(parts, "no gateway address")
	}
	if u.MTU > 0 {
		parts = append(parts, "MTU "+strconv.Itoa(u.MTU))
	}
	if u.IPv6 {
		parts = append(parts, "IPv6")
	}
	return strings.Join(parts, ", ")
}

// maker names who made the router, from sources that a stranger cannot word.
func maker(h *netinfo.Host) string {
	if h.Router != nil && h.Router.Platform != "" && h.Router.Confidence != "possible" {
		return h.Router.Vendor
	}
	return h.Uplink.GatewayVendor
}

func medium(u netinfo.Uplink) string {
	switch {
	case u.Wireless:
		return "Wi-Fi"
	case u.Kind == "mobile":
		return "mobile network"
	case u.Kind == "ppp":
		return "PPP line"
	case u.Kind == "tunnel":
		return "tunnel " + u.Interface
	}
	return "cable"
}

// missing names the first thing that is missing on the way out.
func missing(u netinfo.Uplink) string {
	switch {
	case u.Interface == "":
		return "no network interface"
	case u.Down:
		return u.Interface + " has no link"
	case len(u.Local) == 0:
		return u.Interface + " has no address"
	case selfAssigned(u):
		return u.Interface + " gave itself an address, because no DHCP server answered"
	}
	return "no default route"
}

// selfAssigned reports whether all IPv4 addresses are of the kind that a machine
// makes up when DHCP fails (RFC 3927).
func selfAssigned(u netinfo.Uplink) bool {
	return !slices.ContainsFunc(u.Local, func(a netip.Addr) bool { return !a.IsLinkLocalUnicast() })
}

func noWay(o Observation, h *netinfo.Host) checks.Finding {
	u := h.Uplink
	f := checks.Finding{
		ID: "uplink.none", Severity: checks.Critical, Confidence: checks.Certain, Heard: true,
		Title:       "This machine has no way to the Internet",
		Explanation: "Nothing outside this network can be reached from here, so nothing can be said about phones and their provider.",
		Advice:      []string{"Plug this machine in where a phone will stand, and let the router give it an address (DHCP)."},
	}
	f.Evidence = []checks.Evidence{
		{Name: "interface", Want: "one with a link", Got: orNone(u.Interface) + map[bool]string{true: ", no link"}[u.Down]},
		{Name: "address", Want: "one from the office's network", Got: addrs(u.Local)},
		{Name: "default route", Want: "one", Got: map[bool]string{true: "present", false: "none"}[u.DefaultRoute]},
	}
	for _, n := range o.Named {
		if n.Source.IsValid() && !u.Down && (len(h.Contacts) == 0 || n.answered(h)) {
			f.Severity = checks.Warning
			f.Explanation = "Only the servers in this network can be reached: the results say nothing about the way to the Internet."
			f.Evidence = append(f.Evidence, checks.Evidence{Name: "way to " + n.Host, Got: "from " + n.Source.String()})
		}
	}
	return f
}

// answered reports whether the server answered anything in this run.
func (n Named) answered(h *netinfo.Host) bool {
	return slices.ContainsFunc(h.Contacts, func(c netinfo.Contact) bool { return slices.Contains(n.Addrs, c.Addr) && c.Answers > 0 })
}

func vpn(u netinfo.Uplink) checks.Finding {
	return checks.Finding{
		ID: "uplink.vpn", Severity: checks.Warning, Confidence: checks.Likely, Heard: true,
		Title: "This machine's traffic goes through a VPN",
		Explanation: "The results describe the VPN's exit. Phones on the desk do not use this VPN: they take the office router's way, " +
			"with its NAT and its SIP ALG, which this run did not see.",
		Evidence: []checks.Evidence{{Name: "way to the Internet", Want: orNone(u.Interface), Got: u.VPNInterface}},
		Advice:   []string{"Disconnect the VPN and check again, or check from the phones' network with --bind."},
	}
}

func smallPackets(u netinfo.Uplink) checks.Finding {
	return checks.Finding{
		ID: "uplink.mtu", Severity: checks.Warning, Confidence: checks.Likely, Heard: true,
		Title: fmt.Sprintf("The line carries packets of %d bytes at most", u.MTU),
		Explanation: "A call request with its codecs is about that long. Cut in two, its second half is often lost in firewalls: " +
			"calls fail while registration works.",
		Evidence: []checks.Evidence{{Name: "MTU of " + u.Interface, Want: "at least " + strconv.Itoa(smallMTU), Got: strconv.Itoa(u.MTU)}},
		Advice:   []string{"Use SIP over TCP or TLS, or fewer codecs in the phones."},
	}
}

func wireless(u netinfo.Uplink) checks.Finding {
	return checks.Finding{
		ID: "uplink.wireless", Severity: checks.Info, Confidence: checks.Certain,
		Title:       "This machine is on Wi-Fi",
		Explanation: "Loss and jitter in the results may come from the radio; phones on cable will not have them.",
		Evidence:    []checks.Evidence{{Name: "interface", Want: "cable", Got: u.Interface + ", Wi-Fi"}},
		Advice:      []string{"Check again by cable before blaming the line."},
	}
}

// translated is the IPv4 address of a machine whose IPv4 is carried over IPv6
// (464XLAT, RFC 6877; DS-Lite, RFC 6333).
func translated(u netinfo.Uplink) (netip.Addr, bool) {
	for _, a := range u.Local {
		if netinfo.IsCarrierSide(a) && !netinfo.IsShared(a) {
			return a, true
		}
	}
	return netip.Addr{}, false
}

func overIPv6(a netip.Addr) checks.Finding {
	return checks.Finding{
		ID: "uplink.ipv4-over-ipv6", Severity: checks.Info, Confidence: checks.Certain,
		Title: "IPv4 is carried over IPv6 here (464XLAT or DS-Lite)",
		Explanation: "The provider translates IPv4 at its own end, so many customers share an address, and packets are 20 to 40 bytes shorter than the line takes. " +
			"Phones with IPv6 reach the provider without that translation, if it has IPv6 too.",
		Evidence: []checks.Evidence{{Name: "address of this machine", Got: a.String()}},
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
