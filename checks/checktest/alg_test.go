package checktest

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func crlf(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }

// invite is what the phone at 192.168.1.10:40000 sends: everything in it is
// its own address and port, but a decoy and the RTCP attribute.
func invite() string {
	body := crlf("v=0", "o=- 1 1 IN IP4 192.168.1.10", "s=-", "c=IN IP4 192.168.1.10", "t=0 0",
		"m=audio 20000 RTP/AVP 8", "a=rtcp:20001 IN IP4 192.168.1.10")
	return crlf("INVITE sip:bob@198.51.100.1 SIP/2.0",
		"Via: SIP/2.0/UDP 192.168.1.10:40000;rport;branch=z9hG4bK1",
		"X-Decoy: 10.9.8.7:40000",
		"Max-Forwards: 70",
		"f: <sip:alice@192.168.1.10:40000>;tag=1",
		"To: <sip:bob@198.51.100.1>",
		"Call-ID: a1@192.168.1.10",
		"CSeq: 1 INVITE",
		"Contact: <sip:alice@192.168.1.10:40000;transport=udp>",
		"Content-Type: application/sdp",
		fmt.Sprintf("Content-Length: %d", len(body)), "") + body
}

// replaced applies "old -> new" pairs, each of which must be there.
func replaced(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("%q does not occur", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// The NAT of these tests sends port 40000 out as 203.0.113.1:40000.
var (
	linuxHeaders = []string{
		"UDP 192.168.1.10:40000", "UDP 203.0.113.1:40000",
		"alice@192.168.1.10:40000", "alice@203.0.113.1:40000",
	}
	linuxSDP = []string{
		"o=- 1 1 IN IP4 192.168.1.10", "o=- 1 1 IN IP4 203.0.113.1",
		"c=IN IP4 192.168.1.10", "c=IN IP4 203.0.113.1",
		"Content-Length: 128", "Content-Length: 126",
	}
)

func TestWhatEachALGDoesToAnInvite(t *testing.T) {
	tests := map[string]struct {
		alg  ALG
		want []string // pairs; nil: it vanishes
	}{
		"the Linux helper rewrites exactly its flow": {LinuxALG(), append(linuxHeaders, linuxSDP...)},
		"a header ALG leaves the SDP alone":          {HeaderALG(), linuxHeaders},
		"Junos hides the Call-ID as well":            {CallIDALG(), append(append([]string{"a1@192.168.1.10", "a1@203.0.113.1"}, linuxHeaders...), linuxSDP...)},
		"a pinhole ALG touches nothing":              {PinholeALG(), []string{}},
		"a response ALG leaves requests alone":       {ResponseALG(), []string{}},
		"a one-way ALG rewrites on the way out":      {OneWayALG(), append(linuxHeaders, linuxSDP...)},
		"a blind ALG replaces decoys too": {RegexALG(), []string{
			"192.168.1.10", "203.0.113.1", "10.9.8.7", "203.0.113.1", "Content-Length: 128", "Content-Length: 125"}},
		"a dropping ALG swallows it":                     {DroppingALG(), nil},
		"one that drops INVITE swallows it":              {DroppingALG("INVITE"), nil},
		"one that drops REGISTER does not":               {DroppingALG("REGISTER"), []string{}},
		"one that watches another port does not see it":  {LinuxALG().On(UDP, 5080), []string{}},
		"one that watches TCP does not see it":           {LinuxALG().On(TCP, 5060), []string{}},
		"one that watches the phone's port 5060 neither": {ALG{LocalPort: 5060, Drop: []string{"*"}}, []string{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSmall(t, RouterOptions{NAT: Linux(), ALGs: []ALG{tt.alg}})
				server, phone := udpAt(t, s.server, serverAddr+":5060"), udpAt(t, s.phone, "0.0.0.0:40000")
				send(t, phone, server.LocalAddr(), invite())
				_, got, ok := next(t, server)
				if !ok || tt.want == nil {
					if ok || tt.want != nil {
						t.Errorf("arrived: %v", ok)
					}
					return
				}
				if diff := cmp.Diff(replaced(t, invite(), tt.want...), got); diff != "" {
					t.Errorf("what arrived (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestProxyALGWritesTheMessageAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSmall(t, RouterOptions{NAT: Linux(), ALGs: []ALG{ProxyALG()}})
		server, phone := udpAt(t, s.server, serverAddr+":5060"), udpAt(t, s.phone, "0.0.0.0:40000")
		send(t, phone, server.LocalAddr(), invite())
		d, got := arrival(t, server)
		m, _, _ := readText([]byte(got), false)
		port := mediaPort(m.body[strings.Index(m.body, "m="):])
		if port == 20000 || port%2 != 0 {
			t.Errorf("the media port is %d", port)
		}
		body := replaced(t, invite()[strings.Index(invite(), "v=0"):], "o=- 1 1 IN IP4 192.168.1.10", "o=- 1 1 IN IP4 203.0.113.1",
			"c=IN IP4 192.168.1.10", "c=IN IP4 203.0.113.1", "m=audio 20000", fmt.Sprintf("m=audio %d", port))
		branch := m.headers[0][strings.Index(m.headers[0], "z9hG4bK"):]
		want := crlf("INVITE sip:bob@198.51.100.1 SIP/2.0",
			"Via: SIP/2.0/UDP 203.0.113.1:40000;branch="+branch,
			"Via: SIP/2.0/UDP 192.168.1.10:40000;received=192.168.1.10;rport=40000;branch=z9hG4bK1",
			"From: <sip:alice@192.168.1.10:40000>;tag=1", "To: <sip:bob@198.51.100.1>", "Call-ID: a1@192.168.1.10", "CSeq: 1 INVITE",
			"max-forwards: 69", "Contact: <sip:alice@192.168.1.10:40000;transport=udp>",
			"X-Decoy: 10.9.8.7:40000", "Content-Type: application/sdp",
			fmt.Sprintf("Content-Length:   %d", len(body)), "") + body
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("what arrived (-want +got):\n%s", diff)
		}
		send(t, server, d.From, string(m.respond(404, d.From)))
		_, answer := arrival(t, phone)
		if strings.Count(answer, "Via:") != 1 || !strings.Contains(answer, "received=192.168.1.10;rport=40000;branch=z9hG4bK1") {
			t.Errorf("the phone got\n%s", answer)
		}
	})
}

// A plain RFC 3581 server stands behind each ALG: what the phone sees here is
// all that a tester without a responder has.
func TestAnswersOnTheWayBack(t *testing.T) {
	const via = "Via: SIP/2.0/UDP 192.168.1.10:40000"
	tests := map[string]struct {
		algs []ALG
		sent string // the phone's Via, where it is not its own
		want string
	}{
		"without an ALG the server tells the public address": {nil, "", via + ";received=203.0.113.1;rport=61000;branch=z9hG4bK1"},
		"the Linux helper puts the private one back":         {[]ALG{LinuxALG()}, "", via + ";received=192.168.1.10;rport=40000;branch=z9hG4bK1"},
		"a response ALG as well":                             {[]ALG{ResponseALG()}, "", via + ";received=192.168.1.10;rport=40000;branch=z9hG4bK1"},
		"a one-way ALG forgets to":                           {[]ALG{OneWayALG()}, "", "Via: SIP/2.0/UDP 203.0.113.1:61000;received=203.0.113.1;rport=61000;branch=z9hG4bK1"},
		"the Linux helper answers a Via with another port there": {[]ALG{LinuxALG()}, "Via: SIP/2.0/UDP 192.168.1.10:5060",
			"Via: SIP/2.0/UDP 192.168.1.10:5060;received=203.0.113.1;rport=61000;branch=z9hG4bK1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSmall(t, RouterOptions{NAT: Linux(), ALGs: tt.algs})
				// Another phone already has port 40000 towards the server, so
				// this one's becomes another; the promise below fixes which.
				s.router.state.pinholes = []pinhole{{proto: UDP, inside: addrPort("192.168.1.10:40000"), outside: addrPort("203.0.113.1:61000"),
					from: netip.MustParseAddr(serverAddr), expires: time.Now().Add(time.Hour)}}
				server, err := ServeSIP(t.Context(), s.server, SIPOptions{})
				if err != nil {
					t.Fatal(err)
				}
				defer server.Close()
				phone := udpAt(t, s.phone, "0.0.0.0:40000")
				hears := phone
				text := invite()
				if tt.sent != "" {
					text = replaced(t, text, via, tt.sent)
					hears = udpAt(t, s.phone, "0.0.0.0:5060")
				}
				send(t, phone, addrPort(serverAddr+":5060"), text)
				_, answer := arrival(t, hears)
				if got := strings.Split(answer, "\r\n")[1]; got != tt.want {
					t.Errorf("the phone got %s\nwant           %s", got, tt.want)
				}
				if seen := server.Requests(); len(seen) != 1 || seen[0].From != addrPort("203.0.113.1:61000") {
					t.Errorf("the server saw %v", seen)
				}
			})
		})
	}
}

// The call is the responder's INVITE on the flow of the phone.
func TestLinuxALGReversesCallsFromOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSmall(t, RouterOptions{NAT: Linux(), ALGs: []ALG{LinuxALG().On(UDP, 5060)}})
		server, phone := udpAt(t, s.server, serverAddr+":5060"), udpAt(t, s.phone, "0.0.0.0:40000")
		send(t, phone, server.LocalAddr(), "knock")
		d, _ := arrival(t, server)
		call := crlf("INVITE sip:alice@203.0.113.1:40000 SIP/2.0", "Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bK2", "Call-ID: b", "CSeq: 1 INVITE", "Content-Length: 0", "")
		send(t, server, d.From, call)
		_, got := arrival(t, phone)
		if want := replaced(t, call, "203.0.113.1:40000", "192.168.1.10:40000"); got != want {
			t.Errorf("the phone got %q, want %q", got, want)
		}
	})
}

func TestPinholesOpenForWhatSDPNamesAndNothingElse(t *testing.T) {
	tests := map[string]struct {
		o      RouterOptions
		invite bool
		want   bool
	}{
		"the Linux helper":                           {RouterOptions{NAT: Linux(), ALGs: []ALG{LinuxALG()}}, true, true},
		"the same without an INVITE":                 {RouterOptions{NAT: Linux(), ALGs: []ALG{LinuxALG()}}, false, false},
		"a pinhole ALG that rewrites nothing":        {RouterOptions{NAT: Linux(), ALGs: []ALG{PinholeALG()}}, true, true},
		"the helper behind a NAT with random ports":  {RouterOptions{NAT: Symmetric(), ALGs: []ALG{LinuxALG()}}, true, true},
		"a NAT without ALG":                          {RouterOptions{NAT: Linux()}, true, false},
		"a blind ALG":                                {RouterOptions{NAT: Linux(), ALGs: []ALG{RegexALG()}}, true, false},
		"the helper of a firewall that only routes":  {RouterOptions{Stateful: true, ALGs: []ALG{LinuxALG()}}, true, true},
		"such a firewall without the helper":         {RouterOptions{Stateful: true}, true, false},
		"a router without any filter":                {RouterOptions{}, false, true},
		"the helper that has gone on to other ports": {RouterOptions{NAT: Linux(), ALGs: []ALG{LinuxALG().On(UDP, 5080)}}, true, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSmall(t, tt.o)
				server, phone := udpAt(t, s.server, serverAddr+":5060"), udpAt(t, s.phone, "0.0.0.0:40000")
				rtp, media := udpAt(t, s.phone, "0.0.0.0:20000"), udpAt(t, s.server, serverAddr+":30000")
				to := addrPort(publicAddr + ":20000")
				if tt.o.NAT == nil {
					to = addrPort(phoneAddr + ":20000")
				}
				if tt.invite {
					send(t, phone, server.LocalAddr(), invite())
					arrival(t, server)
				}
				stranger := udpAt(t, s.server, serverAddr2+":30000")
				send(t, stranger, to, "rtp of somebody else")
				if _, _, ok := next(t, rtp); ok && tt.o.ALGs != nil {
					t.Error("a stranger got in")
				}
				send(t, media, to, "rtp")
				_, _, ok := next(t, rtp)
				if ok != tt.want {
					t.Fatalf("RTP arrived: %v", ok)
				}
				if !ok || !tt.invite {
					return
				}
				send(t, rtp, media.LocalAddr(), "rtp back")
				if d, _ := arrival(t, media); d.From != to {
					t.Errorf("RTP back comes from %s, want %s", d.From, to)
				}
			})
		})
	}
}

func TestPinholeClosesWhenTheCallIsRefusedOrTooLate(t *testing.T) {
	for name, refused := range map[string]bool{"refused": true, "too late": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSmall(t, RouterOptions{NAT: Linux(), ALGs: []ALG{LinuxALG()}})
				server, phone := udpAt(t, s.server, serverAddr+":5060"), udpAt(t, s.phone, "0.0.0.0:40000")
				rtp := udpAt(t, s.phone, "0.0.0.0:20000")
				send(t, phone, server.LocalAddr(), invite())
				d, text := arrival(t, server)
				if refused {
					m, _, _ := readText([]byte(text), false)
					send(t, server, d.From, string(m.respond(486, d.From)))
					arrival(t, phone)
				} else {
					time.Sleep(mediaLife)
				}
				send(t, server, addrPort(publicAddr+":20000"), "rtp")
				if _, _, ok := next(t, rtp); ok {
					t.Error("RTP came in")
				}
			})
		})
	}
}

func TestNobodyElseGetsAPortThatSDPHasPromised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSmall(t, RouterOptions{NAT: Linux(), ALGs: []ALG{LinuxALG()}})
		server, phone := udpAt(t, s.server, serverAddr+":5060"), udpAt(t, s.phone, "0.0.0.0:40000")
		other := udpAt(t, s.lan.Host("192.168.1.11"), "0.0.0.0:20000")
		send(t, phone, server.LocalAddr(), invite())
		arrival(t, server)
		send(t, other, server.LocalAddr(), "hello")
		if d, _ := arrival(t, server); d.From.Port() == 20000 {
			t.Error("another phone got the RTP port")
		}
		second := udpAt(t, s.lan.Host("192.168.1.12"), "0.0.0.0:40002")
		theirs := replaced(t, invite(), "192.168.1.10", "192.168.1.12")
		send(t, second, server.LocalAddr(), theirs)
		if _, text, ok := next(t, server); ok { // as the kernel does: see the lab test of two phones
			t.Errorf("the second call passed:\n%s", text)
		}
	})
}

func TestStrictALGDropsWhatItCannotServe(t *testing.T) {
	tests := map[string]struct {
		old, new string
		passes   bool
	}{
		"media port 9, as browsers offer it": {"m=audio 20000", "m=audio 9", false},
		"media without any address":          {"c=IN IP4 192.168.1.10\r\n", "", false},
		"media that is refused (port 0)":     {"m=audio 20000", "m=audio 0", true},
		"media somewhere else":               {"c=IN IP4 192.168.1.10", "c=IN IP4 192.168.1.99", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSmall(t, RouterOptions{NAT: Linux(), ALGs: []ALG{LinuxALG()}})
				server, phone := udpAt(t, s.server, serverAddr+":5060"), udpAt(t, s.phone, "0.0.0.0:40000")
				send(t, phone, server.LocalAddr(), replaced(t, invite(), tt.old, tt.new))
				_, text, ok := next(t, server)
				if ok != tt.passes {
					t.Fatalf("arrived: %v", ok)
				}
				if ok && strings.Contains(text, "o=- 1 1 IN IP4 203.0.113.1") {
					t.Errorf("foreign media was rewritten:\n%s", text)
				}
			})
		})
	}
}

// The helper never sees a message whole that travels in two segments, and
// without a Content-Length it does not know where one ends.
func TestLinuxALGReadsTCPSegmentBySegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSmall(t, RouterOptions{NAT: Linux(), ALGs: []ALG{LinuxALG().On(TCP, 5060)}})
		client, server := pair(t, s, serverAddr+":5060")
		local := client.LocalAddr().(*net.TCPAddr)
		public := server.RemoteAddr().String()
		whole := crlf("OPTIONS sip:x SIP/2.0", "Via: SIP/2.0/TCP "+local.String()+";branch=z9hG4bK3", "Content-Length: 4", "") + "body"
		for _, part := range []string{whole + whole, whole[:30], whole[30:], whole[:len(whole)-2], "dy", strings.Replace(whole, "Content-Length: 4", "X-Length: 4", 1)} {
			if _, err := client.Write([]byte(part)); err != nil {
				t.Fatal(err)
			}
		}
		_ = client.(interface{ CloseWrite() error }).CloseWrite()
		var got strings.Builder
		b := make([]byte, 100)
		for {
			n, err := server.Read(b)
			got.Write(b[:n])
			if err != nil {
				break
			}
		}
		rewritten := strings.Replace(whole, local.String(), public, 1)
		want := rewritten + rewritten + whole + whole + strings.Replace(whole, "Content-Length: 4", "X-Length: 4", 1)
		if diff := cmp.Diff(want, got.String()); diff != "" {
			t.Errorf("the stream (-want +got):\n%s", diff)
		}
	})
}

func TestRegistrationLetsTheRegistrarCallFromAnotherPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSmall(t, RouterOptions{NAT: Linux(), ALGs: []ALG{LinuxALG()}})
		server, err := ServeSIP(t.Context(), s.server, SIPOptions{Status: map[string]int{"REGISTER": 200}})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		phone := udpAt(t, s.phone, "0.0.0.0:40000")
		send(t, phone, addrPort(serverAddr+":5060"), crlf("REGISTER sip:x SIP/2.0", "Via: SIP/2.0/UDP 192.168.1.10:40000;rport",
			"Call-ID: r", "CSeq: 1 REGISTER", "Contact: <sip:a@192.168.1.10:40000>;expires=60", "Content-Length: 0", ""))
		if _, answer := arrival(t, phone); !strings.Contains(answer, "Contact: <sip:a@192.168.1.10:40000>;expires=60") {
			t.Errorf("the phone got\n%s", answer)
		}
		other := udpAt(t, s.server, serverAddr+":6000")
		send(t, other, addrPort(publicAddr+":40000"), "a call")
		arrival(t, phone)
		time.Sleep(61 * time.Second)
		third := udpAt(t, s.server, serverAddr+":6001")
		send(t, third, addrPort(publicAddr+":40000"), "a call too late")
		if _, _, ok := next(t, phone); ok {
			t.Error("it came in after the registration had expired")
		}
	})
}

func TestAdministratorTurnsTheALGOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSmall(t, RouterOptions{NAT: Linux(), ALGs: []ALG{LinuxALG()}})
		server, phone := udpAt(t, s.server, serverAddr+":5060"), udpAt(t, s.phone, "0.0.0.0:40000")
		s.router.Update(func(o *RouterOptions) { o.ALGs = nil })
		s.router.Flush()
		send(t, phone, server.LocalAddr(), invite())
		if _, got := arrival(t, server); got != invite() {
			t.Errorf("arrived as\n%s", got)
		}
	})
}

// FuzzALGs feeds every ALG with what strangers may send, both ways.
func FuzzALGs(f *testing.F) {
	f.Add([]byte(invite()), true, true)
	f.Add([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.1:61000;rport=61000\r\nCSeq: 1 INVITE\r\n\r\nv=0\r\nm=audio 1 x\r\nc=\r\n"), false, false)
	f.Add([]byte("X SIP/2.0\r\nVia:/\r\nv:,\r\nl: 18446744073709551615\r\nContact: sip:@[::\r\n\r\n"), true, false)
	f.Fuzz(func(t *testing.T, b []byte, outward, stream bool) {
		w := New(1)
		defer w.Close()
		r := w.Router(RouterOptions{Inside: w.Segment("192.168.1.0/24"), Outside: w.Segment("203.0.113.0/24"), OutsideAddrs: []string{publicAddr}, NAT: Linux()})
		tr := transit{outward: outward, inside: addrPort("192.168.1.10:40000"), outside: addrPort("203.0.113.1:61000"),
			remote: addrPort("198.51.100.1:5060"), mapping: &mapping{outside: addrPort("203.0.113.1:61000")}}
		for _, a := range ALGs() {
			out, ok := a.process(b, stream, tr, r.state)
			if !ok {
				continue
			}
			if a.Rewrite == 0 && string(out) != string(b) {
				t.Errorf("%s rewrote %q to %q", a.Name, b, out)
			}
			if m, _, found := readText(b, stream); found {
				_ = m.respond(200, tr.outside)
			}
		}
	})
}

// respond answers as a server that fills rport in.
func (m *sipText) respond(code int, from netip.AddrPort) []byte {
	return m.answer(code, func(via string) string { return noteReceived(via, from, true) })
}
