package lab

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// The mark that leaves the phone, and what is left of it at the server, in both
// families and both directions.
func TestRouter_clearsTheMarkForVoiceAndNothingElse(t *testing.T) {
	for name, clears := range map[string]bool{"clean": false, "dscp-cleared": true} {
		t.Run(name, func(t *testing.T) {
			o := standing(t, name)
			for _, at := range []string{ResponderAddr, ResponderAddr6} {
				phone, server := marked(t, o.Phone, netip.MustParseAddr(at), 0), marked(t, o.Responder, netip.MustParseAddr(at), 5060)
				want := 46<<2 | 2 // EF, and ECT(0) beside it
				if err := phone.WriteTo([]byte("x"), netip.AddrPortFrom(netip.MustParseAddr(at), 5060), platform.SendOptions{TOS: want}); err != nil {
					t.Fatal(err)
				}
				if clears {
					want = 2
				}
				d := receive1(t, server)
				if d.TOS != want {
					t.Errorf("out to %s: class %#x, want %#x", at, d.TOS, want)
				}
				if err := server.WriteTo([]byte("y"), d.From, platform.SendOptions{TOS: 46<<2 | 2, From: d.To}); err != nil {
					t.Fatal(err)
				}
				if d := receive1(t, phone); d.TOS != want {
					t.Errorf("back from %s: class %#x, want %#x", at, d.TOS, want)
				}
			}
		})
	}
}

// marked is a socket of a node, of the family of at.
func marked(t *testing.T, n *Node, at netip.Addr, port uint16) platform.UDPConn {
	t.Helper()
	local := netip.IPv4Unspecified()
	if at.Is6() {
		local = netip.IPv6Unspecified()
	}
	c, err := n.Network(platform.Real(platform.RealOptions{})).OpenUDP(context.WithoutCancel(t.Context()), netip.AddrPortFrom(local, port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func receive1(t *testing.T, c platform.UDPConn) platform.Datagram {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	d, err := c.ReadFrom(make([]byte, 100))
	if err != nil {
		t.Fatal(err)
	}
	return d
}
