package checktest

import (
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sipdoctor/sipdoctor/platform"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// small is the smallest office: a phone, a router, the Internet with a server
// of two addresses.
type small struct {
	*World
	lan, wan *Segment
	phone    *Host
	router   *Router
	server   *Host
}

const (
	phoneAddr   = "192.168.1.10"
	publicAddr  = "203.0.113.1"
	serverAddr  = "198.51.100.1"
	serverAddr2 = "198.51.100.2"
)

// newSmall builds it; o needs no segments and no addresses.
func newSmall(t *testing.T, o RouterOptions) *small {
	t.Helper()
	w := New(1)
	t.Cleanup(w.Close)
	s := &small{World: w, lan: w.Segment("192.168.1.0/24", "2001:db8:1::/64"), wan: w.Segment("203.0.113.0/24", "198.51.100.0/24", "2001:db8:2::/64")}
	s.phone = s.lan.Host(phoneAddr, "2001:db8:1::10")
	o.Inside, o.InsideAddrs, o.Outside = s.lan, []string{"192.168.1.1", "2001:db8:1::1"}, s.wan
	if o.OutsideAddrs == nil {
		o.OutsideAddrs = []string{publicAddr, "2001:db8:2::1"}
	}
	s.router = w.Router(o)
	s.server = s.wan.Host(serverAddr, serverAddr2, "2001:db8:2::2")
	return s
}

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// udpAt opens a socket that the test closes.
func udpAt(t *testing.T, h *Host, at string) platform.UDPConn {
	t.Helper()
	c, err := h.OpenUDP(t.Context(), addrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func send(t *testing.T, c platform.UDPConn, to netip.AddrPort, text string) {
	t.Helper()
	if err := c.WriteTo([]byte(text), to, platform.SendOptions{}); err != nil {
		t.Fatal(err)
	}
}

// next returns the datagram that arrives within a second, if one does.
func next(t *testing.T, c platform.UDPConn) (platform.Datagram, string, bool) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 65536)
	d, err := c.ReadFrom(b)
	if platform.Classify(err) == platform.ClassTimeout {
		return d, "", false
	}
	if err != nil {
		t.Fatal(err)
	}
	return d, string(b[:d.N]), true
}

// arrival is next for what must arrive.
func arrival(t *testing.T, c platform.UDPConn) (platform.Datagram, string) {
	t.Helper()
	d, text, ok := next(t, c)
	if !ok {
		t.Fatalf("nothing arrived at %s", c.LocalAddr())
	}
	return d, text
}
