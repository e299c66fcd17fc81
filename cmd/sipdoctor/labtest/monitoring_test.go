package labtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
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

// What Prometheus's own tool thinks of the figures of every office, and of reports that
// were made to do harm.
func TestPromtoolLikesTheFigures(t *testing.T) {
	need(t, "promtool")
	others, err := filepath.Glob("../../../testdata/reports/*.json")
	if err != nil || len(others) == 0 {
		t.Fatalf("no reports: %v", err)
	}
	for _, f := range append(others, savedOffices(t)...) {
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

const monitoringFiles = "../../../docs/monitoring"

// The alerts that are handed out fire when they should, by Prometheus's own tests.
func TestTheAlertsFire(t *testing.T) {
	need(t, "promtool")
	for _, args := range [][]string{{"check", "rules", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}} {
		cmd := exec.Command("promtool", args...)
		cmd.Dir = monitoringFiles
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// Each panel of the dashboard asks for what Prometheus understands.
func TestTheDashboardAsksWhatPrometheusUnderstands(t *testing.T) {
	need(t, "promtool")
	raw, err := os.ReadFile(filepath.Join(monitoringFiles, "grafana.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(raw, &dashboard); err != nil || len(dashboard.Panels) < 10 {
		t.Fatalf("%v, %d panels", err, len(dashboard.Panels))
	}
	var rules strings.Builder
	rules.WriteString("groups:\n- name: panels\n  rules:\n")
	for i, p := range dashboard.Panels {
		for k, target := range p.Targets {
			fmt.Fprintf(&rules, "  - record: panel:%d_%d\n    expr: %q\n", i, k, strings.ReplaceAll(target.Expr, "$site", ".*"))
		}
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, []byte(rules.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("promtool", "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, out, rules.String())
	}
}

// node_exporter shows what two commands of one machine wrote beside each other. It
// refuses a series that stands in both files, with all that is in one of them.
func TestACollectorTakesTheFilesOfTwoCommands(t *testing.T) {
	need(t, "prometheus-node-exporter")
	dir := t.TempDir()
	for file, report := range map[string]string{"check.prom": "clean.json", "pbx.prom": "alg-mikrotik.json"} {
		raw, err := os.ReadFile(filepath.Join("..", "..", "..", "testdata", "reports", report))
		if err != nil {
			t.Fatal(err)
		}
		var r map[string]any
		if err := json.Unmarshal(raw, &r); err != nil {
			t.Fatal(err)
		}
		if file == "pbx.prom" {
			r["command"], r["results"] = "pbx", []any{}
		}
		saved := filepath.Join(dir, report)
		if raw, err = json.Marshal(r); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(saved, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		_ = exec.Command(os.Getenv(programVar), "report", saved, "--format", "prometheus", "--label", "site=a", "--output", filepath.Join(dir, file)).Run() // 1: a fault was found
	}
	got := collected(t, dir)
	for _, want := range []string{
		`sipdoctor_verdict{command="check",site="a",status="pass"} 1`, `sipdoctor_verdict{command="pbx",site="a",status="fail"} 1`,
		`sipdoctor_check_status{check="sip-alg",site="a",status="pass"} 1`, "node_textfile_scrape_error 0",
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no %s in\n%.3000s", want, got)
		}
	}
}

// collected is what node_exporter makes of the files in a directory.
func collected(t *testing.T, dir string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	_ = l.Close()
	cmd := exec.Command("prometheus-node-exporter", "--collector.disable-defaults", "--collector.textfile", "--collector.textfile.directory="+dir, "--web.listen-address="+at)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	for range 100 {
		if resp, err := http.Get("http://" + at + "/metrics"); err == nil {
			b, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatal(resp.Status, err)
			}
			return string(b)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("node_exporter does not answer")
	return ""
}

// What the alerts, the dashboard and the page on monitoring name is what a report
// gives.
func TestTheMetricsThatAreNamedExist(t *testing.T) {
	need(t)
	var given strings.Builder
	for _, f := range savedOffices(t) {
		out, _ := exec.Command(os.Getenv(programVar), "report", f, "--format", "prometheus").Output()
		given.Write(out)
	}
	named := regexp.MustCompile(`sipdoctor_[a-z0-9_]+`)
	for _, f := range []string{"alerts.yml", "grafana.json", "../monitoring.md"} {
		raw, err := os.ReadFile(filepath.Join(monitoringFiles, f))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllString(string(raw), -1) {
			// Of a PBX, and of a responder that takes the reports of sites.
			elsewhere := strings.HasPrefix(m, "sipdoctor_blocked") || strings.HasPrefix(m, "sipdoctor_fail2ban") || strings.HasPrefix(m, "sipdoctor_site_")
			if !elsewhere && !strings.Contains(given.String(), "\n"+m) {
				t.Errorf("%s names %s, which no office of the lab gives", f, m)
			}
		}
	}
}

// systemd understands the units and the timer that are handed out.
func TestSystemdUnderstandsTheUnits(t *testing.T) {
	need(t, "systemd-analyze")
	dir := t.TempDir()
	args := []string{"verify"}
	for _, name := range []string{"sipdoctor-check.service", "sipdoctor-check.timer", "sipdoctor-agent.service"} {
		raw, err := os.ReadFile(filepath.Join(monitoringFiles, name))
		if err != nil {
			t.Fatal(err)
		}
		unit := strings.ReplaceAll(string(raw), "/usr/bin/sipdoctor", os.Getenv(programVar))
		args = append(args, filepath.Join(dir, name))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(unit), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("systemd-analyze", args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
