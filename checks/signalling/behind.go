package signalling

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// behindNAT finds a server with a public address that sees us under a private one
// which is neither this machine's nor the router's: something in front of the
// server translates all source addresses, such as docker-proxy, a load balancer or
// a router with source NAT on forwarded ports.
func behindNAT(s *Server, h *netinfo.Host) []checks.Finding {
	for _, p := range s.Probes {
		seen := p.received()
		routers := slices.ContainsFunc(h.OuterAddresses(), func(e netinfo.External) bool { return e.Addr == seen })
		if netinfo.IsPrivate(p.Remote.Addr()) || !seen.IsPrivate() || seen == p.Local.Addr() || slices.Contains(h.Uplink.Local, seen) || routers {
			continue
		}
		at := words.Say("signalling.evidence.received", words.Args{"at": p.at()})
		f := checks.Finding{
			ID: "signalling.server-behind-nat", Severity: checks.Warning, Confidence: checks.Possible, Heard: true, Subject: s.Name,
			Args:     words.Args{"server": s.Name, "seen": seen},
			Evidence: []checks.Evidence{checks.Proof(at, words.Say("signalling.evidence.public-address", nil), seen)},
		}
		if container(seen) {
			f.Confidence = checks.Likely
		}
		return []checks.Finding{f}
	}
	return nil
}

// received returns the source address that the server reports for our request
// (RFC 3261, 18.2.1); the zero Addr if it reports none.
func (p *Probe) received() netip.Addr {
	for _, reply := range [][]byte{p.Options.Reply, p.Register.Reply} {
		m, err := sip.Parse(reply)
		if err != nil || m.Get("via") == nil {
			continue
		}
		via, _ := sip.ParseVia(m.Get("via").Value)
		if a, err := netip.ParseAddr(via.Received); err == nil {
			return a.Unmap()
		}
	}
	return netip.Addr{}
}

// container reports which private addresses are the gateways of Docker's
// networks: 172.17.0.1, 172.18.0.1 and so on.
func container(a netip.Addr) bool {
	if !a.Is4() {
		return false
	}
	b := a.As4()
	return b[0] == 172 && b[1] >= 17 && b[2] == 0 && b[3] == 1
}
