package sipalg

import "testing"

// BenchmarkJudge classifies every probe of a default run and judges them
// together; allocations and time are those of the whole run.
func BenchmarkJudge(b *testing.B) {
	for name, rules := range map[string][]network{
		"nothing touched":        {passes},
		"port 5060 rewritten":    {passes, on("udp", 5060, true, rewrites)},
		"everything proxied":     {passes, on("", 0, true, proxies)},
		"SIP silently swallowed": {passes, on("", 0, true, func(p *Probe) { p.Arrived, p.Answered = false, false })},
	} {
		b.Run(name, func(b *testing.B) {
			o := visit(rules...)
			b.ReportAllocs()
			for b.Loop() {
				alone(o, office)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(o.Probes)), "ns/probe")
		})
	}
}
