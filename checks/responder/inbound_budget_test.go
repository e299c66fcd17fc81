package responder

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

// However many sessions an office opens, its address gets no more than the
// budget.
func TestOneAddressGetsABoundedNumberOfPackets(t *testing.T) {
	n := &inbound{s: nil, targets: map[netip.Addr]*inboundTarget{}}
	addr, now := netip.MustParseAddr("203.0.113.7"), time.Unix(1800000000, 0)
	const minutes = 10
	sent, end := 0, now.Add(minutes*time.Minute)
	for i := 0; now.Before(end); i++ {
		c := &conversation{} // a new session every call: the worst that a client can do
		_, wait := n.claim(c, addr, session.MaxInboundPorts, now)
		if wait > 0 {
			now = now.Add(wait)
			continue
		}
		sent += session.MaxInboundPorts
		now = now.Add(session.MaxInboundPorts * time.Second / session.MaxInboundRate)
	}
	if most := inboundBurst + inboundRefill*60*minutes; sent > most || sent < most/3 {
		t.Errorf("%d packets in %d minutes, want at most %d", sent, minutes, most)
	}
	// An IPv6 customer has a /64: its addresses are one.
	a, b := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	if _, wait := n.claim(&conversation{}, a, 1, now); wait > 0 {
		t.Fatal("the first has to wait")
	}
	if _, wait := n.claim(&conversation{}, b, 1, now); wait == 0 {
		t.Error("a second address of the same customer need not wait")
	}
	if n.forget(now.Add(time.Hour)); len(n.targets) != 0 {
		t.Errorf("%d addresses are remembered for ever", len(n.targets))
	}
}

func TestTheTableOfAddressesIsBounded(t *testing.T) {
	n := &inbound{s: nil, targets: map[netip.Addr]*inboundTarget{}}
	now := time.Now()
	for i := range 2 * maxInboundTargets {
		n.claim(&conversation{}, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1, now)
	}
	if len(n.targets) != maxInboundTargets {
		t.Errorf("%d addresses", len(n.targets))
	}
}
