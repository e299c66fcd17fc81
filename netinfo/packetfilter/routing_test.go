package packetfilter_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/netinfo/routes"
)

// Where translation sends a packet, and whether the kernel lets it go there:
// both sides of each question.
func TestWhereTheRoutesLead(t *testing.T) {
	addr, net := netip.MustParseAddr, netip.MustParsePrefix
	nat := func(target string) string {
		return "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -j " + target + "\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n-A FORWARD -o docker0 -j ACCEPT\nCOMMIT\n"
	}
	const loopback, behind = "DNAT --to-destination 127.0.0.1", "DNAT --to-destination 172.17.0.2"
	const unknown = "whether the destination after address translation is an address of this machine"
	strict := func(h *packetfilter.Host, v int) { h.Switches["ipv4/conf/all/rp_filter"] = v }
	sixth := func(c *packetfilter.Class) {
		c.Src, c.Dst, c.Local = []netip.Prefix{net("2001:db8:7::7/128")}, []netip.Prefix{net("2001:db8::1/128")}, []netip.Addr{addr("2001:db8::1")}
		c.Host.Routes = append(c.Host.Routes, packetfilter.Route{Dst: net("::/0"), Interface: "eth0", Table: "main"})
	}
	for name, c := range map[string]struct {
		target string
		six    bool
		ask    func(*packetfilter.Class)
		want   []string
	}{
		"this machine's addresses are not known":                {target: "DNAT --to-destination 203.0.114.9", ask: func(c *packetfilter.Class) { c.Local = nil }, want: []string{"maybe 5060 by FORWARD: " + unknown}},
		"they are not, and the loopback is one":                 {target: loopback, ask: func(c *packetfilter.Class) { c.Local, c.Host.Switches["ipv4/conf/eth0/route_localnet"] = nil, 1 }, want: []string{"accept 5060 by PREROUTING 1"}},
		"from this machine itself to the loopback":              {target: loopback, ask: func(c *packetfilter.Class) { c.Src = []netip.Prefix{net("192.0.2.1/32")} }, want: []string{"accept 5060 by PREROUTING 1"}},
		"by the loopback to the loopback":                       {target: loopback, ask: func(c *packetfilter.Class) { c.In = "lo" }, want: []string{"accept 5060 by PREROUTING 1"}},
		"redirected, with the loopback among the own addresses": {target: "REDIRECT --to-ports 5070", ask: func(c *packetfilter.Class) { c.Local, c.Host.Addrs = append(c.Local, addr("127.0.0.1")), nil }, want: []string{"accept 5060 by PREROUTING 1"}},
		"to the loopback of IPv6":                               {target: "DNAT --to-destination ::1", six: true, ask: sixth, want: []string{"maybe 5060 by address translation sends it to ::1, and net.ipv4.conf.eth0.route_localnet is off: whether net.ipv4.conf.eth0.route_localnet is on"}},
		"IPv6 is not forwarded":                                 {target: "DNAT --to-destination 2001:db8:9::9", six: true, ask: func(c *packetfilter.Class) { sixth(c); c.Host.Switches["ipv6/conf/all/forwarding"] = 0 }, want: []string{"drop 5060 by address translation sends it on to 2001:db8:9::9, and net.ipv6.conf.all.forwarding is off"}},
		"IPv6 has no rp_filter": {target: "RETURN", six: true, ask: func(c *packetfilter.Class) {
			sixth(c)
			strict(c.Host, 1)
			c.Host.Routes[len(c.Host.Routes)-1].Interface = "ppp0"
		}, want: []string{"accept 5060 by INPUT"}},
		"sent to everybody": {target: behind, ask: func(c *packetfilter.Class) {
			c.Dst = []netip.Prefix{net("192.0.2.255/32")}
			c.Host.Broadcast = []netip.Addr{addr("192.0.2.255")}
		}, want: []string{"drop 5060 by broadcasts are not forwarded to other machines"}},
		"sent to everybody and to this machine": {target: behind, ask: func(c *packetfilter.Class) {
			c.Dst = []netip.Prefix{net("192.0.2.255/32"), net("192.0.2.1/32")}
			c.Host.Broadcast = []netip.Addr{addr("192.0.2.255")}
		}, want: []string{"drop 5060 by broadcasts are not forwarded to other machines", "accept 5060 by FORWARD 1"}},
		"to one of two machines, behind different interfaces": {target: "DNAT --to-destination 172.17.255.255-172.18.0.0", want: []string{"maybe 5060 by FORWARD: which address it has after address translation"}},
		"to one of two machines, and one is in a black hole":  {target: "DNAT --to-destination 203.0.112.255-203.0.113.0", want: []string{"drop 5060 by the route to 203.0.113.0 is a blackhole"}},
		"there is no route": {target: "DNAT --to-destination 203.0.113.9", ask: func(c *packetfilter.Class) { c.Host.Routes[5].Kind = "unreachable" }, want: []string{"reject 5060 by there is no route to 203.0.113.9"}},
		"the way back leads out where it came in, strictly":    {target: "RETURN", ask: func(c *packetfilter.Class) { strict(c.Host, 1) }, want: []string{"accept 5060 by INPUT"}},
		"the way back leads out elsewhere, and that is enough": {target: "RETURN", ask: func(c *packetfilter.Class) { strict(c.Host, 2); c.Host.Routes[3].Interface = "ppp0" }, want: []string{"accept 5060 by INPUT"}},
		"no route was read, and the way back is asked for":     {target: "RETURN", ask: func(c *packetfilter.Class) { strict(c.Host, 1); c.Host.Routes = nil }, want: []string{"maybe 5060 by rp_filter on eth0: whether rp_filter on eth0 finds the route back"}},
		"by the loopback no way back is asked for": {target: "RETURN", ask: func(c *packetfilter.Class) {
			strict(c.Host, 1)
			c.In = "lo"
			c.Host.Switches["ipv4/conf/lo/rp_filter"] = 1
		}, want: []string{"accept 5060 by INPUT"}},
		"from another address of this machine":         {target: "RETURN", ask: func(c *packetfilter.Class) { strict(c.Host, 1); c.Src = []netip.Prefix{net("10.99.0.1/32")} }, want: []string{"accept 5060 by INPUT"}},
		"half of a network has its way back elsewhere": {target: "RETURN", ask: func(c *packetfilter.Class) { strict(c.Host, 1); c.Src = []netip.Prefix{net("172.16.0.0/15")} }, want: []string{"drop 5060 by rp_filter is strict on eth0, and the route back to 172.17.0.0/16 leads out of docker0", "accept 5060 by INPUT"}},
		"the new destination's answers go into a black hole": {target: behind, ask: func(c *packetfilter.Class) {
			strict(c.Host, 2)
			c.Host.Policies = []routes.Policy{{Table: "local"}, {Src: net("172.17.0.2/32"), Action: "blackhole"}, {Table: "main"}}
		}, want: []string{"drop 5060 by rp_filter is 2 on eth0, and the route back to 198.51.100.7 is refused (blackhole)"}},
		"the old destination's do, which no longer answers": {target: behind, ask: func(c *packetfilter.Class) {
			strict(c.Host, 2)
			c.Host.Policies = []routes.Policy{{Table: "local"}, {Src: net("192.0.2.1/32"), Action: "blackhole"}, {Table: "main"}}
		}, want: []string{"accept 5060 by FORWARD 1"}},
		"this machine's answers do": {target: "RETURN", ask: func(c *packetfilter.Class) {
			strict(c.Host, 2)
			c.Host.Policies = []routes.Policy{{Table: "local"}, {Src: net("192.0.2.1/32"), Action: "blackhole"}, {Table: "main"}}
		}, want: []string{"drop 5060 by rp_filter is 2 on eth0, and the route back to 198.51.100.7 is refused (blackhole)"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := asked{dump: nat(c.target), six: c.six, ask: func(class *packetfilter.Class) {
				class.DstPorts, class.Dst, class.Host = packetfilter.OneNum(5060), []netip.Prefix{net("192.0.2.1/32")}, someHost()
				if c.ask != nil {
					c.ask(class)
				}
			}}.outcomes()
			if diff := cmp.Diff(c.want, toldAll(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			for _, o := range got.Outcomes {
				if o.Verdict == packetfilter.Accepted && o.Onward != (o.Out == "docker0") {
					t.Errorf("sent on: %v, by %q", o.Onward, o.Out)
				}
				if o.Verdict == packetfilter.Rejected && o.With != "icmp-unreachable" {
					t.Errorf("rejected with %q", o.With)
				}
			}
		})
	}
}
