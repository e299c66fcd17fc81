package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/checks/blocked"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
)

// unpacked is a text with all that is compressed in it.
func unpacked(t *testing.T, text string) string {
	t.Helper()
	for _, run := range regexp.MustCompile(`[A-Za-z0-9+/]{40,}={0,2}`).FindAllString(text, -1) {
		raw, err := base64.StdEncoding.DecodeString(run)
		if err != nil {
			continue
		}
		if z, err := gzip.NewReader(bytes.NewReader(raw)); err == nil {
			all, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			text += string(all)
		}
	}
	return text
}

// A saved report of a PBX holds the listings that were read, compressed. Shared
// with strangers it holds what came of them instead, without any address of
// theirs, and is judged to the same.
func TestARedactedReportOfAPBXHoldsNoListing(t *testing.T) {
	p, err := parseAddress("198.51.100.7")
	if err != nil {
		t.Fatal(err)
	}
	r := runServer(t.Context(), "why", []*checks.Check{blocked.Check()}, checks.Inputs{Addresses: append(checks.Inputs{}.Addresses, p)}, bannedPBX(), nil)
	saved := func(redact bool) string {
		var b bytes.Buffer
		o := reporting{format: "json", redact: redact}
		if err := o.show(t.Context(), streams{Out: &b}, r); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if plain := unpacked(t, saved(false)); !strings.Contains(plain, "*filter") || !strings.Contains(plain, "198.51.100.7") {
		t.Fatalf("the report holds no listing: %s", plain)
	}
	shared := saved(true)
	for _, secret := range []string{"198.51.100.7", "*filter", "192.0.2.1/"} {
		if strings.Contains(unpacked(t, shared), secret) {
			t.Errorf("the redacted report holds %s", secret)
		}
	}
	again, err := checks.ReadReport(strings.NewReader(shared))
	if err != nil {
		t.Fatal(err)
	}
	if again, err = checks.Rejudge(again, all.Checks()); err != nil {
		t.Fatal(err)
	}
	// Their headlines name the address.
	if diff := cmp.Diff(conclusions(r)[2:], conclusions(again)[2:]); diff != "" || r.Verdict != checks.Fail {
		t.Errorf("%s: redacted it says something else (-original +redacted)\n%s", r.Verdict, diff)
	}
	// Whoever forgets to evaluate first loses the listings, and is told so.
	careless, err := render.Redact(r)
	if err != nil {
		t.Fatal(err)
	}
	if careless, err = checks.Rejudge(careless, all.Checks()); err != nil {
		t.Fatal(err)
	}
	if res := careless.Results[0]; res.Status != checks.Inconclusive || !strings.Contains(res.Reason, "does not contain what was read") {
		t.Errorf("without what was read it is %s: %s", res.Status, res.Reason)
	}
}
