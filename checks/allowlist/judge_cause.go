package allowlist

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

type cause struct {
	by   string
	hop  netip.Addr // who said so
	said words.Text
}

// The causes.
const (
	localFilter = "local-filter" // this machine's own packet filter
	gateway     = "gateway"      // the office's router said so
	upstream    = "upstream"     // somebody behind it said so
	farEnd      = "far-end"      // the server's own filter said so
	refused     = "refused"      // in the server's name: nobody listens, or a firewall pretends so
	unnamed     = "unnamed"      // a filter said so, and this system does not tell which
	unheard     = "silence"      // nothing was heard
	notAsked    = "not-asked"    // there was no time left
	failed      = "failed"       // this machine could not ask
)

func say(id string, args words.Args) words.Text { return words.Say("allow-list.evidence."+id, args) }

// causeOf finds who decided. What somebody said by ICMP names its sender; a
// reset or a silence names nobody.
func causeOf(p *Probe, h *netinfo.Host) cause {
	if p.Class == localFilter {
		return cause{by: localFilter, said: say("own-filter", nil)}
	}
	if len(p.ICMP) > 0 {
		return saidBy(p.ICMP[len(p.ICMP)-1], p, h)
	}
	switch p.Class {
	case "prohibited", "unreachable":
		return cause{by: unnamed, said: say(p.Class, nil)}
	case "refused", "reset":
		return cause{by: refused, said: say("refused", nil)}
	case "timeout", "":
		if p.Tries == 0 {
			return cause{by: notAsked, said: say("no-time", nil)}
		}
		return cause{by: unheard, said: say("silence", words.Args{"packets": p.Tries})}
	}
	return cause{by: failed, said: say("failed", words.Args{"why": p.Error})}
}

// saidBy names the sender of an ICMP error by its place on the way.
func saidBy(e ICMP, p *Probe, h *netinfo.Host) cause {
	by := upstream
	switch {
	case !e.Hop.IsValid():
		return cause{by: unnamed, said: say("unnamed-hop", words.Args{"meaning": e.Meaning})}
	case e.Hop == p.Addr.Addr() && e.Class == "refused": // which may be this very machine
		return cause{refused, e.Hop, say("refused-by", words.Args{"hop": e.Hop, "meaning": e.Meaning})}
	case e.Hop == p.Local || e.Hop.IsLoopback() || slices.Contains(h.Uplink.Local, e.Hop):
		if e.Class == "unreachable" {
			return cause{unnamed, e.Hop, say("no-neighbour", words.Args{"meaning": e.Meaning})}
		}
		return cause{localFilter, e.Hop, say("own-filter-says", words.Args{"meaning": e.Meaning})}
	case e.Hop == p.Addr.Addr():
		by = farEnd
	case e.Hop == h.Uplink.Gateway || e.Hop == h.Uplink.Gateway6:
		by = gateway
	}
	return cause{by, e.Hop, say("hop", words.Args{"who": by, "hop": e.Hop, "meaning": e.Meaning})}
}

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
