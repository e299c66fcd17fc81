package nat

import (
	"context"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// farOffice is the clean office with its responder 20 ms away, and the
// arguments that name it.
func farOffice(b *testing.B) (platform.Network, checks.Inputs) {
	b.Helper()
	if reason := os.Getenv(labReason); reason != "" {
		b.Skip(reason)
	}
	s, _ := lab.Find("clean")
	s.DelayMS = 20
	o, err := lab.Build(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(o.Close)
	real := platform.Real(platform.RealOptions{})
	server, err := responder.New(responder.Config{
		Net:    o.Responder.Network(real),
		Listen: []netip.Addr{netip.MustParseAddr(lab.ResponderAddr), netip.MustParseAddr(lab.ResponderAddr2)},
		Limits: responder.Limits{PerSession: 1e6, SessionBurst: 1e6, PerSource: 1e6, Burst: 1e6, Sessions: 2e6, SessionsPerSource: 1e6},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.Context()))
	if err := server.Listen(ctx); err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx) }()
	b.Cleanup(func() { cancel(); <-done })
	return o.Phone.Network(real), checks.Inputs{Responder: lab.ResponderAddr, Fingerprint: server.Fingerprint(), NoPublic: true}
}

// BenchmarkFarQuestion is one STUN question to a server 20 ms away, and beside
// it the same bytes on a bare socket: the ratio is what the engine costs.
func BenchmarkFarQuestion(b *testing.B) {
	network, _ := farOffice(b)
	to := netip.AddrPortFrom(netip.MustParseAddr(lab.ResponderAddr), 3478)
	conn, err := network.OpenUDP(b.Context(), netip.AddrPort{})
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	s, err := stun.Open(b.Context(), network, netip.AddrPort{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	// Each socket's first question makes the router's entry.
	if o := s.Ask(b.Context(), stun.Question{To: to, Request: question(), Plan: stun.Patient()}); !o.Answered {
		b.Fatal("the server does not answer")
	}
	roundTrip(b, conn, to)
	var bare, asked time.Duration
	for b.Loop() {
		bare += roundTrip(b, conn, to)
		o := s.Ask(b.Context(), stun.Question{To: to, Request: question(), Plan: stun.Patient()})
		if !o.Answered || o.Sent != 1 {
			b.Fatalf("answered %v after %d sends", o.Answered, o.Sent)
		}
		asked += o.Elapsed
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(bare.Microseconds())/1000/float64(b.N), "ms-bare")
	b.ReportMetric(float64(asked.Microseconds())/1000/float64(b.N), "ms-question")
	b.ReportMetric(float64(asked)/float64(bare), "ratio")
}

// roundTrip asks once, without an engine.
func roundTrip(b *testing.B, conn platform.UDPConn, to netip.AddrPort) time.Duration {
	b.Helper()
	begin := time.Now()
	if err := conn.WriteTo(stun.Request{ID: stun.NewID(), Software: stun.ClientSoftware}.Bytes(), to, platform.SendOptions{}); err != nil {
		b.Fatal(err)
	}
	_ = conn.SetReadDeadline(begin.Add(time.Second))
	if _, err := conn.ReadFrom(make([]byte, 2048)); err != nil {
		b.Fatal(err)
	}
	return time.Since(begin)
}

// BenchmarkFarCheck is the whole nat check against a responder 20 ms away, its
// session included.
func BenchmarkFarCheck(b *testing.B) {
	network, inputs := farOffice(b)
	for b.Loop() {
		env := &checks.Env{Net: network, Inputs: inputs}
		o, err := observe(b.Context(), env)
		if err != nil {
			b.Fatal(err)
		}
		c, err := env.Session(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		_ = c.Close(b.Context())
		if f, ok := judge(o, nil).Facts.(Facts); !ok || f.Mapping != "endpoint-independent" {
			b.Fatalf("facts %+v", f)
		}
	}
}
