package dns

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// nameFindings is about each name that the user asked for: whether it exists, where it points, and
// whether this network and the rest of the Internet agree.
func nameFindings(o *Observed) (out []checks.Finding) {
	here, there := o.working(fromSystem), o.working(fromPublic)
	for _, n := range o.Names {
		if n.Builtin {
			continue
		}
		for _, f := range []*checks.Finding{unknownName(o, n, here, there), pointsNowhere(o, n, here), differs(n, here, there)} {
			if f != nil {
				out = append(out, *f)
				break // the first is the cause of the others
			}
		}
	}
	return out
}

// grave is how much a fault of a name hurts: without their SIP server phones do
// nothing; another STUN server is soon found.
func grave(n Name) checks.Severity {
	if n.For == forSTUN {
		return checks.Warning
	}
	return checks.Critical
}

// unknownName: the DNS server says that there is no such name, and this machine
// does not know it either.
func unknownName(o *Observed, n Name, here, there *Resolver) *checks.Finding {
	asked := cmp.Or(here, there)
	if asked == nil || len(n.System) > 0 {
		return nil
	}
	if _, known := asked.addrs(n.Host); !known || knows(asked, n) {
		return nil
	}
	got := say("nothing", nil)
	if asked.find(n.Host, "A").Rcode == "NXDOMAIN" {
		got = say("no-such-name", nil)
	}
	f := checks.Finding{
		Severity: grave(n), Confidence: checks.Certain, Heard: true, Args: words.Args{"name": n.Host, "for": n.what()},
		Evidence: []checks.Evidence{checks.Proof(at(n.Host, asked), say("an-address", nil), got)},
	}
	if there != nil && knows(there, n) {
		f.Evidence = append(f.Evidence, checks.Proof(at(n.Host, there), say("the-same", nil), says(there, n)))
		if stripped(n, asked, there) {
			f.ID, f.Confidence, f.Subject = "dns.rebind-protection", checks.Likely, n.Host
			f.Args["server"] = shortAddr(asked.Addr)
			return &f
		}
		f.ID, f.Variant = "dns.differs", "unknown"
		f.Args["another"] = o.another()
		return &f
	}
	if there != nil && there != asked {
		f.Evidence = append(f.Evidence, checks.Proof(at(n.Host, there), say("an-address", nil), say("none-either", nil)))
	}
	f.ID = "dns.no-such-name"
	return &f
}

// stripped reports whether a DNS server has the name and left its addresses out,
// all of which are private: what DNS rebind protection does (dnsmasq's
// stop-dns-rebind, Unbound's private-address).
func stripped(n Name, here, there *Resolver) bool {
	addrs, _ := there.addrs(n.Host)
	return here.find(n.Host, "A").Rcode == "NOERROR" && len(addrs) > 0 &&
		!slices.ContainsFunc(addrs, func(a netip.Addr) bool { return !a.IsPrivate() })
}

// pointsNowhere: an address under which nobody outside can be reached, as DNS
// filters give out for names they block.
func pointsNowhere(o *Observed, n Name, here *Resolver) *checks.Finding {
	if here == nil {
		return nil
	}
	addrs, _ := here.addrs(n.Host)
	liars := lies(o, here)
	bad := slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool {
		return !a.IsLoopback() && !a.IsUnspecified() && !slices.Contains(liars, a)
	})
	if len(bad) == 0 || len(bad) < len(addrs) {
		return nil
	}
	f := &checks.Finding{
		ID: "dns.differs", Variant: "nowhere", Severity: grave(n), Confidence: checks.Certain, Heard: true,
		Args:     words.Args{"name": n.Host, "another": o.another()},
		Evidence: []checks.Evidence{checks.Proof(at(n.Host, here), say("an-address-of", words.Args{"for": n.what()}), addresses(bad))},
	}
	if there := o.working(fromPublic); there != nil {
		f.Evidence = append(f.Evidence, checks.Proof(at(n.Host, there), say("the-same", nil), says(there, n)))
	}
	return f
}

// differs compares what both say. Addresses that differ are ordinary where a
// provider answers by region or in turns, so that alone is only mentioned; a
// private address here and a public one there is either a PBX in the house or
// a lie; SRV records hardly ever differ for a good reason.
func differs(n Name, here, there *Resolver) *checks.Finding {
	if here == nil || there == nil {
		return nil
	}
	f := &checks.Finding{
		ID: "dns.differs", Variant: "otherwise", Severity: checks.Info, Confidence: checks.Possible, Heard: true, Args: words.Args{"name": n.Host},
	}
	compare := func(name, want, got words.Text) {
		want = say("as-said-by", words.Args{"what": want, "server": shortAddr(there.Addr)})
		f.Evidence = append(f.Evidence, checks.Proof(name, want, got))
	}
	if a, b, differ := srvDiffer(here, there, n); differ {
		f.Severity, f.Confidence = checks.Warning, checks.Likely
		compare(say("srv-at", words.Args{"name": n.Host, "server": shortAddr(here.Addr)}), records(b), records(a))
	}
	a, knownHere := here.addrs(n.Host)
	b, knownThere := there.addrs(n.Host)
	shared := slices.ContainsFunc(a, func(x netip.Addr) bool { return slices.Contains(b, x) })
	if knownHere && knownThere && !shared && len(a)+len(b) > 0 {
		if slices.ContainsFunc(a, netinfo.IsPrivate) || len(a) == 0 || len(b) == 0 {
			f.Severity = checks.Warning
		}
		compare(at(n.Host, here), addresses(b), addresses(a))
	}
	if len(f.Evidence) == 0 {
		return nil
	}
	return f
}

// srvDiffer compares the services, without times to live.
func srvDiffer(here, there *Resolver, n Name) (a, b []string, differ bool) {
	for _, owner := range services(n.Host) {
		x, y := here.find(owner, "SRV"), there.find(owner, "SRV")
		if !x.usable() || !y.usable() {
			return nil, nil, false
		}
	}
	a, b = srvLines(srvOf(here, n)), srvLines(srvOf(there, n))
	return a, b, !slices.Equal(a, b)
}

func srvLines(list []SRV) (s []string) {
	for _, r := range list {
		s = append(s, fmt.Sprintf("%s %d %d %s:%d", r.Service, r.Priority, r.Weight, r.Target, r.Port))
	}
	return s
}

func records(list []string) words.Text { return say("records", words.Args{"list": list}) }

func says(r *Resolver, n Name) words.Text {
	if addrs, _ := r.addrs(n.Host); len(addrs) > 0 {
		return addresses(addrs)
	}
	return say("srv", words.Args{"records": records(srvLines(srvOf(r, n)))})
}
