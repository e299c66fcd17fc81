package platform

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

var addrEqual = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// nextICMP reads until an ICMP error comes.
func nextICMP(t *testing.T, c UDPConn) *ICMPError {
	t.Helper()
	for {
		_, err := c.ReadFrom(make([]byte, 1500))
		if e, ok := errors.AsType[*ICMPError](err); ok {
			return e
		}
		if err != nil {
			t.Fatalf("waiting for an ICMP error: %v", err)
		}
	}
}

func TestRoutersAnswerProbes(t *testing.T) {
	onPath(t, func(t *testing.T, p *netPath) {
		filter(t, p.router, `table inet f { chain forward { type filter hook forward priority 0;
			udp dport 5060 reject with icmpx type admin-prohibited
			udp dport 5062 reject with icmpx type host-unreachable
		}
		}`)
		for _, tc := range []struct {
			name       string
			from, to   string
			options    SendOptions
			hop        string
			meaning    string
			class      ErrorClass
			exceeded   bool
			prohibited bool
		}{
			{"TTL 1 ends at the office router", "0.0.0.0:0", "198.51.100.2:5070", SendOptions{TTL: 1},
				"192.0.2.1", "time exceeded", ClassUnreachable, true, false},
			{"hop limit 1 ends at the office router", "[::]:0", "[2001:db8:2::2]:5070", SendOptions{TTL: 1},
				"2001:db8:1::1", "time exceeded", ClassUnreachable, true, false},
			{"a firewall on the way says no", "0.0.0.0:0", "198.51.100.2:5060", SendOptions{},
				"192.0.2.1", "communication administratively prohibited", ClassProhibited, false, true},
			{"a firewall on the way says no to IPv6", "[::]:0", "[2001:db8:2::2]:5060", SendOptions{},
				"2001:db8:1::1", "communication administratively prohibited", ClassProhibited, false, true},
			{"a firewall pretends that there is no host", "0.0.0.0:0", "198.51.100.2:5062", SendOptions{},
				"192.0.2.1", "host unreachable", ClassUnreachable, false, false},
			{"nobody listens on the server", "0.0.0.0:0", "198.51.100.2:5070", SendOptions{},
				"198.51.100.2", "port unreachable", ClassRefused, false, false},
			{"nobody listens on the server's IPv6 port", "[::]:0", "[2001:db8:2::2]:5070", SendOptions{},
				"2001:db8:2::2", "port unreachable", ClassRefused, false, false},
			{"marked and from a fixed source", "0.0.0.0:0", "198.51.100.2:5070", SendOptions{TTL: 64, TOS: 0xb8, From: netip.MustParseAddr("192.0.2.10")},
				"198.51.100.2", "port unreachable", ClassRefused, false, false},
		} {
			t.Run(tc.name, func(t *testing.T) {
				phone := openIn(t, p.phone, tc.from)
				to := netip.MustParseAddrPort(tc.to)
				text := []byte("INVITE sip:echo@pbx.example.net SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10;rport\r\n")
				if err := phone.WriteTo(text, to, tc.options); err != nil {
					t.Fatal(err)
				}
				got := nextICMP(t, phone)
				if diff := cmp.Diff(netip.MustParseAddr(tc.hop), got.Hop, addrEqual); diff != "" {
					t.Errorf("hop: %s", diff)
				}
				if got.To != to {
					t.Errorf("about a datagram to %s, want %s", got.To, to)
				}
				if string(got.Meaning()) != tc.meaning || got.V6 != to.Addr().Is6() {
					t.Errorf("it means %q (IPv6 %v), want %q", got.Meaning(), got.V6, tc.meaning)
				}
				if got.TimeExceeded() != tc.exceeded || got.Prohibited() != tc.prohibited || Classify(got) != tc.class {
					t.Errorf("exceeded %v, prohibited %v, class %q", got.TimeExceeded(), got.Prohibited(), Classify(got))
				}
				if !bytes.Equal(got.Quote, text) {
					t.Errorf("quoted %q of %q", got.Quote, text)
				}
			})
		}
	})
}

// A report about one datagram must neither fail nor swallow a datagram to
// somebody else, and none may be lost because a sender was handed its errno.
func TestReportAboutOneDatagramDoesNotHurtOthers(t *testing.T) {
	onPath(t, func(t *testing.T, p *netPath) {
		phone := openIn(t, p.phone, "0.0.0.0:0")
		server := openIn(t, p.server, "0.0.0.0:5060")
		open := netip.MustParseAddrPort("198.51.100.2:5060")
		closed := netip.MustParseAddrPort("198.51.100.2:5070")

		const rounds = 20 // of a burst of 50, the kernel charges up to two for one ICMP message (icmp_global_allow)
		reports := make(chan error, 1)
		go func() {
			for range rounds {
				_, err := phone.ReadFrom(make([]byte, 1500))
				if _, ok := errors.AsType[*ICMPError](err); !ok {
					reports <- fmt.Errorf("reading a report: %v", err)
					return
				}
			}
			reports <- nil
		}()
		for i := range rounds {
			if err := phone.WriteTo([]byte("to a closed port"), closed, SendOptions{}); err != nil {
				t.Fatalf("round %d, to the closed port: %v", i, err)
			}
			if err := phone.WriteTo(fmt.Appendf(nil, "round %d", i), open, SendOptions{}); err != nil {
				t.Fatalf("round %d, to the open port: %v", i, err)
			}
		}
		for i := range rounds {
			b := make([]byte, 100)
			d, err := server.ReadFrom(b)
			if err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf("round %d", i); string(b[:d.N]) != want {
				t.Fatalf("arrived %q, want %q", b[:d.N], want)
			}
		}
		if err := <-reports; err != nil {
			t.Error(err)
		}
	})
}

func TestReadingGoesOnAfterAReport(t *testing.T) {
	onPath(t, func(t *testing.T, p *netPath) {
		phone := openIn(t, p.phone, "0.0.0.0:0")
		server := openIn(t, p.server, "0.0.0.0:5060")
		if err := phone.WriteTo([]byte("x"), netip.MustParseAddrPort("198.51.100.2:5070"), SendOptions{}); err != nil {
			t.Fatal(err)
		}
		nextICMP(t, phone)
		back := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.10"), phone.LocalAddr().Port())
		if err := server.WriteTo([]byte("hello"), back, SendOptions{}); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		d, err := phone.ReadFrom(b)
		if err != nil || string(b[:d.N]) != "hello" {
			t.Errorf("read %q, %v", b[:d.N], err)
		}
		if d.TTL != 63 {
			t.Errorf("TTL %d after one router, want 63", d.TTL)
		}
	})
}

// A socket whose transmit queue is full when a report arrives has an error and
// nothing else to tell the poller, which then refuses the next read.
func TestReadingGoesOnWithAFullTransmitQueue(t *testing.T) {
	onPath(t, func(t *testing.T, p *netPath) {
		inside(t, p.phone, func() error {
			// Datagrams to a silent neighbour are kept for a minute.
			return firstError(sysctl("ipv4/neigh/eth0/retrans_time_ms", "60000"), sysctl("ipv4/neigh/eth0/unres_qlen_bytes", "1000000"))
		})
		phone := openIn(t, p.phone, "0.0.0.0:0").(*udpConn)
		if err := phone.conn.SetWriteBuffer(16 << 10); err != nil {
			t.Fatal(err)
		}
		closed := netip.MustParseAddrPort("198.51.100.2:5070")
		if err := phone.WriteTo([]byte("find the router's hardware address first"), closed, SendOptions{}); err != nil {
			t.Fatal(err)
		}
		nextICMP(t, phone)

		read := make(chan error, 1)
		go func() {
			_, err := phone.ReadFrom(make([]byte, 1500))
			read <- err
		}()
		waitUntilReaderSleeps(t)
		// Fill well over half of the 32 KiB that the kernel makes of the buffer.
		for range 3 {
			if err := phone.WriteTo(make([]byte, 1400), netip.MustParseAddrPort("192.0.2.99:5060"), SendOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		for i := 0; i < 20 && !queueOverHalf(t, phone); i++ {
			if err := phone.WriteTo(make([]byte, 1400), netip.MustParseAddrPort("192.0.2.99:5060"), SendOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := phone.WriteTo([]byte("x"), closed, SendOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := <-read; Classify(err) != ClassRefused {
			t.Errorf("read %v, want the server's port unreachable", err)
		}
		if err := phone.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := phone.ReadFrom(make([]byte, 1500)); Classify(err) != ClassTimeout {
			t.Errorf("read %v, want silence", err)
		}
	})
}

func TestOwnFirewallIsTold(t *testing.T) {
	onPath(t, func(t *testing.T, p *netPath) {
		filter(t, p.phone, `table inet f { chain output { type filter hook output priority 0;
			udp dport 5060 drop
			udp dport 5062 reject
		}
		}`)
		phone := openIn(t, p.phone, "0.0.0.0:0")
		for name, to := range map[string]string{"drop": "198.51.100.2:5060", "reject": "198.51.100.2:5062"} {
			err := phone.WriteTo([]byte("x"), netip.MustParseAddrPort(to), SendOptions{})
			if got := Classify(err); got != ClassLocalFilter {
				t.Errorf("%s: %v is %q, want %q", name, err, got, ClassLocalFilter)
			}
		}
	})
}

func TestNoWayToTheServer(t *testing.T) {
	onPath(t, func(t *testing.T, p *netPath) {
		lonely, err := newNamespace()
		if err != nil {
			t.Fatal(err)
		}
		defer lonely.Close()
		phone := openIn(t, lonely, "0.0.0.0:0")
		far := netip.MustParseAddrPort("198.51.100.2:5060")
		if err := phone.WriteTo([]byte("x"), far, SendOptions{}); Classify(err) != ClassUnreachable {
			t.Errorf("sending: %v is %q", err, Classify(err))
		}
		inside(t, lonely, func() error {
			if _, err := Real(RealOptions{}).SourceFor(far.Addr()); Classify(err) != ClassUnreachable {
				t.Errorf("finding a source: %v is %q", err, Classify(err))
			}
			return nil
		})
	})
}

func TestSourceIsTheOneOfTheRoute(t *testing.T) {
	onPath(t, func(t *testing.T, p *netPath) {
		for remote, want := range map[string]string{
			"198.51.100.2":  "192.0.2.10",
			"2001:db8:2::2": "2001:db8:1::10",
			"127.0.0.1":     "127.0.0.1",
		} {
			inside(t, p.phone, func() error {
				got, err := Real(RealOptions{}).SourceFor(netip.MustParseAddr(remote))
				if got.String() != want {
					t.Errorf("to %s: %s, want %s", remote, got, want)
				}
				return err
			})
		}
	})
}

func TestTCPSaysWhoRefused(t *testing.T) {
	onPath(t, func(t *testing.T, p *netPath) {
		filter(t, p.router, `table inet f { chain forward { type filter hook forward priority 0;
			tcp dport 5060 reject with icmpx type admin-prohibited
			tcp dport 5062 reject with tcp reset
		}
		}`)
		for _, tc := range []struct {
			name, to string
			class    ErrorClass
			words    string
		}{
			{"a firewall on the way", "198.51.100.2:5060", ClassProhibited, "administratively prohibited from 192.0.2.1"},
			{"a firewall on the way, IPv6", "[2001:db8:2::2]:5060", ClassProhibited, "administratively prohibited from 2001:db8:1::1"},
			{"a firewall that resets", "198.51.100.2:5062", ClassRefused, "refused"},
			{"nobody listens", "198.51.100.2:5070", ClassRefused, "refused"},
		} {
			t.Run(tc.name, func(t *testing.T) {
				inside(t, p.phone, func() error {
					c, err := Real(RealOptions{}).DialTCP(t.Context(), netip.AddrPort{}, netip.MustParseAddrPort(tc.to))
					if err == nil {
						c.Close()
					}
					if got := Classify(err); got != tc.class || !strings.Contains(fmt.Sprint(err), tc.words) {
						t.Errorf("%v is %q, want %q with %q", err, got, tc.class, tc.words)
					}
					return nil
				})
			})
		}
	})
}

// DialTCP ends its watch for ICMP messages once connected: a router's passing
// complaint is no reason to end an established connection.
func TestEstablishedTCPOutlivesAPassingComplaint(t *testing.T) {
	onPath(t, func(t *testing.T, p *netPath) {
		var l net.Listener
		inside(t, p.server, func() (err error) {
			l, err = Real(RealOptions{}).ListenTCP(t.Context(), netip.MustParseAddrPort("198.51.100.2:5060"))
			return err
		})
		defer l.Close()
		arrived := make(chan error, 2)
		go func() {
			c, err := l.Accept()
			if err == nil {
				defer c.Close()
				// A connection whose first SYN was lost waits 3 s before it
				// sends anything again, and then 6 s (RFC 6298 section 5.7).
				_ = c.SetDeadline(time.Now().Add(4 * patience))
				_, err = io.ReadFull(c, make([]byte, 4))
				arrived <- err
				_, err = io.ReadFull(c, make([]byte, 4))
			}
			arrived <- err
		}()
		var c net.Conn
		inside(t, p.phone, func() (err error) {
			c, err = Real(RealOptions{}).DialTCP(t.Context(), netip.AddrPort{}, netip.MustParseAddrPort("198.51.100.2:5060"))
			return err
		})
		defer c.Close()
		// The first try of the segment is lost, the second refused, later ones
		// pass. A complaint about the first would arrive while the socket is
		// still busy sending, when the kernel remembers it only softly.
		filter(t, p.router, `table inet f { chain forward { type filter hook forward priority 0;
			tcp dport 5060 limit rate 1/hour burst 1 packets drop
			tcp dport 5060 limit rate 1/hour burst 1 packets reject with icmpx type admin-prohibited
		}
		}`)
		if _, err := c.Write([]byte("ping")); err != nil {
			t.Fatal(err)
		}
		if err := <-arrived; err != nil {
			t.Errorf("reading on the server: %v", err)
		}
		if _, err := c.Write([]byte("more")); err != nil {
			t.Errorf("writing after the complaint: %v", err)
		}
		if err := <-arrived; err != nil {
			t.Errorf("reading on the server after the complaint: %v", err)
		}
	})
}

func TestTiedToAnInterface(t *testing.T) {
	onPath(t, func(t *testing.T, p *netPath) {
		inside(t, p.phone, func() error {
			far := netip.MustParseAddr("198.51.100.2")
			if got, err := Real(RealOptions{BindDevice: "eth0"}).SourceFor(far); err != nil || got.String() != "192.0.2.10" {
				t.Errorf("through eth0: %s, %v", got, err)
			}
			c, err := Real(RealOptions{BindDevice: "lo"}).OpenUDP(t.Context(), netip.AddrPort{})
			if err != nil {
				return err
			}
			defer c.Close()
			// What eth0 would have carried to the server now stays here.
			if err := c.WriteTo([]byte("x"), netip.AddrPortFrom(far, 5070), SendOptions{}); err != nil {
				t.Logf("through lo: %v", err)
			}
			_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			if _, err := c.ReadFrom(make([]byte, 100)); Classify(err) == ClassRefused {
				t.Error("a socket tied to lo reached the server through eth0")
			}
			if _, err := Real(RealOptions{BindDevice: "wlan7"}).OpenUDP(t.Context(), netip.AddrPort{}); err == nil {
				t.Error("opened a socket on an interface that does not exist")
			}
			return nil
		})
	})
}

// waitUntilReaderSleeps waits for a goroutine to be parked in ReadFrom.
func waitUntilReaderSleeps(t *testing.T) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	for start := time.Now(); time.Since(start) < patience; runtime.Gosched() {
		n := runtime.Stack(stacks, true)
		for g := range bytes.SplitSeq(stacks[:n], []byte("\n\n")) {
			if bytes.Contains(g, []byte("[IO wait")) && bytes.Contains(g, []byte("udpConn).ReadFrom")) {
				return
			}
		}
	}
	t.Fatal("no goroutine sleeps in ReadFrom")
}

// queueOverHalf reports whether more than half of the transmit buffer waits,
// which is when the kernel calls a UDP socket unwritable (sock_writeable).
func queueOverHalf(t *testing.T, u *udpConn) bool {
	t.Helper()
	var waiting, size int
	err := u.raw.Control(func(fd uintptr) {
		waiting, _ = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
		size, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF)
	})
	if err != nil {
		t.Fatal(err)
	}
	return 2*waiting > size
}
