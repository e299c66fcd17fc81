package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// Every office of the lab was recorded from a real kernel. Judged by today's
// rules, its report says what it said then, and what the office is there to
// show: a change of a judge is seen without a kernel.
func TestRecordedOfficesAreJudgedAsBefore(t *testing.T) {
	for _, s := range lab.Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			file := filepath.Join("..", "..", "testdata", "reports", "lab", s.Name+".json")
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("it is not recorded (make reports): %v", err)
			}
			then, err := checks.ReadReport(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			now, err := checks.Rejudge(then, all.Checks())
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range now.Results {
				if strings.Contains(r.Summary, "another version") {
					t.Fatalf("it was recorded by another version of %s (make reports)", r.Check)
				}
			}
			if os.Getenv("SIPDOCTOR_UPDATE") != "" {
				acceptReport(t, file, now)
			} else if diff := cmp.Diff(statuses(then), statuses(now)); diff != "" {
				t.Errorf("it says something else (-then +now), accept with make judged:\n%s", diff)
			}
			expectOffice(t, s.Expect, now)
		})
	}
}

func acceptReport(t *testing.T, file string, r *checks.Report) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// statuses is what a report says without its explanations.
func statuses(r *checks.Report) []string {
	list := []string{string(r.Verdict) + ": " + r.Headline}
	for _, res := range r.Results {
		line := fmt.Sprintf("%s %s: %s (%s) explained by %q", res.Check, res.Status, res.Summary, res.Reason, res.ExplainedBy)
		for _, f := range res.Findings {
			line += fmt.Sprintf("\n%s %s %s: %s", f.ID, f.Severity, f.Confidence, f.Title)
			for _, x := range f.Fixes {
				line += "\n  " + x.ID + " " + strings.Join(x.Commands, "; ") + " check: " + strings.Join(x.Verify, "; ")
			}
		}
		list = append(list, line)
	}
	return list
}

// expectOffice compares a report with what the office is there to show.
func expectOffice(t *testing.T, want lab.Expect, r *checks.Report) {
	t.Helper()
	if got := exitStatus(r, false); got != want.ExitStatus {
		t.Errorf("exit status %d, want %d", got, want.ExitStatus)
	}
	var ids []string
	for _, res := range r.Results {
		for _, f := range res.Findings {
			ids = append(ids, f.ID)
		}
	}
	for _, id := range want.Findings {
		if !slices.Contains(ids, id) {
			t.Errorf("no %s among %v", id, ids)
		}
	}
	raw, err := json.Marshal(r.Result("sip-alg").Facts)
	if err != nil {
		t.Fatal(err)
	}
	var alg struct {
		Verdict string `json:"verdict"`
	}
	if err := json.Unmarshal(raw, &alg); err != nil || alg.Verdict != want.SIPALG {
		t.Errorf("sip-alg says %q, want %q (%v)", alg.Verdict, want.SIPALG, err)
	}
}
