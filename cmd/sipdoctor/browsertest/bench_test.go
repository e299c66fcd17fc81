package browsertest

import (
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

// BenchmarkOpen opens the page of the largest saved report, from the address to the end
// of its load event, by the browser's own clock.
func BenchmarkOpen(b *testing.B) {
	file := saved(b, report(b, "lab/lossy-sip-alg.json"))
	info, err := os.Stat(file)
	if err != nil {
		b.Fatal(err)
	}
	tab := open(b, file, 1280)
	sum, n := 0.0, 0
	for b.Loop() {
		tab.run(chromedp.Reload())
		sum += ask[float64](tab, `performance.getEntriesByType('navigation')[0].loadEventEnd`)
		n++
	}
	b.ReportMetric(float64(info.Size())/1024, "KiB-page")
	b.ReportMetric(sum/float64(n), "ms-to-load")
	tab.quiet("the page")
}
