package labtest

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// BenchmarkRTPResponder is what a full sweep costs a responder that has nothing
// but CAP_NET_RAW, and one without any right, which opens blocks of sockets.
// Aims with the right: 75,000 answers for each second of processor time, 10 MiB
// resident, ready after 10 ms. Ready is when the first line of the program
// comes, counted from before setpriv was started; resident is what is the
// process's own (anonymous) and, apart from it, the pages of the program's file
// that it has touched, which the kernel shares and takes back.
func BenchmarkRTPResponder(b *testing.B) {
	for _, c := range []struct{ name, caps string }{
		{"CAP_NET_RAW", "-all,+net_raw"},
		{"unprivileged", "-all"},
	} {
		b.Run(c.name, func(b *testing.B) {
			o := open(b, blocking(0))
			need(b, "setpriv", "conntrack")
			var answers, busy, seconds, own, file float64
			ready := math.Inf(1)
			for b.Loop() {
				r := o.apart(b, []string{"setpriv", "--bounding-set=" + c.caps, "--inh-caps=-all"}, "--listen", lab.ResponderAddr)
				ready = min(ready, r.ready.Seconds())
				idle := processorTime(b, r.pid)
				o.forget(b)
				rep, _ := o.check(b, "rtp-ports", "--responder", lab.ResponderAddr+":9765", "--responder-fingerprint", r.fingerprint,
					"--full", "--fast", "--rate", "200000")
				busy += processorTime(b, r.pid) - idle
				answers += float64(rtpFacts(b, rep).PacketsSent)
				seconds += elapsed(b, rep)
				own, file = max(own, statusMiB(b, r.pid, "RssAnon:")), max(file, statusMiB(b, r.pid, "RssFile:"))
				r.kill()
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(answers/busy, "answers/core-s")
			b.ReportMetric(seconds/float64(b.N), "s/sweep")
			b.ReportMetric(1000*ready, "ms-ready-at-best")
			b.ReportMetric(own, "MiB-own")
			b.ReportMetric(file, "MiB-of-the-program")
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

// statusMiB is one of the sizes in /proc/PID/status.
func statusMiB(b testing.TB, pid int, field string) float64 {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Skip(err)
	}
	_, rest, _ := strings.Cut(string(raw), field)
	kib, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	return kib / 1024
}
