package platform

import (
	"net/netip"
	"testing"
	"time"
)

func TestASocketThatNobodyReadsCountsWhatItDrops(t *testing.T) {
	n := Real(RealOptions{})
	at := netip.MustParseAddrPort("127.0.0.1:0")
	far, err := n.OpenUDP(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	near, err := n.OpenUDP(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	u := far.(*udpConn)
	if err := u.SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	if b, err := u.Backlog(); b != (Backlog{}) || err != nil {
		t.Fatalf("before anything was sent: %+v, %v", b, err)
	}
	for range 100 {
		if err := near.WriteTo(make([]byte, 1000), far.LocalAddr(), SendOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(50 * time.Millisecond)
	b, err := u.Backlog()
	if err != nil || b.Dropped < 50 || b.Dropped > 99 || b.Waiting < 1000 {
		t.Errorf("100 datagrams into a buffer for a few: %+v, %v", b, err)
	}
}
