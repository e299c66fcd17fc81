package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/responder/reports"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/metrics"
	"github.com/sipdoctor/sipdoctor/platform"
)

func TestAnAgentRefusesBadFlagsInOneLine(t *testing.T) {
	t.Setenv(siteKeyVar, "")
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"--every 59s":                 "--every 59s",
		"--every 13h":                 "--every 13h",
		"--every 15m --jitter 15m":    "--jitter 15m",
		"--jitter 2m":                 "--jitter goes with --every",
		"--every 15m --watch":         "not both",
		"--report-to vps":             "--report-to goes with --site",
		"--site a":                    "--site goes with --report-to",
		"--report-fingerprint 12":     "--report-fingerprint goes with --report-to",
		"--site-key-file x":           "--site-key-file goes with --report-to",
		"--report-to vps --site ../a": `"../a" cannot be the name of a site`,
		"--report-to vps --site a":    "key is missing: put it into SIPDOCTOR_SITE_KEY",
		"--report-to a:b:c --site a":  "--report-to",
		"--report-to vps --site a --site-key-file nowhere": "--site-key-file nowhere",
		"--report-to vps --site a --site-key-file " + key:  "must be 64 hex digits",
	} {
		var out, errs bytes.Buffer
		status := run(t.Context(), append([]string{"check"}, strings.Fields(line)...), nil, &out, &errs)
		if status != statusUsage || !strings.Contains(errs.String(), want) || strings.Count(errs.String(), "\n") != 1 || out.Len() > 0 || strings.Contains(errs.String(), "secret") {
			t.Errorf("%s: status %d, %q %q; want status 2 and %q", line, status, &errs, &out, want)
		}
	}
}

// testAgent is an agent whose checks take ten seconds and find what the test says.
func testAgent(every, jitter time.Duration, runs *[]time.Time) *agent {
	return &agent{
		s: streams{Err: io.Discard}, every: every, jitter: jitter,
		check: func(ctx context.Context) *checks.Report {
			*runs = append(*runs, time.Now())
			time.Sleep(10 * time.Second)
			return &checks.Report{Started: time.Now(), Verdict: checks.Fail, Interrupted: ctx.Err() != nil}
		},
	}
}

func TestAnAgentRunsAtItsIntervalAndApartFromOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs []time.Time
		a := testAgent(15*time.Minute, 2*time.Minute, &runs)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Hour)
		defer cancel()
		begin := time.Now()
		last, _, err := a.run(ctx)
		if err != nil || last == nil || len(runs) != 40 {
			t.Fatal(err, last, len(runs))
		}
		early, late := time.Hour, time.Duration(0)
		for i, at := range runs {
			d := at.Sub(begin) - time.Duration(i)*15*time.Minute
			early, late = min(early, d), max(late, d)
		}
		if early < 0 || late >= 2*time.Minute || late-early < time.Minute {
			t.Errorf("begins between %v and %v after it is due", early, late)
		}
	})
}

// SIGTERM in the middle of a run: the last whole report stands.
func TestARunThatIsBrokenOffIsNotTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs []time.Time
		a := testAgent(time.Minute, 0, &runs)
		sent := 0
		a.post = func(context.Context, *checks.Report) agentOutcome { sent++; return agentOutcome{} }
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute+5*time.Second)
		defer cancel()
		last, _, err := a.run(ctx)
		if err != nil || last.Interrupted || len(runs) != 3 || sent != 2 {
			t.Errorf("%v, interrupted %v, %d runs, %d sent", err, last.Interrupted, len(runs), sent)
		}
		if got := new(checkOptions).agentStatus(nil, false); got != statusInconclusive {
			t.Errorf("ended before the first run: status %d", got)
		}
		ok := &checks.Report{Verdict: checks.Pass, Results: []checks.Result{{Check: "nat", Status: checks.Pass}}}
		bad := &checks.Report{Verdict: checks.Fail, Results: []checks.Result{{Check: "nat", Status: checks.Fail}}}
		for _, x := range []struct {
			r      *checks.Report
			left   bool
			status int
		}{{ok, false, statusOK}, {ok, true, statusBroken}, {bad, true, statusFail}, {bad, false, statusFail}} {
			if got := new(checkOptions).agentStatus(x.r, x.left); got != x.status {
				t.Errorf("%s, unsent %v: status %d, want %d", x.r.Verdict, x.left, got, x.status)
			}
		}
	})
}

// A responder that is away is asked again before the next run, and no run is left out
// because of that.
func TestAResponderThatIsAwayCostsNoRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs []time.Time
		a := testAgent(15*time.Minute, 0, &runs)
		var asked []time.Time
		a.post = func(context.Context, *checks.Report) agentOutcome {
			asked = append(asked, time.Now())
			return agentOutcome{left: true}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 59*time.Minute)
		defer cancel()
		_, left, _ := a.run(ctx)
		if len(runs) != 4 || len(asked) != 12 || !left {
			t.Errorf("%d runs, asked %d times, left %v", len(runs), len(asked), left)
		}
	})
}

// Where the report cannot be shown it is sent all the same, and then the run ends.
func TestAReportThatCannotBeShownIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, every := range []time.Duration{0, 15 * time.Minute} {
			var runs []time.Time
			a := testAgent(every, 0, &runs)
			closed, sent := errors.New("broken pipe"), 0
			a.show = func(context.Context, *checks.Report) error { return closed }
			a.post = func(_ context.Context, r *checks.Report) agentOutcome { sent++; return agentOutcome{} }
			if _, _, err := a.run(t.Context()); !errors.Is(err, closed) || sent != 1 || len(runs) != 1 {
				t.Errorf("every %v: %v, %d sent, %d runs", every, err, sent, len(runs))
			}
		}
	})
}

// A disk that is full for a while is said at each run, and ends none that goes on.
func TestAFullDiskEndsNoAgent(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no device that is always full")
	}
	for every, want := range map[time.Duration]bool{0: false, time.Hour: true} {
		var errs bytes.Buffer
		o := checkOptions{pushOptions: pushOptions{every: every}}
		o.format, o.output = "json", "/dev/full"
		r := &checks.Report{Schema: checks.Schema, Verdict: checks.Pass}
		if err := o.showOneOfMany(t.Context(), streams{Err: &errs}, r); (err == nil) != want || strings.Contains(errs.String(), "no space left") != want {
			t.Errorf("every %v: %v, said %q", every, err, &errs)
		}
	}
}

// One installation is one, at each start, whether it can keep its name or not.
func TestAnInstallationKeepsItsName(t *testing.T) {
	named := func(dir string, key reports.Key) string {
		m := &mail{office: &reports.Office{Key: key}}
		_ = m.takeName(t.Context(), dir)
		return m.office.Agent
	}
	key, dir := reports.NewKey(), filepath.Join(t.TempDir(), "state")
	file := filepath.Join(t.TempDir(), "file") // no directory, also for root
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"kept": dir, "without a place": "", "where nothing can be written": file} {
		first := named(dir, key)
		if again := named(dir, key); again != first || !reports.ValidAgent(first) {
			t.Errorf("%s: %q, then %q", name, first, again)
		}
	}
	if named("", key) == named("", reports.NewKey()) || named(dir, key) == named("", key) {
		t.Error("two are taken for one")
	}
}

// A report that no responder will ever have is no work done, though nothing waits.
func TestAReportThatIsNeverSentIsSaid(t *testing.T) {
	for name, c := range map[string]struct {
		code     reports.Code
		headline string
		want     agentOutcome
	}{
		"taken":           {"", "", agentOutcome{}},
		"nobody reads it": {reports.NotAReport, "", agentOutcome{lost: true}},
		"too large":       {"", strings.Repeat("x", reports.MaxExpanded), agentOutcome{lost: true}},
		"a wrong key":     {reports.WrongKey, "", agentOutcome{left: true}},
	} {
		queue, err := reports.OpenQueue("", "a")
		if err != nil {
			t.Fatal(err)
		}
		office, err := reports.NewOffice(platform.Real(platform.RealOptions{}), "127.0.0.1", "")
		if err != nil {
			t.Fatal(err)
		}
		m := &mail{queue: queue, office: office, push: func(context.Context, []byte, int) (reports.Answer, error) { return reports.Answer{Code: c.code}, nil }}
		var errs bytes.Buffer
		a := &agent{s: streams{Err: &errs}}
		a.check = func(context.Context) *checks.Report {
			return &checks.Report{Schema: checks.Schema, Verdict: checks.Pass, Headline: c.headline}
		}
		var got agentOutcome
		a.post = func(ctx context.Context, r *checks.Report) agentOutcome {
			got = new(checkOptions).post(ctx, a.s, m, r)
			return got
		}
		_, undelivered, err := a.run(t.Context())
		if err != nil || got.left != c.want.left || got.lost != c.want.lost || undelivered != (c.want.left || c.want.lost) || strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("%s: %v, left %v, lost %v, undelivered %v, said %.300q", name, err, got.left, got.lost, undelivered, &errs)
		}
	}
}

// The power may go while reports are sent: what is being sent waits on the disk already.
func TestAReportIsKeptBeforeItIsSent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	queue, err := reports.OpenQueue(dir, "a")
	if err != nil {
		t.Fatal(err)
	}
	office, err := reports.NewOffice(platform.Real(platform.RealOptions{}), "127.0.0.1", "")
	if err != nil {
		t.Fatal(err)
	}
	waiting := func() int {
		q, err := reports.OpenQueue(dir, "a")
		if err != nil {
			t.Error(err)
		}
		return q.Len()
	}
	m := &mail{queue: queue, office: office, push: func(context.Context, []byte, int) (reports.Answer, error) {
		if n := waiting(); n != 1 {
			t.Errorf("%d reports were on the disk while one was sent", n)
		}
		return reports.Answer{}, nil
	}}
	if m.post(t.Context(), streams{Err: io.Discard}, &checks.Report{Schema: checks.Schema}); waiting() != 0 {
		t.Error("it waits still")
	}
}

// A year of runs leaves nothing behind.
func TestAnAgentDoesNotGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue, err := reports.OpenQueue("", "a")
		if err != nil {
			t.Fatal(err)
		}
		var runs []time.Time
		a := testAgent(time.Minute, time.Second, &runs)
		refused := errors.New("connection refused")
		a.post = func(ctx context.Context, r *checks.Report) agentOutcome {
			if r != nil {
				queue.Add(make([]byte, 100_000))
			}
			queue.Drain(ctx, func(context.Context, []byte, int) (reports.Answer, error) { return reports.Answer{}, refused })
			return agentOutcome{left: true}
		}
		measure := func(d time.Duration) (heap uint64, goroutines int) {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			if _, _, err := a.run(ctx); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc, runtime.NumGoroutine()
		}
		heap, goroutines := measure(50 * time.Minute)
		after, more := measure(1000 * time.Minute)
		if len(runs) < 1000 || more > goroutines || after > heap+2<<20 || queue.Len() != reports.MaxWaiting {
			t.Errorf("%d runs: %d goroutines, then %d; %d bytes, then %d; %d wait", len(runs), goroutines, more, heap, after, queue.Len())
		}
	})
}

// What a pushed report says of itself is a stranger's: the site is the responder's
// name, and nothing else comes into the labels or breaks a line.
func TestFiguresOfAStranger(t *testing.T) {
	r := &checks.Report{
		Verdict: checks.Pass, Tool: checks.Tool{Version: "1\"} 1\nevil 1"},
		Labels: map[string]string{"site": "office-1", "status": "x", "__name__": "x", "a b": "x", "rack": "R1", "line": "a\nb", "esc": "\x1b[2J", "long": strings.Repeat("x", metrics.MaxValue+1), "quote": `"} 1`},
	}
	for i := range 20 {
		r.Labels[fmt.Sprintf("z%d", i)] = "x"
	}
	var all strings.Builder
	for _, f := range figuresOf("office-12", r) {
		all.WriteString(f.Lines)
	}
	line := regexp.MustCompile(`^sipdoctor_[a-z_]+\{site="office-12",quote="\\"\} 1",rack="R1",z0="x",z1="x",z10="x",z11="x",z12="x",z13="x"(,[a-z]+="[^"\\]*")*\} [0-9.e+-]+\n$`)
	for got := range strings.Lines(all.String()) {
		if !line.MatchString(got) {
			t.Errorf("%q", got)
		}
	}
	if all.Len() == 0 {
		t.Error("no figures")
	}
}

// centre is "serve --reports" on loopback for the length of a test.
type centre struct {
	dir, control, metrics string
	errs                  *bytes.Buffer
}

func serveReports(t *testing.T) *centre {
	t.Helper()
	p := freePorts(t, 6)
	c := &centre{dir: filepath.Join(t.TempDir(), "reports"), control: fmt.Sprintf(":%d", p[0]), metrics: fmt.Sprintf("127.0.0.1:%d", p[1]), errs: &bytes.Buffer{}}
	ctx, cancel := context.WithCancel(t.Context())
	seen := make(chan struct{})
	out := &signalled{want: "firewall of this machine", seen: seen}
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"serve", "--listen", "127.0.0.1", "--control", c.control, "--sip-ports", fmt.Sprintf("%d,%d", p[2], p[3]),
			"--sips-port", fmt.Sprint(p[4]), "--rtp-range", "none", "--metrics", c.metrics, "--reports", c.dir}, nil, out, c.errs)
	}()
	t.Cleanup(func() {
		cancel()
		if status := <-done; status != statusOK {
			t.Errorf("serve: status %d: %s", status, c.errs)
		}
	})
	select {
	case <-seen:
	case status := <-done:
		done <- status
		t.Fatalf("serve ended with %d: %s", status, c.errs)
	case <-time.After(20 * time.Second):
		t.Fatal("serve says nothing")
	}
	return c
}

// newSite types what the administrator types, and returns what to type in the office.
func (c *centre) newSite(t *testing.T, name string) (key string, args []string) {
	t.Helper()
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"serve", "--listen", "127.0.0.1", "--control", c.control, "--reports", c.dir, "--new-site", name}, nil, &out, &errs); status != statusOK {
		t.Fatalf("status %d: %s", status, &errs)
	}
	m := regexp.MustCompile(`export SIPDOCTOR_SITE_KEY=([0-9a-f]{64})\n +sipdoctor (check .*)\n`).FindStringSubmatch(out.String())
	if m == nil {
		t.Fatalf("nothing to copy in\n%s", &out)
	}
	return m[1], strings.Fields(m[2])
}

func (c *centre) figures(t *testing.T) string {
	t.Helper()
	resp, err := http.Get("http://" + c.metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The whole story over loopback: the administrator makes a site, the office reports,
// and monitoring sees it; with a wrong key nothing comes through and nothing is lost.
func TestAnOfficeReportsToTheCentre(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", filepath.Join(t.TempDir(), "state"))
	c := serveReports(t)
	key, args := c.newSite(t, "office-12")
	args = append(args, "signalling", "--no-public", "--bind", "127.0.0.1", "--sip-server", "127.0.0.1:9", "--label", "rack=R1")
	args = append(args[:1], args[5:]...) // once, without --every and --jitter
	push := func(key string, more ...string) (int, string) {
		t.Helper()
		t.Setenv(siteKeyVar, key)
		var out, errs bytes.Buffer
		status := run(t.Context(), append(append([]string{}, args...), more...), nil, &out, &errs)
		return status, errs.String()
	}
	wrong := strings.Repeat("0", 64)
	if status, said := push(wrong, "--skip", "signalling"); status != statusUsage {
		t.Fatal(status, said)
	}
	status, said := push(wrong)
	if !strings.Contains(said, "does not know this site or its key") || !strings.Contains(said, "Waiting here: 1") || strings.Contains(said, wrong) {
		t.Errorf("with a wrong key: status %d, %s", status, said)
	}
	if got := c.figures(t); strings.Contains(got, "last_report") || !strings.Contains(got, `sipdoctor_site_agents{site="office-12"} 0`) {
		t.Errorf("a wrong key got in, or the site is not to be seen\n%s", got)
	}
	time.Sleep(time.Second)
	status, said = push(key)
	if status != statusFail && status != statusInconclusive || !strings.Contains(said, "with 1 older report.") {
		t.Errorf("status %d, %s", status, said)
	}
	got := c.figures(t)
	for _, want := range []string{`sipdoctor_site_agents{site="office-12"} 1`, `sipdoctor_check_status{site="office-12",rack="R1",check="signalling",status="pass"} 0`, `sipdoctor_verdict{site="office-12",rack="R1",command="check",status="pass"} 0`, "sipdoctor_sessions_open 0"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if tool, err := exec.LookPath("promtool"); err == nil {
		cmd := exec.Command(tool, "check", "metrics")
		cmd.Stdin = strings.NewReader(got)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("promtool: %v\n%s", err, out)
		}
	}
	kept, err := platform.ListKept(filepath.Join(c.dir, "office-12"))
	if err != nil || len(kept) != 2 {
		t.Fatal(kept, err)
	}
	raw, err := os.ReadFile(filepath.Join(c.dir, "office-12", kept[1]))
	if err != nil || bytes.Contains(raw, []byte(key)) || !bytes.Contains(raw, []byte(`"slim":true`)) {
		t.Errorf("%v\n%s", err, raw)
	}
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"serve", "--reports", c.dir, "--new-site", "office-12", "--listen", "127.0.0.1"}, nil, &out, &errs); status != statusUsage || !strings.Contains(errs.String(), "has a key already") {
		t.Errorf("the same site again: status %d, %s", status, &errs)
	}
	if c.errs.Len() > 0 {
		t.Errorf("serve complains: %s", c.errs)
	}
}

// What the office types checks the path and not only this machine. A certificate of an
// authority is named and not pinned: it is renewed every few weeks.
func TestWhatToTypeInTheOffice(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", filepath.Join(t.TempDir(), "state"))
	cert, key := issued(t, "vps.example.net")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"its own certificate":        {nil, `--responder 127\.0\.0\.1 --report-to 127\.0\.0\.1 --site a --responder-fingerprint ([0-9a-f]{64}) --report-fingerprint ([0-9a-f]{64})\n`},
		"an authority's certificate": {[]string{"--tls-cert", cert, "--tls-key", key, "--control", ":8766"}, `--responder vps\.example\.net:8766 --report-to vps\.example\.net:8766 --site a\n`},
	} {
		var out, errs bytes.Buffer
		args := append([]string{"serve", "--listen", "127.0.0.1", "--reports", filepath.Join(t.TempDir(), "reports"), "--new-site", "a"}, c.args...)
		status := run(t.Context(), args, nil, &out, &errs)
		if m := regexp.MustCompile(`(?m)^  sipdoctor check --every 15m --jitter 2m ` + c.want + "$").FindStringSubmatch(out.String() + "\n"); status != statusOK || m == nil || len(m) == 3 && m[1] != m[2] {
			t.Errorf("%s: status %d %s\n%s", name, status, &errs, &out)
		}
	}
}

// issued is a certificate that an authority has signed, and its key, as files.
func issued(t *testing.T, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Example CA"}}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"*.example.net", name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, leaf, authority, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// Where no responder takes reports, the line says what is missing there.
func TestAResponderThatTakesNoReports(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", filepath.Join(t.TempDir(), "state"))
	t.Setenv(siteKeyVar, strings.Repeat("0", 64))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	_ = l.Close()
	var out, errs bytes.Buffer
	run(t.Context(), []string{"check", "signalling", "--no-public", "--bind", "127.0.0.1", "--sip-server", "127.0.0.1:9", "--report-to", at, "--site", "a", "-q"}, nil, &out, &errs)
	if !strings.Contains(errs.String(), "connection refused") || !strings.Contains(errs.String(), "Waiting here: 1 (at most 24)") || strings.Count(errs.String(), "\n") != 1 {
		t.Errorf("said %q", &errs)
	}
}
