package signalling_test

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/signalling"
	"github.com/sipdoctor/sipdoctor/platform"
)

const year = 365 * 24 * time.Hour

func TestTheWayToTheServer(t *testing.T) {
	block := func(rules ...checktest.Rule) func(*checktest.RouterOptions) {
		return func(o *checktest.RouterOptions) { o.Rules = rules }
	}
	good := func(t *testing.T) *tls.Config { return certificate(t, -time.Hour, year, server) }
	for name, c := range map[string]struct {
		router  func(*checktest.RouterOptions)
		server  *checktest.SIPOptions // nil: nothing runs there
		tls     func(*testing.T) *tls.Config
		names   []string
		said    []string // what the profile says of it
		want    []string
		status  checks.Status
		summary string // a part of it
		reason  string // a part of it
	}{
		"everything answers": {
			server: &checktest.SIPOptions{}, tls: good, want: []string{"signalling.tls-untrusted warning"}, status: checks.Warn,
			summary: "pbx.example.net answers on UDP 5060, TCP 5060, TLS 5061 and asks for the password",
		},
		"no TLS there, which nobody promised": {
			server: &checktest.SIPOptions{}, want: []string{}, status: checks.Pass, summary: "answers on UDP 5060, TCP 5060 and asks",
		},
		"no TLS there, which the profile promises": {
			server: &checktest.SIPOptions{}, names: []string{server + ":5061"}, said: []string{"tls"},
			want: []string{"signalling.refused critical"}, status: checks.Fail, summary: "does not answer",
		},
		"UDP is dropped on the way": {
			server: &checktest.SIPOptions{}, tls: good, router: block(checktest.Rule{Proto: checktest.UDP, Port: 5060}),
			want: []string{"signalling.udp-silent warning", "signalling.tls-untrusted warning"}, status: checks.Warn,
			summary: "answers on TCP 5060, TLS 5061 and asks for the password; UDP 5060 does not answer",
		},
		"it answers from another port, and nothing filters": {
			server: &checktest.SIPOptions{AnswerPort: 5099}, tls: good, router: func(o *checktest.RouterOptions) { o.NAT = &checktest.NAT{} },
			want: []string{"signalling.tls-untrusted warning"}, status: checks.Warn, summary: "answers on UDP 5060, TCP 5060, TLS 5061",
		},
		"port 5060 is closed, 5061 is open": {
			server: &checktest.SIPOptions{}, tls: good, router: block(checktest.Rule{Port: 5060}),
			want: []string{"signalling.udp-silent warning", "signalling.tls-untrusted warning"}, status: checks.Warn,
		},
		"everything is dropped": {
			server: &checktest.SIPOptions{}, tls: good, router: block(checktest.Rule{Port: 5060}, checktest.Rule{Port: 5061}),
			want: []string{"signalling.silent warning"}, status: checks.Inconclusive, reason: "did not answer over UDP 5060, TCP 5060, TLS 5061",
		},
		"a firewall says no": {
			server: &checktest.SIPOptions{}, router: block(checktest.Rule{Port: 5060, Action: checktest.Reject}, checktest.Rule{Port: 5061, Action: checktest.Reject}),
			want: []string{"signalling.prohibited critical"}, status: checks.Fail,
		},
		"nothing runs there": {
			want: []string{"signalling.refused critical"}, status: checks.Fail, summary: "pbx.example.net does not answer",
		},
		"the name does not exist": {
			server: &checktest.SIPOptions{}, names: []string{"pbx.example.nett"}, want: []string{}, status: checks.Inconclusive, reason: "pbx.example.nett",
		},
		"its answer to OPTIONS is nonsense, that to REGISTER is not": {
			server: &checktest.SIPOptions{Status: map[string]int{"OPTIONS": -1}}, want: []string{}, status: checks.Pass, summary: "answers on UDP 5060 and asks",
		},
		"every third request is lost": {server: &checktest.SIPOptions{DropEvery: 3}, want: []string{}, status: checks.Pass},
		"it is overloaded": {
			server: &checktest.SIPOptions{Status: map[string]int{"OPTIONS": 503, "REGISTER": 503}},
			want:   []string{"signalling.server-trouble warning"}, status: checks.Warn,
		},
		"the certificate has expired": {
			server: &checktest.SIPOptions{}, tls: func(t *testing.T) *tls.Config { return certificate(t, -year, -time.Hour, server) },
			want: []string{"signalling.tls-expired critical", "signalling.tls-untrusted warning"}, status: checks.Fail,
		},
		"the certificate begins tomorrow": {
			server: &checktest.SIPOptions{}, tls: func(t *testing.T) *tls.Config { return certificate(t, 24*time.Hour, year, server) },
			want: []string{"signalling.tls-not-yet-valid critical", "signalling.tls-untrusted warning"}, status: checks.Fail,
		},
		"the certificate ends next week": {
			server: &checktest.SIPOptions{}, tls: func(t *testing.T) *tls.Config { return certificate(t, -year, 7*24*time.Hour, server) },
			want: []string{"signalling.tls-expires-soon warning", "signalling.tls-untrusted warning"}, status: checks.Warn,
		},
		"the certificate is another server's": {
			server: &checktest.SIPOptions{}, tls: func(t *testing.T) *tls.Config { return certificate(t, -time.Hour, year, "other.example.net") },
			want: []string{"signalling.tls-name warning", "signalling.tls-untrusted warning"}, status: checks.Warn,
		},
		"nobody was named": {names: []string{}, want: []string{}, status: checks.Skip},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newOffice(t, c.router)
				if c.server != nil {
					o := *c.server
					if c.tls != nil {
						o.TLS = c.tls(t)
					}
					n.serve(o)
				}
				if c.names != nil {
					n.inputs.SIPServers = c.names
				}
				if c.said != nil {
					n.inputs.SIPTransports = map[string][]string{c.names[0]: c.said}
				}
				r, _ := n.check()
				diff := cmp.Diff(c.want, findings(r))
				if diff != "" || r.Status != c.status || !strings.Contains(r.Summary, c.summary) || !strings.Contains(r.Reason, c.reason) {
					t.Errorf("%s: %q (%q), want %s\nfindings (-want +got):\n%s", r.Status, r.Summary, r.Reason, c.status, diff)
					for _, f := range r.Facts.([]signalling.Fact) {
						t.Logf("%+v", f)
					}
				}
			})
		})
	}
}

// Every target of an SRV record is asked: the second shows that the first one's
// silence is its own.
func TestADeadFirstServerIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newOffice(t, nil)
		n.serve(checktest.SIPOptions{})
		n.world.AddName("dead.example.net", "198.51.100.66")
		n.world.AddSRV("sip", "udp", "example.net", platform.SRV{Target: server, Port: 5060, Priority: 20}, platform.SRV{Target: "dead.example.net", Port: 5060, Priority: 10})
		n.world.AddSRV("sip", "tcp", "example.net", platform.SRV{Target: server, Port: 5060, Priority: 10})
		n.inputs.SIPServers = []string{"example.net"}
		r, _ := n.check()
		if diff := cmp.Diff([]string{"signalling.srv-target-dead warning"}, findings(r)); diff != "" || r.Status != checks.Warn {
			t.Fatalf("%s: %q\nfindings (-want +got):\n%s", r.Status, r.Summary, diff)
		}
		if f := r.Findings[0]; f.Subject != "dead.example.net" || !strings.HasPrefix(f.Title, "dead.example.net (198.51.100.66), the first server of example.net,") {
			t.Errorf("it says %q of %q", f.Title, f.Subject)
		}
	})
}

// A server counts refused registrations: there is one, not one a transport.
func TestOneRegisterPerServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newOffice(t, nil)
		s := n.serve(checktest.SIPOptions{TLS: certificate(t, -time.Hour, year, server)})
		n.check()
		count := map[string]int{}
		for _, h := range s.Requests() {
			method, _, _ := strings.Cut(string(h.Raw), " ")
			count[h.Transport+" "+method]++
			if strings.Contains(string(h.Raw), "Authorization") {
				t.Errorf("credentials in %q", h.Raw)
			}
		}
		want := map[string]int{"udp OPTIONS": 1, "tcp OPTIONS": 1, "tls OPTIONS": 1, "udp REGISTER": 1}
		if diff := cmp.Diff(want, count); diff != "" {
			t.Errorf("what the server saw (-want +got):\n%s", diff)
		}
	})
}

func TestAWrongClockMakesGoodCertificatesLookBad(t *testing.T) {
	for name, c := range map[string]struct {
		off  time.Duration
		want []string
	}{
		"right":                              {0, []string{"signalling.tls-expired critical", "signalling.tls-untrusted warning"}},
		"a little slow":                      {20 * time.Second, []string{"signalling.tls-expired critical", "signalling.tls-untrusted warning"}},
		"two days fast: it is not over yet":  {-48 * time.Hour, []string{"signalling.tls-expires-soon warning", "signalling.tls-untrusted warning", "signalling.clock warning"}},
		"twenty years: NTP's next era or so": {20 * year, []string{"signalling.tls-expired critical", "signalling.tls-untrusted warning", "signalling.clock warning"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newOffice(t, nil)
				n.serve(checktest.SIPOptions{TLS: certificate(t, -year, -24*time.Hour, server)})
				n.serveTime(c.off)
				r, _ := n.check()
				if diff := cmp.Diff(c.want, findings(r)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestWebSocket(t *testing.T) {
	for name, c := range map[string]struct {
		port        uint16
		secure      bool
		subprotocol string
		want        signalling.Status
		note        string
	}{
		"plain, as Asterisk has it":      {8088, false, "sip", signalling.Answered, ""},
		"secure, as Asterisk has it":     {8089, true, "sip", signalling.Answered, ""},
		"a web server without SIP":       {8088, false, "", signalling.NoWebSocket, "websocket-refused"},
		"a WebSocket for something else": {8088, false, "chat", signalling.NoWebSocket, "websocket-no-sip"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newOffice(t, nil)
				transport, secure := "ws", (*tls.Config)(nil)
				if c.secure {
					transport, secure = "wss", certificate(t, -time.Hour, year, server)
				}
				n.serveWeb(c.port, secure, c.subprotocol)
				n.inputs.SIPServers = []string{fmt.Sprintf("%s:%d", server, c.port)}
				r, _ := n.check()
				f := statuses(r)[transport]
				if f.Status != c.want || !strings.Contains(string(f.Note), c.note) {
					t.Errorf("%+v\n%s", f, r.Summary)
				}
			})
		})
	}
}

func TestOneRealRegistration(t *testing.T) {
	for name, c := range map[string]struct {
		registrar *registrar
		word      string
		want      []string
		status    checks.Status
		attempts  int
		bound     []string
		summary   string
	}{
		"MD5":                            {&registrar{algorithm: "MD5", qop: true}, password, []string{}, checks.Pass, 2, []string{"300", "0"}, "sip:100@pbx.example.net registers"},
		"an old server without qop":      {&registrar{}, password, []string{}, checks.Pass, 1, []string{"300", "0"}, "registers"},
		"SHA-256":                        {&registrar{algorithm: "SHA-256", qop: true}, password, []string{}, checks.Pass, 2, []string{"300", "0"}, "registers"},
		"a new nonce for every request":  {&registrar{qop: true, oneTime: true}, password, []string{}, checks.Pass, 3, []string{"300", "0"}, "registers"},
		"the wrong password, once":       {&registrar{qop: true}, "wrong word 9", []string{"signalling.account-refused critical"}, checks.Fail, 1, nil, "is refused (401)"},
		"silent when it sees a password": {&registrar{silent: true}, password, []string{"signalling.account-silent warning"}, checks.Inconclusive, 1, nil, "could not be tested"},
		"an algorithm nobody has":        {&registrar{algorithm: "AKAv1-MD5"}, password, []string{}, checks.Inconclusive, 0, nil, "could not be tested"},
		"a provider's own words": {&registrar{after: func(r string) (string, bool) { return replyTo(r, "403 No Money Left on RFC Account"), true }},
			password, []string{"signalling.account-refused critical"}, checks.Fail, 1, nil, "is refused (403)"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newOffice(t, nil)
				reg := c.registrar
				reg.serve(n)
				n.account = account(c.word)
				r, _ := n.check()
				reg.mu.Lock()
				defer reg.mu.Unlock()
				if diff := cmp.Diff(c.want, findings(r)); diff != "" || r.Status != c.status || !strings.Contains(r.Summary, c.summary) {
					t.Errorf("%s: %q (%q), want %s\n%s", r.Status, r.Summary, r.Reason, c.status, diff)
				}
				if len(reg.attempts) != c.attempts {
					t.Errorf("%d attempts with credentials, want %d:\n%s", len(reg.attempts), c.attempts, strings.Join(reg.lines, "\n"))
				}
				if diff := cmp.Diff(c.bound, reg.bound); diff != "" {
					t.Errorf("registrations (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Loss is made good; it never changes what is said.
func TestLossNeverChangesTheAnswer(t *testing.T) {
	for i := range 30 {
		synctest.Test(t, func(t *testing.T) {
			n := newOfficeOf(t, uint64(i), func(o *checktest.RouterOptions) { o.Loss = 0.05 })
			n.serve(checktest.SIPOptions{})
			r, _ := n.check()
			if r.Status != checks.Pass || len(r.Findings) != 0 {
				t.Errorf("run %d: %s %q %v", i, r.Status, r.Summary, findings(r))
			}
		})
	}
}
