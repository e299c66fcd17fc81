package uplink

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// outside judges whether anybody beyond this network can be reached, by
// everything that the run sent. The first finding is the cause of all that did
// not work below; unclear is why nothing can be said.
func outside(o Observation, h *netinfo.Host) (out []checks.Finding, unclear words.Text) {
	u := h.Uplink
	if f := noFamily(o, h); f != nil {
		return []checks.Finding{*f}, unclear
	}
	w := weigh(h)
	switch {
	case w.answered:
		return nil, unclear
	case u.GatewayUnresolved || w.neighbour:
		f := checks.Finding{
			ID: "uplink.gateway-silent", Severity: checks.Warning, Confidence: checks.Likely, Args: words.Args{},
			Evidence: []checks.Evidence{checks.Proof(say("hardware-address", words.Args{"address": shownGateway(u)}), say("arp-answer", nil), say("none", nil))},
		}
		if len(w.asked) > 0 {
			f.Severity, f.Confidence = checks.Critical, checks.Certain
			f.Evidence = append(f.Evidence, w.evidence()...)
		}
		out = append(out, f)
	case len(w.asked) == 0:
		return nil, unclear
	case w.rejected():
		out = append(out, rejects(w, u))
	case w.silent+w.refused == len(w.asked) && len(w.asked) >= silentHosts:
		out = append(out, nobodyAnswers(w, u))
	case w.silent == len(w.asked):
		return nil, words.Say("uplink.reason.one-silent", words.Args{"address": w.asked[0].Addr})
	default:
		return nil, unclear
	}
	near := answeredNear(o, h)
	if len(near) > 0 {
		out[0].Severity = checks.Warning
	}
	out[0].Args["near"] = near
	return out, unclear
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
		return !r.Prohibited && r.Meaning != platform.PortUnreachable && r.Meaning != platform.ProtocolUnreachable
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
		var got []words.Text
		for _, r := range c.Refusals {
			got = append(got, say("icmp", words.Args{"meaning": r.Meaning, "hop": r.Hop}))
		}
		if c.Resets > 0 {
			got = append(got, say("refused", nil))
		}
		if len(got) == 0 {
			got = append(got, say("silent", words.Args{"datagrams": c.Sent, "connections": c.Silent}))
		}
		out = append(out, checks.Proof(c.Addr, say("an-answer", nil), say("heard", words.Args{"what": got})))
	}
	return out
}

// answeredNear lists the named servers that answered, where nobody outside did:
// they are in this very network.
func answeredNear(o Observation, h *netinfo.Host) (list []string) {
	for _, n := range o.Named {
		if n.answered(h) && !slices.Contains(list, n.Host) {
			list = append(list, n.Host)
		}
	}
	return list
}

func rejects(w weighed, u netinfo.Uplink) checks.Finding {
	f := checks.Finding{
		ID: "uplink.no-internet", Variant: "no-route", Severity: checks.Critical, Confidence: checks.Certain,
		Args: words.Args{"who": "unknown"}, Evidence: w.evidence(),
	}
	filter := len(w.refusals) == 0
	for i, r := range w.refusals {
		filter = filter || r.Prohibited || r.Meaning == platform.PortUnreachable
		switch {
		case r.Hop == u.Gateway || r.Hop == u.Gateway6:
			f.Args["who"], f.Args["hop"] = "gateway", r.Hop
		case i == 0:
			f.Args["who"], f.Args["hop"] = "hop", r.Hop
		}
	}
	if filter {
		f.Variant = "rejects"
	}
	return f
}

func nobodyAnswers(w weighed, u netinfo.Uplink) checks.Finding {
	f := checks.Finding{
		ID: "uplink.no-internet", Variant: "silent", Severity: checks.Critical, Confidence: checks.Likely, Args: words.Args{}, Evidence: w.evidence(),
	}
	if g := gateway(u); g.IsValid() && u.GatewayMAC != "" {
		there := checks.Proof(say("gateway", words.Args{"address": g}), nil, say("there", words.Args{"mac": u.GatewayMAC}))
		f.Evidence = slices.Insert(f.Evidence, 0, there)
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
				Args:     words.Args{"have": have, "lack": lack, "host": n.Host},
				Evidence: []checks.Evidence{proof("own-addresses", say("one-with-route", words.Args{"family": lack}), addrs(h.Uplink.Local))},
			}
		}
		if n.Kind != kindSTUN { // there are other STUN servers
			f.Severity = checks.Critical
		}
		server := say("server", words.Args{"kind": map[string]string{kindSIP: "sip", kindSTUN: "stun"}[n.Kind], "host": n.Host})
		f.Evidence = append(f.Evidence, checks.Proof(server, say("a-route", nil), say("unreachable", words.Args{"addresses": n.Addrs, "why": n.Error})))
	}
	return f
}
