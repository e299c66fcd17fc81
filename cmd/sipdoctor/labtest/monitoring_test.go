package labtest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// savedOffices are the reports of the lab's offices.
func savedOffices(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob("../../../testdata/reports/lab/*.json")
	if err != nil || len(list) == 0 {
		t.Fatalf("no reports: %v", err)
	}
	return list
}

// What Prometheus's own tool thinks of the figures of every office.
func TestPromtoolLikesTheFigures(t *testing.T) {
	need(t, "promtool")
	for _, f := range savedOffices(t) {
		figures, _ := exec.Command(os.Getenv(programVar), "report", f, "--format", "prometheus", "--label", "site=office 12").Output() // 1: a fault was found
		tool := exec.Command("promtool", "check", "metrics")
		tool.Stdin = bytes.NewReader(figures)
		if out, err := tool.CombinedOutput(); err != nil || len(out) > 0 || !bytes.Contains(figures, []byte("sipdoctor_verdict{")) {
			t.Errorf("%s: %v\n%s\nof:\n%.500s", filepath.Base(f), err, out, figures)
		}
	}
}

// A program of the Monitoring Plugins runs this one as a plugin, and reads its
// status: negate turns it round.
func TestAPluginRunnerUnderstandsTheStatus(t *testing.T) {
	const negate = "/usr/lib/nagios/plugins/negate"
	need(t, negate)
	reports := filepath.Join("..", "..", "..", "testdata", "reports")
	for name, c := range map[string]struct {
		report string
		args   []string
		status int
		line   string
	}{
		"a fault":                    {"alg-mikrotik.json", nil, 0, "SIPDOCTOR OK - A SIP ALG on your router rewrites SIP messages. | time=4.21s"},
		"all is well":                {"clean.json", nil, 2, "SIPDOCTOR CRITICAL - Nothing"},
		"nobody knows":               {"inconclusive.json", []string{"-u", "WARNING"}, 1, "SIPDOCTOR WARNING - No fault found"},
		"a report that is not there": {"nosuch.json", []string{"-u", "OK"}, 0, "SIPDOCTOR OK - reading the report"},
	} {
		args := append(append([]string{"-s"}, c.args...), os.Getenv(programVar), "report", filepath.Join(reports, c.report), "--format", "nagios")
		out, err := exec.Command(negate, args...).Output()
		status := 0
		if err != nil {
			status = err.(*exec.ExitError).ExitCode()
		}
		if status != c.status || !strings.HasPrefix(string(out), c.line) {
			t.Errorf("%s: status %d, want %d:\n%s", name, status, c.status, out)
		}
	}
}
