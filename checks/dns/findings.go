package dns

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
)

// noAnswer is about DNS servers of this machine that are of no use.
func noAnswer(o *Observed) []checks.Finding {
	system := o.of(fromSystem)
	var evidence []checks.Evidence
	dead := 0
	for _, r := range system {
		if !r.works() {
			dead++
		}
		evidence = append(evidence, checks.Evidence{Name: "DNS server " + shortAddr(r.Addr), Want: "answers", Got: outcome(r)})
	}
	if o.ListError != "" && !o.Unlisted {
		evidence = append(evidence, checks.Evidence{Name: "DNS servers of this machine", Want: "at least one", Got: o.ListError})
	}
	f := checks.Finding{ID: "dns.no-answer", Severity: checks.Warning, Confidence: checks.Certain, Evidence: evidence}
	switch {
	case len(evidence) == 0 || dead == 0 && len(system) > 0:
		return nil
	case dead < len(system):
		f.Confidence = checks.Likely
		f.Title = fmt.Sprintf("%d of %d DNS servers of this network do not answer", dead, len(system))
		f.Explanation = "Every look-up may wait seconds for a server that is gone before the next one is asked: phones register and dial late, or give up."
		f.Advice = []string{"Remove the dead server from the router's DHCP settings (or from this machine's, if they were typed in here)."}
		return []checks.Finding{f}
	}
	f.Title = "No DNS server answers" + whom(system)
	f.Explanation = "Phones that are given the provider's name cannot find it."
	f.Advice = []string{"Check the DNS servers that the router hands out by DHCP" + o.orAnother() + "."}
	if unresolved(o) {
		f.Severity = checks.Critical
	} else {
		f.Explanation += " This machine knows the names without DNS, from its hosts file; the phones do not have that file."
	}
	return []checks.Finding{f}
}

// orAnother continues an advice with another DNS server. One that was asked and
// stayed silent is not recommended.
func (o *Observed) orAnother() string {
	switch p := o.working(fromPublic); {
	case p != nil:
		return ", or let the phones use another DNS server: " + shortAddr(p.Addr) + " answers from here"
	case len(o.of(fromPublic)) == 0:
		return ", or let the phones use another DNS server (9.9.9.9, 1.1.1.1)"
	}
	return ""
}

// whom lists the resolvers in brackets.
func whom(list []*Resolver) string {
	var s []string
	for _, r := range list {
		s = append(s, shortAddr(r.Addr))
	}
	if len(s) == 0 {
		return ": none is set up"
	}
	return " (" + strings.Join(s, ", ") + ")"
}

// unresolved reports whether this machine itself could not look up a name.
func unresolved(o *Observed) bool {
	return slices.ContainsFunc(o.Names, func(n Name) bool { return len(n.System) == 0 })
}

// outcome says in words what came of a resolver's questions.
func outcome(r *Resolver) string {
	if r.works() {
		return fmt.Sprintf("answered in %.0f ms", median(r))
	}
	got := "silent"
	for _, q := range r.Questions {
		switch {
		case q.Rcode != "":
			got = "answers " + q.Rcode
		case q.ErrorClass == "refused" && got == "silent":
			got = "nobody listens there (port unreachable)"
		case q.ErrorClass != "" && got == "silent":
			got = hopWords(q)
		}
	}
	if got == "silent" && len(r.Questions) > 0 {
		got = fmt.Sprintf("silent, asked %d times", tries(r))
	}
	switch {
	case r.TCP == nil:
	case r.TCP.Rcode != "":
		got += "; over TCP it answers"
	default:
		got += "; over TCP no answer either"
	}
	return got
}

func hopWords(q Question) string {
	if q.ErrorHop.IsValid() {
		return q.ErrorClass + ", says " + q.ErrorHop.String()
	}
	return q.ErrorClass
}

func tries(r *Resolver) int {
	most := 0
	for _, q := range r.Questions {
		most = max(most, q.Tries)
	}
	return most
}

func hijacked(o *Observed) []checks.Finding {
	var evidence []checks.Evidence
	for i := range o.Resolvers {
		r := &o.Resolvers[i]
		for _, name := range o.Nonsense {
			if got := r.find(name, "A").addrs(); len(got) > 0 {
				evidence = append(evidence, checks.Evidence{Name: name + " at " + shortAddr(r.Addr), Want: "NXDOMAIN", Got: joinAddrs(got)})
			}
		}
	}
	if len(evidence) == 0 {
		return nil
	}
	return []checks.Finding{{
		ID: "dns.hijacked", Severity: checks.Warning, Confidence: checks.Certain, Heard: true,
		Title: "DNS gives addresses to names that do not exist",
		Explanation: "The provider's search page, a captive portal or a filter answers instead of \"no such name\". " +
			"A phone with a mistyped server name, or one that looks for a service its provider does not have, talks to a stranger and sends him its registration.",
		Evidence: evidence,
		Advice: []string{
			"Log in, if this is a guest network with a login page, and check again.",
			"Switch \"DNS help\" off in the Internet provider's customer pages" + o.orAnother() + ".",
		},
	}}
}

func redirected(o *Observed) []checks.Finding {
	q := redirectedBy(o)
	if q == nil {
		return nil
	}
	got := q.Rcode
	if len(q.addrs()) > 0 {
		got = joinAddrs(q.addrs())
	}
	return []checks.Finding{{
		ID: "dns.redirected", Severity: checks.Warning, Confidence: checks.Certain, Heard: true,
		Title: "Somebody on the way answers all DNS questions",
		Explanation: "A question to an address where no server exists was answered: the router or the Internet provider takes every question to port 53, whomever it is for. " +
			"DNS servers that phones are set to are not the ones that answer them; their answers, and what this check compared, come from one place.",
		Evidence: []checks.Evidence{{Name: q.Name + " asked of " + o.NobodyAddr.String(), Want: "no answer", Got: got}},
		Advice: []string{
			"Look on the router for a rule that redirects port 53 (MikroTik: /ip firewall nat print where dst-port=53; OpenWrt: a redirect in /etc/config/firewall).",
			"If the names are right it does no harm; if not, use phones with DNS over TLS, or the servers' addresses.",
		},
	}}
}

// slowAfter is the time at which even the quickest answer of a DNS server is
// worth a warning. One from memory takes under 100 ms on any line; a phone
// asks three to six questions in a row (NAPTR, SRV, A) before it dials.
const slowAfter = 400.0 // milliseconds

func slow(o *Observed) []checks.Finding {
	var evidence []checks.Evidence
	for _, r := range o.of(fromSystem) {
		if took := r.times(); len(took) > 0 && took[0] > slowAfter {
			evidence = append(evidence, checks.Evidence{
				Name: "DNS server " + shortAddr(r.Addr), Want: fmt.Sprintf("under %.0f ms", slowAfter),
				Got: fmt.Sprintf("%.0f ms at best, %.0f ms in the middle", took[0], median(r)),
			})
		}
	}
	if len(evidence) == 0 {
		return nil
	}
	return []checks.Finding{{
		ID: "dns.slow", Severity: checks.Warning, Confidence: checks.Likely, Heard: true,
		Title:       "DNS answers slowly",
		Explanation: "A phone asks several questions before it registers or dials: each call starts late, and impatient phones give up.",
		Evidence:    evidence,
		Advice:      []string{"Use a DNS server nearer by: the router's own, the Internet provider's, or a public one."},
	}}
}

// udp53Blocked is worth knowing, not a fault: many offices let only their own
// DNS server out.
func udp53Blocked(o *Observed) []checks.Finding {
	if udp53(o) != "blocked" {
		return nil
	}
	f := checks.Finding{
		ID: "dns.udp53-blocked", Severity: checks.Info, Confidence: checks.Likely,
		Title:       "DNS servers outside cannot be asked over UDP",
		Explanation: "A firewall keeps port 53 closed, as is usual where only the office's own DNS server may ask. Phones with a public DNS server typed in find nothing.",
		Advice:      []string{"Let the phones take their DNS server from DHCP."},
	}
	for _, r := range o.of(fromPublic) {
		f.Evidence = append(f.Evidence, checks.Evidence{Name: "UDP 53 to " + shortAddr(r.Addr), Want: "an answer", Got: outcome(r)})
		said := func(q Question) bool { return q.ErrorClass == "prohibited" || q.ErrorClass == "local-filter" }
		if slices.ContainsFunc(r.Questions, said) || r.TCP != nil && r.TCP.Rcode != "" {
			f.Confidence = checks.Certain // a filter said so, or the same server answers over TCP
		}
	}
	return []checks.Finding{f}
}
