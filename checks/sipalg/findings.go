package sipalg

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
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
	if fd, ok := dropped(o, h, f); ok {
		out = append(out, fd)
	}
	out = append(out, blockedPorts(o, h, f)...)
	if f.Verdict == PinholeOpen {
		out = append(out, pinhole(o, h, f))
	}
	if fd, ok := intercepted(o); ok {
		out = append(out, fd)
	}
	if o.Responder == nil && f.Verdict == Inconclusive {
		out = append(out, udpSilent(o)...)
	}
	for i := range out {
		out[i].Heard = true // silent has weighed what the responder left undone
	}
	return out
}

func algFixes(o *Observed, h *netinfo.Host) []fixes.Fix {
	return fixes.For("sip-alg", h, map[string]string{"Phone": o.Local.String(), "SIPPort": "5060"})
}

// altered is the finding of a message that arrived other than it was sent.
func altered(o *Observed, h *netinfo.Host, f *Facts) checks.Finding {
	fd := checks.Finding{
		ID: "sip-alg." + f.Verdict, Severity: checks.Critical, Confidence: checks.Certain,
		Title: "A SIP ALG" + inBox(o, h, f) + " rewrites SIP messages",
		Explanation: "Addresses and ports inside SIP and SDP are changed on the way. Expect one-way audio, " +
			"calls that drop after 30 seconds, lost incoming calls and registrations that vanish.",
		Fixes: algFixes(o, h),
	}
	if f.Verdict == Proxying {
		fd.Title = "Something" + inBox(o, h, f) + " proxies SIP: it takes every message apart and sends its own"
	}
	if codecs := codecsTaken(f.probed); len(codecs) > 0 {
		fd.Title = "A codec filter" + inBox(o, h, f) + " takes " + joinAnd(codecs) + " out of the SDP"
		fd.Explanation = "Something on the way reads SIP and shortens the list of codecs. Calls fail where no codec is left in common, " +
			"or lose quality; addresses and ports were left alone."
	} else if f.Engine != "" {
		fd.Explanation += " What it does: " + f.Engine + "."
	}
	fd.Evidence = changeEvidence(o, f.probed, f.Verdict)
	if len(fd.Evidence) == 0 {
		fd.Title = "Somebody on the way answers SIP in the place of the server"
		fd.Evidence = affected(f.probed, f.Verdict)
	}
	fd.Evidence = append(answeredByOthers(f.probed), fd.Evidence...)
	if f.Hop != nil {
		fd.Evidence = append(fd.Evidence, checks.Evidence{Name: "changed", Got: f.Hop.where()})
	}
	fd.Advice = append(worksAdvice(f), "Do not forward port 5060 to the phone: it does not help.")
	return fd
}

// worksAdvice says what can be used today without touching the router.
func worksAdvice(f *Facts) []string {
	if len(f.Works) == 0 {
		return []string{"Nothing that was tried passed unchanged: the router has to be changed, or a VPN used."}
	}
	best := f.Works[0]
	if strings.HasPrefix(best, "TLS") {
		return []string{"No access to the router: use " + best + ", it passed unchanged and cannot be read on the way."}
	}
	return []string{"No access to the router: use " + best + ", it passed unchanged today."}
}

// dropped is the finding of SIP that is lost where masked bytes pass.
func dropped(o *Observed, h *netinfo.Host, f *Facts) (checks.Finding, bool) {
	var ev []checks.Evidence
	seen := map[string]bool{}
	for i := range f.probed {
		p := &f.probed[i]
		key := p.name() + " " + p.Message
		if p.Inbound {
			key = p.name() + " incoming " + p.Message
		}
		if p.Verdict == Dropping && !seen[key] {
			seen[key] = true
			ev = append(ev, checks.Evidence{Name: key, Want: "answered", Got: p.Note})
		}
	}
	if len(ev) == 0 {
		return checks.Finding{}, false
	}
	return checks.Finding{
		ID: "sip-alg.dropping", Severity: checks.Critical, Confidence: checks.Certain,
		Title: "Something on the way drops SIP because of its content",
		Explanation: "The port is open: the same bytes pass when they are made unreadable. A firewall or ALG reads SIP " +
			"and throws it away, so phones cannot register or call this way.",
		Evidence: ev, Advice: worksAdvice(f), Fixes: algFixes(o, h),
	}, true
}

// blockedPorts is the finding of SIP ports on which nothing passes.
func blockedPorts(o *Observed, h *netinfo.Host, f *Facts) []checks.Finding {
	var names []string
	var ev []checks.Evidence
	sev := checks.Warning
	for i := range f.probed {
		p := &f.probed[i]
		name := p.blockedName(f.probed)
		if !p.Blocked || p.Plain || slices.Contains(names, name) {
			continue
		}
		names = append(names, name)
		ev = append(ev, checks.Evidence{Name: name, Want: "answered", Got: p.Note})
		if p.name() == "UDP 5060" && p.probe.Source == "fresh" || p.Transport == "tls" && len(f.Works) == 0 {
			sev = checks.Critical
		}
	}
	if len(names) == 0 {
		return nil
	}
	sure := checks.Certain
	if o.Responder.Translated {
		sure = checks.Likely // a router in front of the responder may take the port to a silent PBX
	}
	return []checks.Finding{{
		ID: "sip-alg.port-blocked", Severity: sev, Confidence: sure,
		Title: joinAnd(names) + " " + isAre(len(names)) + " blocked on the way",
		Explanation: "Nothing passes there, readable or not, while other ports of the same host answer: a firewall closes the port. " +
			"Phones that use it cannot register.",
		Evidence: ev, Advice: worksAdvice(f),
		Fixes: fixes.For("sip-port-blocked", h, map[string]string{"Phone": o.Local.String(), "SIPPort": "5060", "PBX": o.Responder.Addr.String()}),
	}}
}

func joinAnd(s []string) string {
	if len(s) < 2 {
		return strings.Join(s, "")
	}
	return strings.Join(s[:len(s)-1], ", ") + " and " + s[len(s)-1]
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// pinhole is the finding of a helper that rewrites nothing but opens ports.
func pinhole(o *Observed, h *netinfo.Host, f *Facts) checks.Finding {
	var ev []checks.Evidence
	for _, p := range o.Pinholes {
		if opened(p) {
			ev = append(ev,
				checks.Evidence{Name: "RTP to the port in the SDP", Want: "stopped", Got: fmt.Sprintf("arrived (%s, after an INVITE to port %d)", p.SentTo, p.Port)},
				checks.Evidence{Name: "RTP to a port no SDP named", Want: "stopped", Got: "stopped"})
			break
		}
	}
	return checks.Finding{
		ID: "sip-alg.pinhole", Severity: checks.Warning, Confidence: checks.Certain,
		Title: "A firewall on the way reads SIP and opens ports from its SDP",
		Explanation: "Nothing is rewritten, and calls may work because of it. But such helpers close the ports again by their own timers " +
			"(a call on hold loses its audio), and they stop helping as soon as SIP is encrypted.",
		Evidence: ev, Fixes: algFixes(o, h),
	}
}

// intercepted is the finding of a TLS connection that somebody else ended.
func intercepted(o *Observed) (checks.Finding, bool) {
	for i := range o.Probes {
		if p := &o.Probes[i]; p.TLSForeign != "" {
			return checks.Finding{
				ID: "sip-alg.tls-intercepted", Severity: checks.Warning, Confidence: checks.Certain,
				Title:       "TLS is opened on the way",
				Explanation: "The certificate on the SIP TLS port is not the responder's: something between here and there decrypts and encrypts again.",
				Evidence:    []checks.Evidence{{Name: "certificate", Want: "the responder's", Got: p.TLSForeign}},
			}, true
		}
	}
	return checks.Finding{}, false
}
