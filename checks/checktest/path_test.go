package checktest

import (
	"context"
	"errors"
	"math"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/platform"
)

// icmpAt returns the ICMP error that a socket hears within a second.
func icmpAt(t *testing.T, c platform.UDPConn) *platform.ICMPError {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	_, err := c.ReadFrom(make([]byte, 1500))
	var e *platform.ICMPError
	if !errors.As(err, &e) {
		t.Fatalf("no ICMP error but %v", err)
	}
	return e
}

func TestICMPSaysWhichHopDidWhat(t *testing.T) {
	dst := addrPort(serverAddr + ":9999")
	inside := netip.MustParseAddr("192.168.1.1")
	tests := map[string]struct {
		o    RouterOptions
		send platform.SendOptions
		want *platform.ICMPError
	}{
		"nobody listens": {RouterOptions{NAT: Symmetric()}, platform.SendOptions{},
			&platform.ICMPError{Hop: dst.Addr(), To: dst, Type: 3, Code: 3, Quote: []byte("payload")}},
		"the TTL ends at the router": {RouterOptions{NAT: Linux()}, platform.SendOptions{TTL: 1},
			&platform.ICMPError{Hop: inside, To: dst, Type: 11, Quote: []byte("payload")}},
		"an old router quotes nothing": {RouterOptions{NAT: Linux(), QuoteBytes: -1}, platform.SendOptions{TTL: 1},
			&platform.ICMPError{Hop: inside, To: dst, Type: 11}},
		"the firewall prohibits": {RouterOptions{Rules: []Rule{{Port: 9999, Action: Reject}}}, platform.SendOptions{},
			&platform.ICMPError{Hop: inside, To: dst, Type: 3, Code: 13, Quote: []byte("payload")}},
		"the firewall plays dead host": {RouterOptions{Rules: []Rule{{Port: 9999, Action: Refuse}}}, platform.SendOptions{},
			&platform.ICMPError{Hop: inside, To: dst, Type: 3, Code: 3, Quote: []byte("payload")}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSmall(t, tt.o)
				c := udpAt(t, s.phone, "0.0.0.0:40000")
				if err := c.WriteTo([]byte("payload"), dst, tt.send); err != nil {
					t.Fatal(err)
				}
				got := icmpAt(t, c)
				if diff := cmp.Diff(tt.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
					cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }), cmp.Comparer(func(a, b []byte) bool { return string(a) == string(b) })); diff != "" {
					t.Errorf("ICMP error (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestICMPOverIPv6HasItsOwnNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSmall(t, RouterOptions{NAT: Linux()})
		c := udpAt(t, s.phone, "[::]:40000")
		if err := c.WriteTo([]byte("x"), addrPort("[2001:db8:2::2]:9"), platform.SendOptions{TTL: 1}); err != nil {
			t.Fatal(err)
		}
		if e := icmpAt(t, c); !e.TimeExceeded() || !e.V6 {
			t.Errorf("heard %v", e)
		}
		send(t, c, addrPort("[2001:db8:2::2]:9"), "x")
		if e := icmpAt(t, c); e.Meaning() != "port unreachable" {
			t.Errorf("heard %v", e)
		}
	})
}

// The ICMP error goes outwards, and what it quotes must name the addresses
// that the server knows.
func TestServerHearsThatThePhoneIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSmall(t, RouterOptions{NAT: Symmetric()})
		server := udpAt(t, s.server, serverAddr+":5060")
		phone := udpAt(t, s.phone, "0.0.0.0:40000")
		send(t, phone, server.LocalAddr(), "hello")
		d, _ := arrival(t, server)
		_ = phone.Close()
		send(t, server, d.From, "are you there")
		if e := icmpAt(t, server); e.To != d.From || e.Hop.String() != publicAddr {
			t.Errorf("heard %v, want it from %s about %s", e, publicAddr, d.From)
		}
	})
}

func TestTTLAndTOSArriveAsTheyTravelled(t *testing.T) {
	for name, bleach := range map[string]bool{"an honest router": false, "a router that bleaches": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSmall(t, RouterOptions{NAT: Linux(), BleachTOS: bleach})
				server, phone := udpAt(t, s.server, serverAddr+":5060"), udpAt(t, s.phone, "0.0.0.0:0")
				if err := phone.WriteTo([]byte("x"), server.LocalAddr(), platform.SendOptions{TOS: 0xb8}); err != nil {
					t.Fatal(err)
				}
				want := 0xb8
				if bleach {
					want = 0
				}
				if d, _ := arrival(t, server); d.TTL != 63 || d.TOS != want || d.To.String() != serverAddr {
					t.Errorf("arrived with %+v", d)
				}
			})
		})
	}
}

func TestLossIsWhatWasAskedForAndTheSameForTheSameSeed(t *testing.T) {
	count := func(t *testing.T) (up, down int) {
		s := newSmall(t, RouterOptions{NAT: Linux(), Loss: 0.05})
		server, phone := udpAt(t, s.server, serverAddr+":5060"), udpAt(t, s.phone, "0.0.0.0:40000")
		for range 10_000 {
			send(t, phone, server.LocalAddr(), "x")
			d, _, ok := next(t, server)
			if !ok {
				continue
			}
			up++
			send(t, server, d.From, "y")
			if _, _, ok := next(t, phone); ok {
				down++
			}
		}
		return up, down
	}
	synctest.Test(t, func(t *testing.T) {
		up, down := count(t)
		// Three standard deviations of a binomial with n = 10,000 and p = 0.05 are 65.
		if math.Abs(float64(up)-9500) > 65 || math.Abs(float64(down)-0.95*float64(up)) > 65 {
			t.Errorf("%d of 10000 went up, %d of them came down", up, down)
		}
		if up2, down2 := count(t); up != up2 || down != down2 {
			t.Errorf("the same seed gave %d, %d and then %d, %d", up, down, up2, down2)
		}
	})
}

func TestDelayCountsEachWayAndKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSmall(t, RouterOptions{NAT: Linux(), Delay: 10 * time.Millisecond})
		server, phone := udpAt(t, s.server, serverAddr+":5060"), udpAt(t, s.phone, "0.0.0.0:40000")
		start := time.Now()
		for _, text := range []string{"1", "2", "3"} {
			send(t, phone, server.LocalAddr(), text)
		}
		var d platform.Datagram
		for _, want := range []string{"1", "2", "3"} {
			var text string
			if d, text = arrival(t, server); text != want {
				t.Errorf("%s came instead of %s", text, want)
			}
		}
		send(t, server, d.From, "back")
		arrival(t, phone)
		if rtt := time.Since(start); rtt != 20*time.Millisecond {
			t.Errorf("there and back took %s", rtt)
		}
	})
}

func TestJitterReordersAndDuplicationDoubles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSmall(t, RouterOptions{NAT: Linux(), Jitter: 50 * time.Millisecond, Duplicate: 1})
		server, phone := udpAt(t, s.server, serverAddr+":5060"), udpAt(t, s.phone, "0.0.0.0:40000")
		for i := range 50 {
			send(t, phone, server.LocalAddr(), string(rune('A'+i)))
		}
		copies, overtaken, last := map[string]int{}, 0, ""
		for range 100 {
			_, text := arrival(t, server)
			copies[text]++
			if text < last {
				overtaken++
			}
			last = text
		}
		if len(copies) != 50 || copies["A"] != 2 || overtaken == 0 {
			t.Errorf("%d different, %d times A, %d overtaken", len(copies), copies["A"], overtaken)
		}
	})
}

func TestSendingErrorsAreThoseOfARealMachine(t *testing.T) {
	s := newSmall(t, RouterOptions{NAT: Linux()})
	c := udpAt(t, s.phone, "0.0.0.0:40000")
	s.phone.BlockOutput(Rule{Proto: UDP, Port: 5060})
	if err := c.WriteTo([]byte("x"), addrPort(serverAddr+":5060"), platform.SendOptions{}); platform.Classify(err) != platform.ClassLocalFilter {
		t.Errorf("a locally filtered datagram: %v", err)
	}
	if _, err := s.phone.OpenUDP(t.Context(), addrPort(phoneAddr+":40000")); platform.Classify(err) != platform.ClassInUse {
		t.Errorf("a port in use: %v", err)
	}
	lonely := s.Segment("10.0.0.0/8").Host("10.0.0.1")
	if _, err := lonely.SourceFor(netip.MustParseAddr("2001:db8::1")); platform.Classify(err) != platform.ClassUnreachable {
		t.Errorf("no IPv6: %v", err)
	}
	_ = c.Close()
	if err := c.WriteTo([]byte("x"), addrPort(serverAddr+":5061"), platform.SendOptions{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed socket: %v", err)
	}
}

func TestNamesResolveAsInDNS(t *testing.T) {
	s := newSmall(t, RouterOptions{})
	s.AddName("pbx.example.net", "2001:db8:2::2", serverAddr)
	s.AddSRV("sip", "udp", "example.net", platform.SRV{Target: "b", Priority: 20}, platform.SRV{Target: "a", Priority: 10})
	addrs, err := s.phone.LookupAddrs(t.Context(), "PBX.example.net.")
	if err != nil || len(addrs) != 2 || !addrs[0].Is4() {
		t.Errorf("addresses %v, %v", addrs, err)
	}
	srv, err := s.phone.LookupSRV(t.Context(), "sip", "udp", "example.net")
	if err != nil || len(srv) != 2 || srv[0].Target != "a" {
		t.Errorf("SRV %v, %v", srv, err)
	}
	var dns *net.DNSError
	if _, err := s.phone.LookupAddrs(t.Context(), "nowhere.example.net"); !errors.As(err, &dns) || !dns.IsNotFound {
		t.Errorf("an unknown name: %v", err)
	}
	if a, err := s.phone.LookupAddrs(canceled(), "192.0.2.1"); err != nil || len(a) != 1 {
		t.Errorf("a literal: %v, %v", a, err)
	}
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestReadEndsWhenTheSocketIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := udpAt(t, newSmall(t, RouterOptions{}).phone, "0.0.0.0:0")
		done := make(chan error)
		go func() {
			_, err := c.ReadFrom(make([]byte, 1))
			done <- err
		}()
		synctest.Wait()
		_ = c.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("the reader got %v", err)
		}
	})
}
