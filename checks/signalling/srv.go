package signalling

import (
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// deadTargets are the hosts of the domain's SRV records that do not answer while
// another one of the same record does: the way is open, so it is they.
func deadTargets(s *Server) (out []checks.Finding) {
	var seen []string
	for _, p := range s.Probes {
		if !s.dead(&p) || slices.Contains(seen, p.Host) {
			continue
		}
		seen = append(seen, p.Host)
		out = append(out, s.deadTarget(&p))
	}
	return out
}

// dead reports whether the probe was to a target of an SRV record that answers
// over no transport, while another target answers over this one.
func (s *Server) dead(p *Probe) bool {
	return p.SRV > 0 && s.sibling(p) != nil &&
		!slices.ContainsFunc(s.Probes, func(q Probe) bool { return q.Remote.Addr() == p.Remote.Addr() && q.answered() })
}

// sibling is the first target of the same record that answers.
func (s *Server) sibling(p *Probe) *Probe {
	for i := range s.Probes {
		if q := &s.Probes[i]; q.SRV > 0 && q.Transport == p.Transport && q.answered() {
			return q
		}
	}
	return nil
}

func (s *Server) deadTarget(p *Probe) checks.Finding {
	f := checks.Finding{
		ID: "signalling.srv-target-dead", Severity: checks.Warning, Confidence: checks.Certain, Subject: p.Host,
		Args: words.Args{
			"server": s.Name, "host": p.Host, "address": p.Remote.Addr(), "other": s.sibling(p).Host, "first": p.SRV == 1, "what": p.status(),
		},
	}
	switch p.status() {
	case Refused, Reset, Unreachable:
	default:
		f.Confidence = checks.Likely
	}
	for i := range s.Probes {
		if q := &s.Probes[i]; q.Host == p.Host || q.Transport == p.Transport {
			at := words.Say("signalling.evidence.target", words.Args{"at": q.at(), "host": q.Host, "address": q.Remote.Addr()})
			f.Evidence = append(f.Evidence, checks.Proof(at, words.Say("signalling.evidence.an-answer", nil), got(q)))
		}
	}
	return f
}
