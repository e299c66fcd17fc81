package packetfilter_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// What address translation makes of a packet is what the rules after it see; of
// several addresses or ports that it may get, any.
func TestWhatTranslationMakesOfAPacket(t *testing.T) {
	const (
		nat      = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
		pair     = nat + "-A PREROUTING -j DNAT --to-destination 192.0.2.2-192.0.2.3\nCOMMIT\n"
		ports    = nat + "-A PREROUTING -p udp -j DNAT --to-destination :5070-5071\nCOMMIT\n"
		stop     = `{"drop": null}`
		phones   = `{"payload": {"protocol": "ip", "field": "saddr"}}`
		dest     = `{"payload": {"protocol": "ip", "field": "daddr"}}`
		from     = `{"payload": {"protocol": "udp", "field": "sport"}}`
		to       = `{"payload": {"protocol": "udp", "field": "dport"}}`
		whichOne = ": which address it has after address translation"
	)
	input := func(rules ...string) string { return inputRules("ACCEPT", rules...) }
	local := func(more ...string) func(*packetfilter.Class) {
		return func(c *packetfilter.Class) {
			c.Dst = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
			for _, a := range more {
				c.Local = append(c.Local, netip.MustParseAddr(a))
			}
		}
	}
	three := local("192.0.2.2", "192.0.2.3")
	redirect := nat + "-A PREROUTING -p udp -j REDIRECT --to-ports 5070\nCOMMIT\n"
	checkAll(t, map[string]asked{
		// The destination.
		"one of two addresses": {dump: pair + input("-A INPUT -d 192.0.2.2/32 -j DROP"), ask: three, want: []string{"maybe " + everyPort + " by INPUT 1" + whichOne}},
		"if it was not the one, it is the other": {
			dump: pair + input("-A INPUT -d 192.0.2.2/32 -p udp -m udp --dport 5060 -j DROP", "-A INPUT -d 192.0.2.3/32 -j DROP", "-A INPUT -d 192.0.2.2/32 -j DROP"), ask: three, want: []string{"drop 5060 by INPUT 1", "drop 5061, 10000-20000 by INPUT 2"},
		},
		"either way it is let in once, and so it is not stopped": {
			dump: pair + input("-A INPUT -d 192.0.2.2/32 -j ACCEPT", "-A INPUT -d 192.0.2.2/32 -j DROP"), ask: three, want: []string{"accept " + everyPort + " by INPUT 1"},
		},
		"an address that a map gives, and the map is not known": {
			nft: nftChain("nat", "prerouting", "-100", `{"dnat": {"addr": {"map": {"key": `+phones+`, "data": "@gone"}}}}`), dump: input("-A INPUT -d 192.0.2.2/32 -j DROP"), ask: func(c *packetfilter.Class) {
				c.Host = &packetfilter.Host{Switches: map[string]int{"ipv4/ip_forward": 1}}
				three(c)
			},
			want: []string{"maybe " + everyPort + ` by INPUT 1: map data @gone key ip saddr; whether the destination after address translation is an address of this machine; which address it has after address translation`},
		},
		"an address that a map gives, and a port beside it": {
			nft:  nftChain("nat", "prerouting", "-100", `{"dnat": {"addr": {"map": {"key": `+phones+`, "data": {"set": [["198.51.100.7", "192.0.2.2"]]}}}, "port": 5070}}`),
			dump: input("-A INPUT -d 192.0.2.2/32 -p udp -m udp --dport 5070 -j DROP"), ask: three, want: []string{"drop " + everyPort + " by INPUT 1"},
		},
		"a port that nobody knows": {
			nft:  nftChain("nat", "prerouting", "-100", `{"dnat": {"addr": "192.0.2.2", "port": {"numgen": {"mode": "random", "mod": 10, "offset": 5060}}}}`),
			dump: input("-A INPUT -d 192.0.2.2/32 -p udp -m udp --dport 5070 -j DROP"), ask: three, want: []string{"maybe " + everyPort + " by INPUT 1: which port it has after address translation"},
		},
		"whether a destination that nobody knows is another one": {
			nft:  nftChain("nat", "prerouting", "-100", `{"dnat": {"addr": "192.0.2.2", "port": {"numgen": {"mode": "random", "mod": 10, "offset": 5060}}}}`),
			dump: input("-A INPUT -m conntrack --ctstate DNAT -j DROP"), ask: local("192.0.2.2"), want: []string{"drop " + everyPort + " by INPUT 1"},
		},
		"whether a port that nobody knows is another one": {
			nft:  nftChain("nat", "prerouting", "-100", `{"dnat": {"addr": "192.0.2.1", "port": {"numgen": {"mode": "random", "mod": 10, "offset": 5060}}}}`),
			dump: input("-A INPUT -m conntrack --ctstate DNAT -j DROP"), ask: local(), want: []string{"maybe " + everyPort + " by INPUT 1: the connection state"},
		},
		"new or translated: new is enough": {
			nft:  nftChain("nat", "prerouting", "-100", `{"dnat": {"addr": "192.0.2.1", "port": {"numgen": {"mode": "random", "mod": 10, "offset": 5060}}}}`),
			dump: input("-A INPUT -m conntrack --ctstate NEW,DNAT -j DROP"), ask: local(), want: []string{"drop " + everyPort + " by INPUT 1"},
		},
		"established or translated: it may be translated": {
			nft:  nftChain("nat", "prerouting", "-100", `{"dnat": {"addr": "192.0.2.1", "port": {"numgen": {"mode": "random", "mod": 10, "offset": 5060}}}}`),
			dump: input("-A INPUT -m conntrack --ctstate ESTABLISHED,DNAT -j DROP"), ask: local(), want: []string{"maybe " + everyPort + " by INPUT 1: the connection state"},
		},
		"the port alone": {
			dump: nat + "-A PREROUTING -p udp -j DNAT --to-destination :5070\nCOMMIT\n" + input("-A INPUT -d 192.0.2.1/32 -p udp -m udp --dport 5070 -j DROP"), ask: local(), want: []string{"drop " + everyPort + " by INPUT 1"},
		},
		"one of two ports": {
			dump: ports + input("-A INPUT -p udp -m udp --dport 5070 -j DROP"), want: []string{"maybe " + everyPort + " by INPUT 1: which port it has after address translation"},
		},
		"a port that is in the range stays": {
			dump: nat + "-A PREROUTING -p udp -j DNAT --to-destination :5060-5061\nCOMMIT\n" + input("-A INPUT -p udp -m udp --dport 5060 -j DROP"),
			ask:  func(c *packetfilter.Class) { c.DstPorts = packetfilter.NumSet{{Lo: 5060, Hi: 5061}} }, want: []string{"drop 5060 by INPUT 1", "accept 5061 by PREROUTING 1"},
		},
		"either port is let in once": {
			dump: ports + input("-A INPUT -p udp -m udp --dport 5070 -j ACCEPT", "-A INPUT -p udp -m udp --dport 5070 -j DROP"), want: []string{"accept " + everyPort + " by INPUT 1"},
		},
		"redirected, and this machine's address is not known": {
			dump: redirect + input("-A INPUT -d 192.0.2.55/32 -j DROP"), ask: func(c *packetfilter.Class) {
				c.Local, c.Dst = nil, []netip.Prefix{netip.MustParsePrefix("192.0.2.55/32")}
			}, want: []string{"maybe " + everyPort + " by INPUT 1" + whichOne},
		},
		"redirected to one of two addresses": {
			dump: redirect + input("-A INPUT -d 192.0.2.2/32 -j DROP"), ask: func(c *packetfilter.Class) { local("192.0.2.2")(c); c.Dst = nil }, want: []string{"maybe " + everyPort + " by INPUT 1" + whichOne},
		},
		"by a recent list of destinations": {
			dump:   pair + input("-A INPUT -m recent --rcheck --name sip --mask 255.255.255.255 --rdest -j DROP"),
			recent: &packetfilter.RecentTable{Name: "sip", Entries: []packetfilter.RecentEntry{{Addr: netip.MustParseAddr("192.0.2.2"), Packets: 1}}}, ask: three, want: []string{"maybe " + everyPort + " by INPUT 1" + whichOne},
		},
		"by a recent list of destinations, where none is known": {
			dump: redirect + input("-A INPUT -m recent --rcheck --name sip --mask 255.255.255.255 --rdest -j DROP"), ask: func(c *packetfilter.Class) { c.Local = nil },
			recent: &packetfilter.RecentTable{Name: "sip"}, want: []string{"maybe " + everyPort + " by INPUT 1" + whichOne},
		},
		// The source.
		"a source that is one of two": {
			dump: nat + "-A INPUT -j SNAT --to-source 192.0.2.77-192.0.2.78\nCOMMIT\n",
			nft:  nftChain("filter", "input", "200", nftMatch(phones, "==", `"192.0.2.77"`)+`{"accept": null}`, nftMatch(phones, "==", `"192.0.2.77"`)+stop), want: []string{"accept " + everyPort + " by in 1"},
		},
		"a source that may be the one": {
			dump: nat + "-A INPUT -j SNAT --to-source 192.0.2.77-192.0.2.78\nCOMMIT\n",
			nft:  nftChain("filter", "input", "200", nftMatch(phones, "==", `"192.0.2.77"`)+stop), want: []string{"maybe " + everyPort + " by in 1" + whichOne},
		},
		"a source port that is one of two": {
			dump: nat + "-A INPUT -p udp -j SNAT --to-source :1024-1025\nCOMMIT\n",
			nft:  nftChain("filter", "input", "200", nftMatch(from, "==", "1024")+`{"accept": null}`, nftMatch(from, "==", "1024")+stop), want: []string{"accept " + everyPort + " by in 1"},
		},
		"a source port that it had": {
			dump: nat + "-A INPUT -p udp -j SNAT --to-source :1024-1025\nCOMMIT\n",
			nft:  nftChain("filter", "input", "200", nftMatch(from, "==", "5060")+stop), want: []string{"accept " + everyPort + " by in"},
		},
		"a source port that translation may change to keep flows apart": {
			dump: nat + "-A INPUT -p udp -j SNAT --to-source 192.0.2.77\nCOMMIT\n", ask: func(c *packetfilter.Class) { c.SrcPorts = packetfilter.OneNum(5060) },
			nft: nftChain("filter", "input", "200", nftMatch(from, "==", "5060")+stop), want: []string{"maybe " + everyPort + " by in 1: which port it has after address translation"},
		},
		"a new source port leaves the address": {
			dump: nat + "-A INPUT -p udp -j SNAT --to-source :1024-1025\nCOMMIT\n",
			nft:  nftChain("filter", "input", "200", nftMatch(phones, "==", `"198.51.100.7"`)+stop), want: []string{"drop " + everyPort + " by in 1"},
		},
		"a new source that a map gives, and the map is not known": {
			nft:  nftChain("nat", "input", "40", `{"snat": {"addr": {"map": {"key": `+phones+`, "data": "@gone"}}}}`),
			dump: "*security\n:INPUT ACCEPT [0:0]\n-A INPUT -s 203.0.113.9/32 -j DROP\nCOMMIT\n",
			want: []string{"maybe " + everyPort + ` by INPUT 1: map data @gone key ip saddr; which address it has after address translation`},
		},
		"masqueraded, by an address that is not known": {
			dump: nat + "-A POSTROUTING -o eth0 -j MASQUERADE\nCOMMIT\n", ask: func(c *packetfilter.Class) { c.Hook, c.In, c.Out = packetfilter.HookOutput, "", "eth0" },
			nft: nftChain("filter", "postrouting", "200", nftMatch(phones, "==", `"198.51.100.7"`)+stop), want: []string{"maybe " + everyPort + " by in 1" + whichOne},
		},
		"a new source is a translation": {
			nft:  nftChain("nat", "input", "40", `{"snat": {"addr": "192.0.2.77"}}`),
			dump: "*security\n:INPUT ACCEPT [0:0]\n-A INPUT -m conntrack --ctstate SNAT -j DROP\nCOMMIT\n", want: []string{"drop " + everyPort + " by INPUT 1"},
		},
		"a new source port is one": {
			nft: nftChain("nat", "input", "40", `{"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "udp"}}, {"snat": {"port": 1024}}`), ask: func(c *packetfilter.Class) { c.SrcPorts = packetfilter.OneNum(5060) },
			dump: "*security\n:INPUT ACCEPT [0:0]\n-A INPUT -m conntrack --ctstate SNAT -j DROP\nCOMMIT\n", want: []string{"drop " + everyPort + " by INPUT 1"},
		},
		"a source port that may be the old one": {
			nft:  nftChain("nat", "input", "40", `{"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "udp"}}, {"snat": {"port": 1024}}`),
			dump: "*security\n:INPUT ACCEPT [0:0]\n-A INPUT -m conntrack --ctstate SNAT -j DROP\nCOMMIT\n", want: []string{"maybe " + everyPort + " by INPUT 1: the connection state"},
		},
		"a packet that was not translated": {
			dump: "*security\n:INPUT ACCEPT [0:0]\n-A INPUT -m conntrack --ctstate SNAT,DNAT -j DROP\nCOMMIT\n", want: []string{"accept " + everyPort + " by INPUT"},
		},
		"the first new source of a connection stays": {
			dump: nat + "-A INPUT -j SNAT --to-source 192.0.2.78\nCOMMIT\n*security\n:INPUT ACCEPT [0:0]\n-A INPUT -s 192.0.2.77/32 -j DROP\nCOMMIT\n",
			nft:  nftChain("nat", "input", "40", `{"snat": {"addr": "192.0.2.77"}}`), want: []string{"drop " + everyPort + " by INPUT 1"},
		},
		"and is not translated again": {
			dump: nat + "-A INPUT -j SNAT --to-source 192.0.2.78\nCOMMIT\n", nft: twoTables(nftChain("nat", "input", "40", `{"snat": {"addr": "192.0.2.77"}}`), nftChain("filter", "input", "200", nftMatch(phones, "==", `"192.0.2.78"`)+stop)),
			want: []string{"accept " + everyPort + " by in"},
		},
	})
}

// Where the source port of a phone's calls is moved, keepalives do not help.
func TestWhichTranslationMovesThePort(t *testing.T) {
	for name, c := range map[string]struct {
		target string
		ports  packetfilter.NumSet
		icmp   bool
		want   bool
	}{
		"another address alone":         {"SNAT --to-source 203.0.113.1", packetfilter.OneNum(5060), false, false},
		"masqueraded":                   {"MASQUERADE", packetfilter.OneNum(5060), false, false},
		"another port at random":        {"MASQUERADE --random", packetfilter.OneNum(5060), false, true},
		"ports that it does not have":   {"MASQUERADE --to-ports 1024-65535", packetfilter.OneNum(500), false, true},
		"ports among which its own is":  {"MASQUERADE --to-ports 1024-65535", packetfilter.OneNum(5060), false, false},
		"ports among which some are":    {"MASQUERADE --to-ports 1024-65535", packetfilter.NumSet{{Lo: 1000, Hi: 2000}}, false, true},
		"a ping has no port to move":    {"MASQUERADE --random", nil, true, false},
		"no translation moves anything": {"ACCEPT", packetfilter.OneNum(5060), false, false},
	} {
		class := sipFrom("192.0.2.1/32")
		class.Hook, class.In, class.Out, class.SrcPorts = packetfilter.HookOutput, "", "eth0", c.ports
		class.Dst = []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32")}
		if c.icmp {
			class.Protocol, class.DstPorts = packetfilter.ICMP, nil
		}
		got := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, "*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j "+c.target+"\nCOMMIT\n")).Evaluate(class).Outcomes
		if len(got) != 1 || got[0].Moved != c.want || got[0].Verdict != packetfilter.Accepted {
			t.Errorf("%s: %+v, want it moved: %v", name, got, c.want)
		}
	}
}

// A network that is mapped to another keeps the last bits of each address; what
// is too much to follow is not known.
func TestWhatANetworkIsMappedTo(t *testing.T) {
	table := func(to, rule string) string {
		return "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j NETMAP --to " + to + "\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n-A FORWARD " + rule + " -j DROP\nCOMMIT\n"
	}
	asking := func(dst string) func(*packetfilter.Class) {
		return func(c *packetfilter.Class) {
			c.Dst, c.Host = []netip.Prefix{netip.MustParsePrefix(dst)}, someHost()
		}
	}
	checkAll(t, map[string]asked{
		"whole bytes":                        {dump: table("172.17.0.0/16", "-d 172.17.2.1/32"), ask: asking("192.0.2.1/32"), want: []string{"drop " + everyPort + " by FORWARD 1"}},
		"bits within a byte":                 {dump: table("172.17.3.240/28", "-d 172.17.3.241/32"), ask: asking("192.0.2.1/32"), want: []string{"drop " + everyPort + " by FORWARD 1"}},
		"bits within another byte":           {dump: table("172.16.0.0/12", "-d 172.16.2.1/32"), ask: asking("192.0.2.1/32"), want: []string{"drop " + everyPort + " by FORWARD 1"}},
		"each of a network":                  {dump: table("172.17.3.0/24", "-d 172.17.3.0/26"), ask: asking("192.0.2.0/26"), want: slices.Repeat([]string{"drop " + everyPort + " by FORWARD 1"}, 64)},
		"each of a network that is too wide": {dump: table("172.17.3.0/24", "-d 172.17.3.0/25"), ask: asking("192.0.2.0/25"), want: []string{"maybe " + everyPort + " by FORWARD 1: whether the destination after address translation is an address of this machine; which address it has after address translation"}},
	})
}

// Who takes what TPROXY takes: TCP and UDP, where no socket does it is dropped by
// a rule of iptables and goes on by one of nft.
func TestWhatAProxyTakes(t *testing.T) {
	const table = "*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j TPROXY --on-port 5999\nCOMMIT\n"
	proxy := func(port string) string {
		return nftChain("filter", "prerouting", "-150", `{"tproxy": {`+port+`}}, {"drop": null}`)
	}
	with := func(ports ...uint16) func(*packetfilter.Class) {
		return func(c *packetfilter.Class) {
			c.DstPorts, c.Host = packetfilter.OneNum(5060), someHost()
			for _, p := range ports {
				c.Host.Sockets = append(c.Host.Sockets, packetfilter.HostSocket{Protocol: c.Protocol, Addr: netip.IPv4Unspecified(), Port: p})
			}
		}
	}
	as := func(protocol uint8, ports ...uint16) func(*packetfilter.Class) {
		return func(c *packetfilter.Class) { c.Protocol = protocol; with(ports...)(c) }
	}
	const whether = "whether a program takes what TPROXY sends to "
	checkAll(t, map[string]asked{
		"UDP, and nobody listens":      {dump: table, ask: with(), want: []string{"drop 5060 by PREROUTING 1"}},
		"TCP, and nobody listens":      {dump: table, ask: as(packetfilter.TCP), want: []string{"drop 5060 by PREROUTING 1"}},
		"TCP, and somebody does":       {dump: table, ask: as(packetfilter.TCP, 5999), want: []string{"maybe 5060 by PREROUTING 1: " + whether + "tcp port 5999"}},
		"SCTP is not taken":            {dump: table, ask: as(packetfilter.SCTP), want: []string{"accept 5060 by PREROUTING"}},
		"nft, and nobody listens":      {nft: proxy(`"port": 5999`), ask: with(), want: []string{"accept 5060 by in"}},
		"nft, and somebody does":       {nft: proxy(`"port": 5999`), ask: with(5999), want: []string{"maybe 5060 by in 1: " + whether + "udp port 5999"}},
		"nft, to the port that it has": {nft: proxy(`"addr": "127.0.0.1"`), ask: with(5060), want: []string{"maybe 5060 by in 1: " + whether + "udp port 5060"}},
		"which has no socket":          {nft: proxy(`"addr": "127.0.0.1"`), ask: with(5999), want: []string{"accept 5060 by in"}},
	})
}
