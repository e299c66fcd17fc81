package capture

import (
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo"
)

// Variants of refused credentials.
const (
	saysPassword  = "wrong-password" // the server says it
	saysUnknown   = "unknown-user"   // the server says it
	knownAccount  = "known"          // the same account is let in with another method
	noRoom        = "no-room"        // the password is right, and the AOR takes no more contacts
	ofAsterisk    = "asterisk"       // wrong password, or an endpoint that does not exist
	dummy         = "dummy"          // Asterisk's challenge for a name that it does not know
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
		if v.strangeRealm(t) {
			return dummy
		}
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

// strangeRealm reports whether an account is challenged for a realm in which none of
// the accounts is that this server accepts: Asterisk challenges names that it does not
// know for its default realm, whatever the endpoints have.
func (v *view) strangeRealm(t *transaction) bool {
	realms := v.realms[t.server.Addr()]
	return len(realms) > 0 && t.finalTo.Challenge != nil && !realms[t.finalTo.Challenge.Realm]
}
