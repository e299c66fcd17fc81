package allowlist

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// blockedFindings make one finding of all ports that the same kind of box
// stops. A SIP port is a fault; phones can live without the others.
func blockedFindings(rows []Row, p *netinfo.Profile, h *netinfo.Host) (out []checks.Finding) {
	for _, k := range []struct {
		by, id     string
		confidence checks.Confidence
		rules      bool // missing rules of the office's router cure it
	}{
		{localFilter, "local-filter", checks.Certain, false},
		{gateway, "blocked-by-gateway", checks.Certain, true},
		{upstream, "blocked-upstream", checks.Certain, false},
		{farEnd, "blocked-by-provider", checks.Certain, false},
		{unnamed, "blocked", checks.Likely, true},
		{refused, "refused", checks.Possible, true},
	} {
		hit := slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return r.Status != blocked || r.By != k.by })
		if len(hit) == 0 {
			continue
		}
		f := checks.Finding{ID: "allow-list." + k.id, Severity: checks.Warning, Confidence: k.confidence, Heard: true, Evidence: evidence(hit)}
		// A refusal may be the server's own, so it does not prove a fault.
		if k.by != refused && slices.ContainsFunc(hit, func(r Row) bool { return r.probe.SIP }) {
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
		Args: words.Args{"beside": false}, Evidence: evidence(hit), Fixes: missingRules(hit, p, h),
	}
	if slices.ContainsFunc(hit, func(r Row) bool { return otherPortAnswers(rows, r) }) {
		f.Confidence = checks.Likely
		f.Args["beside"] = true
	}
	return []checks.Finding{f}
}

func otherPortAnswers(rows []Row, r Row) bool {
	return slices.ContainsFunc(rows, func(x Row) bool { return x.Target == r.Target && x.Status == reachable })
}

func evidence(rows []Row) (out []checks.Evidence) {
	for _, r := range rows {
		name := say("port", words.Args{"port": r.port(), "host": r.Target, "address": r.probe.Addr.Addr()})
		out = append(out, checks.Proof(name, say("wanted", words.Args{"method": r.probe.Method}), r.said))
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
		f := checks.Finding{
			ID: "allow-list.country", Severity: checks.Warning, Confidence: checks.Possible, Heard: true,
			Args: words.Args{"provider": p.Title, "countries": s.Countries, "country": w.Country, "source": words.Cause(s.Source)},
			Evidence: []checks.Evidence{checks.Proof(say("country", nil), strings.Join(s.Countries, ", "),
				strings.TrimSpace(fmt.Sprintf("%s: %s, AS%d %s", w.Addr, w.Country, w.ASN, w.Name)))},
		}
		if s.What.Says() {
			f.ID, f.Severity = "allow-list.country-limit", checks.Info
			f.Args = words.Args{"provider": p.Title, "countries": s.Countries, "what": s.What, "source": words.Cause(s.Source)}
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
			Args: words.Args{"provider": p.Title}, Evidence: conflicts(p),
		})
	}
	wants, lines := demands(p)
	if len(wants) == 0 {
		return out
	}
	return append(out, checks.Finding{
		ID: "allow-list.phone-settings", Severity: checks.Info, Confidence: checks.Certain,
		Args: words.Args{"provider": p.Title, "settings": lines}, Evidence: wants,
	})
}

func conflicts(p *netinfo.Profile) []checks.Evidence {
	list := []checks.Evidence{checks.Proof(say("alg-says", words.Args{"provider": p.Title}), say("alg-usually", nil),
		say("alg-on", words.Args{"source": words.Cause(p.Client.SourceOf("sip_alg"))}))}
	for _, c := range p.Conflicts {
		if c.About == "client sip_alg" {
			list = append(list, checks.Proof(say("others", nil), nil, say("others-say", words.Args{"says": c.Says, "source": words.Cause(c.Source)})))
		}
	}
	return list
}

// demands are the settings that the profile asks for, each with its source, and
// in a line each for those who do not read evidence.
func demands(p *netinfo.Profile) (list []checks.Evidence, lines []words.Text) {
	c := p.Client
	add := func(key string, value any, source string) {
		name := words.Say("allow-list.setting.name", words.Args{"key": key})
		list = append(list, checks.Proof(name, value, say("says", words.Args{"source": words.Cause(source)})))
		lines = append(lines, words.Say("allow-list.setting.line", words.Args{"name": name, "value": value}))
	}
	choice := func(key, value string) {
		if value != "" {
			add(key, words.Say("allow-list.setting.value", words.Args{"value": value}), c.SourceOf(key))
		}
	}
	seconds := func(key string, n int) {
		if n != 0 {
			add(key, words.Say("allow-list.setting.seconds", words.Args{"seconds": n}), c.SourceOf(key))
		}
	}
	choice("sip_alg", c.SIPALG)
	choice("stun", c.STUN)
	choice("nat_traversal", c.NATTraversal)
	choice("outbound_proxy", c.OutboundProxy)
	seconds("registration_s", c.Registration)
	seconds("keepalive_s", c.KeepAlive)
	seconds("udp_timeout_min_s", c.UDPTimeoutMin)
	choice("tls", c.TLS)
	choice("srtp", c.SRTP)
	choice("port_forwarding", c.PortForwarding)
	if len(p.Codecs) > 0 {
		add("codecs", strings.Join(p.Codecs, ", "), cmp.Or(p.Sources["codecs"], p.Source))
	}
	return list, lines
}
