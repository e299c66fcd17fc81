package render

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
)

// A technician switches the ALG off while --watch runs: one line says so, and it
// stays in the report, a redacted one as well.
func TestWatchingTheRouterBeingCured(t *testing.T) {
	all := savedReports(t)
	at := time.Date(2026, 11, 29, 14, 3, 22, 0, time.Local)
	cured := checks.Change{Time: at, Check: "sip-alg", From: checks.Fail, To: checks.Pass}
	broken := checks.Change{Time: at, Check: "sip-alg", From: checks.Pass, To: checks.Fail, Finding: "sip-alg.rewriting"}
	for _, tt := range []struct {
		report *checks.Report
		change checks.Change
		width  int
		want   string
	}{
		{all["clean"], cured, 0, "14:03:22  sip-alg fail → pass: SIP passes unchanged\n"},
		{all["alg-mikrotik"], broken, 0, "14:03:22  sip-alg pass → fail: A SIP ALG on your router rewrites SIP messages\n"},
		{all["alg-mikrotik"], broken, 40, "14:03:22  sip-alg pass → fail: A SIP ALG\n          on your router rewrites SIP\n          messages\n"},
	} {
		var b bytes.Buffer
		if err := Event(&b, tt.report, tt.change, TextOptions{Width: tt.width}); err != nil || b.String() != tt.want {
			t.Errorf("%v %q, want %q", err, b.String(), tt.want)
		}
	}
	watched := *all["clean"]
	watched.History = []checks.Change{broken, cured}
	redacted, err := Redact(&watched)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*checks.Report{&watched, redacted} {
		text, ticket := shownAs(t, "text", r), shownAs(t, "markdown", r)
		if !strings.Contains(text, "2026-11-29 14:03:22  sip-alg pass → fail: sip-alg.rewriting\n") || !strings.Contains(text, "sip-alg fail → pass\n") {
			t.Errorf("no history:\n%s", text)
		}
		if !strings.Contains(ticket, "sip-alg: pass → fail `sip-alg.rewriting`") {
			t.Errorf("no history:\n%s", ticket)
		}
	}
}

// A second run tells in one line that all is well now, and below it what changed.
// Nothing changed is one line.
func TestASecondRunTellsWhatChanged(t *testing.T) {
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
