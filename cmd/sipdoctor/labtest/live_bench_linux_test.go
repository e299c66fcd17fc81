package labtest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/net/ipv4"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// BenchmarkLive captures a telephone exchange's worth of RTP as it passes: 4,000
// streams of 50 packets a second. Aim: 200,000 packets a second on two cores, and none
// dropped.
func BenchmarkLive(b *testing.B) {
	const rate, streams, seconds = 200_000, 4_000, 5
	o, err := lab.Build(b.Context(), scenario(b, "clean"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(o.Close)
	var sent, seen, dropped, reached float64
	for b.Loop() {
		name := filepath.Join(b.TempDir(), "report.json")
		cmd := program(b.Context(), b, o.Internet, "capture", "--interface", "any", "--duration", "8s", "--format", "json", "--output", name)
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		time.Sleep(time.Second)
		n, took := rtpFlood(b, o.Internet, rate, streams, seconds*rate)
		_ = cmd.Wait()
		out, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		rep, err := checks.ReadReport(bytes.NewReader(out))
		if err != nil {
			b.Fatal(err)
		}
		var observed struct {
			Files []struct {
				Drops float64 `json:"drops"`
			} `json:"files"`
		}
		if err := json.Unmarshal(rep.Result("capture").Observed, &observed); err != nil || len(observed.Files) != 1 {
			b.Fatal(err)
		}
		sent, reached = sent+float64(n), reached+float64(n)/took.Seconds()
		seen += facts(b, rep, "capture")["packets"].(float64)
		dropped += observed.Files[0].Drops
	}
	n := float64(b.N)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(reached/n, "packets/s")
	b.ReportMetric(sent/n, "sent")
	b.ReportMetric(seen/n, "captured")
	b.ReportMetric(dropped/n, "dropped")
}

// rtpFlood sends RTP of many calls from a node at a rate, to nobody who answers.
func rtpFlood(tb testing.TB, from *lab.Node, rate, streams, packets int) (sent int, took time.Duration) {
	tb.Helper()
	var c *net.UDPConn
	if err := from.Do(func() (err error) {
		c, err = net.ListenUDP("udp4", &net.UDPAddr{})
		return err
	}); err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	const batch = 512
	to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(lab.ResponderAddr), 40000))
	list := make([]ipv4.Message, batch)
	for i := range list {
		p := make([]byte, 172)
		p[0] = 0x80
		list[i] = ipv4.Message{Buffers: [][]byte{p}, Addr: to}
	}
	conn := ipv4.NewPacketConn(c)
	begin := time.Now()
	for sent < packets {
		if due := time.Duration(sent) * time.Second / time.Duration(rate); time.Since(begin) < due {
			time.Sleep(time.Millisecond)
			continue
		}
		for i := range list {
			p, k := list[i].Buffers[0], sent+i
			binary.BigEndian.PutUint16(p[2:], uint16(k/streams))
			binary.BigEndian.PutUint32(p[4:], uint32(k/streams*160))
			binary.BigEndian.PutUint32(p[8:], uint32(k%streams+1))
		}
		n, err := conn.WriteBatch(list, 0)
		if n == 0 && err != nil { // nobody listens, as ICMP says
			continue
		}
		sent += n
	}
	return sent, time.Since(begin)
}
