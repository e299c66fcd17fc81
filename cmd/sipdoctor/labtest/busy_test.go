package labtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// An outcome is what one program said of many that ran at the same moment.
type outcome struct {
	rep    *checks.Report
	failed string // why there is no report
}

// crowd runs n checks in the office at the same moment, all behind its one
// public address.
func (o *office) crowd(t testing.TB, n int, args ...string) []outcome {
	t.Helper()
	out := make([]outcome, n)
	var wg sync.WaitGroup
	for i := range out {
		wg.Go(func() { out[i] = o.one(t, args...) })
	}
	wg.Wait()
	return out
}

func (o *office) one(t testing.TB, args ...string) outcome {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := program(ctx, t, o.Phone, append([]string{"check", "--format", "json"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	rep, rerr := checks.ReadReport(&stdout)
	if rerr != nil {
		return outcome{failed: fmt.Sprintf("%v, %v: %s", err, rerr, stderr.String())}
	}
	return outcome{rep: rep}
}

// accusations are the findings that say that something is wrong where nothing
// is.
func accusations(rep *checks.Report) (out []string) {
	for _, r := range rep.Results {
		for _, f := range r.Findings {
			if f.Severity != checks.Info {
				out = append(out, fmt.Sprintf("%s (%s, %s)", f.ID, f.Severity, f.Confidence))
			}
		}
	}
	return out
}

// busy reports whether a report that is not a pass says that somebody was busy.
func busy(rep *checks.Report) bool {
	return slices.ContainsFunc(rep.Results, func(r checks.Result) bool {
		return r.Status == checks.Inconclusive && strings.Contains(r.Reason, "busy")
	})
}

// tally counts right verdicts, and honest ones beside them.
func tally(t testing.TB, list []outcome) (right, honest int) {
	t.Helper()
	for i, o := range list {
		switch {
		case o.rep == nil:
			t.Errorf("client %d: %s", i, o.failed)
		case len(accusations(o.rep)) > 0 || o.rep.Verdict == checks.Fail:
			t.Errorf("client %d accuses a network without a fault: %v\n%s", i, accusations(o.rep), explain(o.rep))
		case o.rep.Verdict == checks.Pass:
			right++
		case busy(o.rep):
			honest++
		default:
			t.Errorf("client %d neither passes nor says who was busy:\n%s", i, explain(o.rep))
		}
	}
	return right, honest
}

func TestManyChecksOfOneOfficeAtOnce(t *testing.T) {
	o := open(t, scenario(t, "clean"))
	right, honest := tally(t, o.crowd(t, 12, o.politely()...))
	t.Logf("%d of 12 right, %d said that somebody was busy", right, honest)
	if right < 6 {
		t.Errorf("only %d of 12 were right", right)
	}
}

// An idle neighbour behind the same NAT holds connections to every port, and
// takes nothing from the check beside him.
func TestIdleConnectionsOfANeighbour(t *testing.T) {
	o := open(t, scenario(t, "clean"))
	var conns []net.Conn
	err := o.Phone.Do(func() error {
		for i := range 300 {
			c, err := net.Dial("tcp4", net.JoinHostPort(lab.ResponderAddr, []string{"5060", "5080", "5061", "8765", "8766"}[i%5]))
			if err != nil {
				return fmt.Errorf("connection %d: %w", i, err)
			}
			conns = append(conns, c)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	rep, _ := o.check(t, o.withResponder()...)
	if rep.Verdict != checks.Pass {
		t.Error(explain(rep))
	}
	for _, c := range conns {
		_ = c.Close()
	}
}

// BenchmarkFiftyChecks runs fifty checks of one office at the same moment, on
// the cores that they share with their responder. Aim: fifty right verdicts.
func BenchmarkFiftyChecks(b *testing.B) {
	o := open(b, scenario(b, "clean"))
	var right, honest int
	for b.Loop() {
		r, h := tally(b, o.crowd(b, 50, o.politely()...))
		right, honest = right+r, honest+h
	}
	b.ReportMetric(float64(right)/float64(b.N), "right-of-50")
	b.ReportMetric(float64(honest)/float64(b.N), "said-busy")
}

// Thousands of connections to the control channel and to the metrics leave the
// whole process within what is promised, and a check gets through beside them.
func TestThousandsOfConnectionsFitTheMemory(t *testing.T) {
	const most = 128 + 64 // MiB: what may be kept, and the process itself
	o := open(t, scenario(t, "clean"))
	r := o.apart(t, nil, "--listen", lab.ResponderAddr, "--metrics", lab.ResponderAddr+":9900")
	served := func(address string, n int, client func(net.Conn) net.Conn) (list []net.Conn) {
		for i := range n {
			c, err := net.Dial("tcp4", address)
			if err != nil {
				t.Errorf("connection %d to %s: %v", i, address, err)
				return list
			}
			list = append(list, client(c))
		}
		return list
	}
	var control, metrics []net.Conn
	err := o.Phone.Do(func() error {
		control = served(lab.ResponderAddr+":9765", 3000, func(c net.Conn) net.Conn {
			s := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			if s.Handshake() == nil {
				_, _ = s.Write([]byte("POST /v1/open HTTP/1.1\r\nHost: x\r\nX-Slow: "))
			}
			_ = c.SetDeadline(time.Time{})
			return s
		})
		metrics = served(lab.ResponderAddr+":9900", 3000, func(c net.Conn) net.Conn {
			_, _ = c.Write([]byte("GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: "))
			return c
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.0f MiB resident", statusMiB(t, r.pid, "VmRSS:"))
	if mib := statusMiB(t, r.pid, "VmHWM:"); mib > most {
		t.Errorf("%.0f MiB resident at most, want %d", mib, most)
	}
	rep, _ := o.check(t, "sip-alg", "nat", "--no-public", "--responder", lab.ResponderAddr+":9765", "--responder-fingerprint", r.fingerprint)
	if n := rep.Result("nat"); n.Status == checks.Fail || len(accusations(rep)) > 0 || strings.Contains(n.Reason, "session could not be opened") {
		t.Error(explain(rep))
	}
	for _, c := range append(control, metrics...) {
		_ = c.Close()
	}
}
