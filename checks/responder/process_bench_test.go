package responder_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
)

// A caller sends probes and counts the answers, several under way at a time.
type caller struct {
	conn    platform.UDPConn
	to      netip.AddrPort
	buf     []byte
	pending int
	got     int
	lost    int
}

// underWay is how many probes a caller leaves unanswered: enough to keep the
// other end busy, little enough for its socket buffer (about 90 of these fit
// the 208 KiB that Linux gives).
const underWay = 32

func newCaller(b *testing.B, port int) *caller {
	b.Helper()
	conn, err := realNet().OpenUDP(b.Context(), netip.AddrPortFrom(loopback, 0))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return &caller{conn: conn, to: netip.AddrPortFrom(loopback, uint16(port)), buf: make([]byte, 4096)}
}

func (c *caller) send(b *testing.B, req []byte) {
	for c.pending >= underWay {
		c.hear()
	}
	if err := c.conn.WriteTo(req, c.to, platform.SendOptions{}); err != nil {
		b.Fatal(err)
	}
	c.pending++
}

func (c *caller) hear() {
	_ = c.conn.SetReadDeadline(time.Now().Add(time.Second))
	if _, err := c.conn.ReadFrom(c.buf); err != nil {
		c.lost += c.pending
		c.pending = 0
		return
	}
	c.pending--
	c.got++
}

func (c *caller) drain() {
	for c.pending > 0 {
		c.hear()
	}
}

// BenchmarkEchoOneCore is what a responder with one core answers over real
// sockets: INVITEs with SDP of open sessions, each new to it, so that every
// one is parsed, answered and recorded; or the same one over and over, as
// retransmissions are. Beside them stands what a program answers that only
// sends back, as the measure of this machine. Below 100 %busy the clients, not
// the responder, are the limit.
func BenchmarkEchoOneCore(b *testing.B) {
	b.Run("new probes", func(b *testing.B) { measureEchoes(b, 64, false) })
	b.Run("repetitions", func(b *testing.B) { measureEchoes(b, 1, false) })
	b.Run("bare", func(b *testing.B) { measureEchoes(b, 64, true) })
}

// measureEchoes gives each session 64 messages, of which so many differ.
func measureEchoes(b *testing.B, different int, bare bool) {
	const sessions, messages = 100, 64
	f, control := startFarEnd(b), newControl()
	defer f.stop()
	defer control.CloseIdleConnections()
	port := f.SIP
	if bare {
		port = f.Bare
	}
	c := newCaller(b, port)
	var answering, used time.Duration
	for b.Loop() {
		var infos []session.Info
		var requests [][]byte
		for range sessions {
			s := f.open(b, control)
			infos = append(infos, s)
			for i := range messages {
				requests = append(requests, sipRequest("INVITE", session.NewToken(s.ID, s.Secret, 1+i%different), "udp", 20000))
			}
		}
		before, begin := f.processorTime(b), time.Now()
		for _, r := range requests {
			c.send(b, r)
		}
		c.drain()
		answering += time.Since(begin)
		used += f.processorTime(b) - before
		for _, s := range infos { // or the responder would be full soon
			f.close(b, control, s)
		}
	}
	if c.lost > c.got/1000 { // nothing is lost on loopback: the responder refused
		b.Fatalf("%d of %d probes were not answered", c.lost, c.lost+c.got)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(c.got)/answering.Seconds(), "echoes/s")
	if used > 0 {
		b.ReportMetric(float64(c.got)/used.Seconds(), "echoes/core-s") // of processor time: what else runs on the core does not count
		b.ReportMetric(100*used.Seconds()/answering.Seconds(), "%busy")
	}
}

// BenchmarkMemory is what the responder's process occupies while sessions are
// open.
func BenchmarkMemory(b *testing.B) {
	for _, bb := range []struct {
		name               string
		sessions, messages int
		connected          bool // each client keeps its control connection
	}{
		{"nobody there", 0, 0, false},
		{"10000 sessions", 10000, 0, false},
		{"10000 sessions with 5 INVITEs each", 10000, 5, false},
		{"1000 sessions, all connected", 1000, 0, true}, // as many as the limits allow unless they are raised
	} {
		b.Run(bb.name, func(b *testing.B) {
			var occupied float64
			for b.Loop() {
				occupied += measureMemory(b, bb.sessions, bb.messages, bb.connected)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(occupied/float64(b.N), "MiB-resident")
		})
	}
}

func measureMemory(b *testing.B, sessions, messages int, connected bool) float64 {
	f := startFarEnd(b)
	defer f.stop()
	c, control := newCaller(b, f.SIP), newControl()
	defer func() { control.CloseIdleConnections() }()
	for i := range sessions {
		if connected && i > 0 {
			control = newControl()
			defer control.CloseIdleConnections()
		}
		s := f.open(b, control)
		for probe := range messages {
			c.send(b, sipRequest("INVITE", session.NewToken(s.ID, s.Secret, 1+probe), "udp", 20000))
		}
	}
	c.drain()
	if c.got != sessions*messages {
		b.Fatalf("%d answers to %d messages", c.got, sessions*messages)
	}
	return f.resident(b)
}
