package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/platform/lab"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// BenchmarkStart is the time from nothing to the end of "sipdoctor version",
// of the program as "make build" makes it, and beside it the same of a Go
// program that does nothing: the difference is ours.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	empty := filepath.Join(dir, "empty.go")
	if err := os.WriteFile(empty, []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		b.Fatal(err)
	}
	ours, nothing := build(b, ".", filepath.Join(dir, "sipdoctor")), build(b, empty, filepath.Join(dir, "nothing"))
	size, err := os.Stat(ours)
	if err != nil {
		b.Fatal(err)
	}
	var took, least time.Duration
	for b.Loop() {
		least += timed(b, nothing)
		took += timed(b, ours, "version")
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(took.Seconds()*1000/float64(b.N), "ms-start")
	b.ReportMetric(least.Seconds()*1000/float64(b.N), "ms-nothing")
	b.ReportMetric(float64(size.Size())/(1<<20), "MiB-program")
}

// build does what the Makefile's build does.
func build(b *testing.B, source, program string) string {
	b.Helper()
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return program
}

func timed(b *testing.B, program string, args ...string) time.Duration {
	b.Helper()
	begin := time.Now()
	if err := exec.Command(program, args...).Run(); err != nil {
		b.Fatal(err)
	}
	return time.Since(begin)
}

// deepReport is the largest report there is: a deep run in an office with a
// SIP ALG, every probe's bytes at both ends included.
func deepReport(b *testing.B) (r *checks.Report, saved []byte) {
	b.Helper()
	scenario, _ := lab.Find("sip-alg")
	o := labOptions{deep: true}
	r, err := o.checkInMemory(b.Context(), streams{Out: io.Discard, Err: io.Discard}, scenario)
	if err != nil {
		b.Fatal(err)
	}
	saved, err = json.Marshal(r)
	if err != nil {
		b.Fatal(err)
	}
	return r, saved
}

// BenchmarkReport is what happens to a finished report.
func BenchmarkReport(b *testing.B) {
	report, saved := deepReport(b)
	show := func(f func(io.Writer, *checks.Report) error) func() error {
		return func() error { return f(io.Discard, report) }
	}
	for _, bb := range []struct {
		name string
		work func() error
	}{
		{"read", func() error { _, err := checks.ReadReport(bytes.NewReader(saved)); return err }},
		{"judge", func() error { _, err := checks.Rejudge(report, all.Checks()); return err }},
		{"redact", func() error { _, err := render.Redact(report); return err }},
		{"text", show(func(w io.Writer, r *checks.Report) error {
			return render.Text(w, r, render.TextOptions{Color: true, Verbose: true})
		})},
		{"json", show(func(w io.Writer, r *checks.Report) error { return render.JSON(w, r, render.JSONOptions{}) })},
		{"markdown", show(func(w io.Writer, r *checks.Report) error { return render.Markdown(w, r, words.English) })},
		{"html", show(func(w io.Writer, r *checks.Report) error {
			return render.HTML(w, r, render.HTMLOptions{Fill: func(r *checks.Report, l words.Lang) { fillIn(l, r) }})
		})},
		{"junit", show(func(w io.Writer, r *checks.Report) error { return render.JUnit(w, r, words.English) })},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := bb.work(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(saved))/1024, "KiB-report")
		})
	}
}
