package session

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// mute is a network on which nobody answers; it counts datagrams by port.
type mute struct {
	platform.Network
	mu   sync.Mutex
	sent map[uint16]int
}

func (*mute) LookupAddrs(context.Context, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("203.0.113.10")}, nil
}
func (*mute) SourceFor(netip.Addr) (netip.Addr, error) { return netip.MustParseAddr("192.0.2.1"), nil }
func (*mute) DialTCP(ctx context.Context, _, _ netip.AddrPort) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
func (m *mute) OpenUDP(_ context.Context, at netip.AddrPort) (platform.UDPConn, error) {
	return &muteConn{m: m, at: at, closed: make(chan struct{})}, nil
}

type muteConn struct {
	m      *mute
	at     netip.AddrPort
	once   sync.Once
	closed chan struct{}
}

func (c *muteConn) ReadFrom([]byte) (platform.Datagram, error) {
	<-c.closed
	return platform.Datagram{}, os.ErrClosed
}
func (c *muteConn) WriteTo(_ []byte, to netip.AddrPort, _ platform.SendOptions) error {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	c.m.sent[to.Port()]++
	return nil
}
func (c *muteConn) LocalAddr() netip.AddrPort     { return c.at }
func (*muteConn) SetReadDeadline(time.Time) error { return nil }
func (c *muteConn) Close() error                  { c.once.Do(func() { close(c.closed) }); return nil }

// Where no responder answers, its SIP ports may be a PBX's: looking for it
// there has an end.
func TestLookingForTheResponderBarelyTouchesSIPPorts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mute{sent: map[uint16]int{}}
		if _, err := Open(t.Context(), m, Target{Host: "pbx.example.net"}); err == nil || errors.Is(err, context.Canceled) {
			t.Fatalf("opened a session with nobody: %v", err)
		}
		if m.sent[8765] < 3 {
			t.Errorf("%d datagrams to the control port, want several", m.sent[8765])
		}
		for _, port := range []uint16{5060, 5080} {
			if n := m.sent[port]; n < 1 || n > maxStrange {
				t.Errorf("%d datagrams to port %d, want 1 to %d", n, port, maxStrange)
			}
		}

		// Whatever is called afterwards, there are no more of them.
		c, err := newMasked(t.Context(), m, netip.Addr{}, netip.MustParseAddr("203.0.113.10"), otherPorts(DefaultControlPort), &pin{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		m.sent = map[uint16]int{}
		for range 3 {
			_ = c.hello(t.Context())
		}
		if n := m.sent[5060]; n > maxStrange {
			t.Errorf("%d datagrams to port 5060 in three calls", n)
		}
	})
}
