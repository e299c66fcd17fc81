package session_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// office runs a responder behind a router with these faults, in memory and in
// virtual time, and hands the phone to story.
func office(t *testing.T, r lab.Router, story func(t *testing.T, o *checktest.Office, s *responder.Server, stop func())) {
	synctest.Test(t, func(t *testing.T) {
		if r.NAT == "" {
			r.NAT = lab.Preserving
		}
		o := checktest.FromScenario(lab.Scenario{Name: t.Name(), Routers: []lab.Router{r}, DelayMS: 10})
		defer o.World.Close()
		s, err := responder.New(responder.Config{
			Net: o.Responder, Listen: []netip.Addr{netip.MustParseAddr(lab.ResponderAddr), netip.MustParseAddr(lab.ResponderAddr2)},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if err := s.Listen(ctx); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx) }()
		stopped := false
		stop := func() {
			if cancel(); !stopped {
				stopped = true
				if err := <-done; err != nil {
					t.Errorf("Serve: %v", err)
				}
			}
		}
		defer stop()
		story(t, o, s, stop)
	})
}

func TestTheSessionUsesHTTPSWhereItCan(t *testing.T) {
	office(t, lab.Router{}, func(t *testing.T, o *checktest.Office, s *responder.Server, _ func()) {
		c, err := session.Open(t.Context(), o.Phone, session.Target{Host: "responder.lab", Fingerprint: colons(s.Fingerprint())})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(t.Context())
		if c.Carrier != "https" || len(c.Notes) != 0 || c.Addr.String() != lab.ResponderAddr {
			t.Errorf("carrier %s, address %s, notes %q", c.Carrier, c.Addr, c.Notes)
		}
		if c.Info.Seen.Addr().String() != lab.WANAddr || c.Info.Alternate.String() != lab.ResponderAddr2 || c.Info.Fingerprint != s.Fingerprint() {
			t.Errorf("info %+v", c.Info)
		}
		if a, err := c.Arrivals(t.Context()); err != nil || len(a) != 0 {
			t.Errorf("arrivals %v, %v", a, err)
		}
	})
}

func colons(hex string) string {
	var parts []string
	for i := 0; i < len(hex); i += 2 {
		parts = append(parts, strings.ToUpper(hex[i:i+2]))
	}
	return strings.Join(parts, ":")
}

func TestWithoutAPinTheFirstCertificateIsBelievedAndTheReportSaysSo(t *testing.T) {
	office(t, lab.Router{}, func(t *testing.T, o *checktest.Office, s *responder.Server, _ func()) {
		c, err := session.Open(t.Context(), o.Phone, session.Target{Host: lab.ResponderAddr})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(t.Context())
		want := "certificate not verified; pin it with --responder-fingerprint " + s.Fingerprint()
		if len(c.Notes) != 1 || string(c.Notes[0]) != want {
			t.Errorf("notes %q, want %q", c.Notes, want)
		}
	})
}

func TestWhereOnlyUDPGetsThroughTheSessionRunsOverUDP(t *testing.T) {
	tests := []struct {
		name  string
		block []lab.Block
		loss  int
		pin   bool
	}{
		{"TCP is silent", []lab.Block{{Protocol: "tcp"}}, 0, true},
		{"TCP is silent, no fingerprint known", []lab.Block{{Protocol: "tcp"}}, 0, false},
		{"the control port is closed, SIP's is open", []lab.Block{{Port: 8765}}, 0, true},
		{"TCP is silent and the line is bad", []lab.Block{{Protocol: "tcp"}}, 10, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			office(t, lab.Router{Block: tt.block, LossPercent: tt.loss}, func(t *testing.T, o *checktest.Office, s *responder.Server, _ func()) {
				target := session.Target{Host: lab.ResponderAddr}
				if tt.pin {
					target.Fingerprint = s.Fingerprint()
				}
				start := time.Now()
				c, err := session.Open(t.Context(), o.Phone, target)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close(t.Context())
				if c.Carrier != "udp" || !strings.HasPrefix(string(c.Notes[len(c.Notes)-1]), "control runs over masked UDP") {
					t.Errorf("carrier %s, notes %q", c.Carrier, c.Notes)
				}
				if took := time.Since(start); took > 2500*time.Millisecond {
					t.Errorf("opening took %s", took)
				}
				manyArrivals(t, o, c)
			})
		})
	}
}

// manyArrivals sends enough that the reply does not fit into one datagram.
func manyArrivals(t *testing.T, o *checktest.Office, c *session.Client) {
	conn, err := o.Phone.OpenUDP(t.Context(), netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const probes = 60
	for i := range probes {
		m := fmt.Appendf(nil, "OPTIONS sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=%d\r\n\r\n", c.Token(i), time.Now().UnixNano()*int64(i+7))
		for range 3 { // loss: an arrival counts once
			_ = conn.WriteTo(m, netip.AddrPortFrom(c.Addr, 5060), platform.SendOptions{})
		}
	}
	time.Sleep(100 * time.Millisecond)
	got, err := c.Arrivals(t.Context())
	if err != nil || len(got) < probes*9/10 {
		t.Errorf("%d arrivals of %d, error %v", len(got), probes, err)
	}
}

func TestAWrongFingerprintIsFatalOnEveryWay(t *testing.T) {
	wrong := strings.Repeat("ab", 32)
	for name, block := range map[string][]lab.Block{"https": nil, "udp": {{Protocol: "tcp"}}} {
		t.Run(name, func(t *testing.T) {
			office(t, lab.Router{Block: block}, func(t *testing.T, o *checktest.Office, s *responder.Server, _ func()) {
				_, err := session.Open(t.Context(), o.Phone, session.Target{Host: "responder.lab", Fingerprint: wrong})
				if err == nil || !strings.Contains(err.Error(), wrong) || !strings.Contains(err.Error(), s.Fingerprint()) ||
					!strings.Contains(err.Error(), "responder.lab:8765") {
					t.Errorf("error %v: want both fingerprints and the responder in it", err)
				}
			})
		})
	}
}

func TestNobodyAnswers(t *testing.T) {
	office(t, lab.Router{Block: []lab.Block{{}}}, func(t *testing.T, o *checktest.Office, _ *responder.Server, _ func()) {
		tests := []struct{ name, host, want string }{
			{"everything is dropped", lab.ResponderAddr, "responder 198.51.100.2:8765 (198.51.100.2): TCP port 8765: no answer; " +
				"UDP ports 8765, 5060, 5080: no answer. Is \"sipdoctor serve\" running there, and are these ports open?"},
			{"a name that does not exist", "nowhere.lab", "responder nowhere.lab:8765: lookup nowhere.lab: no such host"},
			{"no port", "responder.lab:http", `responder "responder.lab:http": port "http" is not a port number (1-65535)`},
			{"nothing", "", `responder "": not a host name or address; write one such as pbx.example.net, 192.0.2.10:5060 or [2001:db8::1]:5060`},
		}
		for _, tt := range tests {
			start := time.Now()
			_, err := session.Open(t.Context(), o.Phone, session.Target{Host: tt.host})
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("%s: error\n%v, want\n%s", tt.name, err, tt.want)
			}
			if took := time.Since(start); took > 4100*time.Millisecond {
				t.Errorf("%s: took %s", tt.name, took)
			}
		}
		if _, err := session.Open(t.Context(), o.Phone, session.Target{Host: "responder.lab", Fingerprint: "12:34"}); err == nil ||
			!strings.Contains(err.Error(), "64 hex digits") {
			t.Errorf("a short fingerprint: %v", err)
		}
	})
}

func TestAClosedPortIsToldAtOnce(t *testing.T) {
	office(t, lab.Router{}, func(t *testing.T, o *checktest.Office, _ *responder.Server, _ func()) {
		start := time.Now()
		_, err := session.Open(t.Context(), o.Phone, session.Target{Host: lab.STUNServerAddr + ":1234"})
		if err == nil || !strings.Contains(err.Error(), "TCP port 1234: connection refused; UDP ports 1234, 5060, 5080: port unreachable") {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("took %s", took)
		}
	})
}

func TestAResponderThatDiesHalfWay(t *testing.T) {
	for name, block := range map[string][]lab.Block{"https": nil, "udp": {{Protocol: "tcp"}}} {
		t.Run(name, func(t *testing.T) {
			office(t, lab.Router{Block: block}, func(t *testing.T, o *checktest.Office, s *responder.Server, stop func()) {
				c, err := session.Open(t.Context(), o.Phone, session.Target{Host: lab.ResponderAddr, Fingerprint: s.Fingerprint()})
				if err != nil {
					t.Fatal(err)
				}
				stop()
				start := time.Now()
				_, err = c.Arrivals(t.Context())
				if err == nil || !strings.Contains(err.Error(), "responder 198.51.100.2:8765 no longer answers") {
					t.Errorf("error %v", err)
				}
				if took := time.Since(start); took > 4100*time.Millisecond {
					t.Errorf("took %s", took)
				}
				_ = c.Close(t.Context())
			})
		})
	}
}

func TestASessionEndsAfterAMinuteOfSilence(t *testing.T) {
	office(t, lab.Router{}, func(t *testing.T, o *checktest.Office, s *responder.Server, _ func()) {
		c, err := session.Open(t.Context(), o.Phone, session.Target{Host: lab.ResponderAddr, Fingerprint: s.Fingerprint()})
		if err != nil {
			t.Fatal(err)
		}
		for range 9 {
			time.Sleep(55 * time.Second)
			if _, err := c.Arrivals(t.Context()); err != nil {
				t.Fatalf("a session in use: %v", err)
			}
		}
		time.Sleep(61 * time.Second)
		if _, err := c.Arrivals(t.Context()); err == nil || !strings.Contains(err.Error(), "the session is over") {
			t.Errorf("after a minute of silence: %v", err)
		}
		_ = c.Close(t.Context())
	})
}

func TestASessionEndsAfterTenMinutesAtTheLatest(t *testing.T) {
	office(t, lab.Router{}, func(t *testing.T, o *checktest.Office, s *responder.Server, _ func()) {
		c, err := session.Open(t.Context(), o.Phone, session.Target{Host: lab.ResponderAddr, Fingerprint: s.Fingerprint()})
		if err != nil {
			t.Fatal(err)
		}
		var last error
		for i := 0; i < 13 && last == nil; i++ {
			time.Sleep(50 * time.Second)
			_, last = c.Arrivals(t.Context())
		}
		if last == nil || !strings.Contains(last.Error(), "the session is over") {
			t.Errorf("after 10 min and 50 s: %v", last)
		}
		_ = c.Close(t.Context())
	})
}

// Real servers on loopback that are no responder, or not ours.
func TestSomethingElseAnswers(t *testing.T) {
	page := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>router</html>") }))
	defer page.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	newer := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(session.HeaderProtocol, "2")
		_ = json.NewEncoder(w).Encode(session.Info{Protocol: 2, ID: "0123456789abcdef", Secret: []byte("x")})
	}))
	defer newer.Close()
	odd := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(session.HeaderProtocol, "1")
		fmt.Fprint(w, `{"protocol":1,"id":"0123456789abcdef","secret":"eA==","sip_udp":[70000]}`)
	}))
	defer odd.Close()
	smtp := greeter(t, "220 mail.example.net ESMTP\r\n")
	tests := []struct{ name, addr, want string }{
		{"a router's web page", page.Listener.Addr().String(), "a web server, but no sipdoctor responder (HTTP 200"},
		{"a web server without TLS", plain.Listener.Addr().String(), "does not speak TLS"},
		{"a mail server", smtp, "does not speak TLS"},
		{"a newer responder", newer.Listener.Addr().String(), "the responder speaks protocol 2, this program 1"},
		{"a responder that talks nonsense", odd.Listener.Addr().String(), "names port 70000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := session.Target{Host: tt.addr}
			if strings.Contains(tt.name, "page") || strings.Contains(tt.name, "responder") {
				target.Fingerprint = session.FingerprintOf(page.Certificate().Raw).String()
			}
			_, err := session.Open(t.Context(), loopbackOnly{platform.Real(platform.RealOptions{})}, target)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.addr) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v\nwant one line with %q", err, tt.want)
			}
		})
	}
}

// loopbackOnly closes the UDP ports that are tried beside the control port: a
// responder that runs on this machine must not answer for the fakes.
type loopbackOnly struct{ platform.Network }

func (loopbackOnly) OpenUDP(context.Context, netip.AddrPort) (platform.UDPConn, error) {
	return nil, &net.OpError{Op: "listen", Net: "udp", Err: fmt.Errorf("no UDP in this test")}
}

func greeter(t *testing.T, line string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte(line))
			_, _ = conn.Read(make([]byte, 1024))
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}
