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

// stop is one box on the drawn path. role is what it is there, a code of the words.
type stop struct {
	role, label string
	broken      bool // on the way into it phones come to harm
	sure        bool // and not further on
}

// stops lists the boxes from the phone to the far end, as far as the report
// knows them. It is empty when it knows no more than this machine, and where the
// question is what this machine itself lets in.
func (p speech) stops(r *checks.Report) []stop {
	if r.Host == nil || len(r.Host.Uplink.Local) == 0 || r.Command == "why" || r.Command == "pbx" {
		return nil
	}
	u, faults := r.Host.Uplink, faultsOf(r)
	list := []stop{{role: ownRole(r), label: Quote(u.Local[0].String())}}
	if failed(r, "uplink") && !slices.ContainsFunc(faults, func(f fault) bool { return f.check == "uplink" }) {
		return append(list, stop{role: "internet", label: p.say("no-way-out", nil), broken: true, sure: true})
	}
	if u.Gateway.IsValid() || u.Gateway6.IsValid() {
		list = append(list, stop{role: "router", label: p.routerLabel(r)})
	}
	if u.VPN && u.VPNInterface != "" {
		list = append(list, stop{role: "vpn", label: "VPN " + u.VPNInterface})
	}
	list = append(p.farther(r, list), p.farEnd(r, faults))
	for _, f := range faults {
		i := min(f.edge(list), len(list)-1)
		list[i].broken, list[i].sure = true, list[i].sure || f.sure
	}
	return list
}

// farther adds what stands between the office's router and the Internet. A second
// router need not translate anything: it may be the core of a larger office.
func (p speech) farther(r *checks.Report, list []stop) []stop {
	var f nat.Facts
	Facts(r, "nat", &f)
	add := func(role string) {
		list = append(list, stop{role: role, label: p.say("stop", words.Args{"role": role})})
	}
	twice := f.NATLayers > 1 && !f.CGNAT
	switch b := r.Beyond; {
	case b != nil && !r.Host.Uplink.VPN:
		role := map[bool]string{false: "next", true: "second"}[twice]
		list = append(list, stop{role: role, label: p.boxLabel(&b.Router, "", b.Addr)})
	case twice:
		add("second")
	}
	if f.CGNAT {
		add("carrier")
	}
	if f.BehindNAT && len(f.Public) > 0 {
		list = append(list, stop{role: "public", label: p.publicLabel(f.Public)})
	}
	return list
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

// farEnd is the last box: whose fault was found, or else who was asked.
func (p speech) farEnd(r *checks.Report, faults []fault) stop {
	in := r.Inputs
	for _, f := range faults {
		if f.server != "" {
			return stop{role: "provider", label: f.server}
		}
	}
	switch {
	case in.Responder != "":
		return stop{role: "responder", label: in.Responder}
	case len(in.SIPServers) > 0:
		return stop{role: "provider", label: in.SIPServers[0]}
	}
	return stop{role: "internet", label: p.say("stop", words.Args{"role": "internet"})}
}

// ownRole is whose place the checks ran from.
func ownRole(r *checks.Report) string {
	if r.Inputs.Inbound || r.Twin != nil && r.Twin.PBX {
		return "pbx"
	}
	return "here"
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
