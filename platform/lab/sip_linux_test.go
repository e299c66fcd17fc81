package lab

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestClean_sipPassesUnchanged(t *testing.T) {
	o := standing(t, "clean")
	sent, arrived := inviteOverUDP(t, o, 5060)
	if diff := cmp.Diff(sent, arrived); diff != "" {
		t.Error(diff)
	}
}

func TestSIPALG_theKernelRewritesAddressesButNotTheCallID(t *testing.T) {
	o := standing(t, "sip-alg")
	sent, arrived := inviteOverUDP(t, o, 5060)
	want := map[string]string{
		"Via:":     strings.Replace(line(sent, "Via:"), PhoneAddr, WANAddr, 1),
		"Contact:": strings.Replace(line(sent, "Contact:"), PhoneAddr, WANAddr, 1),
		"c=":       "c=IN IP4 " + WANAddr,
		"o=":       "o=phone 1 1 IN IP4 " + WANAddr,
		"Call-ID:": line(sent, "Call-ID:"),
		"m=":       line(sent, "m="),
	}
	got := map[string]string{}
	for prefix := range want {
		got[prefix] = line(arrived, prefix)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSIPALG_theAnswerIsTurnedBackSoThatAnEchoShowsNothing(t *testing.T) {
	o := standing(t, "sip-alg")
	phone, server := udp(t, o.Phone, PhoneAddr+":40010"), udp(t, o.Responder, ResponderAddr+":5060")
	request := invite{"UDP", local(phone), 20010}.String()
	send(t, phone, ResponderAddr+":5060", request)
	arrived, from := hear(t, server)
	via := line(arrived, "Via:")
	send(t, server, from, strings.Join([]string{"SIP/2.0 486 Busy Here",
		strings.Replace(via, ";rport", ";received="+WANAddr+";rport=40010", 1),
		line(arrived, "From:"), line(arrived, "To:") + ";tag=2", line(arrived, "Call-ID:"), line(arrived, "CSeq:"),
		"Content-Length: 0", "", ""}, "\r\n"))
	answer, _ := hear(t, phone)
	want := strings.Replace(line(request, "Via:"), ";rport", ";received="+PhoneAddr+";rport=40010", 1)
	if diff := cmp.Diff(want, line(answer, "Via:")); diff != "" {
		t.Error(diff)
	}
}

func TestSIPALG_watchesOnlyThePortsOfItsScenario(t *testing.T) {
	for _, tc := range []struct {
		office, transport string
		port              int
		rewritten         bool
	}{
		{"sip-alg", "UDP", 5080, false},
		{"sip-alg", "TCP", 5060, false},
		{"sip-alg-tcp", "TCP", 5060, true},
		{"sip-alg-tcp", "UDP", 5060, false},
		{"sip-alg-other-port", "UDP", 5080, true},
		{"sip-alg-other-port", "TCP", 5080, true},
		{"sip-alg-other-port", "UDP", 5060, false},
		{"lossy", "TCP", 5060, false},
	} {
		t.Run(fmt.Sprintf("%s %s %d", tc.office, tc.transport, tc.port), func(t *testing.T) {
			o := standing(t, tc.office)
			ask := inviteOverUDP
			if tc.transport == "TCP" {
				ask = inviteOverTCP
			}
			sent, arrived := ask(t, o, tc.port)
			if got := strings.Contains(line(arrived, "Contact:"), WANAddr); got != tc.rewritten {
				t.Errorf("rewritten: %v, want %v\n%s", got, tc.rewritten, arrived)
			}
			if !tc.rewritten && arrived != sent {
				t.Error(cmp.Diff(sent, arrived))
			}
		})
	}
}

func TestSIPDropped_whatLooksLikeSIPVanishesAndTheSameBytesMaskedPass(t *testing.T) {
	o := standing(t, "sip-dropped")
	phone, server := udp(t, o.Phone, PhoneAddr+":40020"), udp(t, o.Responder, ResponderAddr+":5080")
	for _, method := range sipMethods() {
		send(t, phone, ResponderAddr+":5080", method+" sip:echo@"+ResponderAddr+" SIP/2.0\r\n\r\n")
	}
	harmless := []string{"INVITED guests", "SIP/2.0 200 OK\r\n\r\n", "\x00masked"}
	for _, want := range harmless {
		send(t, phone, ResponderAddr+":5080", want)
		if got, _ := hear(t, server); got != want {
			t.Errorf("the server heard %q, want %q", got, want)
		}
	}
}

func TestBlock_contentInspectionReadsTCPToo(t *testing.T) {
	o := build(t, Scenario{Name: "dpi-tcp", Routers: []Router{{NAT: Preserving, Block: []Block{{Protocol: "tcp", SIP: true}}}}})
	client, server := tcp(t, o.Phone, o.Responder, ResponderAddr+":5060", patience)
	if client == nil {
		t.Fatal("the connection itself did not pass")
	}
	fmt.Fprint(client, "harmless")
	b := make([]byte, 100)
	_ = server.SetReadDeadline(time.Now().Add(patience))
	if n, err := server.Read(b); string(b[:n]) != "harmless" {
		t.Fatalf("the server read %q, %v", b[:n], err)
	}
	fmt.Fprint(client, "OPTIONS sip:echo SIP/2.0\r\n\r\n")
	_ = server.SetReadDeadline(time.Now().Add(700 * time.Millisecond)) // the kernel tries again after 200 and 600 ms
	if n, err := server.Read(b); err == nil {
		t.Errorf("the server read %q", b[:n])
	}
}

func TestSIPPortBlocked_5060IsShutAndTLSPortOpen(t *testing.T) {
	o := standing(t, "sip-port-blocked")
	if c, _ := tcp(t, o.Phone, o.Responder, ResponderAddr+":5060", 1200*time.Millisecond); c != nil {
		t.Error("TCP 5060 is open")
	}
	if c, _ := tcp(t, o.Phone, o.Responder, ResponderAddr+":5061", patience); c == nil {
		t.Error("TCP 5061 is shut")
	}
	phone := udp(t, o.Phone, PhoneAddr+":40030")
	shut, open := udp(t, o.Responder, ResponderAddr+":5060"), udp(t, o.Responder, ResponderAddr+":5080")
	send(t, phone, ResponderAddr+":5060", "to the shut port")
	seenAs(t, phone, open, ResponderAddr+":5080")
	_ = shut.SetReadDeadline(time.Now()) // the later packet is through, so this one is lost
	if n, _, err := shut.ReadFromUDPAddrPort(make([]byte, 100)); err == nil {
		t.Errorf("UDP 5060 let %d bytes through", n)
	}
}

func TestRoutedALG_theFirewallOpensExactlyTheRTPPortOfTheSDP(t *testing.T) {
	o := standing(t, "routed-alg")
	phone, server := udp(t, o.Phone, PhoneAddr+":40000"), udp(t, o.Responder, ResponderAddr+":5060")
	named, other := udp(t, o.Phone, PhoneAddr+":20002"), udp(t, o.Phone, PhoneAddr+":20102")
	media := udp(t, o.Responder, ResponderAddr+":30000")

	send(t, media, PhoneAddr+":20002", "before the call")
	request := invite{"UDP", local(phone), 20002}.String()
	send(t, phone, ResponderAddr+":5060", request)
	arrived, _ := hear(t, server)
	if diff := cmp.Diff(request, arrived); diff != "" {
		t.Errorf("without NAT nothing is rewritten: %s", diff)
	}
	send(t, media, PhoneAddr+":20102", "to another port")
	send(t, media, PhoneAddr+":20002", "to the named port")
	if text, _ := hear(t, named); text != "to the named port" {
		t.Errorf("the named port heard %q", text)
	}
	_ = other.SetReadDeadline(time.Now())
	if n, _, err := other.ReadFromUDPAddrPort(make([]byte, 100)); err == nil {
		t.Errorf("the other port heard %d bytes", n)
	}
}

// The remedy of a router is what people type, so the lab's routers must obey
// what people type.
func TestRouter_obeysTheCommandsThatTurnTheHelperOff(t *testing.T) {
	needLab(t)
	for _, tc := range []struct{ name, office, program, on, off string }{
		{"its own nftables rules", "sip-alg", "nft", "", "nft flush chain inet filter helpers"},
		{"iptables rules in the raw table", "clean", "iptables",
			"iptables -t raw -A PREROUTING -p udp --dport 5060 -j CT --helper sip",
			"iptables -t raw -D PREROUTING -p udp --dport 5060 -j CT --helper sip"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := exec.LookPath(tc.program); err != nil {
				t.Skipf("%s is not installed", tc.program)
			}
			o := standing(t, tc.office)
			if tc.on != "" {
				inRouter(t, o, tc.on)
			}
			if sent, arrived := inviteOverUDP(t, o, 5060); sent == arrived {
				t.Fatal("the helper is not on to begin with")
			}
			inRouter(t, o, tc.off)
			sent, arrived := inviteOverUDP(t, o, 5060)
			if diff := cmp.Diff(sent, arrived); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func inRouter(t *testing.T, o *Office, command string) {
	t.Helper()
	out, err := o.Routers[0].Command(context.Background(), "sh", "-c", command).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
}

// inviteOverUDP sends an INVITE from a fresh port, because the helper stays
// with a flow that it has joined, and returns it as sent and as it arrived.
func inviteOverUDP(t *testing.T, o *Office, to int) (sent, arrived string) {
	t.Helper()
	phone, server := udp(t, o.Phone, PhoneAddr+":0"), udp(t, o.Responder, fmt.Sprintf("%s:%d", ResponderAddr, to))
	defer server.Close()
	sent = invite{"UDP", local(phone), 20000 + 2*(port(phone)%4000)}.String()
	send(t, phone, fmt.Sprintf("%s:%d", ResponderAddr, to), sent)
	arrived, _ = hear(t, server)
	return sent, arrived
}

func inviteOverTCP(t *testing.T, o *Office, to int) (sent, arrived string) {
	t.Helper()
	phone, server := tcp(t, o.Phone, o.Responder, fmt.Sprintf("%s:%d", ResponderAddr, to), patience)
	if phone == nil {
		t.Fatalf("TCP %d does not pass", to)
	}
	sent = invite{"TCP", local(phone), 20000 + 2*(port(phone)%4000)}.String()
	fmt.Fprint(phone, sent)
	phone.Close()
	return sent, hearTCP(t, server)
}
