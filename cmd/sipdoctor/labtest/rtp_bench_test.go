package labtest

import (
	"testing"

	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// BenchmarkRTPPorts runs rtp-ports in the kernel's NAT. Aims: the default
// sample 20 ms away in under 10 s, with --fast in under 2 s; a rate that was
// set is held.
func BenchmarkRTPPorts(b *testing.B) {
	two := []lab.Block{{Protocol: "udp", Port: 16384, LastPort: 16400}, {Protocol: "udp", Port: 30000, LastPort: 40000}}
	for _, c := range []struct {
		name  string
		delay int
		loss  int
		block []lab.Block
		args  []string
	}{
		{"default-20ms", farAway, 0, nil, nil},
		{"fast-20ms", farAway, 0, nil, []string{"--fast"}},
		{"fast-20ms-blocked", farAway, 0, two, []string{"--fast"}},
		{"full-5000", 0, 0, nil, []string{"--full", "--fast"}},
		{"full-20000", 0, 0, nil, []string{"--full", "--fast", "--rate", "20000"}},
		{"full-max", 0, 0, nil, []string{"--full", "--fast", "--rate", "200000"}},
		{"full-max-20ms-1%-blocked", farAway, 1, two, []string{"--full", "--fast", "--rate", "200000"}},
		{"full-20000-20ms-5%-blocked", farAway, 5, two, []string{"--full", "--fast", "--rate", "20000"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := blocking(c.loss, c.block...)
			s.DelayMS = c.delay
			o := open(b, s)
			var seconds, packets, wrong float64
			for b.Loop() {
				got, f, _ := o.sweep(b, c.args...)
				seconds, packets = seconds+f.ElapsedS, packets+float64(f.PacketsSent)
				want := 0
				if c.block != nil {
					want = 2
				}
				if len(got.Out) != want || len(got.Back)+len(got.Unknown) > 0 {
					wrong++
				}
			}
			b.ReportMetric(0, "ns/op") // the check tells its own time
			b.ReportMetric(seconds/float64(b.N), "s/sweep")
			b.ReportMetric(packets/float64(b.N), "packets")
			b.ReportMetric(packets/seconds, "packets/s")
			b.ReportMetric(wrong, "wrong-runs")
		})
	}
}
