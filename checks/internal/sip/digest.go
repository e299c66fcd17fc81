package sip

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// A Challenge is what a server wants to see proved: the Digest scheme of RFC
// 3261, section 22.4, with the algorithms of RFC 8760.
type Challenge struct {
	Proxy     bool // Proxy-Authenticate (407), not WWW-Authenticate (401)
	Scheme    string
	Realm     string
	Nonce     string
	Opaque    string
	HasOpaque bool
	Algorithm string   // as it came; "" means MD5
	QOP       []string // lower case; empty where the server knows only RFC 2069
	Stale     bool     // the nonce was too old; the credentials were not judged
}

// Challenges reads the challenges of a 401 or 407, in the server's order: the
// topmost that the client supports is to be used (RFC 8760, section 2.4).
func (m *Message) Challenges() []Challenge {
	var out []Challenge
	for _, h := range m.Headers {
		name := Canonical(h.Name)
		if name != "www-authenticate" && name != "proxy-authenticate" {
			continue
		}
		c := parseChallenge(string(h.Value))
		c.Proxy = name == "proxy-authenticate"
		out = append(out, c)
	}
	return out
}

func parseChallenge(s string) Challenge {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(s), " ")
	c := Challenge{Scheme: scheme}
	for name, value := range AuthParams(rest) {
		switch name {
		case "realm":
			c.Realm = value
		case "nonce":
			c.Nonce = value
		case "opaque":
			c.Opaque, c.HasOpaque = value, true
		case "algorithm":
			c.Algorithm = value
		case "stale":
			c.Stale = strings.EqualFold(value, "true")
		case "qop":
			for q := range strings.SplitSeq(strings.ToLower(value), ",") {
				c.QOP = append(c.QOP, strings.TrimSpace(q))
			}
		}
	}
	return c
}

// AuthParams reads the parameters of a challenge or of credentials: name=value
// pairs separated by commas; values may be quoted, with backslash escapes. What
// cannot be read ends the list.
func AuthParams(s string) map[string]string {
	out := map[string]string{}
	for s = strings.TrimLeft(s, " \t\r\n,"); s != ""; s = strings.TrimLeft(s, " \t\r\n,") {
		name, rest, ok := strings.Cut(s, "=")
		if !ok {
			return out
		}
		name = strings.ToLower(strings.TrimSpace(name))
		value, rest := authValue(strings.TrimLeft(rest, " \t\r\n"))
		if _, twice := out[name]; !twice {
			out[name] = value
		}
		s = rest
	}
	return out
}

func authValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ",")
		return strings.TrimSpace(value), rest
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == '"':
			return b.String(), s[i+1:]
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), ""
}

// Supported reports whether Authorize can answer the challenge. Basic would
// show the password and is never answered.
func (c Challenge) Supported() bool {
	_, known := c.hash()
	usable := len(c.QOP) == 0 || slices.Contains(c.QOP, "auth")
	clean := !strings.ContainsAny(c.Realm+c.Nonce+c.Opaque+c.Algorithm, "\r\n\x00")
	return strings.EqualFold(c.Scheme, "Digest") && known && usable && clean && c.Nonce != ""
}

func (c Challenge) hash() (func() hash.Hash, bool) {
	switch strings.TrimSuffix(strings.ToUpper(c.Algorithm), "-SESS") {
	case "", "MD5":
		return md5.New, true
	case "SHA-256":
		return sha256.New, true
	case "SHA-512-256":
		return sha512.New512_256, true
	}
	return nil, false
}

// Credentials answer challenges. Count is how often the nonce has been used
// before, and CNonce a fresh random word without quotes.
type Credentials struct {
	User, Password string
	CNonce         string
	Count          int
}

// Authorize returns the header field, without line end, that answers a
// supported challenge for one request.
func (c Challenge) Authorize(cred Credentials, method, uri string) string {
	name := "Authorization"
	if c.Proxy {
		name = "Proxy-Authorization"
	}
	response := c.response(cred, method, uri)
	parts := []string{
		"username=" + quoted(cred.User), "realm=" + quoted(c.Realm), "nonce=" + quoted(c.Nonce),
		"uri=" + quoted(uri), "response=" + quoted(response),
	}
	if c.Algorithm != "" {
		parts = append(parts, "algorithm="+c.Algorithm)
	}
	if c.HasOpaque {
		parts = append(parts, "opaque="+quoted(c.Opaque))
	}
	if len(c.QOP) > 0 {
		parts = append(parts, "qop=auth", fmt.Sprintf("nc=%08x", cred.Count+1))
	}
	if len(c.QOP) > 0 || c.session() {
		parts = append(parts, "cnonce="+quoted(cred.CNonce))
	}
	return name + ": Digest " + strings.Join(parts, ", ")
}

// response is the calculation of RFC 7616, section 3.4.1, and of RFC 2069
// where the server offers no qop.
func (c Challenge) response(cred Credentials, method, uri string) string {
	a1 := c.digest(cred.User + ":" + c.Realm + ":" + cred.Password)
	if c.session() {
		a1 = c.digest(a1 + ":" + c.Nonce + ":" + cred.CNonce)
	}
	a2 := c.digest(method + ":" + uri)
	if len(c.QOP) == 0 {
		return c.digest(a1 + ":" + c.Nonce + ":" + a2)
	}
	return c.digest(fmt.Sprintf("%s:%s:%08x:%s:auth:%s", a1, c.Nonce, cred.Count+1, cred.CNonce, a2))
}

func (c Challenge) session() bool { return strings.HasSuffix(strings.ToUpper(c.Algorithm), "-SESS") }

func (c Challenge) digest(s string) string {
	newHash, ok := c.hash()
	if !ok {
		return ""
	}
	h := newHash()
	h.Write([]byte(s))
	return hex.EncodeToString(h.Sum(nil))
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
