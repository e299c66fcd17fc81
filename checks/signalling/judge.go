package signalling

import (
	"bytes"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func judge(o Observed, h *netinfo.Host) checks.Judgement {
	if len(o.Servers) == 0 {
		return checks.Judgement{Facts: []Fact{}, Summary: words.Say("signalling.summary.no-server", nil), Skip: words.Say("signalling.skip.no-server", nil)}
	}
	j := checks.Judgement{Facts: facts(&o), Summary: summary(&o)}
	var unclear []words.Text
	add := func(found []checks.Finding, open words.Text) {
		j.Findings = append(j.Findings, found...)
		if !open.IsZero() {
			unclear = append(unclear, open)
		}
	}
	for i := range o.Servers {
		add(judgeServer(&o, &o.Servers[i], h))
	}
	if o.LeftOut > 0 {
		unclear = append(unclear, words.Say("signalling.reason.left-out", words.Args{"n": o.LeftOut}))
	}
	if f := clockWrong(&o); f != nil {
		// This machine's clock, and the time that the router gives to the phones.
		f.Fixes = slices.Concat(fixes.ThisHost(fixes.Clock, h), fixes.For(fixes.Clock, h, nil))
		j.Findings = append(j.Findings, *f)
	}
	add(judgeAccount(o.Account))
	checks.WorstFirst(j.Findings)
	if len(unclear) > 0 {
		j.Inconclusive = words.Say("checks.reason.and", words.Args{"reasons": unclear})
	}
	return j
}

// now is the true time, as far as it is known, at a moment of this machine's
// clock.
func (o *Observed) now(at time.Time) time.Time {
	if o.Clock != nil && o.Clock.Error == "" {
		return at.Add(o.Clock.offset())
	}
	return at
}

// judgeServer returns what is wrong with the path to one server, and why nothing
// can be said where that is so.
func judgeServer(o *Observed, s *Server, h *netinfo.Host) (out []checks.Finding, unclear words.Text) {
	switch {
	case s.Error != "":
		return nil, s.problem()
	case !s.answered():
		return nobodyAnswers(s, h)
	}
	out = slices.Concat(deadTargets(s), udpSilent(s, h), otherTransports(s, h), troubled(s), behindNAT(s, h))
	for i := range s.Probes {
		list := certificate(o, s, &s.Probes[i])
		cureCertificates(list, s, h)
		out = append(out, list...)
	}
	return out, words.Text{}
}

// answered reports whether the server answered over any transport.
func (s *Server) answered() bool {
	return slices.ContainsFunc(s.Probes, func(p Probe) bool { return p.answered() })
}

func (s *Server) problem() words.Text {
	return words.Say("signalling.reason.server", words.Args{"server": s.Name, "why": s.Error})
}

// few is how many servers are summed up one by one: what fits into two lines of
// 80 columns.
const few = 3

func summary(o *Observed) words.Text {
	var parts []words.Text
	good := 0
	for i := range o.Servers {
		parts = append(parts, serverSummary(&o.Servers[i]))
		if o.Servers[i].answered() {
			good++
		}
	}
	if len(parts) > few {
		parts = []words.Text{words.Say("signalling.summary.count", words.Args{"good": good, "all": len(o.Servers)})}
	}
	if o.Account != nil {
		parts = append(parts, accountSummary(o.Account))
	}
	return words.Say("signalling.summary.all", words.Args{"parts": parts})
}

// asksForPassword reports whether the server wants to know who registers. Where it did
// so when it was first asked, it got a BYE instead of everything that it counts.
func (p *Probe) asksForPassword() bool {
	options, _ := readResponse(p.Options.Reply)
	register, _ := readResponse(p.Register.Reply)
	wants := func(code int) bool { return code == 401 || code == 407 }
	return wants(options.Code) || wants(register.Code) || bytes.HasPrefix(p.Options.Sent, []byte("BYE "))
}

func serverSummary(s *Server) words.Text {
	if s.Error != "" {
		return s.problem()
	}
	var good, bad []string // bad: what faults is about
	faults := []words.Text{}
	fault := func(what, id string, args words.Args) {
		if !slices.Contains(bad, what) {
			bad, faults = append(bad, what), append(faults, words.Say("signalling.summary."+id, args))
		}
	}
	asks := false
	for _, p := range s.Probes {
		asks = asks || p.asksForPassword()
		switch {
		case p.answered():
			if !slices.Contains(good, p.at()) {
				good = append(good, p.at())
			}
		case s.dead(&p):
			fault(p.Host, "silent", words.Args{"server": p.Host})
		case p.Expected || p.status() == Timeout:
			fault(p.at()+string(p.status()), "fault", words.Args{"at": p.at(), "status": p.status()})
		}
	}
	if len(good) == 0 {
		return words.Say("signalling.summary.silent", words.Args{"server": s.Name})
	}
	return words.Say("signalling.summary.answers", words.Args{
		"server": s.Name, "ways": good, "password": asks, "faults": faults,
	})
}
