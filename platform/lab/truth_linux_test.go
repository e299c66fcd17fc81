package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The tests of this file and of sip_linux_test.go ask the kernel, with plain
// sockets, whether each office is what its scenario promises. What the checks
// make of it is tested with the checks.

func TestClean_anOrdinaryRouterKeepsThePortForEveryDestination(t *testing.T) {
	o := standing(t, "clean")
	phone := udp(t, o.Phone, PhoneAddr+":40000")
	first, second := udp(t, o.Responder, ResponderAddr+":3478"), udp(t, o.Responder, ResponderAddr2+":3479")
	got := []string{
		seenAs(t, phone, first, ResponderAddr+":3478"),
		seenAs(t, phone, second, ResponderAddr2+":3479"),
	}
	if diff := cmp.Diff([]string{WANAddr + ":40000", WANAddr + ":40000"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestClean_onlyTheAskedServerMayAnswer(t *testing.T) {
	o := standing(t, "clean")
	phone := udp(t, o.Phone, PhoneAddr+":40000")
	asked, stranger := udp(t, o.Responder, ResponderAddr+":3478"), udp(t, o.Responder, ResponderAddr2+":3478")
	seen := seenAs(t, phone, asked, ResponderAddr+":3478")
	send(t, stranger, seen, "from a stranger")
	send(t, asked, seen, "the answer")
	if text, _ := hear(t, phone); text != "the answer" {
		t.Errorf("the phone heard %q", text)
	}
}

func TestSymmetricNAT_everyDestinationSeesAnotherPort(t *testing.T) {
	o := standing(t, "symmetric-nat")
	ports := map[string]bool{}
	phone := udp(t, o.Phone, PhoneAddr+":40000")
	for i := range 8 {
		to := fmt.Sprintf("%s:%d", ResponderAddr, 3478+i)
		seen := seenAs(t, phone, udp(t, o.Responder, to), to)
		if ap := netip.MustParseAddrPort(seen); ap.Addr().String() != WANAddr {
			t.Errorf("seen as %s", seen)
		}
		ports[seen] = true
	}
	if len(ports) < 6 { // two of eight random ports may meet by chance, three hardly
		t.Errorf("eight destinations saw only %d ports: %v", len(ports), ports)
	}
}

func TestDoubleNAT_theCarrierTranslatesAgain(t *testing.T) {
	o := standing(t, "double-nat")
	phone, server := udp(t, o.Phone, PhoneAddr+":40000"), udp(t, o.Responder, ResponderAddr+":3478")
	if got := seenAs(t, phone, server, ResponderAddr+":3478"); got != WANAddr+":40000" {
		t.Errorf("seen as %s", got)
	}
	if diff := cmp.Diff([]string{RouterAddr, "100.64.0.1", "203.0.113.254"}, hops(t, o, 3)); diff != "" {
		t.Error(diff)
	}
}

func TestNoNAT_thePhoneIsSeenAsItIs(t *testing.T) {
	o := standing(t, "no-nat")
	phone, server := udp(t, o.Phone, PhoneAddr+":40000"), udp(t, o.Responder, ResponderAddr+":3478")
	if got := seenAs(t, phone, server, ResponderAddr+":3478"); got != PhoneAddr+":40000" {
		t.Errorf("seen as %s", got)
	}
	// A plain router lets strangers in as well.
	stranger := udp(t, o.STUNServer, STUNServerAddr+":3478")
	send(t, stranger, PhoneAddr+":40000", "hello")
	if _, from := hear(t, phone); from != STUNServerAddr+":3478" {
		t.Errorf("the phone heard %s", from)
	}
}

func TestLossy_fivePercentOfUDPIsLostEachWay(t *testing.T) {
	o := standing(t, "lossy")
	const packets = 4000
	phone, server := udp(t, o.Phone, PhoneAddr+":40000"), udp(t, o.Responder, ResponderAddr+":3478")
	up, from := exchange(t, phone, server, ResponderAddr+":3478", packets)
	down, _ := exchange(t, server, phone, from, packets)
	// Five standard deviations of 4000 throws at 5 %: 200 lost, give or take 69.
	for way, got := range map[string]int{"up": packets - up, "down": packets - down} {
		if got < 131 || got > 269 {
			t.Errorf("%s: %d of %d lost", way, got, packets)
		}
	}
}

func TestDelay_theWireAddsItsTimeBothWays(t *testing.T) {
	near := roundTrip(t, build(t, Scenario{Name: "near", Routers: []Router{{NAT: Preserving}}}))
	far := roundTrip(t, build(t, Scenario{Name: "far", Routers: []Router{{NAT: Preserving}}, DelayMS: 20}))
	if far < 40*time.Millisecond || far < 10*near {
		t.Errorf("a round trip takes %s with 20 ms each way, and %s without", far, near)
	}
}

func TestIPv6_theOfficeHasAddressesOfItsOwnBehindAFirewall(t *testing.T) {
	o := standing(t, "double-nat")
	phone, server := udp(t, o.Phone, "["+PhoneAddr6+"]:40000"), udp(t, o.Responder, "["+ResponderAddr6+"]:3478")
	stranger := udp(t, o.SIPServer, "["+SIPServerAddr6+"]:3478")
	seen := seenAs(t, phone, server, "["+ResponderAddr6+"]:3478")
	if seen != "["+PhoneAddr6+"]:40000" {
		t.Errorf("seen as %s", seen)
	}
	send(t, stranger, seen, "from a stranger")
	send(t, server, seen, "the answer")
	if text, _ := hear(t, phone); text != "the answer" {
		t.Errorf("the phone heard %q", text)
	}
}

func TestTheOfficeHasNoWayOut(t *testing.T) {
	o := standing(t, "clean")
	err := o.Phone.Do(func() error {
		c, err := net.DialTimeout("tcp", "192.0.2.1:80", patience)
		if err == nil {
			c.Close()
		}
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "no route to host") && !strings.Contains(err.Error(), "unreachable") {
		t.Errorf("an address outside the lab: %v", err)
	}
	out, err := o.Phone.Command(context.Background(), "cat", "/etc/resolv.conf").Output()
	if err != nil || !strings.HasPrefix(string(out), "nameserver 127.0.0.1\n") {
		t.Errorf("the resolver is %q, %v", out, err)
	}
}

// exchange sends n datagrams and counts those that arrive.
func exchange(t *testing.T, from, to *net.UDPConn, dst string, n int) (arrived int, seen string) {
	t.Helper()
	_ = to.SetReadBuffer(4 << 20)
	for i := range n {
		send(t, from, dst, "x")
		if i%50 == 49 || i == n-1 { // small bursts, so that no socket buffer overflows
			arrived += drain(to, &seen)
		}
	}
	return arrived, seen
}

// drain counts what is there; in the lab a packet is delivered before its
// sender returns.
func drain(c *net.UDPConn, seen *string) (n int) {
	b := make([]byte, 16)
	for {
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
		_, from, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			return n
		}
		n++
		*seen = from.String()
	}
}

func roundTrip(t *testing.T, o *Office) time.Duration {
	t.Helper()
	phone, server := udp(t, o.Phone, PhoneAddr+":40000"), udp(t, o.Responder, ResponderAddr+":3478")
	best := time.Hour // the first trip waits for ARP as well
	for range 5 {
		began := time.Now()
		seen := seenAs(t, phone, server, ResponderAddr+":3478")
		send(t, server, seen, "back")
		hear(t, phone)
		best = min(best, time.Since(began))
	}
	return best
}
