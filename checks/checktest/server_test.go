package checktest

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/stun/v2"

	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// bindingRequest is a STUN question, with CHANGE-REQUEST where flags are set.
func bindingRequest(t *testing.T, flags byte) *stun.Message {
	t.Helper()
	m := stun.MustBuild(stun.TransactionID, stun.BindingRequest)
	if flags != 0 {
		m.Add(stun.AttrChangeRequest, []byte{0, 0, 0, flags})
		m.WriteHeader()
	}
	return m
}

// Each server is asked one question of RFC 5780.
func TestSTUNServersAnswerAsTheyAreBuilt(t *testing.T) {
	two := []netip.Addr{netip.MustParseAddr(serverAddr), netip.MustParseAddr(serverAddr2)}
	type answer struct{ From, Other, Mapped, Class string }
	const mapped = phoneAddr + ":40000"
	ok := stun.ClassSuccessResponse.String()
	tests := map[string]struct {
		o     STUNOptions
		flags byte
		want  answer
	}{
		"a plain question": {STUNOptions{Addrs: two}, 0,
			answer{serverAddr + ":3478", serverAddr2 + ":3479", mapped, ok}},
		"please from the other address and port": {STUNOptions{Addrs: two}, changeAddrFlag | changePortFlag,
			answer{serverAddr2 + ":3479", serverAddr2 + ":3479", mapped, ok}},
		"please from the other port": {STUNOptions{Addrs: two}, changePortFlag,
			answer{serverAddr + ":3479", serverAddr2 + ":3479", mapped, ok}},
		"a server with one address says nothing of another": {STUNOptions{Addrs: two[:1]}, 0,
			answer{serverAddr + ":3478", "", mapped, ok}},
		"and refuses to answer from one": {STUNOptions{Addrs: two[:1]}, changeAddrFlag,
			answer{serverAddr + ":3478", "", "", stun.ClassErrorResponse.String()}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSmall(t, RouterOptions{})
				server, err := ServeSTUN(t.Context(), s.server, tt.o)
				if err != nil {
					t.Fatal(err)
				}
				defer server.Close()
				phone := udpAt(t, s.phone, "0.0.0.0:40000")
				req := bindingRequest(t, tt.flags)
				send(t, phone, addrPort(serverAddr+":3478"), string(req.Raw))
				d, text := arrival(t, phone)
				m := &stun.Message{Raw: []byte(text)}
				if err := m.Decode(); err != nil || m.TransactionID != req.TransactionID || stun.Fingerprint.Check(m) != nil {
					t.Fatalf("answer %q: %v", text, err)
				}
				got := answer{From: d.From.String(), Class: m.Type.Class.String()}
				var x stun.XORMappedAddress
				if m.Contains(stun.AttrXORMappedAddress) && x.GetFrom(m) == nil {
					got.Mapped = x.String()
				}
				var o stun.OtherAddress
				if m.Contains(stun.AttrOtherAddress) && o.GetFrom(m) == nil {
					got.Other = o.String()
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("answer (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestSTUNServerAnswersAtTheResponsePort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSmall(t, RouterOptions{})
		server, err := ServeSTUN(t.Context(), s.server, STUNOptions{Addrs: []netip.Addr{netip.MustParseAddr(serverAddr)}})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		x, y := udpAt(t, s.phone, "0.0.0.0:40000"), udpAt(t, s.phone, "0.0.0.0:40001")
		req := bindingRequest(t, 0)
		req.Add(stun.AttrResponsePort, []byte{40000 >> 8, 40000 & 0xff, 0, 0})
		send(t, y, addrPort(serverAddr+":3478"), string(req.Raw))
		arrival(t, x)
	})
}

func TestABusySTUNServerSometimesAnswersNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSmall(t, RouterOptions{})
		one := []netip.Addr{netip.MustParseAddr(serverAddr)}
		server, err := ServeSTUN(t.Context(), s.server, STUNOptions{Addrs: one, DropEvery: 3})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		phone := udpAt(t, s.phone, "0.0.0.0:40000")
		var got []bool
		for range 6 {
			send(t, phone, addrPort(serverAddr+":3478"), string(bindingRequest(t, 0).Raw))
			_, _, ok := next(t, phone)
			got = append(got, ok)
		}
		if diff := cmp.Diff([]bool{true, true, false, true, true, false}, got); diff != "" {
			t.Errorf("answered (-want +got):\n%s", diff)
		}
	})
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
				answer := ask(lab.STUNServerAddr+":3478", string(bindingRequest(t, 0).Raw))
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
	f.Add(stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.RawAttribute{Type: stun.AttrResponsePort, Value: []byte{0, 0}}).Raw)
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newSmall(t, RouterOptions{})
		server, err := ServeSTUN(t.Context(), s.server, STUNOptions{Addrs: []netip.Addr{netip.MustParseAddr(serverAddr)}})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		phone := udpAt(t, s.phone, "0.0.0.0:0")
		for _, raw := range [][]byte{b, bindingRequest(t, 0).Raw} {
			send(t, phone, addrPort(serverAddr+":3478"), string(raw))
		}
		arrival(t, phone)
	})
}
