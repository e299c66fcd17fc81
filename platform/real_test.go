package platform

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// patience is how long a test waits for what must come; only a broken test
// waits that long.
const patience = 5 * time.Second

func openUDP(t testing.TB, n Network, local string) UDPConn {
	t.Helper()
	a := netip.AddrPort{}
	if local != "" {
		a = netip.MustParseAddrPort(local)
	}
	c, err := n.OpenUDP(t.Context(), a)
	if err != nil {
		if a.Addr().Is6() && Classify(err) != ClassInUse {
			t.Skipf("no IPv6 on this machine: %v", err)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDatagramTellsWhatArrived(t *testing.T) {
	for _, tc := range []struct {
		name, phone, server string
		options             SendOptions
	}{
		{"phone on IPv4", "127.0.0.1:0", "127.0.0.1:0", SendOptions{}},
		{"phone on IPv6", "[::1]:0", "[::1]:0", SendOptions{}},
		{"voice marked EF on IPv4", "127.0.0.1:0", "127.0.0.1:0", SendOptions{TOS: 0xb8}},
		{"voice marked EF on IPv6", "[::1]:0", "[::1]:0", SendOptions{TOS: 0xb8}},
		{"a probe with a short TTL on IPv4", "127.0.0.1:0", "127.0.0.1:0", SendOptions{TTL: 3}},
		{"a probe with a short hop limit on IPv6", "[::1]:0", "[::1]:0", SendOptions{TTL: 3}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := Real(RealOptions{})
			phone, server := openUDP(t, n, tc.phone), openUDP(t, n, tc.server)
			text := []byte("OPTIONS sip:pbx.example.net SIP/2.0\r\n")
			err := phone.WriteTo(text, server.LocalAddr(), tc.options)
			if errors.Is(err, errors.ErrUnsupported) {
				t.Skipf("%s does not send a traffic class", runtime.GOOS)
			}
			if err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 1500)
			got, err := server.ReadFrom(b)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b[:got.N], text) {
				t.Errorf("arrived %q", b[:got.N])
			}
			if got.From != phone.LocalAddr() || got.To != server.LocalAddr().Addr() {
				t.Errorf("from %s to %s, want from %s to %s", got.From, got.To, phone.LocalAddr(), server.LocalAddr().Addr())
			}
			if tc.options.TTL != 0 && got.TTL != tc.options.TTL || got.TTL == 0 {
				t.Errorf("TTL %d, sent with %d", got.TTL, tc.options.TTL)
			}
			if got.TOS != tc.options.TOS {
				t.Errorf("traffic class %#x, sent with %#x", got.TOS, tc.options.TOS)
			}
		})
	}
}

func TestSettingsOfOneDatagramDoNotStick(t *testing.T) {
	n := Real(RealOptions{})
	phone, server := openUDP(t, n, "127.0.0.1:0"), openUDP(t, n, "127.0.0.1:0")
	var ttl []int
	for _, o := range []SendOptions{{}, {TTL: 2}, {}} {
		if err := phone.WriteTo([]byte("x"), server.LocalAddr(), o); err != nil {
			t.Fatal(err)
		}
		d, err := server.ReadFrom(make([]byte, 10))
		if err != nil {
			t.Fatal(err)
		}
		ttl = append(ttl, d.TTL)
	}
	if ttl[1] != 2 || ttl[2] != ttl[0] {
		t.Errorf("TTLs on arrival %v: the third must equal the first", ttl)
	}
}

func TestReplyLeavesFromTheAddressThatWasAsked(t *testing.T) {
	if runtime.GOOS == "darwin" {
		t.Skip("macOS has only 127.0.0.1 of 127.0.0.0/8")
	}
	n := Real(RealOptions{})
	server := openUDP(t, n, "0.0.0.0:0")
	phone := openUDP(t, n, "127.0.0.1:0")
	if !server.LocalAddr().Addr().IsUnspecified() {
		t.Fatalf("server is bound to %s", server.LocalAddr())
	}
	asked := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.7"), server.LocalAddr().Port())
	if err := phone.WriteTo([]byte("who are you"), asked, SendOptions{}); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	request, err := server.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.WriteTo(b[:request.N], request.From, SendOptions{From: request.To}); err != nil {
		t.Fatal(err)
	}
	reply, err := phone.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	if reply.From != asked {
		t.Errorf("asked %s, but %s answered", asked, reply.From)
	}
}

func TestPortOfASoftphoneIsReportedAsInUse(t *testing.T) {
	n := Real(RealOptions{})
	softphone := openUDP(t, n, "127.0.0.1:0")
	for _, local := range []netip.AddrPort{
		softphone.LocalAddr(),
		netip.AddrPortFrom(netip.Addr{}, softphone.LocalAddr().Port()),
	} {
		c, err := n.OpenUDP(t.Context(), local)
		if err == nil {
			c.Close()
		}
		if got := Classify(err); got != ClassInUse {
			t.Errorf("opening %s: %v is %q, want %q", local, err, got, ClassInUse)
		}
	}
}

func TestSilenceIsATimeout(t *testing.T) {
	c := openUDP(t, Real(RealOptions{}), "127.0.0.1:0")
	if err := c.SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	_, err := c.ReadFrom(make([]byte, 10))
	if !errors.Is(err, os.ErrDeadlineExceeded) || Classify(err) != ClassTimeout {
		t.Errorf("got %v, class %q", err, Classify(err))
	}
}

func TestClosingEndsTheReader(t *testing.T) {
	c := openUDP(t, Real(RealOptions{}), "127.0.0.1:0")
	ended := make(chan error)
	go func() {
		_, err := c.ReadFrom(make([]byte, 10))
		ended <- err
	}()
	c.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestAnEmptyDatagramIsADatagram(t *testing.T) {
	n := Real(RealOptions{})
	phone, server := openUDP(t, n, "127.0.0.1:0"), openUDP(t, n, "127.0.0.1:0")
	if err := phone.WriteTo(nil, server.LocalAddr(), SendOptions{}); err != nil {
		t.Fatal(err)
	}
	d, err := server.ReadFrom(nil)
	if err != nil || d.N != 0 || d.From != phone.LocalAddr() {
		t.Errorf("got %+v, %v", d, err)
	}
}

func TestSendingRefusesNonsense(t *testing.T) {
	c := openUDP(t, Real(RealOptions{}), "127.0.0.1:0")
	loop := netip.MustParseAddrPort("127.0.0.1:9")
	for _, tc := range []struct {
		name string
		to   netip.AddrPort
		o    SendOptions
	}{
		{"no destination", netip.AddrPort{}, SendOptions{}},
		{"port 0", netip.MustParseAddrPort("127.0.0.1:0"), SendOptions{}},
		{"IPv6 destination from an IPv4 socket", netip.MustParseAddrPort("[::1]:9"), SendOptions{}},
		{"IPv6 source for an IPv4 destination", loop, SendOptions{From: netip.IPv6Loopback()}},
		{"TTL 256", loop, SendOptions{TTL: 256}},
		{"negative class", loop, SendOptions{TOS: -1}},
	} {
		if err := c.WriteTo([]byte("x"), tc.to, tc.o); err == nil {
			t.Errorf("%s: sent", tc.name)
		}
	}
}

func TestTCPFromAFixedPortTwice(t *testing.T) {
	n := Real(RealOptions{})
	var servers []net.Listener
	for range 2 {
		l, err := n.ListenTCP(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() { defer c.Close(); _, _ = io.Copy(c, c) }()
			}
		}()
		servers = append(servers, l)
	}
	local := freeTCPPort(t)
	for i, l := range servers {
		c, err := n.DialTCP(t.Context(), local, l.Addr().(*net.TCPAddr).AddrPort())
		if err != nil {
			t.Fatalf("connection %d from %s: %v", i+1, local, err)
		}
		if got := c.LocalAddr().(*net.TCPAddr).AddrPort(); got != local {
			t.Errorf("connected from %s, want %s", got, local)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := c.Write([]byte("ping")); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 4)
		if _, err := io.ReadFull(c, b); err != nil || string(b) != "ping" {
			t.Fatalf("echo %q, %v", b, err)
		}
		c.Close() // leaves the port in TIME-WAIT on our side
	}
}

// freeTCPPort is a loopback port on which nobody listens.
func freeTCPPort(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := Real(RealOptions{}).ListenTCP(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func TestTCPToAClosedPortIsRefused(t *testing.T) {
	c, err := Real(RealOptions{}).DialTCP(t.Context(), netip.AddrPort{}, freeTCPPort(t))
	if err == nil {
		c.Close()
	}
	if got := Classify(err); got != ClassRefused {
		t.Errorf("%v is %q, want %q", err, got, ClassRefused)
	}
}

func TestTCPPortOfAPBXIsInUse(t *testing.T) {
	n := Real(RealOptions{})
	pbx, err := n.ListenTCP(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer pbx.Close()
	taken := pbx.Addr().(*net.TCPAddr).AddrPort()
	for name, try := range map[string]func() (io.Closer, error){
		"listening": func() (io.Closer, error) { return n.ListenTCP(t.Context(), taken) },
		"dialling":  func() (io.Closer, error) { return n.DialTCP(t.Context(), taken, taken) },
	} {
		c, err := try()
		if err == nil {
			c.Close()
		}
		if got := Classify(err); got != ClassInUse {
			t.Errorf("%s: %v is %q, want %q", name, err, got, ClassInUse)
		}
	}
}

func TestCancelledBeforeItBegan(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Real(RealOptions{}).DialTCP(ctx, netip.AddrPort{}, netip.MustParseAddrPort("127.0.0.1:9")); err == nil {
		t.Error("connected in spite of a cancelled context")
	}
}

func TestSourceForLoopback(t *testing.T) {
	got, err := Real(RealOptions{}).SourceFor(netip.MustParseAddr("::ffff:127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("127.0.0.1", got.String()); diff != "" {
		t.Error(diff)
	}
	if _, err := Real(RealOptions{}).SourceFor(netip.Addr{}); err == nil {
		t.Error("found a source for no address")
	}
}

// The systems that take no TTL with a datagram set it on the socket; package
// ipv4 does that on Linux as well, so it is tried here.
func TestHopSettingsArePutBack(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		network, local := "udp4", "127.0.0.1:0"
		if v6 {
			network, local = "udp6", "[::1]:0"
		}
		pc, err := net.ListenPacket(network, local)
		if err != nil {
			t.Logf("%s left out: %v", network, err)
			continue
		}
		defer pc.Close()
		h := hopOf(pc.(*net.UDPConn), v6)
		before, err := h.ttl.get()
		if err != nil {
			t.Fatal(err)
		}
		restore, err := withHop(h, SendOptions{TTL: 5}, true)
		if err != nil {
			t.Fatal(err)
		}
		during, _ := h.ttl.get()
		if err := restore(); err != nil {
			t.Fatal(err)
		}
		after, _ := h.ttl.get()
		if during != 5 || after != before {
			t.Errorf("%s: TTL %d, then %d, then %d", network, before, during, after)
		}
		restore, err = withHop(h, SendOptions{TTL: 5, TOS: 0xb8}, false)
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: a class the system would not send gave %v", network, err)
		}
		if err := restore(); err != nil {
			t.Fatal(err)
		}
		if after, _ := h.ttl.get(); after != before {
			t.Errorf("%s: TTL %d stayed after a refusal", network, after)
		}
	}
}

func BenchmarkUDPRoundTrip(b *testing.B) {
	for _, bc := range []struct {
		name    string
		options SendOptions
	}{{"plain", SendOptions{}}, {"with TTL, class and source", SendOptions{TTL: 9, TOS: 0xb8, From: netip.MustParseAddr("127.0.0.1")}}} {
		b.Run(bc.name, func(b *testing.B) {
			n := Real(RealOptions{})
			phone, server := openUDP(b, n, "127.0.0.1:0"), openUDP(b, n, "127.0.0.1:0")
			_ = phone.SetReadDeadline(time.Time{})
			_ = server.SetReadDeadline(time.Time{})
			text, buf, to := bytes.Repeat([]byte("a"), 500), make([]byte, 1500), server.LocalAddr()
			b.ReportAllocs()
			for b.Loop() {
				if err := phone.WriteTo(text, to, bc.options); err != nil {
					b.Fatal(err)
				}
				d, err := server.ReadFrom(buf)
				if err != nil {
					b.Fatal(err)
				}
				if err := server.WriteTo(buf[:d.N], d.From, bc.options); err != nil {
					b.Fatal(err)
				}
				if _, err := phone.ReadFrom(buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
