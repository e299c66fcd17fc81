package allowlist

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

const (
	// maxTargets bounds what one run asks: the largest profile of a provider
	// with the servers that people name has some twenty.
	maxTargets = 40

	// maxAddrs of one host are asked: enough to see that a provider's second
	// machine was forgotten in a rule, not a walk through its farm.
	maxAddrs = 2

	// lookupTime bounds all look-ups together; DNS that takes longer is broken,
	// which the dns check says.
	lookupTime = 3 * time.Second

	// wholeRange is the longest range of which every port is tried; of a longer
	// one the first and the last.
	wholeRange = 4
)

// endpoint is a port of a host by name.
type endpoint struct {
	host, protocol, method string
	port                   int
	named, sip             bool
	service                string // of the SRV record that goes first, "sip" or "sips"; empty: none
}

// plan lists the targets: what the profile names, then its ports at every
// host that the profile or the user named, each once.
func (o *Observed) plan(ctx context.Context, env *checks.Env) []Probe {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	ends := withSRV(ctx, env, endpoints(o.Profile, env.Inputs.SIPServers))
	at := func(name string) int { return slices.IndexFunc(o.Hosts, func(h Host) bool { return h.Name == name }) }
	for _, e := range ends {
		if at(e.host) < 0 {
			o.Hosts = append(o.Hosts, Host{Name: e.host})
		}
	}
	probe.Each(o.Hosts, func(h *Host) { h.lookup(ctx, env) })
	var out []Probe
	seen := map[string]bool{}
	for _, e := range ends {
		for _, a := range o.Hosts[at(e.host)].Addrs {
			t := Probe{Host: e.host, Addr: netip.AddrPortFrom(a, uint16(e.port)), Protocol: e.protocol, Method: e.method, Named: e.named, SIP: e.sip}
			if key := e.protocol + " " + t.Addr.String(); !seen[key] {
				seen[key] = true
				out = append(out, t)
			}
		}
	}
	return out
}

// endpoints are the named ones first, so that a limit cuts the others.
func endpoints(p *netinfo.Profile, servers []string) []endpoint {
	named, hosts := profileEndpoints(p)
	for _, s := range servers {
		at, err := netinfo.ParseHostPort(s)
		if err != nil {
			continue // the command line refuses it
		}
		e := endpoint{host: at.Host, protocol: "udp", method: methodOptions, port: at.PortOr(5060), named: true, sip: true}
		if at.Port == 0 {
			e.service = "sip"
		}
		ours := slices.ContainsFunc(p.SIP, func(h netinfo.SIPHost) bool { return h.Address() == s })
		if !ours && (at.Port != 0 || len(p.Ports) == 0) {
			named = append(named, e)
		}
		if !slices.Contains(hosts, at.Host) {
			hosts = append(hosts, at.Host)
		}
	}
	for _, host := range hosts {
		for _, r := range p.Ports {
			named = append(named, portsOf(host, r)...)
		}
	}
	return named
}

// profileEndpoints are the ports that the profile names together with a host.
func profileEndpoints(p *netinfo.Profile) (ends []endpoint, hosts []string) {
	for _, h := range p.SIP {
		e := endpoint{host: h.Host, protocol: "tcp", method: methodConnect, named: true, sip: true}
		if h.Transport == "udp" {
			e.protocol, e.method = "udp", methodOptions
		}
		if at, err := netinfo.ParseHostPort(h.Address()); err == nil {
			e.port = at.Port
		}
		switch {
		case h.Port != 0:
		case h.Transport == "tls":
			e.service = "sips"
		case h.Transport == "udp" || h.Transport == "tcp":
			e.service = "sip"
		}
		ends = append(ends, e)
		if !slices.Contains(hosts, h.Host) {
			hosts = append(hosts, h.Host)
		}
	}
	for _, s := range p.STUN {
		if at, err := netinfo.ParseHostPort(s); err == nil {
			ends = append(ends, endpoint{host: at.Host, protocol: "udp", method: methodSTUN, port: at.PortOr(session.DefaultSTUNPort), named: true})
		}
	}
	return ends, hosts
}

// portsOf returns the ports of a rule that can be probed: a UDP service other
// than SIP does not answer strangers.
func portsOf(host string, r netinfo.PortRule) (ends []endpoint) {
	method := methodConnect
	if r.Protocol == "udp" {
		method = methodOptions
		if r.Use != netinfo.UseSignalling {
			return nil
		}
	}
	for _, span := range r.Ports {
		for _, port := range sample(span) {
			ends = append(ends, endpoint{host: host, protocol: r.Protocol, method: method, port: port, sip: r.Use == netinfo.UseSignalling})
		}
	}
	return ends
}

func sample(r netinfo.PortRange) (ports []int) {
	if r.Len() > wholeRange {
		return []int{r.First, r.Last}
	}
	for p := r.First; p <= r.Last; p++ {
		ports = append(ports, p)
	}
	return ports
}

// withSRV replaces hosts without a port by those that DNS names for the
// service (RFC 3263, section 4.2).
func withSRV(ctx context.Context, env *checks.Env, ends []endpoint) []endpoint {
	return slices.Concat(probe.Map(ends, func(e endpoint) []endpoint {
		if _, err := netip.ParseAddr(e.host); err == nil || e.service == "" {
			return []endpoint{e}
		}
		records, err := env.Net.LookupSRV(ctx, e.service, e.protocol, e.host)
		if err != nil || len(records) == 0 {
			return []endpoint{e}
		}
		var found []endpoint
		for _, r := range records[:min(len(records), maxAddrs)] {
			e.host, e.port = r.Target, int(r.Port)
			found = append(found, e)
		}
		return found
	})...)
}

// lookup keeps the addresses that this machine has a route to.
func (h *Host) lookup(ctx context.Context, env *checks.Env) {
	addrs, err := env.Net.LookupAddrs(ctx, h.Name)
	if err != nil {
		h.Error = platform.Words(err)
		return
	}
	last := fmt.Errorf("no address of the family of %s", env.Inputs.Bind)
	for _, a := range addrs {
		if b := env.Inputs.Bind; b.IsValid() && b.Is4() != a.Is4() {
			continue
		}
		if _, err := env.Net.SourceFor(a); err != nil {
			last = err
			continue
		}
		if h.Addrs = append(h.Addrs, a); len(h.Addrs) == maxAddrs {
			return
		}
	}
	if len(h.Addrs) == 0 {
		h.Error = platform.Words(platform.NoRoute(h.Name, last))
	}
}
