package dns

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

const dnsPort = 53

// maxSystem bounds how many of this machine's DNS servers are asked: no
// resolver library uses more (resolv.conf(5), MAXNS).
const maxSystem = 3

// publicResolvers are three operators in different networks, so that one that
// is gone or filtered does not matter: Quad9, Cloudflare, Google.
func publicResolvers(v6 bool) []netip.Addr {
	names := []string{"9.9.9.9", "1.1.1.1", "8.8.8.8"}
	if v6 {
		names = []string{"2620:fe::fe", "2606:4700:4700::1111", "2001:4860:4860::8888"}
	}
	var out []netip.Addr
	for _, n := range names {
		out = append(out, netip.MustParseAddr(n))
	}
	return out
}

type asker struct {
	env      *checks.Env
	names    []Name
	nonsense []string
}

// observe asks this machine's DNS servers, a public one and nobody, all at
// the same time.
func (a *asker) observe(ctx context.Context, o *Observed) {
	o.Nonsense, o.NoPublic = a.nonsense, a.env.Inputs.NoPublic
	var system, public []Resolver
	var wg sync.WaitGroup
	servers, err := platform.Nameservers(ctx, a.env.Net)
	if err != nil {
		o.ListError, o.Unlisted = platform.Words(err), errors.Is(err, errors.ErrUnsupported)
	}
	servers = servers[:min(maxSystem, len(servers))]
	wg.Go(func() {
		system = probe.Map(servers, func(s netip.AddrPort) Resolver {
			r := Resolver{Addr: s, Source: fromSystem, Questions: []Question{}}
			a.askAll(ctx, &r)
			return r
		})
	})
	if !o.NoPublic {
		wg.Go(func() { public = a.askPublic(ctx) })
		wg.Go(func() { o.Nobody = a.askNobody(ctx) })
		o.NobodyAddr = netinfo.Nobody
	}
	wg.Wait()
	o.Resolvers = slices.Concat(system, public)
}

// askAll asks one resolver for everything: the names, then what their records
// point to.
func (a *asker) askAll(ctx context.Context, r *Resolver) {
	var first []Question
	for _, n := range a.nonsense {
		first = append(first, Question{Name: n, Type: "A"})
	}
	for _, n := range a.names {
		first = append(first, Question{Name: n.Host, Type: "A"}, Question{Name: n.Host, Type: "AAAA"})
		if !n.SIP {
			continue
		}
		first = append(first, Question{Name: n.Host, Type: "NAPTR"})
		for _, s := range services(n.Host) {
			first = append(first, Question{Name: s, Type: "SRV"})
		}
	}
	a.round(ctx, r, first)
	if !r.answers() {
		a.overTCP(ctx, r)
		return
	}
	a.round(ctx, r, missing(r, targets(r, "NAPTR"), "SRV"))
	a.round(ctx, r, missing(r, targets(r, "SRV"), "A", "AAAA"))
}

func (a *asker) round(ctx context.Context, r *Resolver, questions []Question) {
	if len(questions) == 0 {
		return
	}
	list := make([]*Question, len(questions))
	for i := range questions {
		list[i] = &questions[i]
	}
	client{a.env, r.Addr, true}.ask(ctx, list)
	r.Questions = append(r.Questions, questions...)
}

// overTCP tells a resolver that is gone from a path that drops UDP.
func (a *asker) overTCP(ctx context.Context, r *Resolver) {
	r.TCP = &Question{Name: a.nonsense[0], Type: "A", Tries: 1}
	client{a.env, r.Addr, true}.askTCP(ctx, r.TCP)
}

// maxFollowed bounds how many names of records are looked up: what a stranger
// writes into DNS decides them.
const maxFollowed = 12

// targets are the names that the records of a type lead to; of NAPTR records,
// the SRV names of SIP services (RFC 3263, 4.1).
func targets(r *Resolver, kind string) (names []string) {
	for _, q := range r.Questions {
		for _, rec := range q.Records {
			if rec.Type == kind && (kind != "NAPTR" || rec.Flags == "S" && strings.HasPrefix(rec.Service, "SIP")) {
				names = append(names, rec.Target)
			}
		}
	}
	return names
}

func missing(r *Resolver, names []string, kinds ...string) (out []Question) {
	for _, n := range names {
		for _, kind := range kinds {
			asked := r.find(n, kind).Name != "" || slices.ContainsFunc(out, func(q Question) bool { return q.Name == n && q.Type == kind })
			if n != "" && !asked && len(out) < maxFollowed*len(kinds) {
				out = append(out, Question{Name: n, Type: kind})
			}
		}
	}
	return out
}

// askPublic asks every public resolver one question, and the first that
// answers all the others. When none answers all are returned: three silences
// of three operators say something about the way.
func (a *asker) askPublic(ctx context.Context) []Resolver {
	racing, cancel := context.WithCancel(ctx)
	defer cancel()
	list := probe.Map(publicResolvers(a.onlyV6()), func(addr netip.Addr) Resolver {
		r := Resolver{Addr: netip.AddrPortFrom(addr, dnsPort), Source: fromPublic, Questions: []Question{}}
		a.round(racing, &r, []Question{{Name: a.nonsense[0], Type: "A"}})
		if r.works() {
			cancel()
		}
		return r
	})
	if i := slices.IndexFunc(list, func(r Resolver) bool { return r.works() }); i >= 0 {
		first := list[i]
		first.Questions = nil
		a.askAll(ctx, &first)
		return []Resolver{first}
	}
	probe.Each(list, func(r *Resolver) { a.overTCP(ctx, r) })
	slices.SortFunc(list, func(x, y Resolver) int { return y.Addr.Compare(x.Addr) })
	return list
}

// onlyV6 reports whether there is no way to IPv4 addresses.
func (a *asker) onlyV6() bool {
	if b := a.env.Inputs.Bind; b.IsValid() {
		return b.Is6()
	}
	_, err4 := a.env.Net.SourceFor(publicResolvers(false)[0])
	_, err6 := a.env.Net.SourceFor(publicResolvers(true)[0])
	return err4 != nil && err6 == nil
}

// nobodyWait is how long an answer from nowhere may take. Who answers in other
// servers' names sits close by.
const nobodyWait = 2500 * time.Millisecond

func (a *asker) askNobody(ctx context.Context) *Question {
	if b := a.env.Inputs.Bind; b.IsValid() && b.Is6() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, nobodyWait)
	defer cancel()
	q := &Question{Name: "example.com", Type: "A"} // exists, so that whoever redirects has something to say
	client{a.env, netip.AddrPortFrom(netinfo.Nobody, dnsPort), true}.ask(ctx, []*Question{q})
	return q
}
