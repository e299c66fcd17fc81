package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestServeRefusesBadFlagsInOneLine(t *testing.T) {
	rubbish := filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(rubbish, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"a name instead of an address", []string{"--listen", "pbx.example.net"}, `--listen "pbx.example.net" is not an address`},
		{"a control port that is none", []string{"--control", ":http"}, `--control ":http": PORT, :PORT or ADDRESS:PORT is needed`},
		{"port zero", []string{"--sip-ports", "5060,0"}, "0 is not a port number"},
		{"a port beyond the last", []string{"--sips-port", "65536"}, "65536 is not a port number"},
		{"a certificate without its key", []string{"--tls-cert", rubbish}, "--tls-cert and --tls-key go together"},
		{"a certificate that is none", []string{"--tls-cert", rubbish, "--tls-key", rubbish}, "reading --tls-cert " + rubbish},
		{"a certificate of two kinds", []string{"--tls-cert", rubbish, "--tls-key", rubbish, "--ephemeral"}, "give only one of them"},
		{"no sessions", []string{"--max-sessions", "0"}, "at least 1"},
		{"metrics nowhere", []string{"--metrics", "all"}, `--metrics "all"`},
		{"probes without metrics", []string{"--probe", "pbx.example.net"}, "--probe goes with --metrics"},
		{"a probe of nothing", []string{"--metrics", ":9765", "--probe", "a b"}, `--probe "a b": not a host name`},
		{"a probe of a network that is none", []string{"--metrics", ":9765", "--probe", "192.0.2.1/24"}, "192.0.2.1/24"},
		{"an argument", []string{"now"}, "takes no argument"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			status := run(t.Context(), append([]string{"serve"}, tt.args...), nil, &out, &errs)
			if status != statusUsage || !strings.Contains(errs.String(), tt.want) || strings.Count(errs.String(), "\n") != 1 || out.Len() > 0 {
				t.Errorf("status %d, stderr %q, stdout %q; want status 2 and %q", status, &errs, &out, tt.want)
			}
		})
	}
}

// freePorts are ports that nobody has right now.
func freePorts(t *testing.T, n int) (out []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		out = append(out, l.Addr().(*net.TCPAddr).Port)
	}
	return out
}

// signalled passes on what was written once it holds the wanted text.
type signalled struct {
	bytes.Buffer
	want string
	seen chan struct{}
}

func (s *signalled) Write(p []byte) (int, error) {
	n, err := s.Buffer.Write(p)
	if s.seen != nil && strings.Contains(s.String(), s.want) {
		close(s.seen)
		s.seen = nil
	}
	return n, err
}

// served runs the responder until it has said what to type in the office, and
// returns what it said on both streams.
func served(t *testing.T, args ...string) (out, errs string) {
	t.Helper()
	p := freePorts(t, 4)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := make(chan struct{})
	said := &signalled{want: "firewall of this machine", seen: seen}
	var complaints bytes.Buffer
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, append([]string{"serve", "--listen", "127.0.0.1", "--control", fmt.Sprintf(":%d", p[0]),
			"--sip-ports", fmt.Sprintf("%d,%d", p[1], p[2]), "--sips-port", fmt.Sprint(p[3])}, args...), nil, said, &complaints)
	}()
	select {
	case <-seen:
		cancel()
		<-done
	case status := <-done:
		t.Fatalf("ended with status %d: %s", status, &complaints)
	}
	return said.String(), complaints.String()
}

// The line that was pasted into a ticket yesterday is still right today.
func TestServeKeepsItsIdentity(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sipdoctor")
	t.Setenv("STATE_DIRECTORY", dir)
	fingerprint := regexp.MustCompile(`[0-9a-f]{64}`)
	first, errs := served(t)
	if !strings.Contains(first, "kept in "+dir) || errs != "" {
		t.Errorf("says %q and %q", first, errs)
	}
	again, _ := served(t)
	if a, b := fingerprint.FindString(first), fingerprint.FindString(again); a == "" || a != b {
		t.Errorf("fingerprint %s, after a restart %s", a, b)
	}
	once, _ := served(t, "--ephemeral")
	twice, _ := served(t, "--ephemeral")
	if a, b := fingerprint.FindString(once), fingerprint.FindString(twice); a == b || a == fingerprint.FindString(first) {
		t.Errorf("--ephemeral: fingerprint %s, after a restart %s", a, b)
	}
	if after, _ := served(t); fingerprint.FindString(after) != fingerprint.FindString(first) {
		t.Error("--ephemeral changed what was kept")
	}
	t.Setenv("STATE_DIRECTORY", filepath.Join(os.DevNull, "sipdoctor"))
	_, errs = served(t)
	if !strings.Contains(errs, "for this run only") || strings.Count(errs, "\n") != 1 {
		t.Errorf("without a place to keep it, it complains %q: one line is wanted", errs)
	}
}

func TestServeSaysWhatToTypeInTheOfficeAndStopsCleanly(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", filepath.Join(t.TempDir(), "sipdoctor"))
	p := freePorts(t, 4)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := make(chan struct{})
	out := &signalled{want: "firewall of this machine", seen: seen}
	var errs bytes.Buffer
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"serve", "--listen", "127.0.0.1", "--control", fmt.Sprintf(":%d", p[0]),
			"--sip-ports", fmt.Sprintf("%d,%d", p[1], p[2]), "--sips-port", fmt.Sprint(p[3])}, nil, out, &errs)
	}()
	select {
	case <-seen:
	case status := <-done:
		t.Fatalf("ended with status %d: %s", status, &errs)
	case <-time.After(10 * time.Second):
		t.Fatal("says nothing")
	}
	cancel()
	select {
	case status := <-done:
		if status != statusOK || errs.Len() > 0 {
			t.Errorf("status %d, stderr %q", status, &errs)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("does not stop")
	}
	command := regexp.MustCompile(fmt.Sprintf(`(?m)^  sipdoctor check --responder 127\.0\.0\.1:%d --responder-fingerprint [0-9a-f]{64}$`, p[0]))
	if !command.MatchString(out.String()) {
		t.Errorf("no line to copy in\n%s", out)
	}
	for _, want := range []string{"Two addresses of this machine show both", fmt.Sprintf("UDP %d, %d; TCP %[1]d, %d; TLS %d", p[1], p[2], p[3])} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
