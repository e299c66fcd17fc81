package responder_test

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/checktest/farend"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/checks/sipalg"
	"github.com/sipdoctor/sipdoctor/platform"
)

func dialOffice(t *testing.T, n *farend.Office) *session.Client {
	t.Helper()
	c, err := session.Open(t.Context(), n.Phone, session.Target{Host: n.Inputs.Responder, Fingerprint: n.Inputs.Fingerprint})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sendProbes sends so many messages of the session over UDP.
func sendProbes(t *testing.T, n *farend.Office, c *session.Client, many int) {
	t.Helper()
	conn, err := n.Phone.OpenUDP(t.Context(), netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for i := range many {
		to := netip.AddrPortFrom(c.Addr, uint16(c.Info.SIPUDP[0]))
		if err := conn.WriteTo(sipRequest("OPTIONS", c.Token(i), "udp", 0), to, platform.SendOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(time.Second)
}

// The counts come with the arrivals, when they are asked for, and over UDP when
// the control channel is gone.
func TestWhatWasNotDoneIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := office(t, func(c *responder.Config) { c.Limits.PerSession, c.Limits.SessionBurst = 0.001, 10 })
		c := dialOffice(t, n)
		sendProbes(t, n, c, 8)
		if got, err := c.Limits(t.Context()); err != nil || got.Limits.Silent() != 0 || got.UDP != 8 || got.RetryAfterS != 0 {
			t.Errorf("within its budget the session is told of %+v, %v", got, err)
		}
		sendProbes(t, n, c, 8)
		n.Router.Update(func(o *checktest.RouterOptions) { o.Rules = []checktest.Rule{{Proto: "tcp"}} })
		got, err := c.Limits(t.Context())
		if err != nil || got.Limits.Messages < 6 || got.RetryAfterS == 0 {
			t.Errorf("beyond its budget, over UDP, it is told of %+v, %v", got, err)
		}
	})
}

// A responder without room for a connection says so, and the client waits.
func TestAFullControlChannelSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := office(t, func(c *responder.Config) { c.Limits.Connections = 4 })
		n.Router.Update(func(o *checktest.RouterOptions) { o.Rules = []checktest.Rule{{Proto: "udp"}} })
		c := dialOffice(t, n)
		for i := range 3 { // the session's connections take the other places
			conn := dialSIP(t, n, c, i)
			defer conn.Close()
		}
		// The first client's idle control connection is closed after 15 s.
		start, waits := time.Now(), 0
		late, err := session.Open(t.Context(), n.Phone, session.Target{
			Host: n.Inputs.Responder, Fingerprint: n.Inputs.Fingerprint, Waiting: func(time.Duration) { waits++ },
		})
		if d := time.Since(start); err != nil || waits < 2 || d < 14*time.Second {
			t.Fatalf("after %v and %d waits: %v", d, waits, err)
		}
		_ = late.Close(t.Context())
	})
}

// dialSIP opens a connection that belongs to the session.
func dialSIP(t *testing.T, n *farend.Office, c *session.Client, probe int) net.Conn {
	t.Helper()
	conn, err := n.Phone.DialTCP(t.Context(), netip.AddrPort{}, netip.AddrPortFrom(c.Addr, uint16(c.Info.SIPTCP[0])))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(sipRequest("OPTIONS", c.Token(probe), "tcp", 0)); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	if _, err := conn.Read(make([]byte, 4096)); err != nil {
		t.Fatalf("connection %d: %v", probe, err)
	}
	return conn
}

// A stranger's connection lives for ten seconds, however busy he keeps it; a
// session's lives on.
func TestAStrangersConnectionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := office(t)
		c := dialOffice(t, n)
		mine := dialSIP(t, n, c, 1)
		defer mine.Close()
		stranger, err := n.Phone.DialTCP(t.Context(), netip.AddrPort{}, netip.AddrPortFrom(c.Addr, uint16(c.Info.SIPTCP[0])))
		if err != nil {
			t.Fatal(err)
		}
		defer stranger.Close()
		var writing sync.WaitGroup
		writing.Go(func() {
			for range 10 {
				if _, err := stranger.Write([]byte("\r\n\r\n")); err != nil {
					return
				}
				time.Sleep(2 * time.Second)
			}
		})
		defer writing.Wait()
		start, buf := time.Now(), make([]byte, 64)
		for {
			if _, err := stranger.Read(buf); err != nil {
				break
			}
		}
		if d := time.Since(start); d < 9*time.Second || d > 11*time.Second {
			t.Errorf("it lived for %v", d)
		}
		if _, err := mine.Write([]byte("\r\n\r\n")); err != nil {
			t.Error(err)
		}
		_ = mine.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := mine.Read(buf); err != nil {
			t.Errorf("the session's connection: %v", err)
		}
	})
}

// A responder whose own packet filter drops its answers is not the network.
func TestAnswersThatDoNotLeaveAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var far *checktest.Host
		n := office(t, func(c *responder.Config) { far = c.Net.(*checktest.Host) })
		c := dialOffice(t, n)
		far.BlockOutput(checktest.Rule{Proto: "udp"})
		sendProbes(t, n, c, 3)
		if got, err := c.Limits(t.Context()); err != nil || got.Limits.Answers != 3 {
			t.Errorf("the session is told of %+v, %v; want 3 answers", got.Limits, err)
		}
		blamesNobody(t, n.Run(t.Context(), sipalg.Check()))
	})
}
