package dns

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

func judge(o Observed, h *netinfo.Host) checks.Judgement {
	if len(o.Names) == 0 {
		return checks.Judgement{Summary: "nothing to look up", Skip: "every server is named by its address, so no name was looked up"}
	}
	j := checks.Judgement{Facts: facts(&o), Explains: checks.ReachNames}
	j.Findings = slices.Concat(noAnswer(&o), nameFindings(&o), hijacked(&o), redirected(&o), slow(&o), udp53Blocked(&o))
	cure(j.Findings, &o, h)
	slices.SortStableFunc(j.Findings, func(a, b checks.Finding) int { return weight(a.Severity) - weight(b.Severity) })
	if open := undecided(&o); len(open) > 0 {
		j.Inconclusive = "no DNS server gave a usable answer about " + strings.Join(open, ", ")
	}
	j.Summary = summary(&o, j.Findings)
	return j
}

func weight(s checks.Severity) int {
	return map[checks.Severity]int{checks.Warning: 1, checks.Info: 2}[s]
}

// of returns the resolvers of one source.
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
		said := len(n.System) > 0 || n.Builtin
		for i := range o.Resolvers {
			_, known := o.Resolvers[i].addrs(n.Host)
			said = said || known || knows(&o.Resolvers[i], n)
		}
		if !said {
			names = append(names, n.Host)
		}
	}
	return names
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

func summary(o *Observed, findings []checks.Finding) string {
	if len(findings) > 0 && findings[0].Severity != checks.Info {
		return lowerFirst(findings[0].Title)
	}
	r := o.working(fromSystem)
	if r == nil {
		if r = o.working(fromPublic); r == nil {
			return fmt.Sprintf("%s found, without asking a DNS server (hosts file)", countNames(o))
		}
	}
	s := fmt.Sprintf("%s found; %s answers in %.0f ms", countNames(o), shortAddr(r.Addr), median(r))
	switch p := o.working(fromPublic); {
	case p != nil && p != r:
		s += ", as " + shortAddr(p.Addr) + " does"
	case o.NoPublic:
		s += "; not compared with a public resolver"
	}
	return s
}

// countNames says how many names somebody knows.
func countNames(o *Observed) string {
	var found []string
	for _, n := range o.Names {
		known := len(n.System) > 0
		for i := range o.Resolvers {
			known = known || knows(&o.Resolvers[i], n)
		}
		if known {
			found = append(found, n.Host)
		}
	}
	switch {
	case len(found) == 1 && len(o.Names) == 1:
		return found[0]
	case len(found) == len(o.Names):
		return fmt.Sprintf("%d names", len(found))
	}
	return fmt.Sprintf("%d of %d names", len(found), len(o.Names))
}

// lowerFirst lets a title continue a sentence.
func lowerFirst(s string) string {
	if unicode.IsLower(rune(s[1])) { // not "DNS"
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}
