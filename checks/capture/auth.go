package capture

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// login is an account at a server, whatever its port.
type login struct {
	user   string
	server netip.Addr
}

// accepted are the accounts that servers let in, with when they last did for each
// method, and the realms of these.
func accepted(calls []*exchange) (logins map[login]map[string]int64, realms map[netip.Addr]map[string]bool) {
	logins, realms = map[login]map[string]int64{}, map[netip.Addr]map[string]bool{}
	for _, x := range calls {
		for _, t := range x.list {
			if t.request == nil || t.request.Authorized == nil || !t.granted() {
				continue
			}
			a, server := t.request.Authorized, t.server.Addr()
			l := login{a.User, server}
			if logins[l] == nil {
				logins[l] = map[string]int64{}
			}
			if realms[server] == nil {
				realms[server] = map[string]bool{}
			}
			logins[l][t.first.Method], realms[server][a.Realm] = t.finalTo.At, true
		}
	}
	return logins, realms
}

// struggle is a client that a server asks for a password and does not let in.
type struggle struct {
	last    *transaction // that settles it
	asked   *transaction // that was challenged before it; nil if the capture does not show it
	refused int          // requests with credentials that were refused
	nonces  map[string]bool
	stale   int  // of these, how many only because of the nonce
	own     bool // the nonce refused last was the one that the server had just given
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
			s.own = given != nil && given.Nonce == a.Nonce
			if t.onlyNonce() {
				s.stale++
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
			case s.last == nil || x.passedOn(s.last):
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

// passedOn reports whether a server has its answer from another one, to which it sent
// the request on: that is who refuses.
func (x *exchange) passedOn(t *transaction) bool {
	for _, o := range x.list {
		if o != t && o.request != nil && o.client.Addr() == t.server.Addr() && o.first.Method == t.first.Method && o.final() == t.final() && o.server.Addr() != t.client.Addr() {
			return true
		}
	}
	return false
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
	if v.acceptedLater(t) || s.renewing() {
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

// renewing reports whether a challenge to credentials may only renew the nonce: not
// every server says that the old one is stale.
func (s struggle) renewing() bool {
	return s.refused == 1 && !s.own && (s.last.final() == 401 || s.last.final() == 407)
}

// acceptedLater reports whether the server let the account of t in afterwards.
func (v *view) acceptedLater(t *transaction) bool {
	a := t.request.Authorized
	return a != nil && v.accepted[login{a.User, t.server.Addr()}][t.first.Method] > t.finalTo.At
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
