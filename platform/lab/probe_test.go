package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for a packet that should come. Nothing is
// concluded from its passing by itself: that a packet did not come is shown by
// a later one that did.
const patience = 5 * time.Second

// standing builds the named office for the length of the test.
func standing(t testing.TB, name string) *Office {
	t.Helper()
	s, ok := Find(name)
	if !ok {
		t.Fatalf("there is no scenario %q", name)
	}
	return build(t, s)
}

func build(t testing.TB, s Scenario) *Office {
	t.Helper()
	needLab(t)
	o, err := Build(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	return o
}

// udp opens a socket on a node.
func udp(t testing.TB, n *Node, local string) *net.UDPConn {
	t.Helper()
	c, err := n.bind(local)
	if err != nil {
		t.Fatalf("opening %s on %s: %v", local, n.Name, err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// tcp makes a connection from the phone to a server's port and returns both
// ends, or nil ends when the network does not let it through within wait.
func tcp(t testing.TB, from, to *Node, remote string, wait time.Duration) (client, server net.Conn) {
	t.Helper()
	var l net.Listener
	if err := to.Do(func() (err error) { l, err = net.Listen("tcp", remote); return err }); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err := from.Do(func() (err error) { client, err = net.DialTimeout("tcp", remote, wait); return err })
	if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
		return nil, nil
	}
	if err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func port(c net.Conn) int { return int(local(c).Port()) }

func local(c net.Conn) netip.AddrPort {
	return netip.MustParseAddrPort(c.LocalAddr().String())
}

func send(t testing.TB, c *net.UDPConn, to, text string) {
	t.Helper()
	if _, err := c.WriteToUDPAddrPort([]byte(text), netip.MustParseAddrPort(to)); err != nil {
		t.Fatalf("sending to %s: %v", to, err)
	}
}

// hear returns the next datagram and where it came from.
func hear(t testing.TB, c *net.UDPConn) (string, string) {
	t.Helper()
	b := make([]byte, 4096)
	_ = c.SetReadDeadline(time.Now().Add(patience))
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		t.Fatalf("waiting at %s: %v", c.LocalAddr(), err)
	}
	return string(b[:n]), netip.AddrPortFrom(from.Addr().Unmap(), from.Port()).String()
}

// hearTCP returns what arrives until the other end has no more to say.
func hearTCP(t testing.TB, c net.Conn) string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// seenAs sends a datagram to a server and returns the source it arrives with.
func seenAs(t testing.TB, c, server *net.UDPConn, to string) string {
	t.Helper()
	send(t, c, to, "who am I")
	_, from := hear(t, server)
	return from
}

// An invite is an INVITE that names its true address everywhere, as phones do.
type invite struct {
	transport string // UDP or TCP
	self      netip.AddrPort
	rtp       int
}

func (i invite) String() string {
	sdp := strings.Join([]string{
		"v=0", "o=phone 1 1 IN IP4 " + i.self.Addr().String(), "s=-",
		"c=IN IP4 " + i.self.Addr().String(), "t=0 0",
		fmt.Sprintf("m=audio %d RTP/AVP 8", i.rtp), "a=rtpmap:8 PCMA/8000", "",
	}, "\r\n")
	return strings.Join([]string{
		"INVITE sip:echo@" + ResponderAddr + " SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/%s %s;rport;branch=z9hG4bKphone%d", i.transport, i.self, i.rtp),
		"Max-Forwards: 70",
		fmt.Sprintf("From: <sip:phone@%s>;tag=1", i.self),
		"To: <sip:echo@" + ResponderAddr + ">",
		fmt.Sprintf("Call-ID: call%d@%s", i.rtp, i.self.Addr()),
		"CSeq: 1 INVITE",
		fmt.Sprintf("Contact: <sip:phone@%s>", i.self),
		"Content-Type: application/sdp",
		fmt.Sprintf("Content-Length: %d", len(sdp)),
		"", sdp,
	}, "\r\n")
}

// line returns the first line that begins with prefix.
func line(message, prefix string) string {
	for l := range strings.SplitSeq(message, "\r\n") {
		if strings.HasPrefix(l, prefix) {
			return l
		}
	}
	return ""
}
