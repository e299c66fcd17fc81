package dns

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func say(id string, args words.Args) words.Text { return words.Say("dns.evidence."+id, args) }

// noAnswer is about DNS servers of this machine that are of no use.
func noAnswer(o *Observed) []checks.Finding {
	system := o.of(fromSystem)
	var evidence []checks.Evidence
	var servers []string
	dead := 0
	for _, r := range system {
		if !r.works() {
			dead++
		}
		servers = append(servers, shortAddr(r.Addr))
		evidence = append(evidence, checks.Proof(say("server", words.Args{"server": shortAddr(r.Addr)}), say("answers", nil), outcome(r)))
	}
	if o.ListError != "" && !o.Unlisted {
		evidence = append(evidence, checks.Proof(say("own-servers", nil), say("at-least-one", nil), o.ListError))
	}
	f := checks.Finding{ID: "dns.no-answer", Severity: checks.Warning, Confidence: checks.Certain, Evidence: evidence}
	switch {
	case len(evidence) == 0 || dead == 0 && len(system) > 0:
		return nil
	case dead < len(system):
		f.Variant, f.Confidence, f.Args = "some", checks.Likely, words.Args{"dead": dead, "all": len(system)}
		return []checks.Finding{f}
	}
	f.Variant, f.Args = "none", words.Args{"servers": servers, "unresolved": unresolved(o), "another": o.another()}
	if unresolved(o) {
		f.Severity = checks.Critical
	}
	return []checks.Finding{f}
}

// another is an advice to use another DNS server; it says nothing where one was
// asked and stayed silent.
func (o *Observed) another() words.Text {
	args := words.Args{"known": "no", "server": ""}
	switch p := o.working(fromPublic); {
	case p != nil:
		args["known"], args["server"] = "answers", shortAddr(p.Addr)
	case len(o.of(fromPublic)) == 0:
		args["known"] = "untested"
	}
	return words.Say("dns.advice.another", args)
}

func unresolved(o *Observed) bool {
	return slices.ContainsFunc(o.Names, func(n Name) bool { return len(n.System) == 0 })
}

func outcome(r *Resolver) words.Text {
	if r.works() {
		return say("answered", words.Args{"ms": millis(median(r))})
	}
	args := words.Args{"how": "silent", "code": "", "hop": "none", "tcp": "untried"}
	tries := 0
	for _, q := range r.Questions {
		tries = max(tries, q.Tries)
		switch {
		case q.Rcode != "":
			args["how"], args["code"] = "code", q.Rcode
		case q.ErrorClass != "" && args["how"] == "silent":
			args["how"] = q.ErrorClass
			if q.ErrorHop.IsValid() {
				args["hop"] = q.ErrorHop
			}
		}
	}
	args["tries"] = tries
	switch {
	case r.TCP == nil:
	case r.TCP.Rcode != "":
		args["tcp"] = "answers"
	default:
		args["tcp"] = "silent"
	}
	return say("outcome", args)
}

func hijacked(o *Observed) []checks.Finding {
	var evidence []checks.Evidence
	for _, r := range o.Resolvers {
		for _, name := range o.Nonsense {
			if got := r.find(name, "A").addrs(); len(got) > 0 {
				evidence = append(evidence, checks.Proof(at(name, &r), "NXDOMAIN", addresses(got)))
			}
		}
	}
	if len(evidence) == 0 {
		return nil
	}
	return []checks.Finding{{
		ID: "dns.hijacked", Severity: checks.Warning, Confidence: checks.Certain, Heard: true,
		Args: words.Args{"another": o.another()}, Evidence: evidence,
	}}
}

// at names what a resolver was asked for.
func at(name string, r *Resolver) words.Text {
	return say("name-at", words.Args{"name": name, "server": shortAddr(r.Addr)})
}

func addresses(list []netip.Addr) words.Text { return say("addresses", words.Args{"list": list}) }

func redirected(o *Observed) []checks.Finding {
	q := redirectedBy(o)
	if q == nil {
		return nil
	}
	var got any = q.Rcode
	if len(q.addrs()) > 0 {
		got = addresses(q.addrs())
	}
	asked := say("asked-of", words.Args{"name": q.Name, "address": o.NobodyAddr})
	return []checks.Finding{{
		ID: "dns.redirected", Severity: checks.Warning, Confidence: checks.Certain, Heard: true,
		Evidence: []checks.Evidence{checks.Proof(asked, say("no-answer", nil), got)},
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
			evidence = append(evidence, checks.Proof(say("server", words.Args{"server": shortAddr(r.Addr)}),
				say("under", words.Args{"ms": millis(slowAfter)}), say("took", words.Args{"least": millis(took[0]), "median": millis(median(r))})))
		}
	}
	if len(evidence) == 0 {
		return nil
	}
	return []checks.Finding{{ID: "dns.slow", Severity: checks.Warning, Confidence: checks.Likely, Heard: true, Evidence: evidence}}
}

// udp53Blocked is worth knowing, not a fault: many offices let only their own
// DNS server out.
func udp53Blocked(o *Observed) []checks.Finding {
	if udp53(o) != "blocked" {
		return nil
	}
	f := checks.Finding{ID: "dns.udp53-blocked", Severity: checks.Info, Confidence: checks.Likely}
	for _, r := range o.of(fromPublic) {
		f.Evidence = append(f.Evidence, checks.Proof(say("udp-53", words.Args{"server": shortAddr(r.Addr)}), say("an-answer", nil), outcome(r)))
		said := func(q Question) bool { return q.ErrorClass == "prohibited" || q.ErrorClass == "local-filter" }
		if slices.ContainsFunc(r.Questions, said) || r.TCP != nil && r.TCP.Rcode != "" {
			f.Confidence = checks.Certain // a filter said so, or the same server answers over TCP
		}
	}
	return []checks.Finding{f}
}
