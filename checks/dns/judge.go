package dns

import (
	"math"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func judge(o Observed, h *netinfo.Host) checks.Judgement {
	if len(o.Names) == 0 {
		return checks.Judgement{Summary: words.Say("dns.summary.nothing", nil), Skip: words.Say("dns.skip.addresses", nil)}
	}
	j := checks.Judgement{Facts: facts(&o), Explains: checks.ReachNames}
	j.Findings = slices.Concat(noAnswer(&o), nameFindings(&o), hijacked(&o), redirected(&o), slow(&o), udp53Blocked(&o))
	cure(j.Findings, &o, h)
	checks.WorstFirst(j.Findings)
	if open := undecided(&o); len(open) > 0 {
		j.Inconclusive = words.Say("dns.reason.unanswered", words.Args{"names": open})
	}
	j.Summary = summary(&o, j.Findings)
	return j
}

func (o *Observed) of(source string) (list []*Resolver) {
	for i := range o.Resolvers {
		if o.Resolvers[i].Source == source {
			list = append(list, &o.Resolvers[i])
		}
	}
	return list
}

// working returns the first resolver of a source that gave usable answers.
func (o *Observed) working(source string) *Resolver {
	for _, r := range o.of(source) {
		if r.works() {
			return r
		}
	}
	return nil
}

// undecided are the names about which nobody, this machine included, said
// anything usable: neither that they exist nor that they do not. Where all of
// this machine's servers are silent, that is a finding of its own.
func undecided(o *Observed) (names []string) {
	if len(o.of(fromSystem)) > 0 && o.working(fromSystem) == nil {
		return nil
	}
	for _, n := range o.Names {
		said := slices.ContainsFunc(o.Resolvers, func(r Resolver) bool { _, known := r.addrs(n.Host); return known })
		if !said && !n.Builtin && !o.found(n) {
			names = append(names, n.Host)
		}
	}
	return names
}

func (o *Observed) found(n Name) bool {
	return len(n.System) > 0 || slices.ContainsFunc(o.Resolvers, func(r Resolver) bool { return knows(&r, n) })
}

// lies are the answers of r about names that cannot exist.
func lies(o *Observed, r *Resolver) (list []netip.Addr) {
	for _, name := range o.Nonsense {
		list = append(list, r.find(name, "A").addrs()...)
	}
	return list
}

// redirectedBy is the answer that came in the name of an address where nobody
// lives; nil when none came.
func redirectedBy(o *Observed) *Question {
	if o.Nobody != nil && o.Nobody.Rcode != "" {
		return o.Nobody
	}
	return nil
}

// udp53 says whether questions reach DNS servers outside: "open", "blocked" or
// "untested". An answer that may come from whoever redirects proves nothing
// about the way outside, but DNS works.
func udp53(o *Observed) string {
	public := o.of(fromPublic)
	if len(public) == 0 {
		return "untested"
	}
	local := false
	for _, r := range public {
		if r.answers() {
			return "open"
		}
		for _, q := range r.Questions {
			local = local || q.ErrorClass == "unreachable" && !q.ErrorHop.IsValid()
		}
	}
	if local { // this machine has no way there at all: not a matter of DNS
		return "untested"
	}
	return "blocked"
}

func summary(o *Observed, findings []checks.Finding) words.Text {
	if len(findings) > 0 && findings[0].Severity != checks.Info {
		return findings[0].Message()
	}
	here, there := o.working(fromSystem), o.working(fromPublic)
	if here == nil && there == nil {
		return words.Say("dns.summary.hosts-file", words.Args{"names": namesFound(o)})
	}
	args := words.Args{"names": namesFound(o), "compared": "no"}
	switch {
	case here == nil:
		here = there
	case there == nil && o.NoPublic:
		args["compared"] = "refused"
	case there != nil:
		args["compared"], args["public"] = "yes", shortAddr(there.Addr)
		if slices.ContainsFunc(findings, func(f checks.Finding) bool { return f.ID == "dns.differs" }) {
			args["compared"] = "differs"
		}
	}
	args["server"], args["ms"] = shortAddr(here.Addr), millis(median(here))
	return words.Say("dns.summary.found", args)
}

func namesFound(o *Observed) words.Text {
	var found []string
	for _, n := range o.Names {
		if o.found(n) {
			found = append(found, n.Host)
		}
	}
	if len(found) == len(o.Names) {
		return words.Say("dns.summary.all-names", words.Args{"names": found})
	}
	return words.Say("dns.summary.some-names", words.Args{"found": len(found), "all": len(o.Names)})
}

func millis(ms float64) int { return int(math.RoundToEven(ms)) }

// cure adds the remedies of the catalogue to what was found. What is only
// worth knowing needs none, and no other DNS server is offered where those that
// were asked stayed silent.
func cure(list []checks.Finding, o *Observed, h *netinfo.Host) {
	for i := range list {
		f := &list[i]
		if f.Severity == checks.Info {
			continue
		}
		switch f.ID {
		case "dns.no-answer", "dns.hijacked", "dns.slow", "dns.differs":
			usable := o.working(fromPublic) != nil || len(o.of(fromPublic)) == 0
			if usable && redirectedBy(o) == nil {
				f.Fixes = fixes.For(fixes.DNSServer, h, nil)
			}
		case "dns.rebind-protection":
			f.Fixes = fixes.For(fixes.DNSRebind, h, map[string]string{"Domain": f.Subject})
		case "dns.redirected":
			f.Fixes = fixes.For(fixes.DNSRedirect, h, nil)
		case "dns.no-such-name":
			f.Fixes = fixes.For(fixes.DNSRecords, h, nil)
		}
	}
}
