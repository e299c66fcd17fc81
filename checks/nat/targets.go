package nat

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

type target struct {
	addr   netip.AddrPort
	source string
	other  netip.AddrPort // what our own responder announced over its control channel; its address may be invalid
}

// addrs are the addresses of one family to ask, each once.
func (o *Observed) addrs(v6 bool) (list []target) {
	seen := map[netip.AddrPort]bool{}
	for _, t := range o.Targets {
		for _, a := range t.Addrs {
			if a.Addr().Is6() == v6 && !seen[a] {
				seen[a] = true
				list = append(list, target{addr: a, source: t.Source})
			}
		}
	}
	announce(list)
	return list
}

// announce tells the responder's first address about its second port and
// address: the first target of a responder is its primary address and port,
// the last one its alternate ones.
func announce(list []target) {
	var own []*target
	for i := range list {
		if list[i].source == fromResponder {
			own = append(own, &list[i])
		}
	}
	if len(own) < 2 {
		return
	}
	first, last := own[0], own[len(own)-1].addr
	first.other = last
	if last.Addr() == first.addr.Addr() {
		first.other = netip.AddrPortFrom(netip.Addr{}, last.Port())
	}
}

// servers counts the different addresses of one family, at best: two are
// needed to compare mappings.
func (o *Observed) servers() int {
	n := 0
	for _, v6 := range []bool{false, true} {
		ips := map[netip.Addr]bool{}
		for _, t := range o.addrs(v6) {
			ips[t.addr.Addr()] = true
		}
		n = max(n, len(ips))
	}
	return n
}

// askResponder adds the STUN ports of the responder's session. A session that
// is slow to open is not waited for beyond the budget: other servers can tell.
func (o *Observed) askResponder(ctx context.Context, env *checks.Env) {
	if env.Inputs.Responder == "" {
		return
	}
	patient, cancel := context.WithTimeout(ctx, gatherBudget)
	defer cancel()
	switch c, err := env.Session(patient); {
	case err != nil && ctx.Err() == nil && patient.Err() != nil:
		o.ResponderError = "slow"
	case err != nil:
		o.ResponderError = platform.Words(err)
	case c != nil:
		o.Responder = c.Carrier
		o.Targets = append(o.Targets, responderTarget(env.Inputs.Responder, c.Addr, c.Info))
	}
}

func responderTarget(name string, addr netip.Addr, info session.Info) Target {
	t := Target{Name: name, Source: fromResponder}
	for _, a := range []netip.Addr{addr, info.Alternate} {
		for _, p := range info.STUN {
			if a.IsValid() && p > 0 && p < 65536 {
				t.Addrs = append(t.Addrs, netip.AddrPortFrom(a, uint16(p)))
			}
		}
	}
	for _, ports := range [][]int{info.SIPTCP, info.SIPTLS, info.PlainTCP} {
		if len(ports) > 0 && ports[0] > 0 && ports[0] < 65536 {
			t.TCP = append(t.TCP, netip.AddrPortFrom(addr, uint16(ports[0])))
		}
	}
	if len(t.Addrs) == 0 {
		t.Error = "no-stun"
	}
	return t
}

func (o *Observed) resolve(ctx context.Context, env *checks.Env, names []string, source string) {
	ctx, cancel := context.WithTimeout(ctx, gatherBudget)
	defer cancel()
	o.Targets = append(o.Targets, probe.Map(names, func(name string) Target { return lookup(ctx, env, name, source) })...)
}

// lookup takes the first address of each family.
func lookup(ctx context.Context, env *checks.Env, name, source string) Target {
	t := Target{Name: name, Source: source}
	at, err := netinfo.ParseHostPort(name)
	if err != nil {
		t.Error = platform.Words(fmt.Errorf("%s: %w", name, err))
		return t
	}
	ips, err := env.Net.LookupAddrs(ctx, at.Host)
	if err != nil {
		t.Error = platform.Words(err)
		return t
	}
	seen := map[bool]bool{}
	for _, ip := range ips {
		if ip = ip.Unmap(); !seen[ip.Is4()] {
			seen[ip.Is4()] = true
			t.Addrs = append(t.Addrs, netip.AddrPortFrom(ip, uint16(at.PortOr(session.DefaultSTUNPort))))
		}
	}
	if len(t.Addrs) == 0 {
		t.Error = "no-address"
	}
	return t
}
