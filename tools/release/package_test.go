package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A server is a copy of this machine that systemd has started, with the .deb
// installed in it.
type server struct {
	t   *testing.T
	pid string // of its systemd
}

// boot starts it; testdata/boot.sh says how.
func boot(t *testing.T, deb string) *server {
	needs(t, "unshare", "nsenter", "dpkg", "ip")
	cgroups := cgroup2()
	if os.Geteuid() != 0 || cgroups == "" {
		missing(t, "systemd is started by root where there is cgroup2")
	}
	group, err := os.MkdirTemp(cgroups, "sipdoctor-test-")
	if err != nil {
		missing(t, err.Error())
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "testdata/boot.sh", deb, t.TempDir(), group)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // and with unshare goes all of it
		_ = cmd.Wait()
		removeGroups(group)
		_ = log.Close()
	})
	s := &server{t: t}
	for range 300 { // half a minute: a busy machine unpacks slowly
		time.Sleep(100 * time.Millisecond)
		raw, _ := os.ReadFile(filepath.Join(group, "init.scope", "cgroup.procs"))
		if s.pid, _, _ = strings.Cut(string(raw), "\n"); s.pid != "" {
			if out, _ := s.try("systemctl", "is-system-running"); strings.HasPrefix(out, "running") || strings.HasPrefix(out, "degraded") {
				return s
			}
		}
	}
	raw, _ := os.ReadFile(log.Name())
	t.Fatalf("systemd did not start:\n%s", raw)
	return nil
}

// cgroup2 is where the unified hierarchy is mounted.
func cgroup2() string {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if words := strings.Fields(s.Text()); strings.Contains(s.Text(), " - cgroup2 ") {
			return words[4]
		}
	}
	return ""
}

// removeGroups removes a cgroup and those below it, once their last process is
// gone.
func removeGroups(group string) {
	for range 50 {
		var all []string
		_ = filepath.WalkDir(group, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				all = append(all, path)
			}
			return nil
		})
		for i := len(all) - 1; i >= 0; i-- {
			_ = os.Remove(all[i])
		}
		if _, err := os.Stat(group); err != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// try runs a program there.
func (s *server) try(args ...string) (string, error) {
	enter := []string{"-t", s.pid, "-m", "-p", "-n", "-i", "-u", "--root", "--wd"}
	out, err := exec.Command("nsenter", append(enter, args...)...).CombinedOutput()
	return string(out), err
}

func (s *server) run(args ...string) string {
	s.t.Helper()
	out, err := s.try(args...)
	if err != nil {
		s.t.Errorf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// flags writes what the administrator would write into /etc/default/sipdoctor.
func (s *server) flags(flags string) {
	s.t.Helper()
	s.run("sh", "-c", "printf '%s\\n' \"$1\" >/etc/default/sipdoctor", "sh", `SIPDOCTOR_SERVE="`+flags+`"`)
}

// running restarts the service and returns its fingerprint and its journal.
func (s *server) running() (print, journal string) {
	s.t.Helper()
	s.run("systemctl", "restart", "sipdoctor")
	id := strings.TrimSpace(s.run("systemctl", "show", "-P", "InvocationID", "sipdoctor"))
	for range 100 {
		journal = s.run("journalctl", "--no-pager", "-o", "cat", "_SYSTEMD_INVOCATION_ID="+id)
		if m := fingerprint.FindStringSubmatch(journal); m != nil {
			return m[1], journal
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.t.Fatalf("the responder does not say its fingerprint:\n%s", journal)
	return "", ""
}

var fingerprint = regexp.MustCompile(`--responder-fingerprint ([0-9a-f]{64})`)

// An administrator installs the .deb on a server, starts the responder, which has
// no more rights than it needs, is checked, restarts it, upgrades, mistypes a flag
// and removes it again.
func TestTheDebianPackageOnAServer(t *testing.T) {
	s := boot(t, publishedFile(t, ".deb"))
	unit := "/usr/lib/systemd/system/sipdoctor.service"
	if out := s.run("systemd-analyze", "verify", unit); out != "" {
		t.Errorf("systemd-analyze verify: %s", out)
	}
	s.run("systemd-analyze", "security", "--offline=true", "--threshold=25", unit)
	if out, _ := s.try("systemctl", "is-enabled", "sipdoctor"); out != "disabled\n" {
		t.Errorf("after installing the service is %s", out)
	}
	const journalOfFix = "root 700 root 600 undo\n" // it stays root's, whatever the service does
	s.run("sh", "-c", "umask 077; mkdir /var/lib/sipdoctor; echo undo >/var/lib/sipdoctor/journal")
	t.Cleanup(func() {
		out := s.run("sh", "-c", `cd /var/lib && echo $(stat -c "%U %a" sipdoctor sipdoctor/journal) $(cat sipdoctor/journal)`)
		if out != journalOfFix {
			t.Errorf("in the end root's own state is %s", out)
		}
	})
	s.flags("--control :443 --rtp-range 10000-20000 --verbose")
	print, journal := s.running()
	for _, want := range []string{
		"no capabilities, no new privileges, no files (Landlock), no programs (seccomp)", // what it gives up by itself
		"UDP 10000-20000, without opening them",                                          // CAP_NET_RAW
		"TCP 443",                                                                        // CAP_NET_BIND_SERVICE
		"identity     kept in /var/lib/private/sipdoctor-responder",
	} {
		if !strings.Contains(journal, want) {
			t.Errorf("it does not say %q:\n%s", want, journal)
		}
	}
	s.hasNoRights()
	s.isChecked(print)
	if again, _ := s.running(); again != print {
		t.Error("after a restart it has another fingerprint")
	}
	key := s.takesReports(print)
	s.runsAnAgent(key, print)
	s.writesForTheCollector()
	s.upgrades()
	s.hasAWrongFlag()
	s.isRemoved()
}

// isChecked checks the responder from an office that a cable joins to the server.
func (s *server) isChecked(print string) {
	s.t.Helper()
	s.run("sh", "-c", `ip netns add office && ip link add wan type veth peer name lan netns office &&
		ip address add 192.0.2.1/24 dev wan && ip link set wan up &&
		ip -n office address add 192.0.2.2/24 dev lan && ip -n office link set lan up && ip -n office link set lo up`)
	out, err := s.try("ip", "netns", "exec", "office", "env", "STATE_DIRECTORY=/run/office", "sipdoctor", "check", "sip-alg", "rtp-ports",
		"--rtp-range", "10000-20000", "--responder", "192.0.2.1:443", "--responder-fingerprint", print)
	if err != nil || !strings.Contains(out, "TLS 5061 clean") || !strings.Contains(out, "10000-20000 open both ways") {
		s.t.Errorf("check: %v\n%s", err, out)
	}
}

// takesReports sets a site up while the service runs, as docs/monitoring.md says: by its
// user and its flags, so that the fingerprint is its own.
func (s *server) takesReports(print string) (key string) {
	s.t.Helper()
	s.flags("--control :443 --rtp-range 10000-20000 --reports /var/lib/sipdoctor-responder/reports")
	s.running()
	page, err := os.ReadFile("../../docs/monitoring.md")
	if err != nil {
		s.t.Fatal(err)
	}
	snippet := regexp.MustCompile(`(?s)    sudo (systemd-run .*?--new-site office-12')`).FindSubmatch(page)
	if snippet == nil {
		s.t.Fatal("the page has no command for the service")
	}
	made := regexp.MustCompile(`SIPDOCTOR_SITE_KEY=([0-9a-f]{64})\n(.*)\n`).FindStringSubmatch(s.run("sh", "-c", string(snippet[1])))
	if made == nil || !strings.Contains(made[2], "--report-fingerprint "+print) {
		s.t.Fatalf("for the office: %q", made)
	}
	time.Sleep(time.Second) // until then it may go by the keys that it has
	out, err := s.try("ip", "netns", "exec", "office", "env", "STATE_DIRECTORY=/run/office", "SIPDOCTOR_SITE_KEY="+made[1], "sipdoctor", "check", "uplink",
		"--report-to", "192.0.2.1:443", "--report-fingerprint", print, "--site", "office-12")
	if !strings.Contains(out, "Sent to 192.0.2.1:443.") {
		s.t.Errorf("the office: %v\n%s\nthe responder:\n%s", err, out, s.run("sh", "-c", "journalctl --no-pager -o cat -u sipdoctor -n 12; ls -laRn /var/lib/private; cat /proc/$(systemctl show -P MainPID sipdoctor)/status | grep Uid"))
	}
	if mode := s.run("sh", "-c", "cd /var/lib/private && echo $(stat -c %a sipdoctor-responder sipdoctor-responder/reports/office-12)"); mode != "700 700\n" {
		s.t.Errorf("others may look at the reports: %s", mode)
	}
	return made[1]
}

// runsAnAgent starts the unit of docs/monitoring for an office that reports.
func (s *server) runsAnAgent(key, print string) {
	s.t.Helper()
	s.install("sipdoctor-agent.service", "--every 15m --jitter 2m --responder vps.example.net --report-to vps.example.net",
		"uplink --every 1m --report-to 192.0.2.1:443 --report-fingerprint "+print)
	s.run("sh", "-c", `umask 077; echo "SIPDOCTOR_SITE_KEY=$1" >/etc/default/sipdoctor-agent; systemctl start sipdoctor-agent`, "sh", key)
	said := ""
	for range 300 { // it may have to wait for its turn, ten seconds
		if said = s.run("journalctl", "--no-pager", "-o", "cat", "-u", "sipdoctor-agent"); strings.Contains(said, "Sent to 192.0.2.1:443.") {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.run("systemctl", "stop", "sipdoctor-agent")
	if out, _ := s.try("systemctl", "is-failed", "sipdoctor-agent"); out != "inactive\n" || !strings.Contains(said, "Sent to 192.0.2.1:443.") || strings.Contains(said, key) {
		s.t.Errorf("stopped, the agent is %sit said\n%s", out, said)
	}
}

// install puts a unit of docs/monitoring into place, with one part of it replaced.
func (s *server) install(name, old, part string) {
	s.t.Helper()
	unit, err := os.ReadFile("../../docs/monitoring/" + name)
	if err != nil || !strings.Contains(string(unit), old) {
		s.t.Fatalf("%s has no %q: %v", name, old, err)
	}
	s.run("sh", "-c", `printf %s "$1" >/etc/systemd/system/$2 && systemctl daemon-reload`, "sh", strings.Replace(string(unit), old, part, 1), name)
}

// writesForTheCollector starts the timer of docs/monitoring, whose unit has few rights:
// the collector's file appears, though a fault was found.
func (s *server) writesForTheCollector() {
	s.t.Helper()
	s.install("sipdoctor-check.service", "check --responder vps.example.net", "check uplink --no-public")
	s.install("sipdoctor-check.timer", "", "")
	s.run("sh", "-c", "mkdir -p /var/lib/prometheus/node-exporter && systemctl start sipdoctor-check.timer sipdoctor-check.service")
	if out, _ := s.try("systemctl", "is-active", "sipdoctor-check.timer"); out != "active\n" {
		s.t.Errorf("the timer is %s", out)
	}
	if out := s.run("cat", "/var/lib/prometheus/node-exporter/sipdoctor.prom"); !strings.Contains(out, `sipdoctor_verdict{site="office-12",command="check",status="fail"} 1`) {
		s.t.Errorf("for the collector:\n%s", out)
	}
}

// hasNoRights looks at the running responder.
func (s *server) hasNoRights() {
	s.t.Helper()
	pid := strings.TrimSpace(s.run("systemctl", "show", "-P", "MainPID", "sipdoctor"))
	status := s.run("cat", "/proc/"+pid+"/status")
	for _, want := range []string{`CapPrm:\t0+\n`, `CapEff:\t0+\n`, `CapBnd:\t0+2400\n`, `NoNewPrivs:\t1\n`, `Seccomp:\t2\n`, `Uid:\t6[1-5][0-9]{3}\t`} {
		if !regexp.MustCompile(want).MatchString(status) {
			s.t.Errorf("no %s in\n%s", want, status)
		}
	}
}

// upgrades installs the package once more: what runs goes on with the new
// program, and what the administrator wrote stays.
func (s *server) upgrades() {
	s.t.Helper()
	before := s.run("systemctl", "show", "-P", "MainPID", "sipdoctor")
	s.run("dpkg", "-i", "/run/sipdoctor.deb")
	if after := s.run("systemctl", "show", "-P", "MainPID", "sipdoctor"); after == before || after == "0\n" {
		s.t.Errorf("before the upgrade process %s, after it %s", before, after)
	}
	if out := s.run("cat", "/etc/default/sipdoctor"); !strings.Contains(out, "--control :443") {
		s.t.Errorf("the upgrade left the flags as %s", out)
	}
}

// hasAWrongFlag shows that a mistake is said once and not tried again.
func (s *server) hasAWrongFlag() {
	s.t.Helper()
	s.flags("--contrl :443")
	_, _ = s.try("systemctl", "restart", "sipdoctor")
	for range 50 {
		if out, _ := s.try("systemctl", "is-failed", "sipdoctor"); out == "failed\n" {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	for name, want := range map[string]string{"ExecMainStatus": "2\n", "NRestarts": "0\n"} {
		if out := s.run("systemctl", "show", "-P", name, "sipdoctor"); out != want {
			s.t.Errorf("%s is %s", name, out)
		}
	}
	if out := s.run("journalctl", "--no-pager", "-o", "cat", "-u", "sipdoctor", "-n", "20"); !strings.Contains(out, "unknown flag: --contrl; did you mean --control") {
		s.t.Errorf("the journal says\n%s", out)
	}
	s.flags("--control :443")
	s.running()
}

// isRemoved removes the package, then purges it.
func (s *server) isRemoved() {
	s.t.Helper()
	s.run("systemctl", "enable", "sipdoctor")
	s.run("dpkg", "-r", "sipdoctor")
	if out, _ := s.try("systemctl", "is-active", "sipdoctor"); out != "inactive\n" {
		s.t.Errorf("removed, the service is %s", out)
	}
	there := func(path string, want bool) {
		s.t.Helper()
		if _, err := s.try("test", "-e", path); (err == nil) != want {
			s.t.Errorf("%s is there: %v, want %v", path, !want, want)
		}
	}
	there("/usr/bin/sipdoctor", false)
	there("/etc/systemd/system/multi-user.target.wants/sipdoctor.service", false)
	there("/var/lib/private/sipdoctor-responder/identity.pem", true)
	s.run("dpkg", "-P", "sipdoctor")
	there("/var/lib/private/sipdoctor-responder", false)
	there("/etc/default/sipdoctor", false)
}

// overstruck is how bold text is written for a terminal.
var overstruck = regexp.MustCompile(".\b")

// What the package brings for the shell and for man works.
func TestWhatTheDebianPackageHolds(t *testing.T) {
	deb := publishedFile(t, ".deb")
	needs(t, "dpkg-deb", "bash", "mandoc")
	dir := t.TempDir()
	output(t, "dpkg-deb", "-x", deb, dir)
	if out := output(t, "bash", "-c", `source "$1" && complete -p sipdoctor`, "bash", dir+"/usr/share/bash-completion/completions/sipdoctor"); !strings.Contains(out, "sipdoctor") {
		t.Errorf("bash completes %s", out)
	}
	for _, f := range []string{"usr/share/zsh/vendor-completions/_sipdoctor", "usr/share/fish/vendor_completions.d/sipdoctor.fish", "usr/share/doc/sipdoctor/copyright"} {
		if info, err := os.Stat(filepath.Join(dir, f)); err != nil || info.Size() == 0 || info.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v, %v", f, info, err)
		}
	}
	for name, want := range map[string]string{"copyright": "/usr/share/common-licenses/Apache-2.0", "CHANGELOG.md": "[FEATURE]"} {
		if out := output(t, "cat", filepath.Join(dir, "usr/share/doc/sipdoctor", name)); !strings.Contains(out, want) {
			t.Errorf("%s lacks %s", name, want)
		}
	}
	head := "sipdoctor (" + strings.TrimSpace(output(t, "dpkg-deb", "-f", deb, "Version")) + ") unstable; "
	if out := output(t, "zcat", dir+"/usr/share/doc/sipdoctor/changelog.gz"); !strings.HasPrefix(out, head) {
		t.Errorf("the changelog is not of %q:\n%s", head, out)
	}
	for lang, want := range map[string]string{"": "DESCRIPTION", "ru/": "ОПИСАНИЕ"} {
		out := output(t, "mandoc", "-T", "utf8", dir+"/usr/share/man/"+lang+"man1/sipdoctor-serve.1.gz")
		if !strings.Contains(overstruck.ReplaceAllString(out, ""), want) {
			t.Errorf("%ssipdoctor-serve(1) lacks %s:\n%s", lang, want, out)
		}
	}
}
