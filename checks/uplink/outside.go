package uplink

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// outside judges whether anybody beyond this network can be reached, by
// everything that the run sent. The first finding is the cause of all that did
// not work below; unclear is why nothing can be said.
func outside(o Observation, h *netinfo.Host) (out []checks.Finding, unclear string) {
	u := h.Uplink
	if f := noFamily(o, h); f != nil {
		return []checks.Finding{*f}, ""
	}
	w := weigh(h)
	switch {
	case w.answered:
		return nil, ""
	case u.GatewayUnresolved || w.neighbour:
		f := silentGateway(u)
		if len(w.asked) > 0 {
			f.Severity, f.Confidence = checks.Critical, checks.Certain
			f.Evidence = append(f.Evidence, w.evidence()...)
		}
		out = append(out, f)
	case len(w.asked) == 0:
		return nil, ""
	case w.rejected():
		out = append(out, rejects(w, u))
	case w.silent+w.refused == len(w.asked) && len(w.asked) >= silentHosts:
		out = append(out, nobodyAnswers(w, u))
	case w.silent == len(w.asked):
		return nil, fmt.Sprintf("only %s was asked outside, and it is silent: whether the Internet can be reached was not seen", w.asked[0].Addr)
	default:
		return nil, ""
	}
	if near := answeredNear(o, h); near != "" {
		out[0].Severity = checks.Warning
		out[0].Explanation = "Only servers in this network answer (" + near + "): the results say nothing about the way to the Internet."
	}
	return out, ""
}

// silentHosts is how many hosts must be silent, over everything that was tried,
// before the way to them is blamed and not they.
const silentHosts = 2

// weighed is what all contacts outside together say.
type weighed struct {
	asked     []netinfo.Contact
	answered  bool
	neighbour bool // this machine itself says that the next hop does not answer
	silent    int
	refusals  []netinfo.ICMPNote // of routers, about hosts that did not answer
	refused   int                // how many hosts those were
	reset     int                // hosts that refused connections, and said no more
	forged    int                // of them, those that are known to accept connections
}

// weigh takes both families together where one answers, and else the one that
// was asked more: a line without IPv6 is ordinary, and what routers say about
// it is not about IPv4.
func weigh(h *netinfo.Host) weighed {
	v4 := weighFamily(h, func(a netip.Addr) bool { return a.Is4() })
	v6 := weighFamily(h, func(a netip.Addr) bool { return a.Is6() })
	if v6.answered || !v4.answered && len(v6.asked) > len(v4.asked) {
		return v6
	}
	return v4
}

func weighFamily(h *netinfo.Host, of func(netip.Addr) bool) (w weighed) {
	for _, c := range h.Outside() {
		if !of(c.Addr) || !c.Asked() || c.Addr == netinfo.Nobody && len(c.Refusals) == 0 {
			continue
		}
		w.asked = append(w.asked, c)
		w.answered = w.answered || c.Answers > 0
		if c.SilentFor() {
			w.silent++
		}
		if c.Resets > 0 && len(c.Refusals) == 0 {
			w.reset++
		}
		if c.Resets > 0 && slices.Contains(publicAddrs(), c.Addr) {
			w.forged++
		}
		said := false
		for _, r := range c.Refusals {
			if slices.Contains(h.Uplink.Local, r.Hop) {
				w.neighbour = true // ARP failed (RFC 1122, section 2.3.2.2)
				continue
			}
			said = true
			w.refusals = append(w.refusals, r)
		}
		if said {
			w.refused++
		}
	}
	return w
}

// rejected reports whether routers say that nothing passes. ICMP is
// rate-limited, so most of what was asked may stay silent beside it. A packet
// filter that names one host is about that host.
func (w weighed) rejected() bool {
	unreachable := slices.ContainsFunc(w.refusals, func(r netinfo.ICMPNote) bool {
		return !r.Prohibited && r.Meaning != "port unreachable" && r.Meaning != "protocol unreachable"
	})
	if w.forged >= silentHosts { // no two operators switch their service off at once
		return w.silent+w.refused+w.reset == len(w.asked)
	}
	return w.silent+w.refused == len(w.asked) && (w.refused >= silentHosts || unreachable)
}

// maxEvidence is how many hosts are listed.
const maxEvidence = 6

// evidence is a line a host.
func (w weighed) evidence() (out []checks.Evidence) {
	for _, c := range w.asked[:min(maxEvidence, len(w.asked))] {
		var got []string
		for _, r := range c.Refusals {
			got = append(got, r.Meaning+", says "+r.Hop.String())
		}
		if c.Resets > 0 {
			got = append(got, "connection refused")
		}
		if len(got) == 0 {
			got = append(got, fmt.Sprintf("silent (%d datagrams, %d connections)", c.Sent, c.Silent))
		}
		out = append(out, checks.Evidence{Name: c.Addr.String(), Want: "an answer", Got: strings.Join(got, "; ")})
	}
	return out
}

// answeredNear lists the named servers that answered, where nobody outside did:
// they are in this very network.
func answeredNear(o Observation, h *netinfo.Host) string {
	var list []string
	for _, n := range o.Named {
		if n.answered(h) && !slices.Contains(list, n.Host) {
			list = append(list, n.Host)
		}
	}
	return strings.Join(list, ", ")
}

func silentGateway(u netinfo.Uplink) checks.Finding {
	return checks.Finding{
		ID: "uplink.gateway-silent", Severity: checks.Warning, Confidence: checks.Likely,
		Title:       "The gateway does not answer",
		Explanation: "The router's address is configured, but no device in this network has it: a wrong gateway, a wrong VLAN, or a router that is off. Nothing outside can be reached from here.",
		Evidence:    []checks.Evidence{{Name: "hardware address of " + gateway(u).String(), Want: "an answer to ARP", Got: "none"}},
		Advice:      []string{"Compare the gateway with the one a working phone shows in its network menu."},
	}
}

func rejects(w weighed, u netinfo.Uplink) checks.Finding {
	who, filter := "A box on the way", len(w.refusals) == 0
	for i, r := range w.refusals {
		filter = filter || r.Prohibited || r.Meaning == "port unreachable"
		switch {
		case r.Hop == u.Gateway || r.Hop == u.Gateway6:
			who = "The router " + r.Hop.String()
		case i == 0:
			who = "A router on the way, " + r.Hop.String() + ","
		}
	}
	f := checks.Finding{
		ID: "uplink.no-internet", Severity: checks.Critical, Confidence: checks.Certain, Evidence: w.evidence(),
		Title:       who + " has no way to the Internet",
		Explanation: "It says by ICMP that it cannot deliver what is sent outside, and nothing outside answers. Phones here cannot register, whatever their settings.",
		Advice: []string{
			"Look at the router's WAN side: is the line up, has it an address and a default route? Restart the modem; if it stays so, call the Internet provider.",
		},
	}
	if filter {
		f.Title = who + " rejects everything that is sent outside"
		f.Explanation = "It answers in place of every server that was asked: a firewall rule, a guest network that wants a login, or a line that was switched off. Phones here cannot register, whatever their settings."
		f.Advice = []string{"Open a web page from this network: a login page may want an answer first. Then look for the rule on the router that rejects forwarded traffic."}
	}
	return f
}

func nobodyAnswers(w weighed, u netinfo.Uplink) checks.Finding {
	f := checks.Finding{
		ID: "uplink.no-internet", Severity: checks.Critical, Confidence: checks.Likely, Evidence: w.evidence(),
		Title:       "Nothing outside this network answers",
		Explanation: "This machine has an address and a gateway, but every server that was asked is silent, on every port: the Internet line is down, or the router passes nothing on. Phones here cannot register, whatever their settings.",
		Advice: []string{
			"Look at the router's WAN side: is the line up, has it an address and a default route? Restart the modem; if it stays so, call the Internet provider.",
			"In a network that may reach the phone provider only: name its server with --sip-server, so that it is asked.",
		},
	}
	if u.GatewayMAC != "" {
		f.Evidence = append([]checks.Evidence{{Name: "gateway " + gateway(u).String(), Got: "is there (" + u.GatewayMAC + ")"}}, f.Evidence...)
	}
	return f
}

// noFamily: a named server has addresses of one family only, and this network
// has no route in that family.
func noFamily(o Observation, h *netinfo.Host) *checks.Finding {
	var f *checks.Finding
	for _, n := range o.Named {
		if len(n.Addrs) == 0 || n.Source.IsValid() {
			continue
		}
		have, lack := "IPv4", "IPv6"
		if n.Addrs[0].Is4() {
			have, lack = "IPv6", "IPv4"
		}
		if f == nil {
			f = &checks.Finding{
				ID: "uplink.no-route", Severity: checks.Warning, Confidence: checks.Certain, Heard: true,
				Title:       fmt.Sprintf("This machine has no way to %s addresses, and %s has no other", lack, n.Host),
				Explanation: fmt.Sprintf("There is no %s route here. What is named by %s addresses only cannot be reached from this network.", lack, lack),
				Advice:      []string{fmt.Sprintf("Ask the provider for a server with an %s address, or let the router give out %s too.", have, lack)},
			}
			f.Evidence = []checks.Evidence{{Name: "addresses of this machine", Want: "one of " + lack + " with a route", Got: addrs(h.Uplink.Local)}}
		}
		if n.Kind != kindSTUN { // there are other STUN servers
			f.Severity = checks.Critical
		}
		f.Evidence = append(f.Evidence, checks.Evidence{Name: n.Kind + " " + n.Host, Want: "a route", Got: addrs(n.Addrs) + ": " + n.Error})
	}
	return f
}

// addrs lists addresses in a line.
func addrs(list []netip.Addr) string {
	var s []string
	for _, a := range list {
		s = append(s, a.String())
	}
	return orNone(strings.Join(s, ", "))
}
