package dns

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
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
	if n.For == "STUN server" {
		return checks.Warning
	}
	return checks.Critical
}

// unknownName: the DNS server says that there is no such name, and this machine
// does not know it either.
func unknownName(o *Observed, n Name, here, there *Resolver) *checks.Finding {
	asked := here
	if asked == nil {
		asked = there
	}
	if asked == nil || len(n.System) > 0 {
		return nil
	}
	if _, known := asked.addrs(n.Host); !known || knows(asked, n) {
		return nil
	}
	got := "no address and no SIP service"
	if asked.find(n.Host, "A").Rcode == "NXDOMAIN" {
		got = "NXDOMAIN: no such name"
	}
	ev := []checks.Evidence{{Name: n.Host + " at " + shortAddr(asked.Addr), Want: "an address", Got: got}}
	if there != nil && knows(there, n) {
		ev = append(ev, checks.Evidence{Name: n.Host + " at " + shortAddr(there.Addr), Want: "the same", Got: says(there, n)})
		if stripped(n, asked, there) {
			return rebindProtection(n, asked, ev)
		}
		return &checks.Finding{
			ID: "dns.differs", Severity: grave(n), Confidence: checks.Certain, Heard: true, Evidence: ev,
			Title:       fmt.Sprintf("This network's DNS does not know %s; the rest of the Internet does", n.Host),
			Explanation: "Phones that ask this network's DNS server cannot find the " + n.For + ". A filter list or a stale copy of the domain on a DNS server in the office does that.",
			Advice:      []string{"Have the name allowed in the DNS filter" + o.orAnother() + "."},
		}
	}
	if there != nil && there != asked {
		ev = append(ev, checks.Evidence{Name: n.Host + " at " + shortAddr(there.Addr), Want: "an address", Got: "none either"})
	}
	return &checks.Finding{
		ID: "dns.no-such-name", Severity: grave(n), Confidence: checks.Certain, Heard: true, Evidence: ev,
		Title:       fmt.Sprintf("The name %s does not exist", n.Host),
		Explanation: "DNS answers, and says that there is no such " + n.For + ".",
		Advice:      []string{"Check the spelling against the provider's documents; the name of a web page is often not that of the SIP server."},
	}
}

// stripped reports whether a DNS server has the name and left its addresses out,
// all of which are private: what DNS rebind protection does (dnsmasq's
// stop-dns-rebind, Unbound's private-address).
func stripped(n Name, here, there *Resolver) bool {
	addrs, _ := there.addrs(n.Host)
	return here.find(n.Host, "A").Rcode == "NOERROR" && len(addrs) > 0 &&
		!slices.ContainsFunc(addrs, func(a netip.Addr) bool { return !a.IsPrivate() })
}

func rebindProtection(n Name, here *Resolver, ev []checks.Evidence) *checks.Finding {
	return &checks.Finding{
		ID: "dns.rebind-protection", Severity: grave(n), Confidence: checks.Likely, Heard: true, Evidence: ev, Subject: n.Host,
		Title: fmt.Sprintf("DNS rebind protection hides the private address of %s", n.Host),
		Explanation: fmt.Sprintf("The DNS server %s knows the name and leaves its address out of the answer, because the address is private. "+
			"Routers do that to protect against web pages that attack the local network. Phones that ask this server cannot find the %s.", shortAddr(here.Addr), n.For),
		Advice: []string{"Whoever runs the DNS server " + shortAddr(here.Addr) + " exempts this one name; that the address is reached over a VPN or a leased line is no fault."},
	}
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
		ID: "dns.differs", Severity: grave(n), Confidence: checks.Certain, Heard: true,
		Title:       fmt.Sprintf("This network's DNS sends %s nowhere", n.Host),
		Explanation: "The address is this very machine's, none at all, or the one that this DNS server also gives to names that do not exist: a filter blocks the name, or it does not exist.",
		Evidence:    []checks.Evidence{{Name: n.Host + " at " + shortAddr(here.Addr), Want: "an address of the " + n.For, Got: joinAddrs(bad)}},
		Advice:      []string{"Have the name allowed in the DNS filter, or check its spelling" + o.orAnother() + "."},
	}
	if there := o.working(fromPublic); there != nil {
		f.Evidence = append(f.Evidence, checks.Evidence{Name: n.Host + " at " + shortAddr(there.Addr), Want: "the same", Got: says(there, n)})
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
	f := &checks.Finding{ID: "dns.differs", Severity: checks.Info, Confidence: checks.Possible, Heard: true}
	if a, b, differ := srvDiffer(here, there, n); differ {
		f.Severity, f.Confidence = checks.Warning, checks.Likely
		f.Evidence = append(f.Evidence, checks.Evidence{
			Name: "SRV of " + n.Host + " at " + shortAddr(here.Addr), Want: b + " (as " + shortAddr(there.Addr) + " says)", Got: a,
		})
	}
	a, knownHere := here.addrs(n.Host)
	b, knownThere := there.addrs(n.Host)
	shared := slices.ContainsFunc(a, func(x netip.Addr) bool { return slices.Contains(b, x) })
	if knownHere && knownThere && !shared && len(a)+len(b) > 0 {
		if slices.ContainsFunc(a, netinfo.IsPrivate) || len(a) == 0 || len(b) == 0 {
			f.Severity = checks.Warning
		}
		f.Evidence = append(f.Evidence, checks.Evidence{
			Name: n.Host + " at " + shortAddr(here.Addr), Want: joinAddrs(b) + " (as " + shortAddr(there.Addr) + " says)", Got: joinAddrs(a),
		})
	}
	if len(f.Evidence) == 0 {
		return nil
	}
	f.Title = fmt.Sprintf("This network's DNS says something else about %s than a public resolver", n.Host)
	f.Explanation = "Large providers answer by region or in turns, and a PBX in the house may have a private address on purpose. " +
		"If neither is so, phones here are sent to the wrong server."
	f.Advice = []string{"Compare with the addresses in the provider's documents."}
	return f
}

// srvDiffer compares the services, without times to live.
func srvDiffer(here, there *Resolver, n Name) (a, b string, differ bool) {
	for _, owner := range services(n.Host) {
		x, y := here.find(owner, "SRV"), there.find(owner, "SRV")
		if !x.usable() || !y.usable() {
			return "", "", false
		}
	}
	a, b = srvText(srvOf(here, n)), srvText(srvOf(there, n))
	return a, b, a != b
}

func srvText(list []SRV) string {
	if len(list) == 0 {
		return "none"
	}
	var s []string
	for _, r := range list {
		s = append(s, fmt.Sprintf("%s %d %d %s:%d", r.Service, r.Priority, r.Weight, r.Target, r.Port))
	}
	return strings.Join(s, ", ")
}

// says is what a resolver knows about a name, in a few words.
func says(r *Resolver, n Name) string {
	if addrs, _ := r.addrs(n.Host); len(addrs) > 0 {
		return joinAddrs(addrs)
	}
	return "SRV " + srvText(srvOf(r, n))
}
