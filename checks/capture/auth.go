package capture

import (
	"net/netip"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// login is an account at a server, whatever its port.
type login struct {
	user   string
	server netip.Addr
}

// A login was accepted by a method until a time of the capture.
type acceptance map[login]map[string]int64

func accepted(calls []*exchange) acceptance {
	out := acceptance{}
	for _, x := range calls {
		for _, t := range x.list {
			if t.request == nil || t.request.Authorized == nil || t.final() < 200 || t.final() > 299 {
				continue
			}
			l := login{t.request.Authorized.User, t.server.Addr()}
			if out[l] == nil {
				out[l] = map[string]int64{}
			}
			out[l][t.first.Method] = t.finalTo.At
		}
	}
	return out
}

// struggle is a client that a server asks for a password and does not let in.
type struggle struct {
	last    *transaction // that settles it
	asked   *transaction // that was challenged before it; nil if the capture does not show it
	refused int          // requests with credentials that were refused
	nonces  map[string]bool
	stale   int  // of these, how many only because of the nonce
	own     bool // the nonce refused was the one that the server had just given
	waited  int64
}

// struggleOf looks at the requests of one way since the server last let one in.
func struggleOf(list []*transaction) (s struggle) {
	var given *Challenge
	var givenAt int64
	for _, t := range list {
		code, a := t.final(), t.request.Authorized
		switch {
		case code >= 200 && code < 300:
			s, given = struggle{}, nil
			continue
		case code == 401 || code == 407:
		case a != nil && (code == 403 || code == 404):
		default:
			continue
		}
		if a == nil {
			if s.refused == 0 {
				s.last = t
			}
			s.asked = t
		} else {
			if s.nonces == nil {
				s.nonces = map[string]bool{}
			}
			s.last, s.refused = t, s.refused+1
			s.nonces[a.Nonce] = true
			if t.onlyNonce() {
				s.stale++
				s.own = given != nil && given.Nonce == a.Nonce
				s.waited = t.request.At - givenAt
			} else {
				s.stale = 0
			}
		}
		if c := t.finalTo.Challenge; c != nil {
			given, givenAt = c, t.finalTo.At
		}
	}
	return s
}

// onlyNonce reports whether credentials were refused because the nonce in them is
// too old: then the server says that the password is right (RFC 7616, 3.3), or at
// least does not say that it is wrong.
func (t *transaction) onlyNonce() bool {
	c := t.finalTo.Challenge
	return c != nil && (c.Stale || means(t.finalTo.Phrase, "nonce"))
}

// credentials are exchanges in which a password was offered and refused, or not
// offered.
func credentials(v *view) (out []checks.Finding) {
	var wrong, old, none cases
	for _, x := range v.calls {
		if v.found[x] != "" {
			continue
		}
		for _, list := range x.ways() {
			s := struggleOf(list)
			switch {
			case s.last == nil:
			case s.refused == 0 || s.otherRealm():
				v.unproved(&none, x, s)
			case s.stale >= 2:
				nonceRefused(v, &old, x, s)
			case s.stale == 0:
				v.passwordRefused(&wrong, x, s)
			}
		}
	}
	out = append(out, v.wrongCredentials(wrong.list)...)
	out = append(out, v.oldNonces(old.list)...)
	return append(out, noCredentials(none.list)...)
}

// otherRealm reports whether the latest answer asks for something else than what
// was proved: the password of a proxy behind, or of the far end.
func (s struggle) otherRealm() bool {
	c := s.last.finalTo.Challenge
	return c != nil && s.refused == 1 && c.Realm != s.last.request.Authorized.Realm
}

func (v *view) passwordRefused(c *cases, x *exchange, s struggle) {
	t := s.last
	a, method := t.request.Authorized, t.first.Method
	if v.acceptedLater(t) {
		return
	}
	variant := v.whyRefused(t, s.asked)
	if variant == "" {
		return
	}
	var proof []checks.Evidence
	if s.asked != nil {
		proof = append(proof, frame(s.asked.finalTo, nil))
	}
	proof = append(proof, frame(t.request, nil), frame(t.finalTo, nil))
	g := c.add(v, "capture.credentials-refused", variant+" "+a.User+" "+t.server.String()+" "+method, x, t, proof...)
	g.variant, g.count = variant, g.count+s.refused
}

// acceptedLater reports whether the server let the account of t in afterwards.
func (v *view) acceptedLater(t *transaction) bool {
	a := t.request.Authorized
	return a != nil && v.accepted[login{a.User, t.server.Addr()}][t.first.Method] > t.finalTo.At
}

// Variants of refused credentials.
const (
	saysPassword  = "wrong-password" // the server says it
	saysUnknown   = "unknown-user"   // the server says it
	knownAccount  = "known"          // the same account is let in with another method
	noRoom        = "no-room"        // the password is right, and the AOR takes no more contacts
	ofAsterisk    = "asterisk"       // wrong password, or an endpoint that does not exist
	cannotTell    = "unsaid"
	notOfPassword = "" // it is refused for another reason
)

// whyRefused tells what a refusal of credentials is about. Servers hide it from
// strangers who try names, so often it cannot be told; then nothing else is said.
func (v *view) whyRefused(t, asked *transaction) string {
	code, phrase, method := t.final(), t.finalTo.Phrase, t.first.Method
	meaning, _ := netinfo.ExplainSIP(code, phrase)
	others := 0
	for m := range v.accepted[login{t.request.Authorized.User, t.server.Addr()}] {
		if m != method {
			others++
		}
	}
	pjsip := asked != nil && asked.finalTo.Challenge != nil && asked.finalTo.Challenge.Opaque != "" && t.finalTo.isAsterisk()
	switch {
	case others > 0 && method != "REGISTER" && (code != 403 || means(phrase, saysPassword)):
		return knownAccount
	case others > 0 && method != "REGISTER":
		return notOfPassword
	case means(phrase, saysUnknown):
		return saysUnknown
	case means(phrase, saysPassword):
		return saysPassword
	case code == 404 && method == "REGISTER":
		return saysUnknown
	case code == 404, meaning.Vendor && !strings.Contains(meaning.Class, "credentials"):
		return notOfPassword
	case code == 403 && method == "REGISTER" && pjsip:
		return noRoom
	case code == 403 && method != "REGISTER" && !meaning.Vendor:
		return notOfPassword // the caller may not call there, which says nothing of his password
	case code != 403 && (pjsip || t.finalTo.isAsterisk() || likeAsterisk(asked, t)):
		return ofAsterisk
	}
	return cannotTell
}

// likeAsterisk reports whether two challenges are those of Asterisk's PJSIP: its
// nonce is made of the second and of the client, so that two within a second are the
// same, while the opaque is a new one each time. It challenges a name that it does
// not know in the same way.
func likeAsterisk(asked, t *transaction) bool {
	if asked == nil || asked.finalTo.Challenge == nil || t.finalTo.Challenge == nil {
		return false
	}
	first, second := asked.finalTo.Challenge, t.finalTo.Challenge
	return first.Nonce == second.Nonce && first.Opaque != second.Opaque && second.Opaque != ""
}

func (v *view) wrongCredentials(list []*group) (out []checks.Finding) {
	for _, g := range list {
		t := g.first()
		a := t.request.Authorized
		f := checks.Finding{
			ID: "capture.credentials-refused", Severity: checks.Critical, Confidence: checks.Likely, Subject: a.User, Evidence: g.proof, Variant: g.variant,
			Args: words.Args{"user": words.Raw(a.User), "realm": words.Raw(a.Realm), "server": who(t.server), "n": g.count,
				"code": t.final(), "phrase": words.Raw(t.finalTo.Phrase), "method": t.first.Method, "from": words.Raw(t.first.From.number())},
		}
		if g.variant == saysPassword || g.variant == saysUnknown {
			f.Confidence = checks.Certain
		}
		out = append(out, f)
	}
	return out
}

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
	return v.proves[way{t.first.Method, t.client.String(), t.server.String(), 0}] > t.finalTo.At
}

// proves is when a client last sent credentials.
func proves(calls []*exchange) map[way]int64 {
	out := map[way]int64{}
	for _, x := range calls {
		for _, t := range x.list {
			if t.request != nil && t.request.Authorized != nil {
				out[way{t.first.Method, t.client.String(), t.server.String(), 0}] = t.request.At
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
