package uplink

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
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
		return checks.Judgement{Skip: words.Say("uplink.skip.unknown", nil)}
	}
	u := h.Uplink
	if u.Kind == "loopback" {
		return checks.Judgement{Skip: words.Say("uplink.skip.loopback", nil), Facts: facts(u)}
	}
	j := checks.Judgement{Facts: facts(u), Explains: checks.ReachAll}
	if !hasWay(u) && u.Unread {
		return checks.Judgement{Facts: facts(u), Inconclusive: words.Say("uplink.reason.unread", nil)}
	}
	if !hasWay(u) {
		j.Summary = words.Say("uplink.summary.none", words.Args{"missing": missing(u), "interface": u.Interface})
		j.Findings = []checks.Finding{noWay(o, h)}
		return j
	}
	j.Summary = connection(h)
	j.Findings, j.Inconclusive = outside(o, h)
	if len(j.Findings) > 0 {
		j.Summary = words.Say("uplink.summary.fault", words.Args{"fault": j.Findings[0].Message(), "connection": j.Summary})
		if j.Findings[0].ID == "uplink.no-route" {
			j.Explains = checks.ReachUntold // the other family works
		}
	}
	j.Findings = append(j.Findings, ofTheWay(u)...)
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

// connection says in a line how the machine is connected, and to whom.
func connection(h *netinfo.Host) words.Text {
	u := h.Uplink
	args := words.Args{
		"kind": u.Kind, "interface": u.Interface, "vpn": "none", "gateway": shownGateway(u), "maker": cmp.Or(maker(h), "none"), "mtu": u.MTU, "ipv6": u.IPv6,
	}
	if u.Wireless {
		args["kind"] = "wireless"
	}
	if u.VPN {
		args["vpn"] = u.VPNInterface
	}
	return words.Say("uplink.summary.connection", args)
}

// shownGateway is the gateway's address as a value of a message, "none" without
// one.
func shownGateway(u netinfo.Uplink) any {
	if g := gateway(u); g.IsValid() {
		return g
	}
	return "none"
}

// maker names who made the router, from sources that a stranger cannot word.
func maker(h *netinfo.Host) string {
	if h.Router != nil && h.Router.Platform != "" && h.Router.Confidence != "possible" {
		return h.Router.Vendor
	}
	return h.Uplink.GatewayVendor
}

// missing is the first thing that is missing on the way out.
func missing(u netinfo.Uplink) string {
	switch {
	case u.Interface == "":
		return "interface"
	case u.Down:
		return "link"
	case len(u.Local) == 0:
		return "address"
	case !slices.ContainsFunc(u.Local, func(a netip.Addr) bool { return !a.IsLinkLocalUnicast() }):
		return "dhcp" // a machine makes such addresses up when that fails (RFC 3927)
	}
	return "route"
}

func noWay(o Observation, h *netinfo.Host) checks.Finding {
	u := h.Uplink
	f := checks.Finding{ID: "uplink.none", Severity: checks.Critical, Confidence: checks.Certain, Heard: true, Args: words.Args{"near": false}}
	f.Evidence = []checks.Evidence{
		proof("interface", say("linked", nil), say("interface-state", words.Args{"interface": orNone(u.Interface), "down": u.Down})),
		proof("address", say("office-address", nil), addrs(u.Local)),
		proof("default-route", say("one", nil), say("present", words.Args{"present": u.DefaultRoute})),
	}
	for _, n := range o.Named {
		if n.Source.IsValid() && !u.Down && (len(h.Contacts) == 0 || n.answered(h)) {
			f.Severity = checks.Warning
			f.Args["near"] = true
			f.Evidence = append(f.Evidence, checks.Proof(say("way-to", words.Args{"host": n.Host}), nil, say("from", words.Args{"address": n.Source})))
		}
	}
	return f
}

// say is a message of the evidence, proof a piece of it with the name id.
func say(id string, args words.Args) words.Text { return words.Say("uplink.evidence."+id, args) }

func proof(id string, want, got any) checks.Evidence { return checks.Proof(say(id, nil), want, got) }

// answered reports whether the server answered anything in this run.
func (n Named) answered(h *netinfo.Host) bool {
	return slices.ContainsFunc(h.Contacts, func(c netinfo.Contact) bool { return slices.Contains(n.Addrs, c.Addr) && c.Answers > 0 })
}

// ofTheWay are what is worth knowing of the way out, even where it works.
func ofTheWay(u netinfo.Uplink) (out []checks.Finding) {
	found := func(id string, s checks.Severity, c checks.Confidence, args words.Args, e checks.Evidence) {
		out = append(out, checks.Finding{ID: id, Severity: s, Confidence: c, Heard: true, Args: args, Evidence: []checks.Evidence{e}})
	}
	if u.VPN {
		found("uplink.vpn", checks.Warning, checks.Likely, nil, proof("way-out", orNone(u.Interface), u.VPNInterface))
	}
	if u.MTU > 0 && u.MTU < smallMTU && u.Kind != "tunnel" {
		size := checks.Proof(say("mtu", words.Args{"interface": u.Interface}), say("at-least", words.Args{"mtu": smallMTU}), u.MTU)
		found("uplink.mtu", checks.Warning, checks.Likely, words.Args{"mtu": u.MTU}, size)
	}
	if u.Wireless {
		found("uplink.wireless", checks.Info, checks.Certain, nil, proof("interface", say("cable", nil), say("wireless", words.Args{"interface": u.Interface})))
	}
	if a, ok := translated(u); ok {
		found("uplink.ipv4-over-ipv6", checks.Info, checks.Certain, nil, proof("own-address", nil, a))
	}
	return out
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

// orNone is s, or the word for nothing.
func orNone(s string) any {
	if s == "" {
		return say("none", nil)
	}
	return s
}

// addrs lists addresses in a line.
func addrs(list []netip.Addr) words.Text { return say("addresses", words.Args{"list": list}) }
