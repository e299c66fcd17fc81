// Package need is what phones ask of the router between them and their provider.
package need

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/netinfo"
)

// Need is what the phones need of the router.
type Need struct {
	Profile string `json:"profile,omitempty"` // title; empty: none was named
	SIPALG  string `json:"sip_alg,omitempty"` // off, on
	// Seconds, as in a profile.
	TimeoutMin   int   `json:"udp_timeout_min_s,omitempty"`
	KeepAlive    int   `json:"keepalive_s,omitempty"`
	Registration int   `json:"registration_s,omitempty"`
	Ports        []Use `json:"ports"`
}

// Use is a kind of packet that phones send to the provider.
type Use struct {
	Purpose  string              `json:"purpose"` // sip, rtp
	Protocol string              `json:"protocol"`
	Ports    []netinfo.PortRange `json:"ports"`
	TLS      []netinfo.PortRange `json:"tls,omitempty"` // those of them at which a helper can read nothing
	To       []netip.Prefix      `json:"to,omitempty"`  // empty: nobody knows where
	To6      []netip.Prefix      `json:"to6,omitempty"` // the same of IPv6; empty: it is not used
}

// Usual are the ports of SIP (RFC 3261, section 19.1.2) and of media where no profile names
// others.
func Usual() []Use {
	return []Use{
		{Purpose: "sip", Protocol: "udp", Ports: []netinfo.PortRange{{First: 5060, Last: 5060}}},
		{Purpose: "sip", Protocol: "tcp", Ports: []netinfo.PortRange{{First: 5060, Last: 5061}}, TLS: []netinfo.PortRange{{First: 5061, Last: 5061}}},
		{Purpose: "rtp", Protocol: "udp", Ports: []netinfo.PortRange{{First: 10000, Last: 65535}}},
	}
}

// Of is what a profile asks of the router; p may be nil.
func Of(p *netinfo.Profile) Need {
	if p == nil {
		return Need{Ports: Usual()}
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
		n.Ports = slices.DeleteFunc(Usual(), func(u Use) bool { return u.Purpose != "sip" })
	}
	media := Usual()[2]
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
	return list[:min(len(list), MaxNetworks)]
}

// MaxNetworks bounds the evaluation; no profile has more.
const MaxNetworks = 64

// SIPPort is the first port of SIP over UDP that a profile names.
func (n Need) SIPPort() int {
	for _, u := range n.Ports {
		if u.Purpose == "sip" && u.Protocol == "udp" && len(u.Ports) > 0 {
			return u.Ports[0].First
		}
	}
	return 5060
}

// wantedTimeout is what RFC 4787, REQ-5 demands of a NAT, seconds.
const wantedTimeout = 120

// Timeout is how long, in seconds, the router must keep the mapping of a phone that is
// silent, and by whose word: demand, keepalive, registration of the profile, or empty: RFC
// 4787, REQ-5.
func (n Need) Timeout() (seconds int, by string) {
	for _, x := range []struct {
		by      string
		seconds int
	}{{"demand", n.TimeoutMin}, {"keepalive", n.KeepAlive}, {"registration", n.Registration}} {
		if x.seconds > 0 {
			return x.seconds, x.by
		}
	}
	return wantedTimeout, ""
}

// recommended is what RFC 4787, REQ-5 recommends, seconds.
const recommended = 300

// RaisedTo is what a router is to be set to where it keeps mappings for less than least:
// a quarter more than the interval, because phones' timers are not exact.
func RaisedTo(least int) int { return max(recommended, least*5/4) }
