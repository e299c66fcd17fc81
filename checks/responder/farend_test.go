package responder_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/platform"
)

// The responder measured as it is run: alone in a process of its own, with
// real sockets on loopback, held to one core. The other end stays on the other
// cores, so that neither takes the other's time.

const farEndVar = "SIPDOCTOR_BENCH_FAR_END"

// farEndPorts is what the process says when it is ready.
type farEndPorts struct {
	Fingerprint string
	Control     int
	SIP         int
	Bare        int // sends back what comes, and does nothing else
}

// TestFarEndProcess is that process; without its variable it does nothing. It
// ends with its standard input.
func TestFarEndProcess(t *testing.T) {
	if os.Getenv(farEndVar) == "" {
		return
	}
	s := start(t, func(c *responder.Config) {
		// All clients here have one address; who they are is not measured. The
		// bound on memory stays.
		c.Limits = responder.Limits{
			PerSession: 1e9, SessionBurst: 1e9, PerSource: 1e9, Burst: 1e9, Sessions: 40000, SessionsPerSource: 20000, Connections: 40000,
		}
	})
	bare, err := realNet().OpenUDP(t.Context(), netip.AddrPortFrom(loopback, 0))
	if err != nil {
		t.Fatal(err)
	}
	echoing := make(chan struct{})
	go func() { defer close(echoing); sendBack(bare) }()
	p := s.Ports()
	err = json.NewEncoder(os.Stdout).Encode(farEndPorts{s.Fingerprint(), p.Control, p.SIPUDP[0], int(bare.LocalAddr().Port())})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = bare.Close()
	<-echoing
}

// sendBack is the least that any responder does, over the same sockets.
func sendBack(conn platform.UDPConn) {
	buf := make([]byte, 65536)
	for {
		d, err := conn.ReadFrom(buf)
		if err == nil {
			err = conn.WriteTo(buf[:d.N], d.From, platform.SendOptions{From: d.To})
		}
		if err != nil {
			return
		}
	}
}

// farEnd is the process as the benchmarks see it.
type farEnd struct {
	farEndPorts
	pid  int
	stop func() // ends it and waits; once
}

// startFarEnd runs the responder's process on core 0. The caller stops it.
func startFarEnd(b *testing.B) *farEnd {
	b.Helper()
	argv := []string{os.Args[0], "-test.run=^TestFarEndProcess$"}
	if canPin() {
		pin(b)
		argv = append([]string{"taskset", "-c", "0"}, argv...)
	} else {
		b.Log("without taskset or a second core both ends share the processor")
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), farEndVar+"=1", "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	f := &farEnd{pid: cmd.Process.Pid, stop: func() { // taskset becomes the program: the number stays
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			b.Errorf("the responder's process: %v", err)
		}
	}}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		b.Fatal(err)
	}
	if err := json.Unmarshal(line, &f.farEndPorts); err != nil {
		b.Fatalf("%q: %v", line, err)
	}
	return f
}

func canPin() bool {
	_, err := exec.LookPath("taskset")
	return err == nil && runtime.NumCPU() > 1
}

// pin keeps this process off core 0 while the benchmark runs.
func pin(b *testing.B) {
	self := strconv.Itoa(os.Getpid())
	to := func(cores string) {
		if out, err := exec.Command("taskset", "-a", "-c", "-p", cores, self).CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
	last := strconv.Itoa(runtime.NumCPU() - 1)
	to("1-" + last)
	b.Cleanup(func() { to("0-" + last) })
}

// processorTime is what the process has used, in both modes; 0 where there is
// no /proc.
func (f *farEnd) processorTime(b *testing.B) time.Duration {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", f.pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	fields := strings.Fields(rest) // from the third of proc(5) on
	if len(fields) < 13 {
		b.Fatalf("process status %q", raw)
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // Linux counts to user space in 1/100 s
}

// resident is the memory of the process, MiB; 0 where there is no /proc.
func (f *farEnd) resident(b *testing.B) float64 {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(raw), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		b.Fatalf("process status %q", raw)
	}
	kib, _ := strconv.ParseFloat(fields[0], 64)
	return kib / 1024
}

// call makes one control call and returns what came.
func (f *farEnd) call(b *testing.B, client *http.Client, op, auth string, body []byte) []byte {
	b.Helper()
	url := fmt.Sprintf("https://%s:%d%s", loopback, f.Control, session.Path(op))
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Authorization", auth)
	resp, err := client.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.Fatalf("%s: status %d %s %v", op, resp.StatusCode, raw, err)
	}
	return raw
}

// newControl has one connection of its own, kept until it is closed.
func newControl() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
}

func (f *farEnd) open(b *testing.B, client *http.Client) (info session.Info) {
	b.Helper()
	body, err := json.Marshal(session.OpenRequest{Protocol: session.Protocol, Tool: "bench", Dialled: loopback})
	if err != nil {
		b.Fatal(err)
	}
	if err := json.Unmarshal(f.call(b, client, session.OpOpen, "", body), &info); err != nil {
		b.Fatal(err)
	}
	return info
}

func (f *farEnd) close(b *testing.B, client *http.Client, info session.Info) {
	b.Helper()
	f.call(b, client, session.OpClose, session.Bearer(info.ID, info.Secret), []byte("{}"))
}
