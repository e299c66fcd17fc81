package nets

import (
	"net/netip"
	"testing"
)

func TestNetworksAsListsWriteThem(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1":               "192.0.2.1/32",
		" 192.0.2.7/24 ":          "192.0.2.0/24",
		"192.0.2.7/255.255.255.0": "192.0.2.0/24",
		"::ffff:192.0.2.1":        "192.0.2.1/32",
		"::ffff:192.0.2.1/120":    "192.0.2.0/24",
		"[2001:db8::1]":           "2001:db8::1/128",
		"[2001:db8::1]/32":        "2001:db8::/32",
		"fe80::1%eth0":            "fe80::1/128",
		"2001:db8::/ffff:ffff::":  "2001:db8::/32",
		"192.0.2.0/255.0.255.0":   "",
		"192.0.2.0/ffff::":        "",
		"192.0.2.1/33":            "",
		"192.0.2.1/-1":            "",
		"192.0.2":                 "",
		"pbx.example":             "",
		"":                        "",
	} {
		got := ""
		if p, ok := Parse(text); ok {
			got = p.String()
		}
		if got != want {
			t.Errorf("%q is read as %q, want %q", text, got, want)
		}
	}
}

func TestHowABanRelatesToWhatWasAskedAbout(t *testing.T) {
	asked := netip.MustParsePrefix("192.0.2.0/24")
	for listed, want := range map[string]string{
		"192.0.2.0/24": Exact, "192.0.0.0/16": Covering, "192.0.2.7/32": Covered, "192.0.3.0/24": "", "2001:db8::/32": "",
	} {
		if got := Relation(netip.MustParsePrefix(listed), asked); got != want {
			t.Errorf("%s: %q, want %q", listed, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("192.0.2.0/255.255.255.0")
	f.Add("[::ffff:192.0.2.0/120]")
	f.Fuzz(func(t *testing.T, text string) {
		if p, ok := Parse(text); ok && (!p.IsValid() || p != p.Masked() || Relation(p, p) != Exact) {
			t.Errorf("%q is read as %v", text, p)
		}
	})
}
