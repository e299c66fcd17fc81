package signalling

import (
	"fmt"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
)

// deadTargets are the hosts of the domain's SRV records that do not answer while
// another one of the same record does: the way is open, so it is they.
func deadTargets(s *Server) (out []checks.Finding) {
	var seen []string
	for i := range s.Probes {
		p := &s.Probes[i]
		if !s.dead(p) || slices.Contains(seen, p.Host) {
			continue
		}
		seen = append(seen, p.Host)
		out = append(out, s.deadTarget(p))
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
	other := s.sibling(p)
	what := map[Status]string{Refused: "refuses SIP", Reset: "breaks connections off", Unreachable: "cannot be reached"}[p.status()]
	f := checks.Finding{
		ID: "signalling.srv-target-dead", Severity: checks.Warning, Confidence: checks.Certain, Subject: p.Host,
		Advice: []string{fmt.Sprintf("Tell whoever runs %s: take %s out of the SRV record, or bring it back.", s.Name, p.Host)},
	}
	if what == "" {
		what, f.Confidence = "is silent", checks.Likely
	}
	who := fmt.Sprintf("%s (%s)", p.Host, p.Remote.Addr())
	switch {
	case p.SRV == 1:
		f.Title = fmt.Sprintf("%s, the first server of %s, %s", who, s.Name, what)
		f.Explanation = fmt.Sprintf("%s, which comes after it in the SRV record, answers. Phones that do not move on to the next server cannot register; the others wait before every registration and call.", other.Host)
	default:
		f.Title = fmt.Sprintf("%s, a server of %s, %s", who, s.Name, what)
		f.Explanation = fmt.Sprintf("%s answers. Phones that the SRV record sends to the other one wait before they move on, and when %s fails they have nowhere to go.", other.Host, other.Host)
	}
	for i := range s.Probes {
		if q := &s.Probes[i]; q.Host == p.Host || q.Transport == p.Transport {
			f.Evidence = append(f.Evidence, checks.Evidence{Name: q.at() + " of " + q.Host + " (" + q.Remote.Addr().String() + ")", Want: "an answer", Got: got(q)})
		}
	}
	return f
}
