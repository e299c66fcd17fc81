package capture

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// BenchmarkGigabyte reads a capture of 1 GiB with the program as it is built, and beside
// it with those that people use, where they are installed. Aims: 75 times as fast as
// tshark, 20 times as fast as sngrep, less than 200 MiB of memory.
func BenchmarkGigabyte(b *testing.B) {
	dir := b.TempDir()
	program, file := filepath.Join(dir, "sipdoctor"), filepath.Join(dir, "busy.pcap")
	if out, err := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "../../cmd/sipdoctor").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	writeGigabyte(b, file)
	run := func(name string, args ...string) (time.Duration, int64) {
		cmd := exec.Command(name, args...)
		begin := time.Now()
		err := cmd.Run()
		took := time.Since(begin)
		if err != nil {
			b.Fatalf("%s: %v", name, err)
		}
		return took, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10
	}
	run("cat", file) // into the page cache
	var ours time.Duration
	var memory int64
	for b.Loop() {
		took, m := run(program, "capture", file)
		ours, memory = ours+took, max(memory, m)
	}
	ours /= time.Duration(b.N)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ours.Seconds(), "s-sipdoctor")
	b.ReportMetric(float64(memory), "MiB-sipdoctor")
	for name, args := range map[string][]string{
		"tshark": {"-n", "-r", file, "-Y", "sip", "-T", "fields", "-e", "sip.Call-ID"}, "sngrep": {"-N", "-q", "-I", file},
	} {
		if _, err := exec.LookPath(name); err != nil {
			b.Logf("%s is not installed", name)
			continue
		}
		took, _ := run(name, args...)
		b.ReportMetric(took.Seconds(), "s-"+name)
		b.ReportMetric(took.Seconds()/ours.Seconds(), "times-"+name)
	}
}

// writeGigabyte writes 1 GiB of calls, 40 at a time: the memory of this process must
// stay small, as the kernel counts it for the programs that it starts.
func writeGigabyte(b *testing.B, name string) {
	b.Helper()
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	s := tell()
	for size := 0; size < 1<<30; {
		s.busy(40, 20*time.Second)
		size += s.Len()
		if _, err := s.WriteTo(f); err != nil {
			b.Fatal(err)
		}
	}
}
