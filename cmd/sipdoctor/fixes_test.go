package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Every fix can be shown in every language, in nothing but that language's letters
// where it is English.
func TestEveryFixOfTheCatalogueIsShown(t *testing.T) {
	for _, l := range words.Languages() {
		for _, p := range fixes.Problems(l) {
			for _, slug := range p.Platforms {
				var b bytes.Buffer
				s := streams{Out: &b, Lang: l}
				if err := s.browse(&b, fixQuery{p.ID, slug}); err != nil {
					t.Fatal(err)
				}
				text := b.String()
				if strings.Contains(text, "{{") || strings.Contains(text, "say.") || cyrillic.MatchString(text) != (l == words.Russian) {
					t.Errorf("%s on %s in %s:\n%s", p.ID, slug, l, text)
				}
			}
		}
	}
}

// A word that means several platforms is never taken for one of them.
func TestPlatformsByAWordOfTheirName(t *testing.T) {
	tests := map[string]string{
		"mikrotik": "mikrotik", "microsoft": "", "fritz!box": "fritzbox", "routeros": "mikrotik", "cisco asa": "cisco-asa",
		"cisco": "cisco-asa cisco-ios", "ubiquiti": "edgerouter unifi", "linux with ufw": "ufw", "any router": "generic", "": "", "  ": "",
	}
	for word, want := range tests {
		if got := strings.Join(platformsNamed(words.English, word), " "); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
