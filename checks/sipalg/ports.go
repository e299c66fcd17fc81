package sipalg

import (
	"reflect"
	"slices"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

type portProof struct {
	name    string     // "UDP 5060"
	verdict string     // None: proved; NoSign: what could be seen is as it should be; Inconclusive
	note    words.Text // why it is not proved
}

// neededPorts lists what phones would use: port 5060 over UDP and TCP where a
// responder was there to prove it, and the ports of the servers that were
// asked. TLS is not among them: nobody on the way can read it.
func neededPorts(o *Observed, f *Facts) []portProof {
	var out []portProof
	if o.Responder != nil {
		out = append(out, udpProof(o, f))
		if p, ok := tcpProof(f); ok {
			out = append(out, p)
		}
	}
	for i := range o.Servers {
		for _, a := range o.Servers[i].Answers {
			name := pathName(a.Transport, int(a.Remote.Port()))
			if a.Transport == "tls" || slices.ContainsFunc(out, func(p portProof) bool { return p.name == name }) {
				continue
			}
			if p, ok := serverPort(o, f, &a, name); ok {
				out = append(out, p)
			}
		}
	}
	return out
}

// udpProof is what is known of UDP 5060, the way that every phone knows.
func udpProof(o *Observed, f *Facts) portProof {
	p := portProof{name: "UDP 5060", verdict: Inconclusive}
	core := corePath(f.probed, "udp")
	switch {
	case o.Responder.ArrivalsErr != "":
		p.note = words.Say("sip-alg.reason.arrivals", words.Args{"why": o.Responder.ArrivalsErr})
	case core == nil:
		p.note = words.Say("sip-alg.reason.port-not-served", words.Args{"why": words.Literals(o.Responder.Busy)})
	case core.Verdict == None:
		p.verdict = None
		p.unexplained(f.probed)
		return p
	default:
		p.note = core.reason()
	}
	p.seenBy(f.weighed)
	return p
}

func (p *Path) reason() words.Text {
	return words.Say("sip-alg.reason.port", words.Args{"port": p.name(), "why": p.why.text})
}

// tcpProof is what is known of TCP 5060. A port on which nothing at all passes,
// or that the responder does not serve, is not a matter of SIP.
func tcpProof(f *Facts) (portProof, bool) {
	core := corePath(f.probed, "tcp")
	if core == nil || core.Blocked || !core.matters() || core.probe.Withheld {
		return portProof{}, false
	}
	p := portProof{name: "TCP 5060", verdict: core.Verdict}
	if core.Verdict != None {
		p.verdict, p.note = Inconclusive, core.reason()
		p.seenBy(f.weighed)
		return p, true
	}
	p.unexplained(f.probed)
	return p, true
}

// unexplained takes "none" back where a message of ours got no answer however
// often it was asked: that others pass says nothing about it. That no call came
// may be the responder's doing: it calls nobody at an address that it does not
// know.
func (p *portProof) unexplained(probed []Path) {
	for i := range probed {
		if q := &probed[i]; q.name() == p.name && q.Verdict == Inconclusive && !q.Inbound && q.probe.Source == "fresh" && !q.probe.Again && q.matters() {
			p.verdict, p.note = Inconclusive, words.Say("sip-alg.reason.message", words.Args{"port": q.name(), "message": q.Message, "why": q.why.text})
			return
		}
	}
}

// serverPort is what is known of a port of a server that was asked. A server
// need not speak every transport, but that UDP is silent where something else
// answers proves nothing about UDP.
func serverPort(o *Observed, f *Facts, a *ServerAnswer, name string) (portProof, bool) {
	p := portProof{name: name, verdict: Inconclusive}
	proved := slices.ContainsFunc(f.weighed, func(e evidence) bool { return e.name() == name && e.Verdict == None })
	switch {
	case proved:
		p.verdict = None
	case p.seenBy(f.weighed), !p.note.IsZero():
	case a.Transport != "udp" || o.Responder != nil:
		return p, false
	}
	return p, true
}

// seenBy looks for an answer on the port that shows as much as an answer can;
// without one the first that was had says why not.
func (p *portProof) seenBy(all []evidence) bool {
	for _, e := range all {
		if e.bothEnds || e.name() != p.name {
			continue
		}
		if e.Verdict == NoSign {
			p.verdict, p.note = NoSign, words.Text{}
			return true
		}
		if p.note.IsZero() {
			p.note = words.Say("sip-alg.reason.server", words.Args{"own": e.own(), "server": e.Server, "port": e.name(), "why": e.why.text})
		}
	}
	return false
}

// unproved says why the check could not tell; nothing when it could.
func unproved(o *Observed, f *Facts, ports []portProof) words.Text {
	var why []words.Text
	if o.Responder == nil {
		if len(o.Notes) > 0 { // a responder was asked for and could not be used: that is less than was asked for
			why = append(why, words.Say("sip-alg.reason.responder", words.Args{"notes": o.Notes}))
		}
		if f.Verdict == NoSign || f.Verdict == Inconclusive {
			why = append(why, serversSummary(f))
		}
		if f.Verdict == NoSign && !f.behind.IsZero() {
			why = append(why, words.Say("sip-alg.reason.second-nat", words.Args{"why": f.behind}))
		}
		return apart(why)
	}
	var names []string
	for _, p := range ports {
		if p.verdict == f.Verdict {
			why, names = append(why, p.note), append(names, p.name)
		}
	}
	switch f.Verdict {
	case NoSign:
		return words.Say("sip-alg.reason.not-proved", words.Args{"ports": names})
	case Inconclusive:
		return apart(slices.CompactFunc(why, func(a, b words.Text) bool { return reflect.DeepEqual(a, b) }))
	}
	return words.Text{}
}
