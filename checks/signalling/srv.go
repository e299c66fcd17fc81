package signalling

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// deadTargets are the hosts of the domain's SRV records that do not answer while
// another one of the same record does: the way is open, so it is they.
func deadTargets(s *Server) (out []checks.Finding) {
	var seen []string
	for _, p := range s.Probes {
		if !s.dead(&p) || slices.Contains(seen, p.Host) {
			continue
		}
		seen = append(seen, p.Host)
		out = append(out, s.deadTarget(&p))
	}
	return out
}

// dead reports whether the probe was to a target of an SRV record that answers
// over no transport, while another target answers over this one.
func (s *Server) dead(p *Probe) bool {
	return p.SRV > 0 && s.sibling(p) != nil &&
		!slices.ContainsFunc(s.Probes, func(q Probe) bool { return q.Remote.Addr() == p.Remote.Addr() && q.answered() })
}

// sibling is the first target of the same record that answers.
func (s *Server) sibling(p *Probe) *Probe {
	for i := range s.Probes {
		if q := &s.Probes[i]; q.SRV > 0 && q.Transport == p.Transport && q.answered() {
			return q
		}
	}
	return nil
}

func (s *Server) deadTarget(p *Probe) checks.Finding {
	f := checks.Finding{
		ID: "signalling.srv-target-dead", Severity: checks.Warning, Confidence: checks.Certain, Subject: p.Host,
		Args: words.Args{
			"server": s.Name, "host": p.Host, "address": p.Remote.Addr(), "other": s.sibling(p).Host, "first": p.SRV == 1, "what": p.status(),
		},
	}
	switch p.status() {
	case Refused, Reset, Unreachable:
	default:
		f.Confidence = checks.Likely
	}
	for i := range s.Probes {
		if q := &s.Probes[i]; q.Host == p.Host || q.Transport == p.Transport {
			at := words.Say("signalling.evidence.target", words.Args{"at": q.at(), "host": q.Host, "address": q.Remote.Addr()})
			f.Evidence = append(f.Evidence, checks.Proof(at, words.Say("signalling.evidence.an-answer", nil), got(q)))
		}
	}
	return f
}

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
