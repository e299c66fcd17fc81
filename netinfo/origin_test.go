package netinfo

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// zone answers from memory, and from nothing else.
type zone map[string][]string

func (z zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	if r, ok := z[name]; ok {
		return r, nil
	}
	return nil, errors.New("no such name")
}

func TestWhoseNetworkAnAddressIsIn(t *testing.T) {
	const name = "8.8.8.8.origin.asn.cymru.com"
	tests := []struct {
		name string
		addr string
		dns  zone
		want ASOrigin
		err  string
	}{
		{"an ordinary line", "8.8.8.8",
			zone{name: {"15169 | 8.8.8.0/24 | US | arin | 1992-12-01"}, "AS15169.asn.cymru.com": {"15169 | US | arin | 2000-03-30 | GOOGLE, US"}},
			ASOrigin{ASN: 15169, Country: "US", Name: "GOOGLE, US"}, ""},
		{"the name is not to be had", "8.8.8.8", zone{name: {"15169 | 8.8.8.0/24 | US | arin |"}}, ASOrigin{ASN: 15169, Country: "US"}, ""},
		{"announced twice, the narrower counts", "8.8.8.8",
			zone{name: {"3356 | 8.0.0.0/9 | US | arin | 1992-12-01", "15169 | 8.8.8.0/24 | CA | arin | 1992-12-01"}}, ASOrigin{ASN: 15169, Country: "CA"}, ""},
		{"two systems announce it", "8.8.8.8", zone{name: {"15169 3356 | 8.8.8.0/24 | US | arin | 1992-12-01"}}, ASOrigin{ASN: 15169, Country: "US"}, ""},
		{"IPv6, nibble by nibble", "2a00:1450::1",
			zone{"1." + strings.Repeat("0.", 23) + "0.5.4.1.0.0.a.2.origin6.asn.cymru.com": {"15169 | 2a00:1450::/32 | IE | ripencc | 2009-10-05"}},
			ASOrigin{ASN: 15169, Country: "IE"}, ""},
		{"a DNS server that lies about another network", "8.8.8.8", zone{name: {"1 | 192.0.2.0/24 | RU | ripencc |"}}, ASOrigin{}, "reading the network of 8.8.8.8: no record of the wanted form"},
		{"a hijacked answer", "8.8.8.8", zone{name: {"v=spf1 -all"}}, ASOrigin{}, "reading the network of 8.8.8.8: no record of the wanted form"},
		{"nobody answers", "8.8.8.8", zone{}, ASOrigin{}, "no such name"},
		{"an address inside the office is not asked about", "192.168.88.10", nil, ASOrigin{}, "finding the network of 192.168.88.10: it is not a public address"},
		{"a carrier's inner address neither", "100.64.0.10", nil, ASOrigin{}, "finding the network of 100.64.0.10: it is not a public address"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := LookupOrigin(t.Context(), tt.dns, netip.MustParseAddr(tt.addr))
			text := ""
			if err != nil {
				text = err.Error()
			}
			if text != tt.err {
				t.Errorf("error %q, want %q", text, tt.err)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(ASOrigin{}, "Addr", "Prefix")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func FuzzOrigin(f *testing.F) {
	f.Add("15169 | 8.8.8.0/24 | US | arin | 1992-12-01", "15169 | US | arin | 2000-03-30 | GOOGLE, US")
	f.Add("|||", "||||\x1b[2J")
	a := netip.MustParseAddr("8.8.8.8")
	f.Fuzz(func(t *testing.T, origin, name string) {
		if o, err := parseOrigin(a, []string{origin}); err == nil && (!o.Prefix.Contains(a) || len(o.Country) != 2) {
			t.Errorf("%+v", o)
		}
		if n := parseASName([]string{name}); strings.ContainsFunc(n, func(c rune) bool { return !unicode.IsPrint(c) }) {
			t.Errorf("%q", n)
		}
	})
}
