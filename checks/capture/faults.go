package capture

import (
	"net/netip"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// patience is how long a request must have been without an answer for that to
	// say something: a second copy leaves after 0.5 s, so a capture that ends
	// before knows nothing (RFC 3261, 17.1.1.2).
	patience = 3_000_000 // microseconds
	// examples are how many exchanges of a finding are shown.
	examples = 3
)

// group collects exchanges that have one cause.
type group struct {
	key   string
	list  []*exchange
	proof []checks.Evidence
	deaf  end // of audio: who hears nothing
}

func (v *view) claim(groups *[]*group, id, key string, x *exchange, proof ...checks.Evidence) *group {
	v.found[x] = id
	var g *group
	for _, h := range *groups {
		if h.key == key {
			g = h
		}
	}
	if g == nil {
		g = &group{key: key}
		*groups = append(*groups, g)
	}
	if len(g.list) < examples {
		g.proof = append(g.proof, proof...)
	}
	g.list = append(g.list, x)
	return g
}

func (g *group) first() *transaction { return g.list[0].main() }

// unanswered are requests to which nothing came back.
func unanswered(v *view) (out []checks.Finding) {
	const id = "capture.no-answer"
	var groups []*group
	for _, x := range v.calls {
		t := x.main()
		if t == nil || x.outcome() != outcomeUnanswered || t.first.Method == "ACK" {
			continue
		}
		silent := v.o.Length - t.first.At
		if t.first.Again == 0 && silent < patience {
			continue // the capture ends too soon
		}
		v.claim(&groups, id, t.first.Method+" "+t.server.String(), x, frame(t.first, nil))
	}
	for _, g := range groups {
		t := g.first()
		f := checks.Finding{
			ID: id, Severity: checks.Critical, Confidence: checks.Certain, Subject: subject(t.server), Evidence: g.proof,
			Args: words.Args{"method": t.first.Method, "n": len(g.list), "server": who(t.server), "client": whoAddr(t.client), "again": t.first.Again,
				"answers": v.answersFrom(t.server)},
		}
		if t.first.Method == "OPTIONS" {
			f.Severity = checks.Warning
		}
		out = append(out, f)
	}
	return out
}

// answersFrom is how many messages came from a server, to anything.
func (v *view) answersFrom(server netip.AddrPort) (n int) {
	for _, x := range v.calls {
		for i := range x.Messages {
			if x.Messages[i].Src == server {
				n++
			}
		}
	}
	return n
}

// credentials are exchanges in which a password was offered and refused.
func credentials(v *view) (out []checks.Finding) {
	const id = "capture.credentials-refused"
	var groups []*group
	for _, x := range v.calls {
		t := x.main()
		if t == nil || t.request == nil || t.request.Authorized == nil || t.finalTo == nil {
			continue
		}
		c := t.finalTo.Challenge
		switch {
		case t.final() == 403:
		case (t.final() == 401 || t.final() == 407) && c != nil && !c.Stale:
		default:
			continue
		}
		v.claim(&groups, id, t.request.Authorized.User+" "+t.server.String(), x, frame(t.request, nil), frame(t.finalTo, nil))
	}
	for _, g := range groups {
		t := g.first()
		out = append(out, checks.Finding{
			ID: id, Severity: checks.Critical, Confidence: checks.Likely, Subject: t.request.Authorized.User, Evidence: g.proof,
			Args: words.Args{"user": words.Raw(t.request.Authorized.User), "realm": words.Raw(t.request.Authorized.Realm), "server": who(t.server), "n": len(g.list),
				"code": t.final(), "phrase": words.Raw(t.finalTo.Phrase)},
		})
	}
	return out
}

// lostACK are answered calls whose 200 OK was sent again and again: the caller's
// ACK does not arrive, and the called side gives up after 32 s.
func lostACK(v *view) (out []checks.Finding) {
	const id = "capture.ack-lost"
	var groups []*group
	for _, x := range v.calls {
		t := x.main()
		if t == nil || x.outcome() != outcomeAnswered || t.finalTo.Again < 2 {
			continue
		}
		proof := []checks.Evidence{frame(t.finalTo, nil)}
		sent := 0
		if t.acked != nil {
			proof, sent = append(proof, frame(t.acked, nil)), 1
		}
		v.claim(&groups, id, t.server.String(), x, proof...).key = t.server.String()
		if len(groups) > 0 && sent == 1 {
			groups[len(groups)-1].proof = append(groups[len(groups)-1].proof, checks.Proof(words.Say("capture.evidence.contact", nil), nil, words.Raw(t.finalTo.Contact)))
		}
	}
	for _, g := range groups {
		t := g.first()
		f := checks.Finding{
			ID: id, Severity: checks.Critical, Confidence: checks.Certain, Subject: subject(t.server), Evidence: g.proof, Variant: "none",
			Args: words.Args{"n": len(g.list), "server": who(t.server), "client": who(t.client), "again": t.finalTo.Again, "contact": words.Raw(t.finalTo.Contact)},
		}
		if t.acked != nil {
			f.Variant = "sent"
		}
		out = append(out, f)
	}
	return out
}

// refused are exchanges that ended with an error.
func refused(v *view) (out []checks.Finding) {
	const id = "capture.refused"
	var groups []*group
	for _, x := range v.calls {
		t := x.main()
		if t == nil || v.found[x] != "" || x.outcome() != outcomeRejected {
			continue
		}
		v.claim(&groups, id, t.first.Method+" "+t.finalTo.Phrase+" "+t.server.Addr().String(), x, append([]checks.Evidence{frame(t.finalTo, nil)}, says(t.finalTo)...)...)
	}
	for _, g := range groups {
		t := g.first()
		meaning, _ := netinfo.ExplainSIP(t.final(), t.finalTo.Phrase)
		f := checks.Finding{
			ID: id, Severity: severityOf(t.first.Method, t.final()), Confidence: checks.Certain, Subject: subject(t.server), Evidence: g.proof,
			Args: words.Args{"method": t.first.Method, "code": t.final(), "phrase": words.Raw(t.finalTo.Phrase), "n": len(g.list), "server": who(t.server),
				"meaning": meaning.Meaning, "next": meaning.Next},
		}
		out = append(out, f)
	}
	return out
}

// severityOf is how bad an answer is. That somebody is busy, does not answer or is
// not there is everyday life.
func severityOf(method string, code int) checks.Severity {
	switch code {
	case 480, 486, 487, 600, 603, 302, 301, 300:
		return checks.Info
	case 423, 422, 491, 481:
		return checks.Info
	}
	if method == "INVITE" || method == "REGISTER" {
		return checks.Critical
	}
	return checks.Info
}

// says are the header fields by which an answer explains itself.
func says(m *Message) (out []checks.Evidence) {
	for _, s := range m.Says {
		name, value, _ := strings.Cut(s, ":")
		out = append(out, checks.Proof(strings.TrimSpace(name), nil, words.Raw(strings.TrimSpace(value))))
	}
	return out
}

func whoAddr(a netip.AddrPort) any {
	if !a.IsValid() {
		return who(a)
	}
	return a.Addr()
}

// subject is the end that a finding is about; empty where a trace does not name it.
func subject(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
