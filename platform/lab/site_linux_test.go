package lab

import (
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

func site(t *testing.T, s Site) *Office {
	t.Helper()
	needLab(t)
	o, err := BuildSite(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	return o
}

// twoPorts is a router with a phone behind it, whose uplink is a link without a network.
func twoPorts() Site {
	return Site{
		Phone: netip.MustParseAddr("192.0.2.10"),
		Ports: []Port{
			{Name: "bridge", Addrs: prefixes("192.0.2.1/24")},
			{Name: "ether1", Addrs: prefixes("203.0.113.5/32"), Far: prefixes("10.9.9.1/32"), Uplink: true, MTU: 1492, Behind: prefixes("192.0.2.0/24")},
		},
		Routes: []SiteRoute{{Dst: prefixes("0.0.0.0/0")[0], Via: netip.MustParseAddr("10.9.9.1"), Dev: "ether1"}},
	}
}

func TestALinkWithoutANetworkLeadsOut(t *testing.T) {
	o := site(t, twoPorts())
	phone, server := udp(t, o.Phone, "192.0.2.10:40000"), udp(t, o.Responder, ResponderAddr+":3478")
	seen := seenAs(t, phone, server, ResponderAddr+":3478")
	send(t, server, seen, "the answer")
	if text, _ := hear(t, phone); seen != "192.0.2.10:40000" || text != "the answer" {
		t.Errorf("seen as %s, heard %q", seen, text)
	}
	for node, dev := range map[*Node]string{o.Routers[0]: "ether1", o.Internet: "office1"} {
		if err := node.Do(func() error {
			l, err := netlink.LinkByName(dev)
			if err == nil && l.Attrs().MTU != 1492 {
				t.Errorf("MTU %d of %s", l.Attrs().MTU, dev)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	}
}

// A server may stand in the network of the uplink, and have one address.
func TestAServerBesideTheProvidersRouter(t *testing.T) {
	s := twoPorts()
	s.Ports[1].Addrs, s.Ports[1].Far = prefixes("203.0.113.5/29"), prefixes("203.0.113.1/29")
	s.Routes[0].Via = netip.MustParseAddr("203.0.113.1")
	s.Servers = usualServers()
	s.Servers.Responder, s.Servers.Responder2 = netip.MustParseAddr("203.0.113.3"), netip.Addr{}
	o := site(t, s)
	phone, server := udp(t, o.Phone, "192.0.2.10:40000"), udp(t, o.Responder, "203.0.113.3:3478")
	if seen := seenAs(t, phone, server, "203.0.113.3:3478"); seen != "192.0.2.10:40000" {
		t.Errorf("seen as %s", seen)
	}
	if addrs, err := addrsOf(o.Responder); err != nil || len(addrs) != 1 {
		t.Errorf("the responder has %v: %v", addrs, err)
	}
}

func addrsOf(n *Node) (list []netlink.Addr, err error) {
	err = n.Do(func() error {
		l, err := netlink.LinkByName(hostInterface)
		if err == nil {
			list, err = netlink.AddrList(l, netlink.FAMILY_V4)
		}
		return err
	})
	return list, err
}

// A refusal stops what a route, or a rule of routing, names.
func TestRoutesToNowhere(t *testing.T) {
	all := prefixes("198.51.100.0/24")[0]
	for name, tt := range map[string]struct {
		change  func(*Site)
		reached bool
	}{
		"neither": {func(*Site) {}, true},
		"a route": {func(s *Site) { s.Routes = append(s.Routes, SiteRoute{Dst: all, Refuse: Unreachable}) }, false},
		"a rule":  {func(s *Site) { s.Rules = append(s.Rules, Rule{Priority: 100, Dst: all, Refuse: Blackhole}) }, false},
	} {
		s := twoPorts()
		tt.change(&s)
		err := site(t, s).Routers[0].Do(func() error {
			_, err := netlink.RouteGet(netip.MustParseAddr(ResponderAddr).AsSlice())
			return err
		})
		if (err == nil) != tt.reached {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What leaves with the priority of a shaper waits its turn, and is lost where too much waits.
func TestAShaper(t *testing.T) {
	for name, tt := range map[string]struct {
		class       uint16 // of the shaper
		least, most int    // of 60 packets of 1000 bytes
	}{"its packets": {2, 1, 25}, "others": {3, 60, 60}} {
		s := twoPorts()
		s.Script = "table ip twin {\nchain queues {\ntype filter hook forward priority 300\nip saddr 192.0.2.0/24 meta priority set 1:2 accept\n}\n}\n"
		s.Shapers = []Shaper{{Dev: "ether1", Class: tt.class, Rate: 80_000, Queue: 10}}
		o := site(t, s)
		phone, server := udp(t, o.Phone, "192.0.2.10:40000"), udp(t, o.Responder, ResponderAddr+":3478")
		for range 60 {
			send(t, phone, ResponderAddr+":3478", string(make([]byte, 1000)))
		}
		got, b := 0, make([]byte, 2000)
		_ = server.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		for {
			if _, _, err := server.ReadFromUDPAddrPort(b); err != nil {
				break
			}
			got++
		}
		if got < tt.least || got > tt.most {
			t.Errorf("%s: %d arrive", name, got)
		}
	}
}
