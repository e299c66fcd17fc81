package signalling

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func judge(o Observed, h *netinfo.Host) checks.Judgement {
	if len(o.Servers) == 0 {
		return checks.Judgement{
			Facts: []Fact{}, Summary: words.Literal("not tested: no SIP server is known"),
			Skip: words.Literal("name your provider's SIP server with --sip-server, or the provider with --profile"),
		}
	}
	j := checks.Judgement{Facts: facts(&o)}
	var unclear []string
	for i := range o.Servers {
		found, open := judgeServer(&o, &o.Servers[i], h)
		j.Findings = append(j.Findings, found...)
		if open != "" {
			unclear = append(unclear, open)
		}
	}
	if o.LeftOut > 0 {
		unclear = append(unclear, fmt.Sprintf("%d more servers were not asked; name them in a second run", o.LeftOut))
	}
	if f := clockWrong(&o); f != nil {
		f.Fixes = clockCures(h)
		j.Findings = append(j.Findings, *f)
	}
	found, open := judgeAccount(o.Account)
	j.Findings = append(j.Findings, found...)
	if open != "" {
		unclear = append(unclear, open)
	}
	slices.SortStableFunc(j.Findings, func(a, b checks.Finding) int { return weight(a.Severity) - weight(b.Severity) })
	j.Inconclusive = words.Literal(strings.Join(unclear, "; "))
	j.Summary = words.Literal(summary(&o))
	return j
}

func weight(s checks.Severity) int {
	return map[checks.Severity]int{checks.Critical: 0, checks.Warning: 1, checks.Info: 2}[s]
}

// now is the true time, as far as it is known, at a moment of this machine's
// clock.
func (o *Observed) now(at time.Time) time.Time {
	if o.Clock != nil && o.Clock.Error == "" {
		return at.Add(o.Clock.offset())
	}
	return at
}

// judgeServer returns what is wrong with the way to one server, and why nothing
// can be said where that is so.
func judgeServer(o *Observed, s *Server, h *netinfo.Host) (out []checks.Finding, unclear string) {
	if s.Error != "" {
		return nil, s.Error
	}
	answered := slices.ContainsFunc(s.Probes, func(p Probe) bool { return p.answered() })
	if !answered {
		return nobodyAnswers(s, h)
	}
	out = append(out, deadTargets(s)...)
	if f := udpSilent(s, h); f != nil {
		out = append(out, *f)
	}
	out = append(out, otherTransports(s, h)...)
	out = append(out, troubled(s)...)
	if f := behindNAT(s, h); f != nil {
		out = append(out, *f)
	}
	for i := range s.Probes {
		list := certificate(o, s, &s.Probes[i])
		cureCertificates(list, s, h)
		out = append(out, list...)
	}
	return out, ""
}

// summary says a server's transports in a line.
func summary(o *Observed) string {
	var parts []string
	for i := range o.Servers {
		parts = append(parts, serverSummary(&o.Servers[i]))
	}
	const few = 3 // what fits into two lines of 80 columns
	if len(parts) > few {
		good := 0
		for i := range o.Servers {
			if slices.ContainsFunc(o.Servers[i].Probes, func(p Probe) bool { return p.answered() }) {
				good++
			}
		}
		parts = []string{fmt.Sprintf("%d of %d servers answer", good, len(o.Servers))}
	}
	if a := o.Account; a != nil {
		parts = append(parts, accountSummary(a))
	}
	return strings.Join(parts, "; ")
}

func serverSummary(s *Server) string {
	if s.Error != "" {
		return s.Error
	}
	var good, bad []string
	asks := 0
	for i := range s.Probes {
		p := &s.Probes[i]
		if r, ok := readResponse(p.Register.Reply); ok {
			asks = r.Code
		}
		switch {
		case p.answered():
			if !slices.Contains(good, p.at()) {
				good = append(good, p.at())
			}
		case s.dead(p):
			if note := p.Host + " does not answer"; !slices.Contains(bad, note) {
				bad = append(bad, note)
			}
		case p.Expected || p.status() == Timeout:
			bad = append(bad, p.at()+" "+string(p.status()))
		}
	}
	host := s.Name
	if len(good) == 0 {
		return host + " does not answer"
	}
	text := host + " answers on " + strings.Join(good, ", ")
	if asks == 401 || asks == 407 {
		text += " and asks for the password"
	}
	if len(bad) > 0 {
		text += "; " + strings.Join(bad, ", ")
	}
	return text
}
