package sipalg

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// ServerFact is what one SIP server's answers prove.
type ServerFact struct {
	Server   string            `json:"server"`
	Verdict  string            `json:"verdict"`
	Note     string            `json:"note,omitempty"`
	Answered []string          `json:"answered"` // transports
	Evidence []checks.Evidence `json:"-"`
	Sure     bool              `json:"-"`
}

// judgeServers decides without a responder. The oracle is a contradiction:
// STUN shows that our address is translated, and a server that follows
// RFC 3581 says that our request came from the private address. Something read
// the answer and put the private address back: a symmetric SIP ALG.
func judgeServers(o *Observed, h *netinfo.Host) checks.Judgement {
	f := Facts{Verdict: Inconclusive, Paths: []Path{}, Works: []string{}}
	if len(o.Servers) == 0 && len(o.Notes) > 0 {
		// A responder was named and could not be used: the notes say why.
		return checks.Judgement{Facts: f, Summary: "the responder could not be used", Inconclusive: strings.Join(o.Notes, "; ")}
	}
	if len(o.Servers) == 0 {
		return checks.Judgement{
			Facts: f, Summary: "not tested: it needs a responder or a SIP server to ask",
			Skip: `name your provider's SIP server with --sip-server, or start "sipdoctor serve" outside and pass --responder`,
		}
	}
	f.Method = "sip-server"
	f.Servers = judgeEachServer(o)
	for i := range f.Servers {
		s := &f.Servers[i]
		f.Paths = append(f.Paths, serverPaths(o, i, s)...)
		if s.Verdict == Rewriting || s.Verdict == None && f.Verdict == Inconclusive {
			f.Verdict = s.Verdict
		}
	}
	j := checks.Judgement{Facts: f, Summary: serverSummary(&f)}
	if len(o.Notes) > 0 {
		// A responder was asked for and could not be used. What the servers
		// show stands, but it is less than was asked for.
		j.Inconclusive = strings.Join(o.Notes, "; ")
	}
	switch f.Verdict {
	case Rewriting:
		j.Findings = []checks.Finding{contradiction(o, h, &f)}
	case Inconclusive:
		j.Inconclusive = strings.Join(append(o.Notes, serverSummary(&f)), "; ")
		j.Findings = udpSilent(o)
	}
	return j
}

func judgeEachServer(o *Observed) []ServerFact {
	var out []ServerFact
	for i := range o.Servers {
		out = append(out, judgeServer(o, &o.Servers[i]))
	}
	return out
}

func judgeServer(o *Observed, s *Server) ServerFact {
	f := ServerFact{Server: s.Name, Verdict: Inconclusive, Answered: []string{}}
	if s.Error != "" {
		f.Note = s.Error
		return f
	}
	public, natted := publicOf(o.Public, s.Source)
	seen := map[string]answerSaw{}
	for i := range s.Answers {
		a := &s.Answers[i]
		if len(a.Reply) > 0 {
			f.Answered = append(f.Answered, pathName(a.Transport, int(a.Remote.Port())))
			seen[a.Transport] = saw(a)
		}
	}
	if len(f.Answered) == 0 {
		f.Note = "no answer over UDP, TCP or TLS"
		return f
	}
	for _, transport := range []string{"udp", "tcp"} {
		if v, ok := seen[transport]; ok {
			f.weigh(transport, v, seen, s, public, natted, len(o.Public) > 0)
		}
	}
	f.withoutUDP(seen)
	return f
}

// withoutUDP takes back what was said of a server that did not answer over
// UDP: most phones use it, and silence is never "none".
func (f *ServerFact) withoutUDP(seen map[string]answerSaw) {
	_, udp := seen["udp"]
	_, tcp := seen["tcp"]
	switch {
	case udp:
	case f.Verdict == None:
		f.Verdict = Inconclusive
		f.note("no answer over UDP")
	case !tcp:
		f.note("no answer over UDP or TCP, and TLS cannot be read on the way")
	}
}

// answerSaw is what one answer says about the way of its request.
type answerSaw struct {
	ok       bool           // it has a readable top Via
	extra    int            // Via fields beyond ours
	sentBy   string         // as it came back
	wantBy   string         // as we sent it
	observed netip.AddrPort // where the server says we are
	received bool           // it said so explicitly
	local    netip.AddrPort
	remote   netip.AddrPort
}

func saw(a *ServerAnswer) answerSaw {
	s := answerSaw{local: a.Local, remote: a.Remote}
	m, err := sip.Parse(a.Reply)
	if err != nil || m.Get("via") == nil {
		return s
	}
	v, ok := sip.ParseVia(m.Get("via").Value)
	if !ok {
		return s
	}
	s.ok, s.sentBy, s.wantBy = true, v.SentBy, a.Local.String()
	s.extra = len(m.All("via")) - 1
	s.received = v.Received != "" || v.RPort != ""
	s.observed, _ = v.Observed()
	return s
}

// weigh lets one transport's answer speak.
func (f *ServerFact) weigh(transport string, v answerSaw, all map[string]answerSaw, s *Server, public netip.Addr, natted, stunKnown bool) {
	name := pathName(transport, int(v.remote.Port()))
	switch {
	case !v.ok:
		f.note(name + ": the answer has no readable Via")
	case v.extra > 0:
		f.rewriting(true, checks.Evidence{Name: "Via in the answer (" + name + ")", Want: "1, ours", Got: fmt.Sprintf("%d: somebody else's are left in it", v.extra+1)})
	case v.sentBy != v.wantBy:
		f.rewriting(true, checks.Evidence{Name: "Via sent-by in the answer (" + name + ")", Want: v.wantBy, Got: v.sentBy})
	case !stunKnown:
		f.note("no STUN server answered, so nobody told our public address")
	case !natted:
		f.none(name + ": the answer's Via is as sent; without NAT it cannot tell more")
	case v.observed.Addr() == public:
		f.none(name + ": the server saw our public address and the Via came back as sent")
	case !v.received:
		f.note(name + ": the server does not say which address it saw (no received= in its answer)")
	case v.observed.Addr() == v.local.Addr():
		f.contradiction(name, v, all, s, public)
	default:
		f.note(fmt.Sprintf("%s: the server saw %s, STUN servers saw %s: the way out differs", name, v.observed.Addr(), public))
	}
}

// contradiction is the oracle itself, with its guards: on a path without NAT
// (VPN, MPLS) a private received= is the plain truth.
func (f *ServerFact) contradiction(name string, v answerSaw, all map[string]answerSaw, s *Server, public netip.Addr) {
	if netinfo.IsPrivate(v.remote.Addr()) {
		f.note(fmt.Sprintf("%s: the server itself has a private address (%s); on such a path no NAT is expected", name, v.remote.Addr()))
		return
	}
	ev := checks.Evidence{Name: "source seen by " + s.Name + " (" + name + ")", Want: public.String() + " (as STUN servers see it)", Got: "received=" + v.observed.Addr().String()}
	for _, transport := range []string{"tls", "tcp", "udp"} {
		if w, ok := all[transport]; ok && w.ok && w.observed.Addr() == public {
			f.rewriting(true, ev, checks.Evidence{Name: "the same server over " + pathName(transport, int(w.remote.Port())), Want: public.String(), Got: w.observed.Addr().String()})
			return
		}
	}
	f.rewriting(false, ev)
}

func (f *ServerFact) rewriting(sure bool, ev ...checks.Evidence) {
	f.Verdict, f.Sure = Rewriting, f.Sure || sure
	f.Evidence = append(f.Evidence, ev...)
}

func (f *ServerFact) none(note string) {
	if f.Verdict == Inconclusive {
		f.Verdict = None
	}
	f.note(note)
}

func (f *ServerFact) note(text string) {
	if f.Note != "" {
		f.Note += "; "
	}
	f.Note += text
}

func serverPaths(o *Observed, i int, f *ServerFact) []Path {
	var out []Path
	for k := range o.Servers[i].Answers {
		a := &o.Servers[i].Answers[k]
		p := Path{
			Transport: a.Transport, Port: int(a.Remote.Port()), SourcePort: int(a.Local.Port()), Message: "OPTIONS",
			Verdict: Inconclusive, Changes: []Change{}, Note: a.Error, label: pathName(a.Transport, int(a.Remote.Port())),
		}
		if len(a.Reply) > 0 {
			v := saw(a)
			p.Verdict = None
			if v.ok && v.sentBy != v.wantBy {
				p.Changes = append(p.Changes, Change{sip.ViaSentBy, "response", v.wantBy, v.sentBy})
				p.Verdict = Rewriting
			}
			public, natted := publicOf(o.Public, o.Servers[i].Source)
			if f.Verdict == Rewriting && natted && v.received && v.observed.Addr() == v.local.Addr() {
				p.Changes = append(p.Changes, Change{sip.ReceivedReversed, "response", public.String(), v.observed.Addr().String()})
				p.Verdict = Rewriting
			}
			if p.Verdict == None && f.Verdict == Inconclusive {
				p.Verdict = Inconclusive
			}
		}
		out = append(out, p)
	}
	return out
}

func serverSummary(f *Facts) string {
	var parts []string
	for i := range f.Servers {
		s := &f.Servers[i]
		switch s.Verdict {
		case Rewriting:
			parts = append(parts, s.Server+": SIP is rewritten")
		case None:
			parts = append(parts, s.Server+": no sign of an ALG (only Via could be compared)")
		default:
			parts = append(parts, s.Server+": "+s.Note)
		}
	}
	return strings.Join(parts, "; ")
}

func contradiction(o *Observed, h *netinfo.Host, f *Facts) checks.Finding {
	fd := checks.Finding{
		ID: "sip-alg.rewriting", Severity: checks.Critical, Confidence: checks.Likely,
		Title: "A SIP ALG" + inBox(h, f) + " rewrites SIP messages",
		Explanation: "The SIP server's answer names our private address although our address is translated on the way. " +
			"Only something that reads SIP can have put it there. Expect one-way audio, dropped calls and lost incoming calls. " +
			"A responder (sipdoctor serve) would show every changed field.",
		Fixes:  algFixes(o, h),
		Advice: []string{"Do not forward port 5060 to the phone: it does not help."},
	}
	for i := range f.Servers {
		fd.Evidence = append(fd.Evidence, f.Servers[i].Evidence...)
		if f.Servers[i].Sure {
			fd.Confidence = checks.Certain
		}
	}
	return fd
}

// udpSilent is worth a warning, not a verdict: the server may not speak UDP.
func udpSilent(o *Observed) []checks.Finding {
	for i := range o.Servers {
		s := &o.Servers[i]
		answered := func(transport string) bool {
			return slices.ContainsFunc(s.Answers, func(a ServerAnswer) bool { return a.Transport == transport && len(a.Reply) > 0 })
		}
		if s.Error == "" && !answered("udp") && (answered("tcp") || answered("tls")) {
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
