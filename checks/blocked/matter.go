package blocked

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// maxSubjects bounds the addresses that are looked at without being asked for.
// 500 phones behind as many addresses are a large PBX; its first 500 tell.
const maxSubjects = 500

// resolveTime bounds the look-up of trunks: a name that does not resolve is
// the dns check's business.
const resolveTime = 2 * time.Second

// gathered collects the subjects that matter, each once with all its roles.
type gathered struct {
	list  []Asked
	notes []words.Reason
}

func (g *gathered) add(p netip.Prefix, role, use string) {
	if !p.IsValid() {
		return
	}
	p = p.Masked()
	i := slices.IndexFunc(g.list, func(a Asked) bool { return a.Address == p })
	if i < 0 {
		if i = len(g.list); i == maxSubjects {
			return
		}
		g.list = append(g.list, Asked{Address: p, Use: use})
	}
	s := &g.list[i]
	if s.Use != use {
		s.Use = "" // several: everything counts
	}
	s.Roles = addOnce(s.Roles, role)
}

func (g *gathered) addr(a netip.Addr, role, use string) {
	if a.IsValid() {
		g.add(netip.PrefixFrom(a, a.BitLen()), role, use)
	}
}

// thoseThatMatter are the addresses that a PBX cannot do without: the administrator, the
// provider, the trunks, the gateway, the phones.
func thoseThatMatter(ctx context.Context, env *checks.Env, ast pbx.Asterisk, routes *pbx.Routes) gathered {
	var g gathered
	g.addr(env.Inputs.Admin, roleAdmin, useAdmin)
	hosts := map[string]string{} // to resolve, and their roles
	g.profile(env.Inputs.Profile, hosts)
	if ast.State != nil {
		for _, t := range ast.State.Trunks() {
			if p, err := netip.ParsePrefix(t.Host); err == nil {
				g.add(p, roleTrunk+" "+t.Name, "")
			} else if a, err := netip.ParseAddr(t.Host); err == nil {
				g.addr(a, roleTrunk+" "+t.Name, "")
			} else if !t.Cut {
				hosts[t.Host] = "trunk " + t.Name
			}
		}
	}
	g.resolve(ctx, env, hosts)
	for _, gw := range routes.Gateways {
		g.addr(gw, roleGateway, useGateway)
	}
	if ast.State != nil {
		for _, c := range ast.State.Contacts {
			if c.Addr.IsValid() && !c.Static {
				g.addr(c.Addr.Addr().Unmap(), rolePhone+" "+c.AOR, "")
			}
		}
	}
	return g
}

func (g *gathered) profile(name string, hosts map[string]string) {
	if name == "" {
		return
	}
	p, err := netinfo.LoadProfile(name)
	if err != nil {
		g.notes = append(g.notes, platform.Words(err).Reason())
		return
	}
	for _, s := range p.Subnets {
		switch s.Use {
		case netinfo.UseMedia:
			g.add(s.Prefix(), roleMedia+" "+p.Title, purposeRTP)
		case netinfo.UseSignalling:
			g.add(s.Prefix(), roleSignalling+" "+p.Title, "")
		default:
			g.add(s.Prefix(), p.Title, "")
		}
	}
	if p.Kind != netinfo.KindPBX {
		for _, h := range p.SIP {
			hosts[h.Host] = p.Title
		}
	}
}

// resolve looks names up, all at once. A bundle is read elsewhere and later:
// what its names mean there and then, nobody here knows.
func (g *gathered) resolve(ctx context.Context, env *checks.Env, hosts map[string]string) {
	if !env.System.Live() || env.Net == nil || len(hosts) == 0 {
		if len(hosts) > 0 {
			g.notes = append(g.notes, words.Because("blocked.note.trunks"))
		}
		return
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for host, role := range hosts {
		wg.Go(func() {
			addrs, err := env.Net.LookupAddrs(ctx, host)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				g.notes = append(g.notes, (words.Cause(host) + ": " + platform.Words(err)).Reason())
			}
			for _, a := range addrs {
				g.addr(a.Unmap(), role, "")
			}
		})
	}
	wg.Wait()
}

// The roles of a subject. The name of the phone, trunk or provider follows; any
// other role is a provider's name.
const (
	roleAdmin      = "admin" // who is logged in over SSH
	roleGateway    = "gateway"
	rolePhone      = "phone"
	roleTrunk      = "trunk"
	roleMedia      = "media"
	roleSignalling = "signalling"
)

// The uses of a subject that call for other ports than a phone's.
const (
	useAdmin   = "admin"   // SSH
	useGateway = "gateway" // nothing in particular: only bans count
)

// portsFor picks the kinds of packet that matter for a use.
func portsFor(use string, all []pbx.Ports) []pbx.Ports {
	switch use {
	case useAdmin:
		return []pbx.Ports{{Protocol: "tcp", Set: pbx.Port(22), Purpose: "ssh"}}
	case useGateway:
		return nil
	case purposeRTP:
		return slices.DeleteFunc(slices.Clone(all), func(p pbx.Ports) bool { return p.Purpose != purposeRTP })
	}
	return all
}

// everyPort looks for bans of the gateway and the administrator on all ports. Of
// their own packets only some matter as long as nothing names them; a ban does
// on whatever port it stops them, because the phones behind a router that
// translates addresses all come from the gateway, and whoever looks after the
// PBX may have a phone.
func (e question) everyPort(s Subject) Subject {
	if s.Use != useGateway && s.Use != useAdmin {
		return s
	}
	e.ports = slices.Concat(e.ports, e.Ports)
	if s = e.filterBlocks(s); len(effectiveBlocks(s)) > 0 {
		s.Use = ""
		s = e.paths(s)
	}
	return s
}
