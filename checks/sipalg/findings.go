package sipalg

import (
	"cmp"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// findings turns what was proved into faults with evidence and cure, worst
// first.
func findings(o *Observed, h *netinfo.Host, f *Facts) []checks.Finding {
	var out []checks.Finding
	proof, sure := serverProof(f.weighed)
	if slices.ContainsFunc(f.probed, func(p Path) bool { return p.Verdict == Rewriting || p.Verdict == Proxying }) {
		fd := altered(o, h, f)
		fd.Evidence = append(fd.Evidence, proof...)
		out = append(out, fd)
	} else if len(proof) > 0 {
		out = append(out, answersAltered(o, h, f, proof, sure))
	}
	out = slices.Concat(out, dropped(o, h, f), blockedPorts(o, h, f))
	if f.Verdict == PinholeOpen {
		out = append(out, pinhole(o, h, f))
	}
	out = append(out, intercepted(o)...)
	if o.Responder == nil && f.Verdict == Inconclusive {
		out = append(out, udpSilent(o)...)
	}
	for i := range out {
		out[i].Heard = true // silent has weighed what the responder left undone
	}
	return out
}

// algFixes are those of the routers that it may be: of one where the hops tell.
func algFixes(o *Observed, h *netinfo.Host, f *Facts) []fixes.Fix {
	if f.Hop != nil && !f.Hop.Silent {
		if a, err := netip.ParseAddr(f.Hop.After); err == nil {
			h = h.OnlyRouter(a)
		}
	}
	return fixes.For("sip-alg", h, map[string]string{"Phone": o.Local.String(), "SIPPort": "5060"})
}

// altered is the finding of a message that arrived other than it was sent.
func altered(o *Observed, h *netinfo.Host, f *Facts) checks.Finding {
	fd := checks.Finding{ID: "sip-alg." + f.Verdict, Severity: checks.Critical, Confidence: checks.Certain, Fixes: algFixes(o, h, f)}
	changed := changeEvidence(o, f.probed, f.Verdict)
	switch codecs := codecsTaken(f.probed); {
	case len(changed) == 0:
		fd.Variant = "answered"
		changed = affected(f.probed, f.Verdict)
	case len(codecs) > 0:
		fd.Variant = "codecs"
		fd.Args = words.Args{"box": box(o, h, f), "codecs": codecsSay(codecs)}
	case onlyFrom5060(f.probed):
		fd.Variant = "from-5060"
		fd.Args = words.Args{"box": box(o, h, f)}
	default:
		fd.Args = words.Args{"box": box(o, h, f), "engine": cmp.Or(f.Engine, "unknown")}
	}
	fd.Evidence = append(answeredByOthers(f.probed), changed...)
	if f.Hop != nil {
		fd.Evidence = append(fd.Evidence, checks.Proof(evidenceSays("changed", nil), nil, f.Hop.where()))
	}
	fd.Advise(ways(f.Works))
	return fd
}

// onlyFrom5060 reports whether messages are altered on their way from source port
// 5060 alone, and the same ones to the same ports pass from fresh ones. So it is
// after an ALG was turned off: it stays attached to the flows that it has (Linux
// keeps them for sip_timeout, an hour, after each message), and only the one from a
// fixed port is met again.
func onlyFrom5060(probed []Path) bool {
	some := false
	for _, p := range probed {
		if p.Verdict != Rewriting && p.Verdict != Proxying && p.Verdict != Dropping {
			continue
		}
		if p.probe.Source != "5060" || !slices.ContainsFunc(probed, func(q Path) bool {
			return q.probe.Source == "fresh" && keyOf(q.probe) == keyOf(p.probe) && q.Message == p.Message && q.Verdict == None
		}) {
			return false
		}
		some = true
	}
	return some
}

// ways are those that work today in the form of fixes: "tls 5061".
func ways(works []string) (out []string) {
	for _, w := range works {
		out = append(out, strings.ToLower(w))
	}
	return out
}

// dropped is the finding of SIP that is lost where masked bytes pass. Messages
// to a port that were lost in the same way are shown together.
func dropped(o *Observed, h *netinfo.Host, f *Facts) []checks.Finding {
	fd := checks.Finding{ID: "sip-alg.dropping", Severity: checks.Critical, Confidence: checks.Certain}
	type loss struct {
		port     string
		inbound  bool
		why      words.Text
		messages []string
	}
	var list []loss
	seen := map[string]bool{}
	for _, p := range f.probed {
		key := fmt.Sprint(p.name(), p.Message, p.Inbound)
		if p.Verdict != Dropping || seen[key] {
			continue
		}
		seen[key] = true
		at := slices.IndexFunc(list, func(l loss) bool {
			return l.port == p.name() && l.inbound == p.Inbound && reflect.DeepEqual(l.why, p.why.text)
		})
		if at < 0 {
			at = len(list)
			list = append(list, loss{port: p.name(), inbound: p.Inbound, why: p.why.text})
		}
		list[at].messages = append(list[at].messages, p.Message)
	}
	for _, l := range list {
		what := evidenceSays("message", words.Args{"port": l.port, "inbound": l.inbound, "messages": l.messages})
		fd.Evidence = append(fd.Evidence, checks.Proof(what, evidenceSays("answer", nil), l.why))
	}
	if len(list) == 0 {
		return nil
	}
	fd.Fixes = algFixes(o, h, f)
	fd.Advise(ways(f.Works))
	return []checks.Finding{fd}
}

// blockedPorts is the finding of SIP ports on which nothing passes.
func blockedPorts(o *Observed, h *netinfo.Host, f *Facts) []checks.Finding {
	var ports []source
	var names []words.Text
	fd := checks.Finding{ID: "sip-alg.port-blocked", Severity: checks.Warning, Confidence: checks.Certain}
	for _, p := range f.probed {
		port := p.blockedFrom(f.probed)
		if !p.Blocked || p.Plain || slices.Contains(ports, port) {
			continue
		}
		ports, names = append(ports, port), append(names, port.says())
		fd.Evidence = append(fd.Evidence, checks.Proof(port.says(), evidenceSays("answer", nil), p.why.text))
		if p.Transport == "udp" && p.Port == 5060 && p.probe.Source == "fresh" || p.Transport == "tls" && len(f.Works) == 0 {
			fd.Severity = checks.Critical
		}
	}
	if len(ports) == 0 {
		return nil
	}
	if o.Responder.Translated {
		fd.Confidence = checks.Likely // a router in front of the responder may take the port to a silent PBX
	}
	fd.Args = words.Args{"ports": names}
	fd.Fixes = fixes.For("sip-port-blocked", h, map[string]string{"Phone": o.Local.String(), "SIPPort": "5060", "PBX": o.Responder.Addr.String()})
	fd.Advise(ways(f.Works))
	return []checks.Finding{fd}
}

// pinhole is the finding of a helper that rewrites nothing but opens ports.
func pinhole(o *Observed, h *netinfo.Host, f *Facts) checks.Finding {
	var ev []checks.Evidence
	stopped := evidenceSays("stopped", nil)
	for _, p := range o.Pinholes {
		if opened(p) {
			ev = append(ev,
				checks.Proof(evidenceSays("rtp-named", nil), stopped, evidenceSays("rtp-arrived", words.Args{"to": p.SentTo, "port": p.Port})),
				checks.Proof(evidenceSays("rtp-unnamed", nil), stopped, stopped))
			break
		}
	}
	return checks.Finding{
		ID: "sip-alg.pinhole", Severity: checks.Warning, Confidence: checks.Certain,
		Evidence: ev, Fixes: algFixes(o, h, f),
	}
}

// intercepted is the finding of a TLS connection that somebody else ended.
func intercepted(o *Observed) []checks.Finding {
	for _, p := range o.Probes {
		if p.TLSForeign != "" {
			return []checks.Finding{{
				ID: "sip-alg.tls-intercepted", Severity: checks.Warning, Confidence: checks.Certain,
				Evidence: []checks.Evidence{checks.Proof(evidenceSays("certificate", nil), evidenceSays("responders", nil), subject(p.TLSForeign))},
			}}
		}
	}
	return nil
}

func subject(s string) words.Text { return words.Say("sip-alg.subject", words.Args{"subject": s}) }
