package sipalg

import (
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Facts is the stable summary of the check.
type Facts struct {
	Verdict string       `json:"verdict"`
	Method  string       `json:"method"` // "responder", "sip-server" or ""
	Paths   []Path       `json:"paths"`
	Engine  string       `json:"engine,omitempty"`    // the family of ALGs that leaves such traces
	Works   []string     `json:"works_today"`         // ways that passed unchanged, the safest first
	Hop     *Location    `json:"changed_at,omitzero"` // --deep: where
	Servers []ServerFact `json:"servers,omitempty"`

	probed  []Path     // those of the responder
	weighed []evidence // all
	behind  words.Text // what points to a second NAT; nothing does where it is zero
}

// judge decides by what this check observed, and by what others of the same
// report did: the registrations of signalling are evidence, and nat knows of a
// second NAT.
func judge(o Observed, h *netinfo.Host, others checks.Others) checks.Judgement {
	f := Facts{Verdict: Inconclusive, Paths: []Path{}, Works: []string{}}
	switch {
	case o.Responder != nil:
		f.Method = "responder"
	case !(o.unasked() && o.unanswered()):
		f.Method = "sip-server"
	default:
		return nobodyAsked(&o, f)
	}
	f.behind = secondNAT(&o, h, others("nat"))
	f.probed = classify(&o)
	f.weighed = append(gather(&o, f.probed), registrations(&o, others("signalling"))...)
	weigh(f.weighed)
	f.Paths = append(f.probed[:len(f.probed):len(f.probed)], serverPaths(&o, f.weighed)...)
	f.Works, f.Hop = unharmed(f.probed, func(p *Path) bool { return !p.works() && p.matters() }), locate(o.Hops)
	for i := range o.Servers {
		if f.Hop == nil {
			f.Hop = locate(wholeLines(o.Servers[i].Hops))
		}
	}
	f.Servers = serverFacts(&o, f.weighed)
	ports := neededPorts(&o, &f)
	if o.Responder == nil {
		var asked []Path
		for _, e := range f.weighed {
			e.Plain = false // no responder said so
			asked = append(asked, e.Path)
		}
		f.Works = unharmed(asked, func(p *Path) bool { return p.Verdict != None && p.Verdict != NoSign })
	}
	f.Verdict = overall(&o, f.weighed, ports)
	f.Engine = engine(f.probed)
	j := checks.Judgement{Facts: f, Findings: findings(&o, h, &f), Summary: summary(&o, &f)}
	j.Inconclusive = unproved(&o, &f, ports)
	if f.Verdict == NoSign {
		j.Headline = words.Say("sip-alg.summary.no-sign", nil)
	}
	j.Notes = append(disagreement(&o), boundNote(others("signalling"))...)
	j.Unasked = o.Responder == nil && o.unasked() && len(o.Notes) == 0
	return j
}

// unasked reports that only built-in servers were asked.
func (o *Observed) unasked() bool {
	return !slices.ContainsFunc(o.Servers, func(s Server) bool { return !s.Unasked })
}

func (o *Observed) unanswered() bool {
	return !slices.ContainsFunc(o.Servers, func(s Server) bool {
		return slices.ContainsFunc(s.Answers, func(a ServerAnswer) bool { return len(a.Reply) > 0 })
	})
}

// nobodyAsked is the judgement where there was nobody to ask, or nobody who
// could be used.
func nobodyAsked(o *Observed, f Facts) checks.Judgement {
	if len(o.Notes) > 0 {
		return checks.Judgement{
			Facts: f, Summary: words.Say("sip-alg.summary.no-responder", nil),
			Inconclusive: words.Say("sip-alg.reason.responder", words.Args{"notes": o.Notes}),
		}
	}
	f.Servers = serverFacts(o, nil)
	return checks.Judgement{
		Facts: f, Skip: words.Say("sip-alg.skip.nobody", nil),
		Summary: words.Say("sip-alg.summary.nobody", words.Args{"servers": o.names()}),
	}
}

// overall is the worst of what was proved, whoever proved it. "none" needs
// proof for everything that phones would use here, and nothing less counts.
func overall(o *Observed, all []evidence, ports []portProof) string {
	for _, v := range []string{Proxying, Rewriting, Dropping} {
		if slices.ContainsFunc(all, func(e evidence) bool { return e.Verdict == v }) {
			return v
		}
	}
	if slices.ContainsFunc(o.Pinholes, opened) {
		return PinholeOpen
	}
	verdict := None
	for _, p := range ports {
		if p.verdict != None && verdict != Inconclusive {
			verdict = p.verdict
		}
	}
	if len(ports) == 0 {
		return Inconclusive
	}
	return verdict
}

// corePath is the INVITE that stands for an ordinary phone: to port 5060 from a
// fresh port. nil when the responder could not serve that port.
func corePath(paths []Path, transport string) *Path {
	for _, p := range paths {
		if p.Transport == transport && p.Port == 5060 && p.Message == "INVITE" && p.Variant == "" && !p.Inbound && p.probe.Source == "fresh" {
			return &p
		}
	}
	return nil
}

// opened reports a port that opened because an SDP named it.
func opened(h Pinhole) bool { return h.Named && h.ControlOK && !h.Control }

// unharmed lists the SIP ports on which no path is bad, encrypted first.
func unharmed(paths []Path, bad func(*Path) bool) []string {
	out := []string{}
	for _, transport := range []string{"tls", "tcp", "udp"} {
		for _, p := range paths {
			if p.Transport != transport || p.Plain || slices.Contains(out, p.name()) {
				continue
			}
			if !slices.ContainsFunc(paths, func(q Path) bool { return q.name() == p.name() && bad(&q) }) {
				out = append(out, p.name())
			}
		}
	}
	return out
}

// works reports that the message passed both ways as it was, and that nobody
// else opened the envelope.
func (p *Path) works() bool { return p.Verdict == None && p.probe.TLSForeign == "" }

// matters is false for a probe that could not be sent for reasons of this
// machine: it says nothing about the path.
func (p *Path) matters() bool { return p.probe.ErrorClass != "in-use" }

// onlyThere reports that a server's answers show rewriting on a port where the
// responder's probes do not.
func (f *Facts) onlyThere(server string) bool {
	return slices.ContainsFunc(f.weighed, func(e evidence) bool {
		return e.Server == server && e.Verdict == Rewriting &&
			!slices.ContainsFunc(f.probed, func(p Path) bool { return p.name() == e.name() && p.Verdict == Rewriting })
	})
}
