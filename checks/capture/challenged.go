package capture

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// nonceRefused is a client whose credentials are refused for their nonce alone,
// more than once: a single time is how a nonce is renewed.
func nonceRefused(v *view, c *cases, x *exchange, s struggle) {
	t := s.last
	variant := "old"
	if s.own {
		variant = "new"
	}
	var proof []checks.Evidence
	if s.asked != nil {
		proof = append(proof, frame(s.asked.finalTo, nil))
	}
	g := c.add(v, "capture.nonce-refused", variant+" "+t.request.Authorized.User+" "+t.server.String(), x, t,
		append(proof, frame(t.request, nil), frame(t.finalTo, nil))...)
	g.variant, g.count, g.waited = variant, g.count+s.stale, max(g.waited, s.waited)
}

func (v *view) oldNonces(list []*group) (out []checks.Finding) {
	for _, g := range list {
		t := g.first()
		f := checks.Finding{
			ID: "capture.nonce-refused", Severity: checks.Critical, Confidence: checks.Certain, Subject: t.request.Authorized.User, Evidence: g.proof, Variant: g.variant,
			Args: words.Args{"user": words.Raw(t.request.Authorized.User), "server": who(t.server), "client": who(t.client), "n": g.count, "waited": seconds(g.waited)},
		}
		if v.acceptedLater(t) {
			f.Severity = checks.Warning // it gets in after all, later than it might
		}
		out = append(out, f)
	}
	return out
}

// unproved is a challenge that nothing answers. OPTIONS asks only whether somebody
// is there, and a challenge says that as well as any answer.
func (v *view) unproved(c *cases, x *exchange, s struggle) {
	const id = "capture.no-credentials"
	t := s.last
	if t.first.Method == "OPTIONS" || v.o.Length-max(t.finalTo.At, t.finalTo.Last) < patience || t.first.To.Tag != "" && t.first.Method == "NOTIFY" {
		return
	}
	if v.triesAgain(x, t) {
		return
	}
	g := c.add(v, id, t.first.Method+" "+t.client.String()+" "+t.server.String(), x, t, frame(t.request, nil), frame(t.finalTo, nil))
	if g.variant = "phone"; t.first.Method == "INVITE" {
		g.variant = "call"
	}
}

// triesAgain reports whether the same client proves itself to the same server in
// another exchange after a challenge: some take a new Call-ID for it.
func (v *view) triesAgain(x *exchange, t *transaction) bool {
	return v.proves[proverOf(t)] > t.finalTo.At
}

// A prover is who sends credentials for what: over TCP from another port each time.
type prover struct {
	method, user   string
	client, server netip.Addr
}

func proverOf(t *transaction) prover {
	return prover{t.first.Method, t.first.From.number(), t.client.Addr(), t.server.Addr()}
}

// proves is when a client last sent credentials.
func proves(calls []*exchange) map[prover]int64 {
	out := map[prover]int64{}
	for _, x := range calls {
		for _, t := range x.list {
			if t.request != nil && t.request.Authorized != nil {
				out[proverOf(t)] = t.request.At
			}
		}
	}
	return out
}

func noCredentials(list []*group) (out []checks.Finding) {
	for _, g := range list {
		t := g.first()
		realm := ""
		if c := t.finalTo.Challenge; c != nil {
			realm = c.Realm
		}
		f := checks.Finding{
			ID: "capture.no-credentials", Severity: checks.Critical, Confidence: checks.Certain, Subject: subject(t.client), Evidence: g.proof, Variant: g.variant,
			Args: words.Args{"method": t.first.Method, "client": who(t.client), "server": who(t.server), "realm": words.Raw(realm), "code": t.final(),
				"user": words.Raw(t.first.From.number()), "n": len(g.list)},
		}
		if t.first.Method != "INVITE" && t.first.Method != "REGISTER" {
			f.Severity = checks.Warning
		}
		out = append(out, f)
	}
	return out
}
