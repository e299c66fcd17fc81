package sip

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The examples of the RFCs, and one of a server without qop.
func TestDigestExamples(t *testing.T) {
	for name, c := range map[string]struct {
		challenge, method, uri, user, password, cnonce string
		want                                           string
	}{
		"RFC 2617, 3.5, MD5 with qop": {
			`Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"`,
			"GET", "/dir/index.html", "Mufasa", "Circle Of Life", "0a4f113b", "6629fae49393a05397450978507c4ef1",
		},
		"RFC 7616, 3.9.1, SHA-256": {
			`Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
			"GET", "/dir/index.html", "Mufasa", "Circle of Life", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
			"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
		},
		"RFC 7616, 3.9.1, MD5": {
			`Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
			"GET", "/dir/index.html", "Mufasa", "Circle of Life", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
			"8ca523f5e9506fed4657c9700eebdbec",
		},
		"a server that offers no qop (RFC 2069)": {
			`Digest realm="asterisk",nonce="1fa4b1ce"`, "REGISTER", "sip:pbx.example.net", "100", "secret", "unused",
			"f039372a0bacffd388a408809cdc45dc",
		},
	} {
		t.Run(name, func(t *testing.T) {
			ch := parseChallenge(c.challenge)
			if !ch.Supported() {
				t.Fatalf("not supported: %+v", ch)
			}
			got := ch.Authorize(Credentials{User: c.user, Password: c.password, CNonce: c.cnonce}, c.method, c.uri)
			if !strings.Contains(got, `response="`+c.want+`"`) {
				t.Errorf("%s\nwants response %s", got, c.want)
			}
			if strings.Contains(got, c.password) {
				t.Errorf("the password itself is in it: %s", got)
			}
			if h := parseChallenge(strings.TrimPrefix(got, "Authorization: ")); h.Realm != ch.Realm || h.Nonce != ch.Nonce || h.Opaque != ch.Opaque {
				t.Errorf("realm, nonce or opaque changed: %s", got)
			}
		})
	}
}

func TestChallengesAsServersWriteThem(t *testing.T) {
	for name, c := range map[string]struct {
		header    string
		want      Challenge
		supported bool
	}{
		"spaces and case": {
			`WWW-Authenticate: digest  Realm = "a, b" ,NONCE="x\"y", algorithm=md5, qop="AUTH"`,
			Challenge{Scheme: "digest", Realm: "a, b", Nonce: `x"y`, Algorithm: "md5", QOP: []string{"auth"}}, true,
		},
		"a proxy, nonce too old": {
			`Proxy-Authenticate: Digest realm="p", nonce="n", stale=TRUE, opaque=""`,
			Challenge{Proxy: true, Scheme: "Digest", Realm: "p", Nonce: "n", Stale: true, HasOpaque: true}, true,
		},
		"basic would show the password": {`WWW-Authenticate: Basic realm="x"`, Challenge{Scheme: "Basic", Realm: "x"}, false},
		"only with a signed body":       {`WWW-Authenticate: Digest nonce="n", qop="auth-int"`, Challenge{Scheme: "Digest", Nonce: "n", QOP: []string{"auth-int"}}, false},
		"an algorithm nobody knows":     {`WWW-Authenticate: Digest nonce="n", algorithm=AKAv1-MD5`, Challenge{Scheme: "Digest", Nonce: "n", Algorithm: "AKAv1-MD5"}, false},
		"no nonce":                      {`WWW-Authenticate: Digest realm="x"`, Challenge{Scheme: "Digest", Realm: "x"}, false},
		"a quote that never ends":       {`WWW-Authenticate: Digest nonce="n`, Challenge{Scheme: "Digest", Nonce: "n"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Parse([]byte("SIP/2.0 401 Unauthorized\r\n" + c.header + "\r\n\r\n"))
			if err != nil {
				t.Fatal(err)
			}
			got := m.Challenges()
			if diff := cmp.Diff([]Challenge{c.want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(got) == 1 && got[0].Supported() != c.supported {
				t.Errorf("supported %v", got[0].Supported())
			}
		})
	}
}

// A challenge is written by a stranger; the answer to it must stay one field.
func FuzzChallenge(f *testing.F) {
	f.Add(`Digest realm="a", nonce="b", qop="auth"`)
	f.Add("Digest nonce=\"a\r\n b\", opaque=x")
	f.Fuzz(func(t *testing.T, s string) {
		c := parseChallenge(s)
		if !c.Supported() {
			return
		}
		a := c.Authorize(Credentials{User: "u", Password: "p", CNonce: "c"}, "REGISTER", "sip:x")
		if strings.ContainsAny(a, "\r\n") {
			t.Errorf("%q answers %q", a, s)
		}
	})
}
