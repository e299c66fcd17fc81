package render

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
)

// A technician switches the ALG off while --watch runs: one line says that all
// is well now, and below it what changed. Nothing changed is one line.
func TestWatchingTheRouterBeingCured(t *testing.T) {
	all := savedReports(t)
	var cured, same bytes.Buffer
	if err := Changes(&cured, all["alg-mikrotik"], all["clean"], TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"✓ Nothing on the way", "fail → pass  sip-alg", "gone  A SIP ALG on your router"} {
		if !strings.Contains(cured.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, cured.String())
		}
	}
	if err := Changes(&same, all["clean"], all["clean"], TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(same.String(), "\n"); n != 1 {
		t.Errorf("%d lines for no change:\n%s", n, same.String())
	}
}

// What only one of two reports holds was not unchanged.
func TestAReportWithOtherChecksIsNotTheSame(t *testing.T) {
	with := func(list ...string) *checks.Report {
		r := &checks.Report{Verdict: checks.Pass, Headline: "Fine."}
		for _, id := range list {
			r.Results = append(r.Results, checks.Result{Check: id, Status: checks.Pass})
		}
		return r
	}
	for _, tt := range []struct {
		before, now *checks.Report
		want        string
	}{
		{with("nat"), with("nat", "dns"), "dns was not in the first report"},
		{with("nat", "dns"), with("nat"), "dns is not in the second report"},
		{with("nat"), with("nat"), "Nothing has changed."},
	} {
		var b bytes.Buffer
		if err := Diff(&b, tt.before, tt.now, TextOptions{}); err != nil || !strings.Contains(b.String(), tt.want) || tt.want[0] != 'N' && strings.Contains(b.String(), "Nothing") {
			t.Errorf("%v\n%s", err, b.String())
		}
	}
}
