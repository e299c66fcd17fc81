package asterisk

import (
	"regexp"
	"strings"
)

// Secret is what may be told of a password without telling it.
type Secret struct {
	Weak SecretWeakness `json:"weak,omitempty"`
	// Group is the same number for equal passwords of one reading; 0: alone, or
	// not known.
	Group int `json:"group,omitempty"`
}

// SecretWeakness is why a password is easily guessed.
type SecretWeakness string

// The weaknesses, the worst first.
const (
	SecretEmpty  SecretWeakness = "empty"
	SecretSame   SecretWeakness = "same"   // it is the name of the account
	SecretCommon SecretWeakness = "common" // it is on every list that scanners try
	SecretShort  SecretWeakness = "short"
	SecretDigits SecretWeakness = "digits" // few digits and nothing else
	SecretLength SecretWeakness = "length" // a digest of MD5 that has not 32 hexadecimal characters
)

const (
	// shortSecret: scanners try some ten passwords a second for weeks; below eight
	// characters a list of likely ones is enough (NIST SP 800-63B, 5.1.1.1, asks for
	// eight at least).
	shortSecret = 8
	// fewDigits: ten digits and fewer are tried one after the other.
	fewDigits = 10
)

// removedSecret is what a support bundle has instead of a password.
const removedSecret = "[removed]"

// commonSecrets are those that the lists of SIP scanners (svcrack, sipcrack) and
// the defaults of examples begin with.
func isCommonSecret(s string) bool {
	switch strings.ToLower(s) {
	case "password", "passw0rd", "secret", "changeme", "change-me", "asterisk", "welcome", "letmein", "administrator", "unsecurepassword",
		"supersecret", "password1", "qwertyuiop", "qwerty123", "test1234", "admin123", "1q2w3e4r", "1qaz2wsx", "mypassword", "iamapassword":
		return true
	}
	return false
}

var (
	onlyDigits = regexp.MustCompile(`^[0-9]+$`)
	md5Digest  = regexp.MustCompile(`^[0-9a-fA-F]{32}$`)
	halfURI    = regexp.MustCompile(`(?i)sips?:[^\[\]:]*:`)
	plainURI   = regexp.MustCompile(`(?i)sips?:[^:]*:[0-9]+([;>?/]|$)`)
)

// isSecretOption reports whether the value of an option is a password or makes
// one superfluous.
func isSecretOption(name string) bool {
	for _, part := range []string{"secret", "password", "passwd", "md5_cred", "refresh_token", "oauth_clientid", "setvar", "set_var", "turnusername"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return name == "auth_message" || name == "pin"
}

// secretBook tells passwords apart while a configuration is read.
type secretBook struct{ groups map[string]int }

// about is what may be told of the password of an account with these names.
func (b *secretBook) about(option, value string, names ...string) *Secret {
	s := &Secret{}
	if value == removedSecret {
		return s
	}
	if strings.Contains(option, "md5") {
		if !md5Digest.MatchString(value) {
			s.Weak = SecretLength
		}
		return s
	}
	for _, name := range names {
		digits := strings.TrimFunc(name, func(r rune) bool { return r < '0' || r > '9' })
		if name != "" && (strings.EqualFold(value, name) || value == digits && digits != "") {
			s.Weak = SecretSame
		}
	}
	switch {
	case value == "":
		s.Weak = SecretEmpty
		return s
	case s.Weak != "":
	case isCommonSecret(value):
		s.Weak = SecretCommon
	case len(value) < shortSecret:
		s.Weak = SecretShort
	case onlyDigits.MatchString(value) && len(value) <= fewDigits:
		s.Weak = SecretDigits
	}
	if b.groups[value] == 0 {
		b.groups[value] = len(b.groups) + 1
	}
	s.Group = b.groups[value]
	return s
}

// withoutPassword takes the passwords out of URIs. A piece that may be half of one
// goes as a whole: a password may hold a comma.
func withoutPassword(value string) string {
	if !strings.ContainsRune(value, ':') {
		return value
	}
	items := strings.Split(value, ",")
	for i, item := range items {
		lower := strings.ToLower(item)
		at := strings.LastIndexByte(item, '@')
		if at < 0 {
			if halfURI.MatchString(item) && !plainURI.MatchString(item) {
				items[i] = ""
			}
			continue
		}
		start := 0
		for _, scheme := range []string{"sip:", "sips:", "://"} {
			if k := strings.LastIndex(lower[:at], scheme); k >= 0 {
				start = max(start, k+len(scheme))
			}
		}
		if user, _, ok := strings.Cut(item[start:at], ":"); ok {
			items[i] = item[:start] + user + item[at:]
		}
	}
	return strings.Join(items, ",")
}
