package signalling

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// behindNAT: a server with a public address says that it sees us under a private
// one that is neither this machine's nor the router's. Somebody in front of the
// server translates the source of everything: docker-proxy, a load balancer, a
// router with source NAT on forwarded ports.
func behindNAT(s *Server, h *netinfo.Host) *checks.Finding {
	for i := range s.Probes {
		p := &s.Probes[i]
		seen := p.received()
		if netinfo.IsPrivate(p.Remote.Addr()) || !seen.IsPrivate() || seen == p.Local.Addr() || slices.Contains(h.Uplink.Local, seen) || outer(h, seen) {
			continue
		}
		at := words.Say("signalling.evidence.received", words.Args{"at": p.at()})
		f := &checks.Finding{
			ID: "signalling.server-behind-nat", Severity: checks.Warning, Confidence: checks.Possible, Heard: true, Subject: s.Name,
			Args:     words.Args{"server": s.Name, "seen": seen},
			Evidence: []checks.Evidence{checks.Proof(at, words.Say("signalling.evidence.public-address", nil), seen)},
		}
		if container(seen) {
			f.Confidence = checks.Likely
		}
		return f
	}
	return nil
}

// received is where the server says that our request came from (RFC 3261,
// 18.2.1); the zero Addr where it does not.
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

// outer reports whether the router says that the address is its own.
func outer(h *netinfo.Host, a netip.Addr) bool {
	return slices.ContainsFunc(h.OuterAddresses(), func(e netinfo.External) bool { return e.Addr == a })
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
