package nat

import (
	"context"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/platform"
)

// controlServers is how many servers are tried by TCP; one that accepts is
// enough.
const controlServers = 4

// httpsPort is what even the strictest firewall leaves open, and what most
// public servers answer on beside their own port.
const httpsPort = 443

// control tries TCP where UDP was silent: only a network that passes one and
// not the other blocks UDP. Each server is tried on the port that was asked and
// on that of HTTPS, the responder on those where it listens.
func (o *Observed) control(ctx context.Context, env *checks.Env) {
	ctx, cancel := context.WithTimeout(ctx, controlBudget)
	defer cancel()
	var to []Connect
	add := func(a netip.AddrPort, listens bool) {
		if !slices.ContainsFunc(to, func(c Connect) bool { return c.To == a }) {
			to = append(to, Connect{To: a, Listens: listens})
		}
	}
	for _, t := range o.Targets {
		for _, a := range t.TCP {
			add(a, true)
		}
	}
	for _, f := range o.Families {
		ips := map[netip.Addr]bool{}
		for _, s := range f.Samples {
			if a := s.Server.Addr(); !ips[a] && len(ips) < controlServers {
				ips[a] = true
				add(s.Server, false)
				add(netip.AddrPortFrom(a, httpsPort), false)
			}
		}
	}
	probe.Each(to, func(c *Connect) { c.try(ctx, env) })
	o.Control = to
}

func (c *Connect) try(ctx context.Context, env *checks.Env) {
	conn, err := env.Net.DialTCP(ctx, netip.AddrPortFrom(env.Inputs.Bind, 0), c.To)
	if err != nil {
		c.Error, c.Refused = platform.Words(err), platform.Classify(err) == platform.ClassRefused
		return
	}
	_ = conn.Close()
	c.Connected = true
}

// onlyHTTPS reports whether TCP passed to port 443 and to no other port that
// was tried; sure is true where one of the others is known to listen. A reset
// from a port that nobody knows of proves that the way there is open.
func (o *Observed) onlyHTTPS() (only, sure bool) {
	passed, others := false, map[netip.Addr]struct{}{}
	for _, c := range o.Control {
		switch {
		case c.To.Port() == httpsPort:
			passed = passed || c.Connected
		case c.Connected, c.Refused && !c.Listens:
			return false, false
		default:
			others[c.To.Addr()] = struct{}{}
			sure = sure || c.Listens
		}
	}
	return passed && (sure || len(others) >= blockedServers), sure
}
