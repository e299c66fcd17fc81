package capture

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// served reads where a provider's media is; nil where no profile is named.
func served(profile string) (*Served, error) {
	if profile == "" {
		return nil, nil
	}
	p, err := netinfo.LoadProfile(profile)
	if err != nil {
		return nil, fmt.Errorf("loading the profile: %w", err)
	}
	s := &Served{Profile: p.Name, Subnets: []netip.Prefix{}, Ranges: []netinfo.PortRange{}}
	for _, n := range p.Subnets {
		if n.Use != netinfo.UseMedia && n.Use != netinfo.UseAny {
			continue
		}
		if prefix, err := netip.ParsePrefix(n.CIDR); err == nil {
			s.Subnets = append(s.Subnets, prefix)
		} else if a, err := netip.ParseAddr(n.CIDR); err == nil {
			s.Subnets = append(s.Subnets, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	for _, r := range p.RTP {
		s.Ranges = append(s.Ranges, r.Range)
	}
	return s, nil
}

// outside reports whether an address is the provider's, and the port none of those that
// its profile lists for media.
func (s *Served) outside(at netip.AddrPort) bool {
	return len(s.Ranges) > 0 && at.Port() > 0 &&
		slices.ContainsFunc(s.Subnets, func(p netip.Prefix) bool { return p.Contains(at.Addr()) }) &&
		!slices.ContainsFunc(s.Ranges, func(r netinfo.PortRange) bool { return r.Contains(int(at.Port())) })
}

// unlisted are calls in which a provider wants its audio on a port that its profile
// does not list: firewalls that were set up by the profile drop it.
func unlisted(v *view) (out []checks.Finding) {
	s := v.o.Served
	if s == nil {
		return nil
	}
	var groups cases
	for _, x := range v.calls {
		for i := range x.Messages {
			m := &x.Messages[i]
			at, ok := m.SDP.outside(s)
			if !ok {
				continue
			}
			name := words.Say("capture.evidence.sdp", words.Args{"frame": m.Frame, "from": who(m.Src)})
			g := groups.add(v, "", at.Addr().String(), x, nil, checks.Proof(name, nil, at))
			if !g.to.IsValid() {
				g.to = at
			}
			break
		}
	}
	for _, g := range groups.list {
		var ranges []string
		for _, r := range s.Ranges {
			ranges = append(ranges, r.String())
		}
		out = append(out, checks.Finding{
			ID: "capture.rtp-range", Severity: checks.Warning, Confidence: checks.Certain, Subject: g.key, Evidence: g.proof,
			Args: words.Args{"n": len(g.list), "at": g.to, "profile": words.Raw(s.Profile), "ranges": ranges},
		})
	}
	return out
}

// outside finds the first medium that is not where a provider says.
func (s *SDP) outside(by *Served) (netip.AddrPort, bool) {
	if s == nil {
		return netip.AddrPort{}, false
	}
	for i := range s.Media {
		if at, ok := s.Media[i].at(); ok && by.outside(at) {
			return at, true
		}
	}
	return netip.AddrPort{}, false
}
