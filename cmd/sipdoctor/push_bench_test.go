//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/checks/responder/reports"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/platform"
)

// slimReport is the report of an office with a fault, as it is pushed.
func slimReport(b *testing.B) (plain, packed []byte) {
	b.Helper()
	f, err := os.Open("../../testdata/reports/lab/sip-alg.json")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	r, err := checks.ReadReport(f)
	if err != nil {
		b.Fatal(err)
	}
	fillIn("en", r)
	var text bytes.Buffer
	if err := render.JSON(&text, r, render.JSONOptions{NoObserved: true, Line: true}); err != nil {
		b.Fatal(err)
	}
	if packed, err = reports.Pack(text.Bytes()); err != nil {
		b.Fatal(err)
	}
	return text.Bytes(), packed
}

// cpuSeconds is what this process has used, both ends of the conversation.
func cpuSeconds() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // fails only for another who
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// Five hundred offices push to one responder over TLS, each with a handshake of its
// own, then monitoring reads them all.
func BenchmarkFiveHundredSites(b *testing.B) {
	const sites = 500
	plain, packed := slimReport(b)
	for b.Loop() {
		b.StopTimer()
		dir := filepath.Join(b.TempDir(), "reports")
		keys := map[string]reports.Key{}
		var file bytes.Buffer
		for i := range sites {
			name := fmt.Sprintf("office-%d", i)
			keys[name] = reports.NewKey()
			fmt.Fprintln(&file, name, keys[name].Hex())
		}
		if err := platform.Keep(dir, "keys", file.Bytes()); err != nil {
			b.Fatal(err)
		}
		before, cpu := heap(), cpuSeconds()
		store, err := reports.Open(reports.Config{Dir: dir, Figures: figuresOf})
		if err != nil {
			b.Fatal(err)
		}
		network := platform.Real(platform.RealOptions{})
		srv, err := responder.New(responder.Config{
			Net: network, Listen: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, ControlPort: responder.AnyPort, SIPPorts: []int{responder.AnyPort},
			SIPSPort: responder.AnyPort, STUNPort: responder.AnyPort, STUNAltPort: responder.AnyPort, RTPPort: responder.AnyPort, RTPFirst: -1,
			Limits: responder.Limits{PerSource: 1e6, Burst: 1e6}, Reports: store,
		})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.Context())
		if err := srv.Listen(ctx); err != nil {
			b.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- srv.Serve(ctx) }()
		at := fmt.Sprintf("127.0.0.1:%d", srv.Ports().Control)
		b.StartTimer()
		began := time.Now()
		var g errgroup.Group
		g.SetLimit(16)
		for name, key := range keys {
			g.Go(func() error {
				o, err := reports.NewOffice(network, at, srv.Fingerprint())
				if err != nil {
					return err
				}
				o.Site, o.Key, o.Agent = name, key, reports.NewAgent()
				a, err := o.Push(ctx, packed, 0)
				if err == nil && a.Code != "" {
					err = fmt.Errorf("%s: %s", name, a.Code)
				}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(began).Seconds(), "push-s")
		b.StopTimer()
		b.ReportMetric(cpuSeconds()-cpu, "cpu-s")
		b.ReportMetric((heap()-before)/sites/1024, "heap-KiB/site")
		began = time.Now()
		var text countingWriter
		store.WriteMetrics(&text)
		b.ReportMetric(float64(time.Since(began).Microseconds())/1000, "scrape-ms")
		b.ReportMetric(float64(text)/sites/1024, "scrape-KiB/site")
		cancel()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
		store.Close()
		b.StartTimer()
	}
	b.ReportMetric(float64(len(plain))/1024, "report-KiB")
	b.ReportMetric(float64(len(packed))/1024, "pushed-KiB")
}

type countingWriter int

func (w *countingWriter) Write(p []byte) (int, error) {
	*w += countingWriter(len(p))
	return len(p), nil
}
