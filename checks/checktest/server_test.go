package checktest

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/pion/stun/v2"

	"github.com/sipdoctor/sipdoctor/platform/lab"
)

func bindingRequest() *stun.Message { return stun.MustBuild(stun.TransactionID, stun.BindingRequest) }

func TestASTUNServerSaysWhereAQuestionCameFrom(t *testing.T) {
	elsewhere := bindingRequest()
	elsewhere.Add(stun.AttrChangeRequest, []byte{0, 0, 0, 4})
	elsewhere.WriteHeader()
	for name, tt := range map[string]struct {
		request       *stun.Message
		mapped, class string
	}{
		"a plain question":              {bindingRequest(), phoneAddr + ":40000", stun.ClassSuccessResponse.String()},
		"please from the other address": {elsewhere, "", stun.ClassErrorResponse.String()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSmall(t, RouterOptions{})
				server, err := ServeSTUN(t.Context(), s.server, netip.MustParseAddr(serverAddr))
				if err != nil {
					t.Fatal(err)
				}
				defer server.Close()
				phone := udpAt(t, s.phone, "0.0.0.0:40000")
				send(t, phone, addrPort(serverAddr+":3478"), string(tt.request.Raw))
				d, text := arrival(t, phone)
				m := &stun.Message{Raw: []byte(text)}
				if err := m.Decode(); err != nil || m.TransactionID != tt.request.TransactionID || stun.Fingerprint.Check(m) != nil || d.From != addrPort(serverAddr+":3478") {
					t.Fatalf("answer %q from %s: %v", text, d.From, err)
				}
				mapped := ""
				var x stun.XORMappedAddress
				if m.Contains(stun.AttrXORMappedAddress) && x.GetFrom(m) == nil {
					mapped = x.String()
				}
				if class := m.Type.Class.String(); mapped != tt.mapped || class != tt.class {
					t.Errorf("it says %s, %q", class, mapped)
				}
			})
		})
	}
}

func TestSIPServerTellsWhereTheRequestCameFrom(t *testing.T) {
	tests := map[string]struct{ via, want string }{
		"rport is filled in":                       {"Via: SIP/2.0/UDP 192.168.1.10:40000;rport;branch=z", "Via: SIP/2.0/UDP 192.168.1.10:40000;received=203.0.113.1;rport=40000;branch=z"},
		"received without rport, when it differs":  {"v: SIP/2.0/UDP 192.168.1.10:40000;branch=z", "v: SIP/2.0/UDP 192.168.1.10:40000;branch=z;received=203.0.113.1"},
		"a name differs too":                       {"Via: SIP/2.0/UDP phone.example", "Via: SIP/2.0/UDP phone.example;received=203.0.113.1"},
		"nothing when the Via is right":            {"Via: SIP/2.0/UDP 203.0.113.1:40000;branch=z", "Via: SIP/2.0/UDP 203.0.113.1:40000;branch=z"},
		"only the topmost of several in one line":  {"Via: SIP/2.0/UDP 10.0.0.1;rport, SIP/2.0/UDP 10.0.0.2;rport", "Via: SIP/2.0/UDP 10.0.0.1;received=203.0.113.1;rport=40000, SIP/2.0/UDP 10.0.0.2;rport"},
		"a Via that nobody can read gets received": {"Via: nonsense", "Via: nonsense;received=203.0.113.1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSmall(t, RouterOptions{NAT: Linux()})
				server, err := ServeSIP(t.Context(), s.server, SIPOptions{})
				if err != nil {
					t.Fatal(err)
				}
				defer server.Close()
				phone := udpAt(t, s.phone, "0.0.0.0:40000")
				send(t, phone, addrPort(serverAddr2+":5060"), crlf("OPTIONS sip:x SIP/2.0", tt.via, "To: <sip:x>", "Call-ID: 1", "CSeq: 1 OPTIONS", ""))
				d, answer := arrival(t, phone)
				lines := strings.Split(answer, "\r\n")
				if lines[0] != "SIP/2.0 200 OK" || lines[1] != tt.want || !strings.HasPrefix(lines[2], "To: <sip:x>;tag=") {
					t.Errorf("answer:\n%s", answer)
				}
				if d.From != addrPort(serverAddr2+":5060") {
					t.Errorf("it came from %s", d.From)
				}
			})
		})
	}
}

func TestSIPServerSpeaksTCPAndTLS(t *testing.T) {
	cert, pool := selfSigned(t)
	s := newSmall(t, RouterOptions{NAT: Linux()})
	server, err := ServeSIP(t.Context(), s.server, SIPOptions{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, port := range []uint16{5060, 5061} {
		c, err := s.phone.DialTCP(t.Context(), netip.AddrPort{}, netip.AddrPortFrom(netip.MustParseAddr(serverAddr), port))
		if err != nil {
			t.Fatal(err)
		}
		if port == 5061 {
			c = tls.Client(c, &tls.Config{RootCAs: pool, ServerName: "lab"})
		}
		ask := crlf("OPTIONS sip:x SIP/2.0", "Via: SIP/2.0/TCP 192.168.1.10:1;rport", "CSeq: 1 OPTIONS", "Content-Length: 0", "")
		for _, part := range []string{"\r\n\r\n", ask[:20], ask[20:] + ask} {
			if _, err := c.Write([]byte(part)); err != nil {
				t.Fatal(err)
			}
		}
		var got string
		b := make([]byte, 4096)
		for strings.Count(got, "SIP/2.0 200 OK") < 2 {
			n, err := c.Read(b)
			if err != nil {
				t.Fatalf("after %q: %v", got, err)
			}
			got += string(b[:n])
		}
		if !strings.HasPrefix(got, "\r\nSIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 192.168.1.10:1;received=203.0.113.1;rport=") {
			t.Errorf("answers:\n%s", got)
		}
		_ = c.Close()
	}
}

// A handful of packets walks through every office of the lab.
func TestOfficesAreThoseOfTheLab(t *testing.T) {
	for _, sc := range lab.Scenarios() {
		t.Run(sc.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := FromScenario(sc)
				defer o.World.Close()
				stop, err := o.Serve(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer stop()
				phone := udpAt(t, o.Phone, lab.PhoneAddr+":40000")
				ask := func(to, text string) (answer string) {
					for range 20 { // some offices lose packets
						send(t, phone, addrPort(to), text)
						if _, got, ok := next(t, phone); ok {
							return got
						}
					}
					return ""
				}
				answer := ask(lab.STUNServerAddr+":3478", string(bindingRequest().Raw))
				if sc.ControlPort == 443 { // nothing but TCP to that port
					if answer != "" {
						t.Errorf("UDP passed: %x", answer)
					}
					return
				}
				m := &stun.Message{Raw: []byte(answer)}
				var mapped stun.XORMappedAddress
				if err := m.Decode(); err != nil || mapped.GetFrom(m) != nil {
					t.Fatalf("no STUN answer: %v", err)
				}
				if nat := mapped.IP.String() != lab.PhoneAddr; nat != sc.Expect.BehindNAT || nat && mapped.IP.String() != lab.WANAddr {
					t.Errorf("the STUN server sees %v", mapped)
				}
				if moved := mapped.Port != 40000; moved != (sc.Expect.Mapping == AddressAndPortDependent.String()) {
					t.Errorf("the STUN server sees port %d", mapped.Port)
				}
				options := crlf("OPTIONS sip:x SIP/2.0", "Via: SIP/2.0/UDP 192.168.88.10:40000;rport;branch=z9hG4bK", "CSeq: 1 OPTIONS", "")
				answer = ask(lab.SIPServerAddr+":5060", options)
				switch sc.Expect.SIPALG {
				case "dropping", "inconclusive":
					if answer != "" {
						t.Errorf("SIP passed: %s", answer)
					}
				case "rewriting":
					if sip := sc.Routers[0].ALG[0]; sip.Protocol == "udp" && sip.Port == 5060 && !strings.Contains(answer, "received=192.168.88.10") {
						t.Errorf("no trace of an ALG in %s", answer)
					}
				default:
					if !strings.Contains(answer, fmt.Sprintf("received=%s;", mapped.IP)) {
						t.Errorf("the answer is %s", answer)
					}
				}
			})
		})
	}
}

// FuzzSTUNServer gives a server what strangers may send; it must go on
// answering.
func FuzzSTUNServer(f *testing.F) {
	f.Add(stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw)
	f.Add(stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.RawAttribute{Type: stun.AttrChangeRequest, Value: []byte{6}}).Raw)
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newSmall(t, RouterOptions{})
		server, err := ServeSTUN(t.Context(), s.server, netip.MustParseAddr(serverAddr))
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		phone := udpAt(t, s.phone, "0.0.0.0:0")
		for _, raw := range [][]byte{b, bindingRequest().Raw} {
			send(t, phone, addrPort(serverAddr+":3478"), string(raw))
		}
		arrival(t, phone)
	})
}
