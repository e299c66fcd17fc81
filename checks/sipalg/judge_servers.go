package sipalg

import (
	"cmp"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// ServerFact is what one SIP server's answers prove.
type ServerFact struct {
	Server   string   `json:"server"`
	Unasked  bool     `json:"not_named,omitempty"` // a built-in server that the user did not name
	Verdict  string   `json:"verdict"`
	Note     string   `json:"note,omitempty"`  // a code, as in Path
	Notes    []string `json:"notes,omitempty"` // all codes
	Answered []string `json:"answered"`        // transports

	why words.Text // Note for people
}

func (o *Observed) names() []string {
	var out []string
	for i := range o.Servers {
		out = append(out, o.Servers[i].Name)
	}
	return out
}

func serverFacts(o *Observed, all []evidence) []ServerFact {
	var out []ServerFact
	for i := range o.Servers {
		out = append(out, serverFact(&o.Servers[i], all))
	}
	return out
}

func serverFact(s *Server, all []evidence) ServerFact {
	f := ServerFact{Server: s.Name, Unasked: s.Unasked, Verdict: Inconclusive, Answered: []string{}}
	if s.Error != "" {
		f.because(failure("", s.Error, netip.Addr{}))
		return f
	}
	var notes notesByPort
	undecided := 0
	for _, e := range all {
		switch {
		case e.Server != s.Name:
			continue
		case e.Verdict == Rewriting:
			f.Verdict = Rewriting
		case e.Verdict != NoSign && e.Transport != "tls":
			undecided++
		}
		if e.hop.IsValid() {
			continue
		}
		if !slices.Contains(f.Answered, e.name()) {
			f.Answered = append(f.Answered, e.name())
		}
		notes.add(e.why, e.name())
		notes.add(e.elsewhere(), e.name())
	}
	if silent := s.silentUDP(); !silent.isZero() && len(f.Answered) > 0 {
		undecided++
		notes.add(silent, "")
	}
	switch {
	case len(f.Answered) == 0:
		notes.add(noted("no-answer", nil), "")
	case f.Verdict != Rewriting && undecided == 0:
		f.Verdict = NoSign
	}
	f.because(notes.joined())
	return f
}

func (f *ServerFact) because(n note) { f.Note, f.Notes, f.why = n.code(), n.codes, n.text }

// notesByPort says the same of several ports once.
type notesByPort []portNotes

type portNotes struct {
	note
	ports []string
}

func (n *notesByPort) add(what note, port string) {
	if what.isZero() {
		return
	}
	i := slices.IndexFunc(*n, func(o portNotes) bool { return reflect.DeepEqual(o.note, what) })
	if i < 0 {
		i = len(*n)
		*n = append(*n, portNotes{note: what})
	}
	if at := &(*n)[i]; port != "" && !slices.Contains(at.ports, port) {
		at.ports = append(at.ports, port)
	}
}

func (n notesByPort) joined() note {
	var out []note
	for _, p := range n {
		if len(p.ports) > 0 {
			p.text = words.Say("sip-alg.note.of-ports", words.Args{"ports": p.ports, "why": p.text})
		}
		out = append(out, p.note)
	}
	return joined(out...)
}

// silentUDP says that a server did not answer over UDP; nothing when it did.
func (s *Server) silentUDP() note {
	switch {
	case s.answered("udp"):
		return note{}
	case s.answered("tcp"):
		return noted("no-answer-udp", nil)
	}
	return noted("only-tls-answers", nil)
}

func (s *Server) answered(transport string) bool {
	return slices.ContainsFunc(s.Answers, func(a ServerAnswer) bool {
		return a.Transport == transport && len(a.Reply) > 0
	})
}

// path is the way of an answer, as yet without a verdict.
func (a *ServerAnswer) path(server, message string) Path {
	return Path{
		Server: server, Transport: a.Transport, Port: int(a.Remote.Port()), SourcePort: int(a.Local.Port()), Message: cmp.Or(message, "OPTIONS"),
		Verdict: Inconclusive, Changes: []Change{}, label: pathName(a.Transport, int(a.Remote.Port())),
	}
}

// serverPaths are the exchanges with other servers in the form of the facts.
func serverPaths(o *Observed, all []evidence) []Path {
	var out []Path
	for i := range o.Servers {
		for k := range o.Servers[i].Answers {
			a := &o.Servers[i].Answers[k]
			p := a.path(o.Servers[i].Name, a.Message)
			at := slices.IndexFunc(all, func(e evidence) bool {
				return e.Server == p.Server && e.Message == p.Message && e.Transport == p.Transport && e.remote == a.Remote && e.local == a.Local
			})
			if at >= 0 {
				p = all[at].shown()
			} else if a.Error != "" {
				p.because(failure(a.ErrorClass, a.Error, netip.Addr{}))
			}
			out = append(out, p)
		}
	}
	for i := range all {
		if e := &all[i]; e.Message == "REGISTER" && !e.own() {
			out = append(out, e.shown())
		}
	}
	return out
}

func (e *evidence) shown() Path {
	p := e.Path
	p.because(joined(e.why, e.elsewhere()))
	for _, g := range e.standing() {
		p.Changes = append(p.Changes, g.Change)
	}
	return p
}

func serversSummary(f *Facts) words.Text {
	var parts []words.Text
	var names []string
	for i := range f.Servers {
		names = append(names, f.Servers[i].Server)
		parts = append(parts, f.Servers[i].says())
	}
	if f.Verdict == NoSign {
		return words.Say("sip-alg.summary.no-sign-asked", words.Args{"servers": names})
	}
	return apart(parts)
}

func (f *ServerFact) says() words.Text {
	return words.Say("sip-alg.summary.server", words.Args{"server": f.Server, "verdict": f.Verdict, "why": f.why})
}

// serverProof is what the answers show that nothing refutes, each kind of change
// once a port, and whether any of it is beyond doubt.
func serverProof(all []evidence) (ev []checks.Evidence, sure bool) {
	seen := map[string]bool{}
	for _, e := range all {
		if e.own() && e.bothEnds {
			continue // the finding of both ends shows it
		}
		sure = sure || e.sure
		for _, s := range e.standing() {
			if key := string(s.Code) + e.name() + e.Server; !seen[key] {
				seen[key] = true
				ev = append(ev, s.evidence(&e))
				ev = append(ev, s.proof...)
			}
		}
	}
	return ev, sure
}

// evidence is a sign as evidence of a finding.
func (s *sign) evidence(e *evidence) checks.Evidence {
	before, after := differing(s.Before, s.After)
	want, got, field := s.shown(before), s.shown(after), fields[s.Code].long
	switch {
	case s.Code == sip.ReceivedReversed:
		want, got = evidenceSays("seen-outside", words.Args{"address": s.Before}), "received="+s.After
	case strings.HasPrefix(s.Before, markName):
		field = "via-parameter-seen"
	}
	args := words.Args{"field": fieldSays(field), "port": e.name()}
	if e.hop.IsValid() {
		args["hop"] = e.hop
		return checks.Proof(evidenceSays("field-at-hop", args), want, got)
	}
	args["message"], args["own"], args["server"] = e.Message, e.own(), e.Server
	return checks.Proof(evidenceSays("field-in-answer", args), want, got)
}

// answersAltered is the finding of what the answers of servers show.
func answersAltered(o *Observed, h *netinfo.Host, f *Facts, proof []checks.Evidence, sure bool) checks.Finding {
	fd := checks.Finding{
		ID: "sip-alg.rewriting", Severity: checks.Critical, Confidence: checks.Likely,
		Variant: "answers", Args: words.Args{"box": box(o, h, f)}, Evidence: proof, Fixes: algFixes(o, h, f),
	}
	if sure {
		fd.Confidence = checks.Certain
	}
	fd.Advise(ways(f.Works))
	return fd
}

// udpSilent is worth a warning, not a verdict: the server may not speak UDP.
func udpSilent(o *Observed) []checks.Finding {
	for _, s := range o.Servers {
		if s.Error == "" && !s.Unasked && !s.answered("udp") && (s.answered("tcp") || s.answered("tls")) {
			return []checks.Finding{{
				ID: "sip-alg.udp-silent", Severity: checks.Warning, Confidence: checks.Possible,
				Args:     words.Args{"server": s.Name},
				Evidence: []checks.Evidence{checks.Proof("UDP", evidenceSays("answer", nil), evidenceSays("silent", nil))},
			}}
		}
	}
	return nil
}
