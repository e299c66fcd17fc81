package responder_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

func TestMetricsArePrometheusText(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort(l.Addr().String())
	_ = l.Close()
	s := start(t, func(c *responder.Config) { c.Metrics = at })
	c := open(t, s)
	newPhone(t, "127.0.0.1").ask(c.Info.SIPUDP[0], sipRequest("OPTIONS", c.Token(1), "udp", 0), patient)
	resp, err := http.Get("http://" + at.String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	b, _ := io.ReadAll(resp.Body)
	for _, want := range []string{"\nsipdoctor_sessions_open 1\n", "\nsipdoctor_probes_total 1\n", "# TYPE sipdoctor_sent_bytes_total counter\n"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %q in\n%s", want, b)
		}
	}
	for l := range strings.Lines(string(b)) {
		if f := strings.Fields(l); l[0] != '#' && len(f) != 2 {
			t.Errorf("line %q", l)
		}
	}
}

func TestTheHTTPSInterfaceRefusesWhatItMust(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	h := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer h.CloseIdleConnections()
	base := fmt.Sprintf("https://127.0.0.1:%d", s.Ports().Control)
	wrong := session.Bearer(c.Info.ID, []byte("guess"))
	right := session.Bearer(c.Info.ID, c.Info.Secret)
	tests := []struct {
		name, method, path, auth, body string
		status                         int
		want                           string
	}{
		{"another path", "POST", "/admin", "", "", 404, ""},
		{"a browser", "GET", session.Path(session.OpOpen), "", "", 405, ""},
		{"no JSON", "POST", session.Path(session.OpOpen), "", "hello", 400, "not JSON"},
		{"a newer client", "POST", session.Path(session.OpOpen), "", `{"protocol":2}`, 400, "speaks protocol 1, the client 2"},
		{"a body without end", "POST", session.Path(session.OpOpen), "", strings.Repeat("x", session.MaxBody+1), 413, "longer than"},
		{"no secret", "POST", session.Path(session.OpArrivals), "", "{}", 401, "over or unknown"},
		{"a wrong secret", "POST", session.Path(session.OpArrivals), wrong, "{}", 401, "over or unknown"},
		{"a malformed invite", "POST", session.Path(session.OpInvite), right, `{"flow":"x"}`, 400, "malformed"},
		{"an invite to nobody", "POST", session.Path(session.OpInvite), right, `{"flow":3}`, 404, "no UDP message of probe 3"},
		{"arrivals", "POST", session.Path(session.OpArrivals), right, "{}", 200, `{"arrivals":[]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, _ := http.NewRequestWithContext(t.Context(), tt.method, base+tt.path, strings.NewReader(tt.body))
			req.Header.Set("Authorization", tt.auth)
			resp, err := h.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != tt.status || !strings.Contains(string(b), tt.want) || resp.Header.Get(session.HeaderProtocol) == "" {
				t.Errorf("status %d, header %v, body %s", resp.StatusCode, resp.Header, b)
			}
		})
	}
}

func TestSTUNAnswersFromEveryAddressAndPort(t *testing.T) {
	s := start(t, func(c *responder.Config) { c.Listen = append(c.Listen, netip.MustParseAddr("127.0.0.2")) })
	if c := open(t, s); c.Info.Alternate.String() != "127.0.0.2" {
		t.Errorf("alternate address %s", c.Info.Alternate)
	}
	port, alt := s.Ports().STUN[0], s.Ports().STUN[1]
	for _, tt := range []struct {
		name     string
		ip, port bool
		want     string
	}{
		{"from where it was asked", false, false, fmt.Sprintf("127.0.0.1:%d", port)},
		{"from the other port", false, true, fmt.Sprintf("127.0.0.1:%d", alt)},
		{"from the other address", true, false, fmt.Sprintf("127.0.0.2:%d", port)},
		{"from the other address and port", true, true, fmt.Sprintf("127.0.0.2:%d", alt)},
	} {
		p := newPhone(t, "127.0.0.1")
		p.send(port, stun.Request{ID: stun.NewID(), ChangeIP: tt.ip, ChangePort: tt.port, Software: stun.ClientSoftware}.Bytes())
		if b, from := p.hear(patient); b == nil || from.String() != tt.want {
			t.Errorf("%s: %d bytes from %s, want %s", tt.name, len(b), from, tt.want)
		}
	}
}

// TestOneAddressServesNoAlternate is what an ordinary VPS can do.
func TestOneAddressServesNoAlternate(t *testing.T) {
	s := start(t, nil)
	if c := open(t, s); c.Info.Alternate.IsValid() {
		t.Errorf("alternate address %s", c.Info.Alternate)
	}
	p := newPhone(t, "127.0.0.1")
	b := p.ask(s.Ports().STUN[0], stun.Request{ID: stun.NewID(), ChangeIP: true, Software: stun.ClientSoftware}.Bytes(), patient)
	if len(b) < 2 || b[0] != 0x01 || b[1] != 0x11 {
		t.Errorf("asked for another address: % x, want a Binding error", b)
	}
}

// In memory and in virtual time: who connects and says nothing is shown out.
func TestSilentConnectionsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := checktest.FromScenario(lab.Scenario{Name: "silent", Routers: []lab.Router{{NAT: lab.Preserving}}})
		defer o.World.Close()
		s, err := responder.New(responder.Config{Net: o.Responder, Listen: []netip.Addr{netip.MustParseAddr(lab.ResponderAddr)}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if err := s.Listen(ctx); err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- s.Serve(ctx) }()
		defer func() { cancel(); <-done }()
		for _, tt := range []struct {
			name string
			port uint16
			say  string
		}{
			{"control", 8765, ""}, {"SIP", 5060, ""}, {"TLS", 5061, ""},
			{"half a message", 5060, "OPTIONS sip:a SIP/2.0\r\n"}, {"keep-alives only", 8766, "\r\n\r\n"},
		} {
			conn, err := o.Phone.DialTCP(t.Context(), netip.AddrPort{}, netip.AddrPortFrom(netip.MustParseAddr(lab.ResponderAddr), tt.port))
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			_, _ = conn.Write([]byte(tt.say))
			_, _ = io.Copy(io.Discard, conn)
			if took := time.Since(begin); took > 11*time.Second || took < time.Second {
				t.Errorf("%s: closed after %s", tt.name, took)
			}
			_ = conn.Close()
		}
	})
}
