package allowlist

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// kindOfFinding is how a cause is told.
type kindOfFinding struct {
	kind, id, title, explanation string
	confidence                   checks.Confidence
	rules                        bool // missing rules of the office's router cure it
	advice                       []string
}

func kinds() []kindOfFinding {
	return []kindOfFinding{
		{localFilter, "local-filter", "This machine's own packet filter blocks the provider",
			"What is not let out here says nothing about phones on the desk; a softphone or a PBX on this machine is cut off.", checks.Certain, false,
			[]string{"Allow these ports in this machine's own firewall, or check from another machine."}},
		{gateway, "blocked-by-gateway", "The office's router blocks the provider",
			"The router itself said that its rules do not let these packets out: phones behind it cannot use these ports.", checks.Certain, true, nil},
		{upstream, "blocked-upstream", "A hop behind the office's router blocks the provider",
			"The refusal came from another router on the way: a second firewall, or the Internet provider.", checks.Certain, false,
			[]string{"Name the hop and the ports to whom it belongs: the administrator of the firewall, or the Internet provider."}},
		{farEnd, "blocked-by-provider", "The provider's server refuses this address",
			"The packets got there and a filter at the server said no: many providers let only known addresses in.", checks.Certain, false,
			[]string{"Have your public address added in the provider's account."}},
		{unnamed, "blocked", "Something on the way blocks the provider",
			"A refusal came back; this system does not tell from whom.", checks.Likely, true, nil},
		{nobody, "refused", "A port that the provider names refuses connections",
			"The server answers that nobody listens there, or a firewall on the way answers in its name.", checks.Possible, true,
			[]string{"Compare from another network, a mobile phone's for instance: if it is refused there too, it is the server."}},
	}
}

// blockedFindings make one finding of all ports that the same kind of box
// stops. A SIP port is a fault; phones can live without the others.
func blockedFindings(rows []Row, p *netinfo.Profile, h *netinfo.Host) (out []checks.Finding) {
	for _, k := range kinds() {
		var hit []Row
		for _, r := range rows {
			if r.Status == blocked && r.cause.kind == k.kind {
				hit = append(hit, r)
			}
		}
		if len(hit) == 0 {
			continue
		}
		f := checks.Finding{
			ID: "allow-list." + k.id, Severity: checks.Warning, Confidence: k.confidence, Heard: true,
			Title: k.title, Explanation: k.explanation, Evidence: evidence(hit), Advice: k.advice,
		}
		// A refusal alone may be the server's own: it is no proof of a fault.
		if k.kind != nobody && slices.ContainsFunc(hit, func(r Row) bool { return r.probe.SIP }) {
			f.Severity = checks.Critical
		}
		if k.rules {
			f.Fixes = missingRules(slices.Concat(hit, silentBeside(rows, hit)), p, h)
		}
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b checks.Finding) int { return cmp.Compare(a.Severity, b.Severity) }) // critical before warning
	return out
}

// silentBeside are the silent ports of the hosts that a box was seen to block:
// boxes send only a few refusals a second (RFC 1812, section 4.3.2.8) and drop
// the rest without a word, so one rule would leave the next port closed.
func silentBeside(rows, hit []Row) (out []Row) {
	for _, r := range rows {
		if r.Status == silent && slices.ContainsFunc(hit, func(x Row) bool { return x.Target == r.Target }) {
			out = append(out, r)
		}
	}
	return out
}

// silentFindings tell of ports that gave no sign while others did.
func silentFindings(rows []Row, p *netinfo.Profile, h *netinfo.Host) []checks.Finding {
	var hit []Row
	answers := false
	for _, r := range rows {
		if r.Status == silent && (r.probe.Named || r.probe.SIP || otherPortAnswers(rows, r)) {
			hit = append(hit, r)
		}
		answers = answers || r.Status == reachable
	}
	if len(hit) == 0 || !answers {
		return nil
	}
	f := checks.Finding{
		ID: "allow-list.silent", Severity: checks.Warning, Confidence: checks.Possible,
		Title: "Some ports of the provider give no sign",
		Explanation: "Two packets to each were not answered. A firewall that drops without a word looks like this, " +
			"and so does a server that does not answer strangers.",
		Evidence: evidence(hit),
		Advice:   []string{"To tell the two apart, compare from another network, or use a responder of your own (sipdoctor serve) on the same ports."},
		Fixes:    missingRules(hit, p, h),
	}
	if slices.ContainsFunc(hit, func(r Row) bool { return otherPortAnswers(rows, r) }) {
		f.Confidence = checks.Likely
		f.Explanation = "Two packets to each were not answered, while other ports of the same host answer: " +
			"a firewall that drops without a word looks like this, and more seldom a server that does not answer strangers."
	}
	return []checks.Finding{f}
}

func otherPortAnswers(rows []Row, r Row) bool {
	return slices.ContainsFunc(rows, func(x Row) bool { return x.Target == r.Target && x.Status == reachable })
}

func evidence(rows []Row) (out []checks.Evidence) {
	for _, r := range rows {
		want := "an answer"
		if r.probe.Method == methodConnect {
			want = "a connection"
		}
		out = append(out, checks.Evidence{Name: r.port() + " (" + r.probe.Addr.Addr().String() + ")", Want: want, Got: r.By})
	}
	return out
}

// countryFindings compare the network of the public address with the countries
// that the profile serves.
func countryFindings(o Observed, p *netinfo.Profile) (out []checks.Finding) {
	if o.Where == nil || o.Where.Origin == nil {
		return nil
	}
	w := o.Where.Origin
	for _, s := range p.Serves {
		if slices.Contains(s.Countries, w.Country) {
			continue
		}
		got := fmt.Sprintf("%s: %s, AS%d %s", w.Addr, w.Country, w.ASN, w.Name)
		f := checks.Finding{
			ID: "allow-list.country", Severity: checks.Warning, Confidence: checks.Possible, Heard: true,
			Title: "The provider may not serve this country",
			Explanation: fmt.Sprintf("%s is said to answer addresses of %s only, and the public address of this network is registered in %s.",
				p.Title, strings.Join(s.Countries, ", "), w.Country),
			Evidence: []checks.Evidence{{Name: "country of the public address", Want: strings.Join(s.Countries, ", "), Got: strings.TrimSpace(got)}},
			Advice:   []string{"The country is where the address is registered, which may differ from where it is used. Source of the limit: " + s.Source + "."},
		}
		if s.What != "" {
			f.ID, f.Severity = "allow-list.country-limit", checks.Info
			f.Title = "One of the provider's services may not work from this country"
			f.Explanation = fmt.Sprintf("%s is said to allow this only from addresses of %s: %s.", p.Title, strings.Join(s.Countries, ", "), s.What)
		}
		out = append(out, f)
	}
	return out
}

// adviceFindings tell how the provider wants phones to be set, and where its
// advice contradicts that of others.
func adviceFindings(p *netinfo.Profile) (out []checks.Finding) {
	if p.Client.SIPALG == "on" {
		out = append(out, checks.Finding{
			ID: "allow-list.contradictory-advice", Severity: checks.Info, Confidence: checks.Certain,
			Title: p.Title + " advises to turn the router's SIP support on",
			Explanation: "Nearly every other provider says the opposite: a SIP helper rewrites messages and is the commonest cause of one-way audio. " +
				"Trust the measurement of sip-alg, not the advice.",
			Evidence: conflicts(p, checks.Evidence{Name: "SIP ALG, says " + p.Title, Want: "off, as nearly everybody says", Got: "on (" + p.Client.SourceOf("sip_alg") + ")"}),
			Advice:   []string{"Leave the SIP helper off unless sip-alg passes with it on."},
		})
	}
	wants := demands(p)
	if len(wants) == 0 {
		return out
	}
	return append(out, checks.Finding{
		ID: "allow-list.phone-settings", Severity: checks.Info, Confidence: checks.Certain,
		Title:       "How " + p.Title + " wants phones and router to be set",
		Explanation: "These are the provider's own words; this program cannot see into the phones.",
		Evidence:    wants,
		Advice:      []string{inWords(wants)},
	})
}

// inWords puts the settings into a sentence for those who do not read
// evidence: "STUN in the phones: off; time between registrations: 60 s."
func inWords(wants []checks.Evidence) string {
	var parts []string
	for _, e := range wants {
		parts = append(parts, e.Name+": "+e.Want)
	}
	return strings.Join(parts, "; ") + "."
}

// conflicts adds what else is said about the client's settings.
func conflicts(p *netinfo.Profile, first checks.Evidence) []checks.Evidence {
	list := []checks.Evidence{first}
	for _, c := range p.Conflicts {
		if c.About == "client sip_alg" {
			list = append(list, checks.Evidence{Name: "others", Got: c.Says + " (" + c.Source + ")"})
		}
	}
	return list
}

// demands are the settings that the profile asks for, each with its source.
func demands(p *netinfo.Profile) (list []checks.Evidence) {
	c := p.Client
	add := func(key, name, value string) {
		if value != "" && value != "0 s" {
			list = append(list, checks.Evidence{Name: name, Want: value, Got: "says " + c.SourceOf(key)})
		}
	}
	seconds := func(n int) string { return fmt.Sprintf("%d s", n) }
	add("sip_alg", "SIP ALG of the router", c.SIPALG)
	add("stun", "STUN in the phones", c.STUN)
	add("nat_traversal", "NAT traversal in the phones", c.NATTraversal)
	add("outbound_proxy", "outbound proxy", c.OutboundProxy)
	add("registration_s", "time between registrations", seconds(c.Registration))
	add("keepalive_s", "time between keep-alives", seconds(c.KeepAlive))
	add("udp_timeout_min_s", "UDP timeout of the router, at least", seconds(c.UDPTimeoutMin))
	add("tls", "TLS", c.TLS)
	add("srtp", "SRTP", c.SRTP)
	add("port_forwarding", "port forwarding in the router", c.PortForwarding)
	if len(p.Codecs) > 0 {
		list = append(list, checks.Evidence{
			Name: "codecs, the preferred one first", Want: strings.Join(p.Codecs, ", "), Got: "says " + cmp.Or(p.Sources["codecs"], p.Source),
		})
	}
	return list
}
