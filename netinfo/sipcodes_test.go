package netinfo

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

var cyrillic = regexp.MustCompile(`\p{Cyrillic}`)

func TestSIPCodeTableIsSound(t *testing.T) {
	table := sipCodes()
	if len(table.Codes) < 75 || len(table.Phrases) < 70 {
		t.Errorf("only %d codes and %d phrases", len(table.Codes), len(table.Phrases))
	}
	seen := map[int]bool{}
	for _, c := range table.Codes {
		if seen[c.Code] {
			t.Errorf("%d stands twice", c.Code)
		}
		seen[c.Code] = true
		if !strings.HasPrefix(c.Source, "https://") {
			t.Errorf("%d has the source %q", c.Code, c.Source)
		}
	}
	classes := map[string]bool{}
	for _, w := range strings.Fields("progress ok network credentials account billing billing/licence licence codec routing server policy client NAT") {
		classes[w] = true
	}
	for _, c := range slices.Concat(table.Codes, table.Phrases) {
		if c.Code < 100 || c.Code > 699 || c.Phrase == "" || len(c.Meaning) == 0 || c.Class == "" || c.Source == "" {
			t.Errorf("%d %q is incomplete", c.Code, c.Phrase)
		}
		for _, text := range []words.Phrase{c.Meaning, c.Next} {
			if text != nil && (cyrillic.MatchString(text[words.English]) || !cyrillic.MatchString(text[words.Russian])) {
				t.Errorf("%d %s: %q", c.Code, c.Phrase, text)
			}
		}
		for w := range strings.SplitSeq(c.Class, "/") {
			if !classes[w] {
				t.Errorf("%d %s: class %q", c.Code, c.Phrase, w)
			}
		}
	}
}

func TestExplainSIP(t *testing.T) {
	for name, c := range map[string]struct {
		code         int
		phrase       string
		means, class string
		vendor       bool
		readAs       int
	}{
		"the ordinary challenge":                {401, "Unauthorized", "digest credentials", "credentials", false, 0},
		"a provider's own words":                {403, "Wrong Guess", "wrong password", "credentials", true, 0},
		"its words in another case, with more":  {403, "wrong guess (3)", "wrong password", "credentials", true, 0},
		"the longer of two phrases":             {403, "You do not have the required right", "wrong login in the From", "credentials", true, 0},
		"a truncated phrase":                    {403, "You", "truncated phrase", "credentials", true, 0},
		"a phrase that only begins like one":    {403, "Yours truly", "understood and refused", "credentials/billing/policy", false, 0},
		"the phrase of another code":            {404, "Wrong Guess", "user not in this domain", "routing", false, 0},
		"a private address in SDP":              {488, "Private IP Address", "RFC 1918", "network/NAT", true, 0},
		"one of two phrases in a row":           {480, "No Money Left on RFC Account", "not enough money", "billing", true, 0},
		"three phrases in one row":              {500, "Database Error", "database trouble", "server", true, 0},
		"a code nobody registered":              {477, "Send failed", "malformed message", "network/server", false, 400},
		"a vendor's code with its phrase":       {499, "Codec Mismatch", "codec missing", "codec", true, 0},
		"no phrase at all":                      {503, "", "overload or maintenance", "server", false, 0},
		"an unknown success is read as success": {299, "Fine", "success", "ok", false, 200},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := ExplainSIP(c.code, c.phrase)
			if !ok || !strings.Contains(got.Meaning[words.English], c.means) || got.Class != c.class || got.Vendor != c.vendor || got.Code != c.code || got.Source == "" || got.ReadAs != c.readAs {
				t.Errorf("%+v, %v", got, ok)
			}
		})
	}
	for _, code := range []int{0, 99, 700, -5} {
		if _, ok := ExplainSIP(code, "x"); ok {
			t.Errorf("%d is explained", code)
		}
	}
}
