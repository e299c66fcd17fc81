package labtest

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

const (
	sweepFirst, sweepLast = 10000, 65535
	sweepPorts            = sweepLast - sweepFirst + 1
	// benchMagic lets a far end that echoes anything take nmap's packets.
	benchMagic       = 0x62656e63
	benchMagicOffset = 12
)

// BenchmarkFullSweep asks all 55,536 ports through the kernel's NAT, and beside
// it, in the same run, measures what one socket can send through the same NAT
// with a new flow in every packet (raw), the same with a far end that echoes
// anything and the echoes read (floor), and how long nmap takes against that
// far end. Aims: on a clean path at most 1.25 times
// 55,536/(packets a second) and 0.6 times nmap's time; 40 ms away, with 1 %
// loss each way and 10,018 blocked ports, 0.4 times; no wrong port; packets at
// most 1.1 times what the loss demands.
func BenchmarkFullSweep(b *testing.B) {
	two := []lab.Block{{Protocol: "udp", Port: 16384, LastPort: 16400}, {Protocol: "udp", Port: 30000, LastPort: 40000}}
	for _, c := range []struct {
		name   string
		delay  int
		loss   int
		block  []lab.Block
		needed float64 // packets
		nmap   string  // its best settings here; empty: not compared
	}{
		{"clean", 0, 0, nil, sweepPorts, "-T5 --min-rate 20000 --max-retries 2"},
		// 45,518 open ports at 1.99 % loss of round trips, and 7 questions to
		// each of 10,018 blocked ones.
		{"40ms-1%-blocked", farAway, 1, two, 45518/0.9801 + 10018*7, "-T5 --min-rate 20000 --max-retries 6"},
		{"40ms-5%-blocked", farAway, 5, two, 45518/0.9025 + 10018*11, ""},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := blocking(c.loss, c.block...)
			s.DelayMS = c.delay
			o := open(b, s)
			if c.nmap != "" {
				need(b, "nmap", "conntrack")
			}
			m := sweepMeasure{want: len(c.block)}
			for b.Loop() {
				if c.nmap != "" {
					m.raw += o.floodThrough(b, lab.ResponderAddr, false)
					m.floor += o.floodEchoed(b)
					m.nmap += o.nmap(b, c.nmap)
				}
				m.sweep(b, o, "--full", "--fast", "--rate", "200000")
			}
			m.report(b, c.needed)
		})
	}
}

// BenchmarkRate is how well the rate of a full sweep is kept, in packets a second
// of those asked for; the aim is 5 %. The time includes the first answer and the
// wait for the last ones.
func BenchmarkRate(b *testing.B) {
	for _, rate := range []string{"5000", "20000"} {
		b.Run(rate, func(b *testing.B) {
			o := open(b, blocking(0))
			m := sweepMeasure{}
			for b.Loop() {
				m.sweep(b, o, "--full", "--fast", "--rate", rate)
			}
			want, _ := strconv.ParseFloat(rate, 64)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(m.packets/m.sweepTime/want, "of-the-rate")
			b.ReportMetric(m.wrong+m.unknown, "wrong-or-unknown-runs")
		})
	}
}

// sweepMeasure adds up runs. Times are in seconds.
type sweepMeasure struct {
	want             int // blocked ranges
	raw, floor, nmap float64
	check, sweepTime float64 // the check, opening the session included, and the sweep
	packets          float64
	wrong, unknown   float64
}

func (m *sweepMeasure) sweep(b *testing.B, o *office, args ...string) {
	o.forget(b)
	got, f, rep := o.sweep(b, args...)
	m.check += float64(rep.Result("rtp-ports").DurationMS) / 1000
	m.sweepTime += elapsed(b, rep)
	m.packets += float64(f.PacketsSent)
	if len(got.Unknown) > 0 {
		m.unknown++
	}
	if len(got.Out) != m.want || len(got.Back) > 0 || m.want == 2 && strings.Join(got.Out, ",") != "16384-16400,30000-40000" {
		m.wrong++
	}
}

func (m *sweepMeasure) report(b *testing.B, needed float64) {
	n := float64(b.N)
	b.ReportMetric(0, "ns/op") // the check tells its own time
	b.ReportMetric(m.sweepTime/n, "s/sweep")
	b.ReportMetric(m.check/n, "s/check")
	b.ReportMetric(m.packets/n/needed, "of-needed-packets")
	b.ReportMetric(m.wrong, "wrong-runs")
	b.ReportMetric(m.unknown, "unknown-runs")
	if m.nmap > 0 {
		b.ReportMetric(sweepPorts*n/m.raw, "raw-packets/s")
		b.ReportMetric(m.sweepTime/m.raw, "of-raw")
		b.ReportMetric(m.sweepTime/m.floor, "of-floor")
		b.ReportMetric(m.nmap/n, "s/nmap")
		b.ReportMetric(m.check/m.nmap, "of-nmap")
	}
}

// elapsed is the time of the sweep itself, seconds.
func elapsed(b *testing.B, rep *checks.Report) float64 {
	var o struct {
		ElapsedMS float64 `json:"elapsed_ms"`
	}
	if err := json.Unmarshal(rep.Result("rtp-ports").Observed, &o); err != nil {
		b.Fatal(err)
	}
	return o.ElapsedMS / 1000
}

// forget empties the router's connection table: the kernel's is shared by all.
func (o *office) forget(b *testing.B) {
	shell(b, o.Routers[0], "conntrack -F 2>/dev/null")
}

// floodEchoed is floodThrough to an echo, whose answers are read.
func (o *office) floodEchoed(b *testing.B) float64 {
	defer o.echo(b)()
	return o.floodThrough(b, lab.ResponderAddr2, true)
}

// floodThrough sends one packet to every port from one fresh socket, in the
// largest batches, and returns how long that took. With echoed it also reads
// the answers as they come, and goes on until all have come or no more do.
func (o *office) floodThrough(b *testing.B, to string, echoed bool) float64 {
	o.forget(b)
	var conn platform.BatchConn
	err := o.Phone.Do(func() (err error) {
		conn, err = platform.Real(platform.RealOptions{}).(platform.BatchNetwork).OpenBatch(b.Context(), netip.AddrPort{})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetReadBuffer(16 << 20)
	out := make([]platform.Message, sweepPorts)
	for i := range out {
		out[i].Buf, out[i].Peer = benchPayload(), netip.AddrPortFrom(netip.MustParseAddr(to), uint16(sweepFirst+i))
	}
	begin := time.Now()
	if echoed {
		return sendAndRead(b, conn, out).Sub(begin).Seconds()
	}
	if n, err := conn.WriteBatch(out); err != nil {
		b.Fatalf("after %d packets: %v", n, err)
	}
	return time.Since(begin).Seconds()
}

// sendAndRead returns when the last answer came.
func sendAndRead(b *testing.B, conn platform.BatchConn, out []platform.Message) (last time.Time) {
	const batch = 64
	in := make([]platform.Message, batch)
	for i := range in {
		in[i].Buf = make([]byte, 200)
	}
	heard, last := 0, time.Now()
	for len(out) > 0 || heard < sweepPorts && time.Since(last) < 100*time.Millisecond {
		n := min(batch, len(out))
		if _, err := conn.WriteBatch(out[:n]); err != nil {
			b.Fatal(err)
		}
		wait := time.Duration(0)
		if out = out[n:]; len(out) == 0 {
			wait = 20 * time.Millisecond
		}
		for n = batch; n == batch; heard += n {
			if n, _ = conn.ReadBatch(in, wait); n > 0 { // what hops say is no echo
				last = time.Now()
			}
		}
	}
	return last
}

// benchPayload is a packet of the length of a probe that the echo answers.
func benchPayload() []byte {
	b := make([]byte, 172)
	copy(b[benchMagicOffset:], "benc")
	return b
}

// echo answers anything with the magic at the office's second responder
// address until stop is called.
func (o *office) echo(b *testing.B) (stop func()) {
	var echo platform.RawUDP
	err := o.Responder.Do(func() (err error) {
		echo, err = platform.Real(platform.RealOptions{}).(platform.RawNetwork).OpenRawUDP(context.Background(), platform.RawUDPOptions{
			Local: netip.MustParseAddr(lab.ResponderAddr2), First: sweepFirst, Last: sweepLast, Magic: benchMagic, MagicOffset: benchMagicOffset,
		})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- echo.Answer(func(p []byte, _, _ netip.AddrPort) []byte { return p }) }()
	return func() {
		_ = echo.Close()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}

// nmap scans the whole range at the echo and returns how long it took.
func (o *office) nmap(b *testing.B, settings string) float64 {
	o.forget(b)
	defer o.echo(b)()
	args := append([]string{"-sU", "-Pn", "-n", "-p10000-65535", "--open", "-oN", os.DevNull, "--data", hex.EncodeToString(benchPayload())}, strings.Fields(settings)...)
	begin := time.Now()
	out, err := o.Phone.Command(b.Context(), "nmap", append(args, lab.ResponderAddr2)...).CombinedOutput()
	if err != nil {
		b.Fatalf("nmap: %v\n%s", err, out)
	}
	return time.Since(begin).Seconds()
}
