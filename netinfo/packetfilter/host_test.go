package packetfilter_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/netinfo/routes"
)

// someHost is a PBX with a public address and a LAN, and a network of
// containers behind docker0.
func someHost() *packetfilter.Host {
	addr, net := netip.MustParseAddr, netip.MustParsePrefix
	return &packetfilter.Host{
		Tables: routes.Tables{Addrs: []routes.Addr{{Addr: addr("192.0.2.1"), Interface: "eth0", Primary: true}, {Addr: addr("10.99.0.1"), Interface: "eth1", Primary: true}}, Routes: []packetfilter.Route{
			{Dst: net("192.0.2.1/32"), Interface: "eth0", Table: "local", Kind: "local"}, {Dst: net("10.99.0.1/32"), Interface: "eth1", Table: "local", Kind: "local"},
			{Dst: net("127.0.0.0/8"), Interface: "lo", Table: "local", Kind: "local"},
			{Dst: net("0.0.0.0/0"), Interface: "eth0", Table: "main"}, {Dst: net("172.17.0.0/16"), Interface: "docker0", Table: "main"},
			{Dst: net("203.0.113.0/24"), Table: "main", Kind: "blackhole"},
		}},
		Switches: map[string]int{
			"ipv4/ip_forward": 1, "ipv4/conf/all/rp_filter": 0, "ipv4/conf/eth0/rp_filter": 0,
			"ipv4/conf/all/route_localnet": 0, "ipv4/conf/eth0/route_localnet": 0,
		},
		SocketsRead: true,
	}
}

// What becomes of a phone's packets hangs on more than the rules.
func TestWhatTheKernelAsksBesidesTheRules(t *testing.T) {
	nat := func(target string) string {
		return "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -m udp --dport 5060 -j " + target + "\nCOMMIT\n"
	}
	const filter = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n-A FORWARD -d 172.17.0.2/32 -o docker0 -p udp -m udp --dport 5060 -j ACCEPT\nCOMMIT\n"
	const proxy = "*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -m udp --dport 5060 -j TPROXY --on-port 5999 --tproxy-mark 0x1/0x1\nCOMMIT\n"
	for name, c := range map[string]struct {
		dump   string
		host   func(*packetfilter.Host)
		nobody bool // nothing is known of the host
		want   string
	}{
		"a container is reached through the bridge that the routes name": {dump: nat("DNAT --to-destination 172.17.0.2") + filter, want: "accept 5060 by FORWARD 1"},
		"another container is not":                                       {dump: nat("DNAT --to-destination 172.17.0.3") + filter, want: "drop 5060 by FORWARD"},
		"a machine that does not forward": {
			dump: nat("DNAT --to-destination 172.17.0.2") + filter, host: func(h *packetfilter.Host) { h.Switches["ipv4/ip_forward"] = 0 },
			want: "drop 5060 by address translation sends it on to 172.17.0.2, and net.ipv4.ip_forward is off",
		},
		"nobody knows whether it forwards": {
			dump: nat("DNAT --to-destination 172.17.0.2") + filter, host: func(h *packetfilter.Host) { h.Switches = nil },
			want: "maybe 5060 by address translation sends it on to 172.17.0.2, and net.ipv4.ip_forward is off: whether this machine forwards packets (net.ipv4.ip_forward)",
		},
		"no route was read": {
			dump: nat("DNAT --to-destination 172.17.0.2") + filter, host: func(h *packetfilter.Host) { h.Routes = nil },
			want: "maybe 5060 by FORWARD: whether the packet leaves by docker0",
		},
		"sent on into a black hole": {dump: nat("DNAT --to-destination 203.0.113.9") + filter, want: "drop 5060 by the route to 203.0.113.9 is a blackhole"},
		"sent on to the loopback": {
			dump: nat("DNAT --to-destination 127.0.0.1") + filter,
			want: "drop 5060 by address translation sends it to 127.0.0.1, and net.ipv4.conf.eth0.route_localnet is off",
		},
		"sent on to the loopback, which is allowed": {
			dump: nat("DNAT --to-destination 127.0.0.1") + filter, host: func(h *packetfilter.Host) { h.Switches["ipv4/conf/eth0/route_localnet"] = 1 },
			want: "accept 5060 by PREROUTING 1",
		},
		"a whole network is mapped to another": {dump: nat("NETMAP --to 10.99.0.0/24") + "*filter\n:INPUT DROP [0:0]\n-A INPUT -d 10.99.0.1/32 -j ACCEPT\nCOMMIT\n", want: "accept 5060 by INPUT 1"},
		"a target that nobody can follow": {
			dump: nat("BALANCE --to-destination 172.17.0.2-172.17.0.3") + filter,
			want: "maybe 5060 by FORWARD: which address it has after address translation; which port it has after address translation",
		},
		"a proxy that does not run": {dump: proxy + filter, want: "drop 5060 by PREROUTING 1"},
		"a proxy that runs": {
			dump: proxy + filter, host: func(h *packetfilter.Host) {
				h.Sockets = []packetfilter.HostSocket{{Protocol: packetfilter.UDP, Addr: netip.IPv4Unspecified(), Port: 5999}}
			},
			want: "maybe 5060 by PREROUTING 1: whether a program takes what TPROXY sends to udp port 5999",
		},
		"the way back is a black hole, and nobody asks": {dump: filter, host: func(h *packetfilter.Host) { h.Routes[5].Dst = netip.MustParsePrefix("198.51.100.0/24") }, want: "accept 5060 by INPUT"},
		"the way back is a black hole, and rp_filter asks": {
			dump: filter, host: func(h *packetfilter.Host) {
				h.Routes[5].Dst, h.Switches["ipv4/conf/eth0/rp_filter"] = netip.MustParsePrefix("198.51.100.0/24"), 2
			},
			want: "drop 5060 by rp_filter is 2 on eth0, and the route back to 198.51.100.7 is refused (blackhole)",
		},
		"the way back leads out of another interface": {
			dump: filter, host: func(h *packetfilter.Host) { h.Routes[3].Interface, h.Switches["ipv4/conf/all/rp_filter"] = "ppp0", 1 },
			want: "drop 5060 by rp_filter is strict on eth0, and the route back to 198.51.100.7 leads out of ppp0",
		},
		"a policy rule about its source does not stop what is for this machine": {
			dump: filter, host: func(h *packetfilter.Host) {
				h.Policies = []routes.Policy{{Table: "local"}, {Src: netip.MustParsePrefix("198.51.100.0/24"), Action: "blackhole"}, {Table: "main"}}
			},
			want: "accept 5060 by INPUT",
		},
		"a policy rule about its source stops what is sent on": {
			dump: nat("DNAT --to-destination 172.17.0.2") + filter, host: func(h *packetfilter.Host) {
				h.Policies = []routes.Policy{{Table: "local"}, {Src: netip.MustParsePrefix("198.51.100.0/24"), Action: "blackhole"}, {Table: "main"}}
			},
			want: "drop 5060 by the route to 172.17.0.2 is a blackhole",
		},
		"without the host nothing of it is claimed": {dump: nat("DNAT --to-destination 172.17.0.2") + filter, nobody: true, want: "maybe 5060 by address translation sends it on to 172.17.0.2, and net.ipv4.ip_forward is off: whether this machine forwards packets (net.ipv4.ip_forward); whether the packet leaves by docker0"},
	} {
		t.Run(name, func(t *testing.T) {
			class := sipFrom("198.51.100.7/32")
			class.DstPorts = packetfilter.OneNum(5060)
			class.Dst = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
			class.Local = append(class.Local, netip.MustParseAddr("10.99.0.1"))
			if class.Host = someHost(); c.nobody {
				class.Host = nil
			}
			if c.host != nil {
				c.host(class.Host)
			}
			got := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, c.dump)).Evaluate(class)
			if diff := cmp.Diff([]string{c.want}, toldAll(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Chains of single interfaces act on these alone, also where the listing does
// not say which (nft before 1.0.8 leaves them out of its JSON).
func TestAChainOfOneInterface(t *testing.T) {
	list := func(hook, devices string) string {
		return `{"nftables": [{"table": {"family": "netdev", "name": "t"}}, {"chain": {"family": "netdev", "table": "t", "name": "c", "type": "filter", "hook": "` + hook + `", "prio": 0, "policy": "drop"` + devices + `}}]}`
	}
	for name, c := range map[string]struct {
		listing, in string
		answer      bool
		want        string
	}{
		"of the interface":                   {list("ingress", `, "dev": "eth0"`), "eth0", false, "drop 5060 by c"},
		"of another interface":               {list("ingress", `, "dev": "eth1"`), "eth0", false, "accept 5060 by nobody"},
		"of several":                         {list("ingress", `, "dev": ["eth1", "eth0"]`), "eth0", false, "drop 5060 by c"},
		"of one that the listing leaves out": {list("ingress", ""), "eth0", false, "maybe 5060 by c: on which interface chain c acts: the listing does not say"},
		"of a port of the bridge":            {list("ingress", `, "dev": "eth1"`), "br0", false, "maybe 5060 by c: whether the packet passes eth1, a part of br0"},
		"on the way out":                     {list("egress", `, "dev": "eth0"`), "eth0", true, "drop 5060 by c"},
		"on the way out of another":          {list("egress", `, "dev": "eth1"`), "eth0", true, "accept 5060 by nobody"},
		"on the way out, and it comes in":    {list("egress", `, "dev": "eth0"`), "eth0", false, "accept 5060 by nobody"},
	} {
		t.Run(name, func(t *testing.T) {
			class := sipFrom("198.51.100.7/32")
			class.DstPorts, class.In, class.Host = packetfilter.OneNum(5060), c.in, someHost()
			class.Host.Under = map[string][]string{"br0": {"eth1"}}
			if c.answer {
				class.Hook, class.Out, class.In, class.Dst, class.Src = packetfilter.HookOutput, c.in, "", class.Src, nil
			}
			got := packetfilter.New(packetfilter.ReadNFT(c.listing)).Evaluate(class)
			if diff := cmp.Diff([]string{c.want}, toldAll(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// A packet in pieces arrives when all of its pieces do: those after the first
// have no ports for a rule to compare.
func TestAPacketInPieces(t *testing.T) {
	const early = "*raw\n:PREROUTING DROP [0:0]\n-A PREROUTING -p udp -m udp --dport 5060 -j ACCEPT\nCOMMIT\n"
	const late = "*filter\n:INPUT DROP [0:0]\n-A INPUT -p udp -m udp --dport 5060 -j ACCEPT\nCOMMIT\n"
	const tracked = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m conntrack --ctstate INVALID -j DROP\nCOMMIT\n"
	for name, c := range map[string]struct{ dump, want string }{
		"the rules before connection tracking see pieces":         {early, "drop 5060 by PREROUTING"},
		"with connection tracking they are whole":                 {early + tracked, "accept 5060 by PREROUTING 1"},
		"what is for this machine is whole before it is filtered": {late, "accept 5060 by INPUT 1"},
	} {
		t.Run(name, func(t *testing.T) {
			class := sipFrom("198.51.100.7/32")
			class.DstPorts, class.Fragments = packetfilter.OneNum(5060), true
			got := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, c.dump)).Evaluate(class)
			if diff := cmp.Diff([]string{c.want}, toldAll(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
