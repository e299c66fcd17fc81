package render

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/nat"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// stop is one box on the drawn path; broken says that the way into it is where
// SIP comes to harm. role is what it is there, a code of the words.
type stop struct {
	role, label string
	broken      bool
}

// stops lists the boxes from the phone to the far end, as far as the report
// knows them. It is empty when it knows no more than this machine, and where the
// question is what this machine itself lets in.
func (p speech) stops(r *checks.Report) []stop {
	if r.Host == nil || len(r.Host.Uplink.Local) == 0 || r.Command == "why" || r.Command == "pbx" {
		return nil
	}
	u := r.Host.Uplink
	list := []stop{{role: ownRole(r), label: Quote(u.Local[0].String())}}
	if failed(r, "uplink") {
		return append(list, stop{role: "internet", label: p.say("no-way-out", nil), broken: true})
	}
	if u.Gateway.IsValid() || u.Gateway6.IsValid() {
		list = append(list, stop{role: "router", label: p.routerLabel(r)})
	}
	if u.VPN && u.VPNInterface != "" {
		list = append(list, stop{role: "vpn", label: "VPN " + u.VPNInterface})
	}
	var f nat.Facts
	Facts(r, "nat", &f)
	switch b := r.Beyond; {
	case b != nil && !u.VPN:
		list = append(list, stop{role: secondRole(f), label: p.boxLabel(&b.Router, "", b.Addr)})
	case f.CGNAT || f.NATLayers > 1:
		list = append(list, stop{role: secondRole(f), label: p.say("second-nat", nil)})
	}
	if f.BehindNAT && len(f.Public) > 0 {
		list = append(list, stop{role: "public", label: p.publicLabel(f.Public)})
	}
	list = append(list, p.farEnd(r))
	if failed(r, "sip-alg") {
		list[harm(r, list)].broken = true
	}
	return list
}

// harm is the stop on the way to which SIP is changed or lost. Seen from both
// ends alone it is somewhere past the office's router; a hop that quoted the
// message unchanged says more.
func harm(r *checks.Report, list []stop) int {
	var alg struct {
		ChangedAt struct {
			After  string `json:"after"`
			Before string `json:"before"`
		} `json:"changed_at"`
	}
	Facts(r, "sip-alg", &alg)
	gateway, b := r.Host.Uplink.Gateway.String(), r.Beyond
	switch at := alg.ChangedAt; {
	case at.Before == "" || at.After == "" || at.After == gateway:
	case b != nil && at.After == b.Addr.String():
		return min(3, len(list)-1)
	default:
		return len(list) - 1
	}
	return min(2, len(list)-1)
}

func failed(r *checks.Report, check string) bool {
	res := r.Result(check)
	return res != nil && res.Status == checks.Fail
}

func (p speech) routerLabel(r *checks.Report) string {
	u := r.Host.Uplink
	gw := u.Gateway
	if !gw.IsValid() {
		gw = u.Gateway6
	}
	return p.boxLabel(r.Host.Router, u.GatewayVendor, gw)
}

// boxLabel is what a router is called, and its address.
func (p speech) boxLabel(rt *netinfo.Router, name string, at netip.Addr) string {
	if rt != nil && rt.Vendor+rt.Model != "" && rt.Confidence != "possible" {
		name = strings.TrimSpace(rt.Vendor + " " + strings.TrimPrefix(rt.Model, rt.Vendor+" "))
	}
	if name == "" {
		name = p.say("router", nil)
	}
	// A router may call itself whatever it likes; 30 columns leave room for
	// the others.
	if r := []rune(name); len(r) > 30 {
		name = string(r[:30]) + "…"
	}
	return name + " " + Quote(at.String())
}

// publicLabel is the address others see, without its port; a second different
// one shows that there are several.
func (p speech) publicLabel(public []string) string {
	first := hostPart(public[0])
	if slices.ContainsFunc(public, func(s string) bool { return hostPart(s) != first }) {
		return p.say("and-others", words.Args{"address": first})
	}
	return first
}

func (p speech) farEnd(r *checks.Report) stop {
	switch in := r.Inputs; {
	case in.Responder != "":
		return stop{role: "responder", label: in.Responder}
	case len(in.SIPServers) > 0:
		return stop{role: "provider", label: in.SIPServers[0]}
	}
	return stop{role: "internet", label: p.say("internet", nil)}
}

// ownRole is whose place the checks ran from.
func ownRole(r *checks.Report) string {
	if r.Inputs.Inbound || r.Twin != nil && r.Twin.PBX {
		return "pbx"
	}
	return "here"
}

// secondRole is what stands behind the office's router.
func secondRole(f nat.Facts) string {
	if f.CGNAT {
		return "carrier"
	}
	return "second"
}

// edge leads into a stop.
func (s stop) edge() string {
	if s.broken {
		return " ──✗── "
	}
	return " ── "
}

// inOneLine is the drawn path without line ends.
func inOneLine(list []stop) string {
	s := list[0].label
	for _, next := range list[1:] {
		s += next.edge() + next.label
	}
	return s
}

// path draws the way from the phone to the far end, with a cross where SIP
// comes to harm. A way too long for one line goes on in the next.
func (p *page) path(r *checks.Report) {
	list := p.stops(r)
	if len(list) < 2 {
		return
	}
	p.end()
	p.put(plain, "  "+list[0].label)
	column := 2 + cells(list[0].label)
	for _, s := range list[1:] {
		edge := s.edge()
		if column+cells(edge)+cells(s.label) > p.width {
			p.end()
			p.put(plain, "     ")
			column = 5
		}
		if s.broken {
			p.put(red, edge)
		} else {
			p.put(dim, edge)
		}
		p.put(plain, s.label)
		column += cells(edge) + cells(s.label)
	}
	p.end()
}
