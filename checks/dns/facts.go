package dns

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Facts is the stable summary of the check.
type Facts struct {
	Resolvers  []string        `json:"resolvers"` // this machine's DNS servers
	Public     string          `json:"public_resolver,omitempty"`
	Names      []NameFacts     `json:"names"`
	Hijacked   bool            `json:"hijacked"`
	Redirected bool            `json:"redirected"`
	UDP53      string          `json:"udp_53_outside"` // open, blocked or untested
	Servers    []ResolverFacts `json:"servers"`        // every resolver asked, public ones too
}

// ResolverFacts is how one DNS server did.
type ResolverFacts struct {
	Address   string  `json:"address"`
	Source    string  `json:"source"` // system or public
	Answered  bool    `json:"answered"`
	RTTMillis float64 `json:"rtt_ms"` // median of its answers, 0 without one
}

// NameFacts is what the first DNS server that knows says about a name.
type NameFacts struct {
	Name      string       `json:"name"`
	For       string       `json:"for"`      // sip, stun or responder
	Resolver  string       `json:"resolver"` // who said so; empty when nobody did
	NAPTR     []NAPTR      `json:"naptr"`
	SRV       []SRV        `json:"srv"`
	A         []netip.Addr `json:"a"`
	AAAA      []netip.Addr `json:"aaaa"`
	TTL       int          `json:"ttl_s"`  // shortest of its addresses' records, seconds; 0 without any
	RTTMillis float64      `json:"rtt_ms"` // of the A question
	// Order is whom a phone tries, in the order of RFC 3263: transport, host,
	// port, addresses.
	Order []string `json:"order"`
}

// NAPTR is one NAPTR record, in the order to use.
type NAPTR struct {
	Order       int    `json:"order"`
	Preference  int    `json:"preference"`
	Service     string `json:"service"`
	Replacement string `json:"replacement"`
}

// SRV is one SRV record, in the order to try; equal priorities are tried at
// random in proportion to their weights, here the heaviest first.
type SRV struct {
	Service  string `json:"service"` // _sip._udp, _sip._tcp, _sips._tcp
	Priority int    `json:"priority"`
	Weight   int    `json:"weight"`
	Port     int    `json:"port"`
	Target   string `json:"target"`
	TTL      int    `json:"ttl_s"`
}

func facts(o *Observed) Facts {
	f := Facts{Resolvers: []string{}, Names: []NameFacts{}, Servers: []ResolverFacts{}, UDP53: udp53(o), Redirected: redirectedBy(o) != nil}
	for _, r := range o.Resolvers {
		if r.Source == fromSystem {
			f.Resolvers = append(f.Resolvers, shortAddr(r.Addr))
		} else if r.works() {
			f.Public = shortAddr(r.Addr)
		}
		f.Servers = append(f.Servers, ResolverFacts{shortAddr(r.Addr), r.Source, r.answers(), median(&r)})
		f.Hijacked = f.Hijacked || len(lies(o, &r)) > 0
	}
	for _, n := range o.Names {
		f.Names = append(f.Names, nameFacts(o, n))
	}
	return f
}

// nameFacts takes the word of the first resolver that knows the name, this
// machine's before public ones.
func nameFacts(o *Observed, n Name) NameFacts {
	f := NameFacts{Name: n.Host, For: n.what(), NAPTR: []NAPTR{}, SRV: []SRV{}, A: []netip.Addr{}, AAAA: []netip.Addr{}, Order: []string{}}
	at := slices.IndexFunc(o.Resolvers, func(r Resolver) bool { return knows(&r, n) })
	if at < 0 {
		return f
	}
	by := &o.Resolvers[at]
	f.Resolver = shortAddr(by.Addr)
	four, six := by.find(n.Host, "A"), by.find(n.Host, "AAAA")
	f.RTTMillis = four.RTTMillis
	f.A, f.AAAA = append(f.A, four.addrs()...), append(f.AAAA, six.addrs()...)
	if all := slices.Concat(four.Records, six.Records); len(all) > 0 {
		f.TTL = slices.MinFunc(all, func(a, b Record) int { return a.TTL - b.TTL }).TTL
	}
	f.NAPTR, f.SRV = naptrOf(by, n.Host), srvOf(by, n)
	f.Order = order(by, n, &f)
	return f
}

func knows(r *Resolver, n Name) bool {
	addrs, _ := r.addrs(n.Host)
	return len(addrs) > 0 || len(srvOf(r, n)) > 0
}

func naptrOf(r *Resolver, host string) []NAPTR {
	out := []NAPTR{}
	for _, rec := range r.find(host, "NAPTR").Records {
		if rec.Type == "NAPTR" {
			out = append(out, NAPTR{rec.Priority, rec.Weight, rec.Service, rec.Target})
		}
	}
	slices.SortStableFunc(out, func(a, b NAPTR) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	return out
}

// srvOf lists the SRV records of a SIP host by transport, then in the order to
// try.
func srvOf(r *Resolver, n Name) []SRV {
	out := []SRV{}
	if !n.SIP {
		return out
	}
	owners := services(n.Host)
	for _, nap := range naptrOf(r, n.Host) {
		if strings.HasPrefix(nap.Service, "SIP") && !slices.Contains(owners, nap.Replacement) && strings.HasPrefix(nap.Replacement, "_") {
			owners = append(owners, nap.Replacement)
		}
	}
	for _, owner := range owners {
		var list []SRV
		for _, rec := range r.find(owner, "SRV").Records {
			if rec.Type == "SRV" && rec.Target != "" {
				list = append(list, SRV{service(owner), rec.Priority, rec.Weight, rec.Port, rec.Target, rec.TTL})
			}
		}
		slices.SortStableFunc(list, func(a, b SRV) int {
			return cmp.Or(cmp.Compare(a.Priority, b.Priority), -cmp.Compare(a.Weight, b.Weight), cmp.Compare(a.Target, b.Target))
		})
		out = append(out, list...)
	}
	return out
}

// service is the first two labels of an SRV owner.
func service(owner string) string {
	parts := strings.SplitN(owner, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// order is the list of RFC 3263, section 4: with a port in the name only its
// addresses; else the SRV records, those of NAPTR's transports first; else
// the addresses at the default port.
func order(r *Resolver, n Name, f *NameFacts) []string {
	out := []string{}
	if n.Port != 0 || len(f.SRV) == 0 {
		at := n.Host
		if n.Port != 0 {
			at = fmt.Sprintf("%s:%d", n.Host, n.Port)
		}
		if addrs, _ := r.addrs(n.Host); len(addrs) > 0 {
			out = append(out, at+" "+joinAddrs(addrs))
		}
		return out
	}
	list := slices.Clone(f.SRV)
	rank := map[string]int{}
	for i, nap := range f.NAPTR {
		if _, seen := rank[service(nap.Replacement)]; !seen {
			rank[service(nap.Replacement)] = i - len(f.NAPTR)
		}
	}
	slices.SortStableFunc(list, func(a, b SRV) int { return cmp.Compare(rank[a.Service], rank[b.Service]) })
	for _, s := range list {
		addrs, _ := r.addrs(s.Target)
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s:%d %s", cmp.Or(transports[s.Service], s.Service), s.Target, s.Port, joinAddrs(addrs))))
	}
	return out
}

var transports = map[string]string{"_sip._udp": "udp", "_sip._tcp": "tcp", "_sips._tcp": "tls"}

func joinAddrs(list []netip.Addr) string {
	var s []string
	for _, a := range list {
		s = append(s, a.String())
	}
	return strings.Join(s, ", ")
}

// times are how long the resolver took to answer, milliseconds, sorted.
func (r *Resolver) times() (list []float64) {
	for _, q := range r.Questions {
		if q.RTTMillis > 0 {
			list = append(list, q.RTTMillis)
		}
	}
	slices.Sort(list)
	return list
}

func median(r *Resolver) float64 {
	t := r.times()
	if len(t) == 0 {
		return 0
	}
	return t[len(t)/2]
}

// shortAddr leaves the usual port out.
func shortAddr(ap netip.AddrPort) string {
	if ap.Port() == 53 {
		return ap.Addr().String()
	}
	return ap.String()
}
