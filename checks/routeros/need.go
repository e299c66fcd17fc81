package routeros

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/netinfo"
)

// The ports of SIP (RFC 3261, section 19.1.2) and of media where no profile names
// others.
func usual() []Use {
	return []Use{
		{Purpose: "sip", Protocol: "udp", Ports: []netinfo.PortRange{{First: 5060, Last: 5060}}},
		{Purpose: "sip", Protocol: "tcp", Ports: []netinfo.PortRange{{First: 5060, Last: 5061}}, TLS: []netinfo.PortRange{{First: 5061, Last: 5061}}},
		{Purpose: "rtp", Protocol: "udp", Ports: []netinfo.PortRange{{First: 10000, Last: 65535}}},
	}
}

// needOf is what a profile asks of the router; p may be nil.
func needOf(p *netinfo.Profile) Need {
	if p == nil {
		return Need{Ports: usual()}
	}
	n := Need{
		Profile: cmp.Or(p.Title, p.Name), SIPALG: p.Client.SIPALG,
		TimeoutMin: p.Client.UDPTimeoutMin, KeepAlive: p.Client.KeepAlive, Registration: p.Client.Registration,
	}
	if p.SIPALGMustBeOff {
		n.SIPALG = "off"
	}
	for _, protocol := range []string{"udp", "tcp"} {
		if u := signallingOf(p, protocol); len(u.Ports) > 0 {
			n.Ports = append(n.Ports, u)
		}
	}
	if len(n.Ports) == 0 {
		n.Ports = slices.DeleteFunc(usual(), func(u Use) bool { return u.Purpose != "sip" })
	}
	media := usual()[2]
	if len(p.RTP) > 0 {
		media.Ports = nil
	}
	for _, r := range p.RTP {
		media.Ports = append(media.Ports, r.Range)
	}
	n.Ports = append(n.Ports, media)
	for i := range n.Ports {
		use := map[string]string{"sip": netinfo.UseSignalling, "rtp": netinfo.UseMedia}[n.Ports[i].Purpose]
		n.Ports[i].To, n.Ports[i].To6 = networksOf(p, use, false), networksOf(p, use, true)
	}
	return n
}

// signallingOf are the ports of SIP itself over a protocol.
func signallingOf(p *netinfo.Profile, protocol string) Use {
	u := Use{Purpose: "sip", Protocol: protocol}
	add := func(list *[]netinfo.PortRange, r netinfo.PortRange) {
		if !slices.Contains(*list, r) {
			*list = append(*list, r)
		}
	}
	carries := map[string]string{"udp": "udp", "tcp": "tcp", "tls": "tcp"}
	usualPort := map[string]int{"udp": 5060, "tcp": 5060, "tls": 5061}
	for _, h := range p.SIP {
		if carries[h.Transport] != protocol {
			continue
		}
		port := cmp.Or(h.Port, usualPort[h.Transport])
		r := netinfo.PortRange{First: port, Last: port}
		add(&u.Ports, r)
		if h.Transport == "tls" {
			add(&u.TLS, r)
		}
	}
	for _, rule := range p.Ports {
		if rule.Protocol != protocol || rule.Use != netinfo.UseSignalling {
			continue
		}
		for _, r := range rule.Ports {
			add(&u.Ports, r)
			if r.First == 5061 && r.Last == 5061 && protocol == "tcp" {
				add(&u.TLS, r)
			}
		}
	}
	return u
}

// networksOf are the networks of the provider for a use, of one family; none: it does
// not say them.
func networksOf(p *netinfo.Profile, use string, ipv6 bool) (list []netip.Prefix) {
	for _, s := range p.Subnets {
		prefix := s.Prefix()
		if prefix.IsValid() && prefix.Addr().Is6() == ipv6 && (s.Use == use || s.Use == netinfo.UseAny) && !slices.Contains(list, prefix.Masked()) {
			list = append(list, prefix.Masked())
		}
	}
	return list[:min(len(list), maxNetworks)]
}

// maxNetworks bounds the evaluation; no profile has more.
const maxNetworks = 64
