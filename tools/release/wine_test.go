package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The program for Windows is run by Wine, and says what that for Linux says. What
// Wine cannot do, UDP as Go opens it (SIO_UDP_NETRESET) and the list of interfaces,
// is not taken for an answer of the network.
func TestTheWindowsProgramRuns(t *testing.T) {
	here := unpacked(t)
	needs(t, "unshare", "chroot", "ip")
	cache, err := os.UserCacheDir()
	root := filepath.Join(cache, "sipdoctor-lab", "wine")
	if err == nil {
		_, err = os.Stat(filepath.Join(root, "recipe"))
	}
	if err != nil {
		missing(t, "Wine, which testdata/wine-root.sh installs, is not there: "+err.Error())
	}
	dir := t.TempDir()
	r := release{root: "../..", stage: dir}
	if r.version, err = versionOf(r.root); err != nil {
		t.Fatal(err)
	}
	windows := target{os: "windows", arch: "amd64"}
	if err := r.compile(windows, filepath.Join(dir, "sipdoctor.exe")); err != nil {
		t.Fatal(err)
	}
	report, err := os.ReadFile("../../testdata/reports/alg-mikrotik.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"report.json", "отчёт 1.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), bytes.ReplaceAll(report, []byte("\n"), []byte("\r\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"help"}, {"help", "check"}, {"explain", "403"}, {"report", "report.json"}, {"report", "отчёт 1.json", "--lang", "ru", "--verbose"}, {"diagnose", "отчёт 1.json"}, {"profiles"}, {"profiles", "zadarma"}, {"fixes", "sip-alg"}} {
		want, wantStatus := ran(t, dir, here, args...)
		got, status := inWine(t, root, dir, args...)
		if got != want || status != wantStatus {
			t.Errorf("%s: status %d, want %d; it says\n%s\nwant\n%s", strings.Join(args, " "), status, wantStatus, got, want)
		}
	}
	if out, _ := inWine(t, root, dir, "version"); !strings.HasPrefix(out, "sipdoctor "+r.number+" commit "+r.commit) || !strings.Contains(out, "windows/amd64") {
		t.Errorf("it calls itself %s", out)
	}
	if out, status := inWine(t, root, dir, "check", "sip-alg", "nat", "--responder", "127.0.0.1", "--stun", "127.0.0.1"); status != 4 || strings.Contains(out, "no route") {
		t.Errorf("check without UDP blames the network, or ends with status %d:\n%s", status, out)
	}
}

func inWine(t *testing.T, root, dir string, args ...string) (string, int) {
	t.Helper()
	return ran(t, dir, "sh", append([]string{mustAbs(t, "testdata/wine.sh"), root, dir, "sipdoctor.exe"}, args...)...)
}

// ran runs a program in a folder and returns what it says on standard output, and
// its status.
func ran(t *testing.T, dir, name string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return string(out), exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out), 0
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
