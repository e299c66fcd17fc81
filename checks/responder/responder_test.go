package responder_test

import (
	"context"
	"crypto/tls"
	"net/netip"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/platform"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// loopbackConfig takes fresh ports, so that tests do not meet each other or a
// service of this machine.
func loopbackConfig() responder.Config {
	return responder.Config{
		Net: platform.Real(platform.RealOptions{}), Listen: []netip.Addr{loopback},
		ControlPort: responder.AnyPort, SIPPorts: []int{responder.AnyPort}, SIPSPort: responder.AnyPort,
		STUNPort: responder.AnyPort, STUNAltPort: responder.AnyPort, RTPPort: responder.AnyPort,
	}
}

// start runs a responder on loopback for the length of a test.
func start(t testing.TB, change func(*responder.Config)) *responder.Server {
	t.Helper()
	cfg := loopbackConfig()
	if change != nil {
		change(&cfg)
	}
	s, err := responder.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := s.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Serve ended with %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Error("Serve did not end within 5 s of its context")
		}
	})
	return s
}

// target is the responder as a client names it.
func target(s *responder.Server) session.Target {
	return session.Target{
		Host: netip.AddrPortFrom(loopback, uint16(s.Ports().Control)).String(), Fingerprint: s.Fingerprint(),
	}
}

// Faults of HTTP/2 servers are none of the responder's (SECURITY.md).
func TestTheResponderSpeaksHTTP1Only(t *testing.T) {
	s := start(t, nil)
	dial := func(offer ...string) (string, error) {
		c, err := tls.Dial("tcp", target(s).Host, &tls.Config{InsecureSkipVerify: true, NextProtos: offer})
		if err != nil {
			return "", err
		}
		defer c.Close()
		return c.ConnectionState().NegotiatedProtocol, nil
	}
	if spoken, err := dial("h2", "http/1.1"); spoken != "http/1.1" || err != nil {
		t.Errorf("asked for HTTP/2 first it speaks %q, %v", spoken, err)
	}
	if spoken, err := dial("h2"); err == nil {
		t.Errorf("asked for nothing but HTTP/2 it speaks %q", spoken)
	}
}
