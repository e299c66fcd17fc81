package allowlist

import (
	"slices"

	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// missingRules are the commands that let these ports pass, in the syntax of
// the recognised router: one rule a network and port, put together to one fix
// a platform. The catalogue's rows are for IPv4; IPv6 gets the generic words.
func missingRules(rows []Row, p *netinfo.Profile, h *netinfo.Host) []fixes.Fix {
	var out []fixes.Fix
	for _, r := range rows {
		network, host := networkOf(r.probe, p), h
		if r.probe.Addr.Addr().Is6() {
			host = nil
		}
		out = merge(out, fixes.For(fixes.AllowProvider, host, map[string]string{
			"Network": network, "Protocol": r.Protocol, "Ports": r.Ports,
		}))
	}
	for i := range out {
		out[i].Verify = append(out[i].Verify, "sipdoctor check allow-list")
	}
	return out
}

// networkOf is the narrowest network of the profile that holds the address, or
// the address alone.
func networkOf(p *Probe, profile *netinfo.Profile) string {
	best, bits := p.Addr.Addr().String(), -1
	for _, s := range profile.Subnets {
		if n := s.Prefix(); n.Contains(p.Addr.Addr()) && n.Bits() > bits {
			best, bits = n.String(), n.Bits()
		}
	}
	return best
}

// merge joins fixes with those of the same name.
func merge(list, more []fixes.Fix) []fixes.Fix {
	for _, f := range more {
		at := slices.IndexFunc(list, func(x fixes.Fix) bool { return x.ID == f.ID && x.Platform == f.Platform })
		if at < 0 {
			list = append(list, f)
			continue
		}
		list[at] = fixes.Join([]fixes.Fix{list[at], f})[0]
	}
	return list
}
