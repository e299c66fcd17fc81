package platform

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// The loopback's MTU is the only limit that a test may meet without a network
// of its own.
func TestADatagramTooLongForTheLinkIsRefusedUncut(t *testing.T) {
	n := Real(RealOptions{})
	lo := netip.MustParseAddr("127.0.0.1")
	a, err := n.OpenUDP(t.Context(), netip.AddrPortFrom(lo, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := n.OpenUDP(t.Context(), netip.AddrPortFrom(lo, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	whole := SendOptions{DontFragment: true}
	if err := a.WriteTo(make([]byte, 9000), b.LocalAddr(), whole); err != nil {
		t.Fatalf("9000 bytes over the loopback: %v", err)
	}
	buf := make([]byte, 65536)
	if d, err := b.ReadFrom(buf); err != nil || d.N != 9000 {
		t.Errorf("arrived %d bytes, %v", d.N, err)
	}
	before := discovery(t, a)
	err = a.WriteTo(make([]byte, 65508), b.LocalAddr(), whole)
	if c := Classify(err); c != ClassTooLong {
		t.Errorf("more than UDP can carry: %v is %q, want %q", err, c, ClassTooLong)
	}
	if after := discovery(t, a); after != before {
		t.Errorf("path MTU discovery of the socket was %d, is %d", before, after)
	}
}

func discovery(t *testing.T, c UDPConn) (v int) {
	t.Helper()
	err := onSocket(c.(*udpConn).raw, func(fd uintptr) (err error) {
		v, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}
