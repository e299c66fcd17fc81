package signalling

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func TestHowACertificateNamesAServer(t *testing.T) {
	uri := func(s string) []*url.URL {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return []*url.URL{u}
	}
	cert := func(names ...string) x509.Certificate { return x509.Certificate{DNSNames: names} }
	for name, c := range map[string]struct {
		cert x509.Certificate
		asks string
		want string
	}{
		"in full":                       {cert("sip.example.net"), "sip.example.net", byName},
		"in other letters":              {cert("SIP.example.net"), "sip.EXAMPLE.net", byName},
		"one of several":                {cert("a.example.net", "sip.example.net"), "sip.example.net", byName},
		"by a wildcard":                 {cert("*.example.net"), "sip.example.net", byWildcard},
		"in full and by a wildcard":     {cert("*.example.net", "sip.example.net"), "sip.example.net", byName},
		"a wildcard is one label":       {cert("*.example.net"), "a.sip.example.net", ""},
		"a wildcard is not its domain":  {cert("*.example.net"), "example.net", ""},
		"part of a label":               {cert("s*.example.net"), "sip.example.net", ""},
		"another's":                     {cert("other.example.net"), "sip.example.net", ""},
		"as a SIP URI":                  {x509.Certificate{URIs: uri("sip:example.net")}, "example.net", byName},
		"a user's URI":                  {x509.Certificate{URIs: uri("sip:anna@example.net")}, "example.net", ""},
		"a web page's URI":              {x509.Certificate{URIs: uri("https://example.net/")}, "example.net", ""},
		"only as common name":           {x509.Certificate{Subject: pkix.Name{CommonName: "sip.example.net"}}, "sip.example.net", byName},
		"as common name, beside others": {x509.Certificate{Subject: pkix.Name{CommonName: "sip.example.net"}, DNSNames: []string{"a.example.net"}}, "sip.example.net", ""},
		"by its address":                {x509.Certificate{IPAddresses: []net.IP{net.ParseIP("192.0.2.1")}}, "192.0.2.1", byName},
		"by another address":            {x509.Certificate{IPAddresses: []net.IP{net.ParseIP("192.0.2.1")}}, "192.0.2.2", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := identity(&c.cert, c.asks); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// What SIP phones that check by the letter refuse, and who else does.
func TestACertificateAsSIPPhonesSeeIt(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		transport        string
		domain, host     string // how the certificate names them
		end              time.Duration
		chain            string
		sent             int
		want             []string
		refuses, evident string // in explanation or evidence
	}{
		"all in order":                   {"tls", byName, byName, 90 * day, "", 2, nil, "", ""},
		"the domain, not the SRV target": {"tls", byName, "", 90 * day, "", 2, nil, "", ""},
		"a wildcard":                     {"tls", byWildcard, byWildcard, 90 * day, "", 2, []string{"signalling.tls-wildcard warning"}, "allow_wildcard_certs", ""},
		"a wildcard, in a browser":       {"wss", byWildcard, byWildcard, 90 * day, "", 2, nil, "", ""},
		"the SRV target, not the domain": {"tls", "", byName, 90 * day, "", 2, []string{"signalling.tls-domain warning"}, "verify_server", ""},
		"a wildcard for the SRV target":  {"tls", "", byWildcard, 90 * day, "", 2, []string{"signalling.tls-domain warning"}, "RFC 5922", ""},
		"neither":                        {"tls", "", "", 90 * day, "", 2, []string{"signalling.tls-name warning"}, "", ""},
		"no certificate in between":      {"tls", byName, byName, 90 * day, "signed by nobody known", 1, []string{"signalling.tls-untrusted warning"}, "", "without the intermediate"},
		"an unknown authority":           {"tls", byName, byName, 90 * day, "signed by nobody known", 2, []string{"signalling.tls-untrusted warning"}, "", "signed by nobody known"},
		"fourteen days left":             {"tls", byName, byName, 14 * day, "", 2, nil, "", ""},
		"a second less":                  {"tls", byName, byName, 14*day - time.Second, "", 2, []string{"signalling.tls-expires-soon warning"}, "", ""},
		"over since a second":            {"tls", byName, byName, -time.Second, "", 2, []string{"signalling.tls-expired critical"}, "refuse", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := probeOf(c.transport, "sip1.example.net", "198.51.100.5", 1, "ok")
			p.TLS = &TLS{
				Version: "TLS 1.3", CheckedName: "example.net", DomainBy: c.domain, HostBy: c.host, ChainError: words.Cause(c.chain), Sent: c.sent,
				NotBefore: at.Add(-90 * day), NotAfter: at.Add(c.end), At: at, Names: []string{"x"},
			}
			r := resultOf(t, Observed{Servers: []Server{{Name: "example.net", Probes: []Probe{p}}}})
			var got []string
			text := ""
			for _, f := range r.Findings {
				got = append(got, f.ID+" "+string(f.Severity))
				text += f.Explanation
				for _, e := range f.Evidence {
					text += e.Got
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" || !strings.Contains(text, c.refuses) || !strings.Contains(text, c.evident) {
				t.Errorf("%s\nfindings (-want +got):\n%s", text, diff)
			}
		})
	}
}
