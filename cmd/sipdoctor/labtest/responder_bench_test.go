package labtest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// BenchmarkRTPResponder is what a full sweep costs a responder that has nothing
// but CAP_NET_RAW, and one without any right, which opens blocks of sockets.
// Aims with the right: 75,000 answers for each second of processor time, 10 MiB
// resident, ready after 10 ms.
func BenchmarkRTPResponder(b *testing.B) {
	for _, c := range []struct{ name, caps string }{
		{"CAP_NET_RAW", "-all,+net_raw"},
		{"unprivileged", "-all"},
	} {
		b.Run(c.name, func(b *testing.B) {
			o := open(b, blocking(0))
			need(b, "setpriv", "conntrack")
			var answers, busy, seconds, ready, resident float64
			for b.Loop() {
				begin := time.Now()
				r := o.apart(b, []string{"setpriv", "--bounding-set=" + c.caps, "--inh-caps=-all"}, "--listen", lab.ResponderAddr)
				ready += time.Since(begin).Seconds()
				idle := processorTime(b, r.pid)
				o.forget(b)
				rep, _ := o.check(b, "rtp-ports", "--responder", lab.ResponderAddr+":9765", "--responder-fingerprint", r.fingerprint,
					"--full", "--fast", "--rate", "200000")
				busy += processorTime(b, r.pid) - idle
				answers += float64(rtpFacts(b, rep).PacketsSent)
				seconds += elapsed(b, rep)
				resident = max(resident, residentMiB(b, r.pid))
				r.kill()
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(answers/busy, "answers/core-s")
			b.ReportMetric(seconds/float64(b.N), "s/sweep")
			b.ReportMetric(1000*ready/float64(b.N), "ms-ready")
			b.ReportMetric(resident, "MiB-resident")
		})
	}
}

// processorTime of a process, seconds; Linux counts to user space in 1/100 s.
func processorTime(b *testing.B, pid int) float64 {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Skip(err)
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100
}

func residentMiB(b *testing.B, pid int) float64 {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Skip(err)
	}
	_, rest, _ := strings.Cut(string(raw), "VmRSS:")
	kib, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	return kib / 1024
}
