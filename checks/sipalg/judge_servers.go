package sipalg

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// ServerFact is what one SIP server's answers prove.
type ServerFact struct {
	Server   string   `json:"server"`
	Unasked  bool     `json:"not_named,omitempty"` // a built-in server that the user did not name
	Verdict  string   `json:"verdict"`
	Note     string   `json:"note,omitempty"`
	Answered []string `json:"answered"` // transports
}

func (o *Observed) names() []string {
	var out []string
	for i := range o.Servers {
		out = append(out, o.Servers[i].Name)
	}
	return out
}

// serverFacts sums up what was weighed, server by server.
func serverFacts(o *Observed, all []evidence) []ServerFact {
	var out []ServerFact
	for i := range o.Servers {
		out = append(out, serverFact(&o.Servers[i], all))
	}
	return out
}

func serverFact(s *Server, all []evidence) ServerFact {
	f := ServerFact{Server: s.Name, Unasked: s.Unasked, Verdict: Inconclusive, Note: s.Error, Answered: []string{}}
	if s.Error != "" {
		return f
	}
	var notes notesByPort
	undecided := 0
	for i := range all {
		e := &all[i]
		switch {
		case e.server != s.Name:
			continue
		case e.verdict == Rewriting:
			f.Verdict = Rewriting
		case e.verdict != NoSign && e.transport != "tls":
			undecided++
		}
		if e.hop.IsValid() {
			continue
		}
		if !slices.Contains(f.Answered, e.name()) {
			f.Answered = append(f.Answered, e.name())
		}
		notes.add(e.note, e.name())
		notes.add(e.elsewhere(), e.name())
	}
	if silent := s.silentUDP(); silent != "" && len(f.Answered) > 0 {
		undecided++
		notes.add(silent, "")
	}
	switch {
	case len(f.Answered) == 0:
		notes.add("no answer over UDP, TCP or TLS", "")
	case f.Verdict != Rewriting && undecided == 0:
		f.Verdict = NoSign
	}
	f.Note = notes.String()
	return f
}

// notesByPort says the same of several ports once.
type notesByPort struct {
	texts []string
	ports map[string][]string // by text
}

func (n *notesByPort) add(text, port string) {
	if text == "" {
		return
	}
	if n.ports == nil {
		n.ports = map[string][]string{}
	}
	if !slices.Contains(n.texts, text) {
		n.texts = append(n.texts, text)
	}
	if port != "" && !slices.Contains(n.ports[text], port) {
		n.ports[text] = append(n.ports[text], port)
	}
}

func (n *notesByPort) String() string {
	var out []string
	for _, text := range n.texts {
		if p := n.ports[text]; len(p) > 0 {
			text = strings.Join(p, ", ") + ": " + text
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

func joined(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(s string) bool { return s == "" }), "; ")
}

// silentUDP says that a server did not answer over UDP; "" when it did.
func (s *Server) silentUDP() string {
	switch {
	case s.answered("udp"):
		return ""
	case s.answered("tcp"):
		return "no answer over UDP"
	}
	return "no answer over UDP or TCP, and TLS cannot be read on the way"
}

func (s *Server) answered(transport string) bool {
	return slices.ContainsFunc(s.Answers, func(a ServerAnswer) bool {
		return a.Transport == transport && len(a.Reply) > 0
	})
}

// serverPaths are the exchanges with other servers in the form of the facts.
func serverPaths(o *Observed, all []evidence) []Path {
	var out []Path
	for i := range o.Servers {
		s := &o.Servers[i]
		for k := range s.Answers {
			a := &s.Answers[k]
			p := Path{
				Server: s.Name, Transport: a.Transport, Port: int(a.Remote.Port()), SourcePort: int(a.Local.Port()), Message: cmp.Or(a.Message, "OPTIONS"),
				Verdict: Inconclusive, Changes: []Change{}, Note: a.Error, label: pathName(a.Transport, int(a.Remote.Port())),
			}
			if e := evidenceOf(all, s, a); e != nil {
				p.take(e)
			}
			out = append(out, p)
		}
	}
	for i := range all {
		if e := &all[i]; e.message == "REGISTER" && !e.own() {
			p := Path{Server: e.server, Transport: e.transport, Port: int(e.remote.Port()), SourcePort: int(e.local.Port()), Message: e.message, Changes: []Change{}}
			p.take(e)
			out = append(out, p)
		}
	}
	return out
}

// take is what was made of an exchange.
func (p *Path) take(e *evidence) {
	p.Verdict, p.Note = e.verdict, joined(e.note, e.elsewhere())
	for _, g := range e.standing() {
		p.Changes = append(p.Changes, g.Change)
	}
}

func evidenceOf(all []evidence, s *Server, a *ServerAnswer) *evidence {
	for i := range all {
		if e := &all[i]; e.server == s.Name && e.message == cmp.Or(a.Message, "OPTIONS") && e.transport == a.Transport && e.remote == a.Remote && e.local == a.Local {
			return e
		}
	}
	return nil
}

// noSign is what may be said of a network where nothing that could be seen was
// changed.
const noSign = `No sign of a SIP ALG; what happens to Contact and SDP can only be seen with a responder ("sipdoctor serve")`

// serversSummary is the summary where only ordinary servers were asked.
func serversSummary(f *Facts) string {
	var parts, clear []string
	for i := range f.Servers {
		if s := &f.Servers[i]; f.Verdict == NoSign {
			clear = append(clear, s.Server)
		} else {
			parts = append(parts, s.inWords())
		}
	}
	if f.Verdict == NoSign {
		return noSign + " (asked: " + joinAnd(clear) + ")"
	}
	return strings.Join(parts, "; ")
}

func (f *ServerFact) inWords() string {
	switch f.Verdict {
	case Rewriting:
		return "SIP to " + f.Server + " is rewritten"
	case NoSign:
		return "Via, From, To and Call-ID came back from " + f.Server + " as they were sent"
	}
	return f.Server + ": " + f.Note
}

// worksThere lists the ways on which a server's answers show nothing, encrypted
// first, and no server's show anything.
func worksThere(all []evidence) []string {
	out := []string{}
	for _, transport := range []string{"tls", "tcp", "udp"} {
		for i := range all {
			e := &all[i]
			bad := slices.ContainsFunc(all, func(x evidence) bool { return x.name() == e.name() && x.verdict != None && x.verdict != NoSign })
			if e.transport == transport && !bad && !slices.Contains(out, e.name()) {
				out = append(out, e.name())
			}
		}
	}
	return out
}

// serverProof is what the answers show that nothing refutes, each kind of change
// once a port, and whether any of it is beyond doubt.
func serverProof(all []evidence) (ev []checks.Evidence, sure bool) {
	seen := map[string]bool{}
	for i := range all {
		e := &all[i]
		if e.own() && e.bothEnds {
			continue // the finding of both ends shows it
		}
		sure = sure || e.sure
		for _, s := range e.standing() {
			if key := string(s.Code) + e.name() + e.whom(); !seen[key] {
				seen[key] = true
				ev = append(ev, s.shown(e))
				ev = append(ev, s.proof...)
			}
		}
	}
	return ev, sure
}

// shown is a sign as evidence of a finding.
func (s *sign) shown(e *evidence) checks.Evidence {
	before, after := differing(s.Before, s.After)
	field := longName(s.Code)
	switch {
	case s.Code == sip.ReceivedReversed:
		before, after = s.Before+" (as seen from outside)", "received="+s.After
	case strings.HasPrefix(s.Before, markName):
		field = "Via parameter x-seen"
	}
	name := field + " in the answer of " + e.whom() + " (" + e.name() + ")"
	switch {
	case e.hop.IsValid():
		name = field + " as " + e.hop.String() + " got it (" + e.name() + ")"
	case e.message != "OPTIONS":
		name = field + " in the answer to " + e.message + " of " + e.whom() + " (" + e.name() + ")"
	}
	return checks.Evidence{Name: name, Want: orAbsent(before), Got: orAbsent(after)}
}

// answersAltered is the finding of what the answers of servers show.
func answersAltered(o *Observed, h *netinfo.Host, f *Facts, proof []checks.Evidence, sure bool) checks.Finding {
	fd := checks.Finding{
		ID: "sip-alg.rewriting", Severity: checks.Critical, Confidence: checks.Likely,
		Title: "A SIP ALG" + inBox(o, h, f) + " rewrites SIP messages",
		Explanation: "A server's answers show what only something that reads SIP on the way can have written. " +
			"Expect one-way audio, dropped calls and lost incoming calls. " +
			"A responder (sipdoctor serve) would show every changed field.",
		Evidence: proof, Fixes: algFixes(o, h),
	}
	if len(f.Works) > 0 {
		fd.Advice = worksAdvice(f)
	}
	fd.Advice = append(fd.Advice, "Do not forward port 5060 to the phone: it does not help.")
	if sure {
		fd.Confidence = checks.Certain
	}
	return fd
}

// udpSilent is worth a warning, not a verdict: the server may not speak UDP.
func udpSilent(o *Observed) []checks.Finding {
	for i := range o.Servers {
		s := &o.Servers[i]
		if s.Error == "" && !s.Unasked && !s.answered("udp") && (s.answered("tcp") || s.answered("tls")) {
			return []checks.Finding{{
				ID: "sip-alg.udp-silent", Severity: checks.Warning, Confidence: checks.Possible,
				Title:       s.Name + " answers SIP over TCP or TLS, but not over UDP",
				Explanation: "Either the server does not speak UDP, or something on the way drops SIP over UDP. A responder (sipdoctor serve) tells which.",
				Evidence:    []checks.Evidence{{Name: "UDP", Want: "answered", Got: "silent"}},
				Advice:      []string{"Set the phones to TCP or TLS."},
			}}
		}
	}
	return nil
}
