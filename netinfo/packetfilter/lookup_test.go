package packetfilter_test

import (
	"net/netip"
	"testing"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// Which sets and maps a packet is in.
func TestWhichSetsAPacketIsIn(t *testing.T) {
	const (
		stop, let = `{"drop": null}`, `{"accept": null}`
		pairs     = "create pairs hash:ip,port family inet\nadd pairs 198.51.100.7,udp:5060\n"
		few       = "create few hash:ip family inet counters\nadd few 198.51.100.7\n"
		ask       = "-A INPUT -m set --match-set pairs src,dst -j DROP"
		broken    = "add pairs 198.51\n"
		src, dst  = `{"payload": {"protocol": "ip", "field": "saddr"}}`, `{"payload": {"protocol": "ip", "field": "daddr"}}`
		port, in  = `{"payload": {"protocol": "udp", "field": "dport"}}`, `{"meta": {"key": "iifname"}}`
		first     = `{"ct": {"key": "ip daddr", "dir": "original"}}`
		nat       = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n"
	)
	input := func(rules ...string) string { return inputRules("ACCEPT", rules...) }
	protocol := func(p uint8) func(*packetfilter.Class) {
		return func(c *packetfilter.Class) { c.Protocol, c.DstPorts = p, nil }
	}
	sixth := func(c *packetfilter.Class) {
		c.Src, c.Local = []netip.Prefix{netip.MustParsePrefix("2001:db8::7/128")}, []netip.Addr{netip.MustParseAddr("2001:db8::1")}
	}
	by := func(name string) func(*packetfilter.Class) {
		return func(c *packetfilter.Class) { c.In = name }
	}
	vmap := func(key, elements string) string {
		return `{"vmap": {"key": ` + key + `, "data": {"set": [` + elements + `]}}}`
	}
	concat := func(keys string) string { return `{"concat": [` + keys + `]}` }
	named := func(kind, typ, elements string) []string {
		return []string{`{"` + kind + `": {"family": "ip", "table": "t", "name": "m", "type": ` + typ + `, "map": "verdict", "elem": [` + elements + `]}}`}
	}
	checkAll(t, map[string]asked{
		"in a set, if the element has seen enough packets": {
			dump: input("-A INPUT -m set --match-set few src --packets-gt 5 -j DROP"), sets: few, want: []string{"maybe " + everyPort + " by INPUT 1: set few --packets-gt 5"},
		},
		"in none, however many packets": {
			dump: input("-A INPUT -m set --match-set few src --packets-gt 5 -j DROP"), sets: "create few hash:ip family inet counters\nadd few 198.51.100.8\n", want: []string{"accept " + everyPort + " by INPUT"},
		},
		"exceptions are asked of a set that has none": {
			dump: input("-A INPUT -m set --match-set few src --return-nomatch -j DROP"), sets: few, want: []string{"drop " + everyPort + " by INPUT 1"},
		},
		"exceptions are asked of a set of networks": {
			dump: input("-A INPUT -m set --match-set nets src --return-nomatch -j DROP"), sets: "create nets hash:net family inet\nadd nets 198.51.100.0/24\nadd nets 198.51.100.0/28 nomatch\n", want: []string{"drop " + everyPort + " by INPUT 1"},
		},
		"exceptions of networks and ports": {
			dump: input("-A INPUT -m set --match-set pairs src,dst --return-nomatch -j DROP"), sets: "create pairs hash:net,port family inet\nadd pairs 198.51.100.0/24,udp:5060-5061\nadd pairs 198.51.100.0/28,udp:5061 nomatch\n", want: []string{"drop 5061 by INPUT 1", "accept 5060, 10000-20000 by INPUT"},
		},
		"a set of pairs that was read in part has it": {
			dump: input(ask), sets: pairs + broken, ask: func(c *packetfilter.Class) { c.DstPorts = packetfilter.OneNum(5060) }, want: []string{"drop 5060 by INPUT 1"},
		},
		"a set of pairs that was read in part may have it": {
			dump: input(ask), sets: pairs + broken, ask: func(c *packetfilter.Class) { c.DstPorts = packetfilter.OneNum(5061) }, want: []string{"maybe 5061 by INPUT 1: element 198.51 of set pairs is not understood"},
		},
		"what is missing of a set of IPv4 is not about IPv6": {
			dump: input("-A INPUT -m set --match-set few src -j DROP"), six: true, ask: sixth, sets: few + "add few 198.51\n", want: []string{"accept " + everyPort + " by INPUT"},
		},
		"what is missing of a set of IPv6 is not about IPv4": {
			dump: input("-A INPUT -m set --match-set few src -j DROP"), sets: "create few hash:ip family inet6\nadd few 2001\n", want: []string{"accept " + everyPort + " by INPUT"},
		},
		"what is missing of a set of ports is about both": {
			dump: input("-A INPUT -p udp -m set --match-set ports dst -j DROP"), six: true, ask: sixth, sets: "create ports bitmap:port range 0-65535\nadd ports x\n", want: []string{"maybe " + everyPort + " by INPUT 1: element x of set ports is not understood"},
		},
		"a set of a type that is not known": {
			dump: input("-A INPUT -m set --match-set odd src -j DROP"), sets: "create odd bloom\n", want: []string{"maybe " + everyPort + " by INPUT 1: the type of set odd is not known: bloom"},
		},
		"GRE has no port, and the set says 0": {
			dump: input(ask), sets: "create pairs hash:ip,port family inet\nadd pairs 198.51.100.7,gre:0\n", ask: protocol(47), want: []string{"drop 0 by INPUT 1"},
		},
		"an echo request of IPv6 in a set of pairs": {
			dump: input(ask), six: true, sets: "create pairs hash:ip,port family inet6\nadd pairs 2001:db8::7,ipv6-icmp:echo-request\n",
			ask: func(c *packetfilter.Class) { sixth(c); c.Protocol, c.DstPorts = packetfilter.ICMPv6, nil }, want: []string{"drop 0 by INPUT 1"},
		},
		"a later piece of a ping is in no set of pairs": {
			dump: "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n-A FORWARD -m set --match-set pairs src,dst -j ACCEPT\nCOMMIT\n", sets: "create pairs hash:ip,port family inet\nadd pairs 198.51.100.7,icmp:echo-request\n",
			ask: func(c *packetfilter.Class) {
				c.Hook, c.Dst, c.Protocol, c.DstPorts, c.Fragments = packetfilter.HookForward, []netip.Prefix{netip.MustParsePrefix("203.0.113.9/32")}, packetfilter.ICMP, nil, true
			}, want: []string{"drop 0 by FORWARD"},
		},
		"the whole ping is": {
			dump: "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n-A FORWARD -m set --match-set pairs src,dst -j ACCEPT\nCOMMIT\n", sets: "create pairs hash:ip,port family inet\nadd pairs 198.51.100.7,icmp:echo-request\n",
			ask: func(c *packetfilter.Class) {
				c.Hook, c.Dst, c.Protocol, c.DstPorts = packetfilter.HookForward, []netip.Prefix{netip.MustParsePrefix("203.0.113.9/32")}, packetfilter.ICMP, nil
			}, want: []string{"accept 0 by FORWARD 1"},
		},
		// Maps.
		"every interface that a map does not name": {
			nft: nftInput("ip", "drop", nil, vmap(in, `["*", `+let+`], ["eth1", `+stop+`]`)), want: []string{"accept " + everyPort + " by in 1"},
		},
		"the interface that it names comes first": {
			nft: nftInput("ip", "accept", nil, vmap(in, `["*", `+let+`], ["eth1", `+stop+`]`)), ask: by("eth1"), want: []string{"drop " + everyPort + " by in 1"},
		},
		"every pair that a map does not name": {
			nft: nftInput("ip", "drop", nil, vmap(concat(src+","+port), `["*", `+stop+`], [{"concat": ["198.51.100.7", 5060]}, `+let+`]`)), want: []string{"drop 5061, 10000-20000 by in 1", "accept 5060 by in 1"},
		},
		"the narrower interval of a map of ports and addresses": {
			nft: nftInput("ip", "drop", nil, vmap(concat(port+","+src), `["*", `+stop+`], [{"concat": [5060, "198.51.100.7"]}, `+let+`]`)), want: []string{"drop 5061, 10000-20000 by in 1", "accept 5060 by in 1"},
		},
		"a pair of what the first packet was sent to": {
			nft: nftInput("ip", "accept", nil, vmap(concat(first+","+port), `[{"concat": ["192.0.2.1", 5060]}, `+stop+`], [{"concat": ["198.51.100.7", 5061]}, `+stop+`]`)), want: []string{"drop 5060 by in 1", "accept 5061, 10000-20000 by in"},
		},
		"a pair of the new source": {
			dump: nat + "-A INPUT -j SNAT --to-source 192.0.2.77\nCOMMIT\n",
			nft:  nftChain("filter", "input", "200", vmap(concat(src+","+port), `[{"concat": ["192.0.2.77", 5060]}, `+stop+`], [{"concat": ["198.51.100.7", 5061]}, `+stop+`]`)), want: []string{"drop 5060 by in 1", "accept 5061, 10000-20000 by in"},
		},
		"a pair of the new destination": {
			dump: nat + "-A PREROUTING -j DNAT --to-destination 192.0.2.2\nCOMMIT\n", ask: func(c *packetfilter.Class) {
				c.Local, c.Dst = append(c.Local, netip.MustParseAddr("192.0.2.2")), []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
			},
			nft: nftChain("filter", "input", "0", vmap(concat(dst+","+port), `[{"concat": ["192.0.2.2", 5060]}, `+stop+`], [{"concat": ["192.0.2.1", 5061]}, `+stop+`]`)), want: []string{"drop 5060 by in 1", "accept 5061, 10000-20000 by PREROUTING 1"},
		},
		"a map whose elements were read in part has it": {
			nft: nftInput("ip", "accept", named("map", `"ipv4_addr"`, `["198.51.100.7", `+stop+`], [{"odd": 1}, `+stop+`]`), `{"vmap": {"key": `+src+`, "data": "@m"}}`), want: []string{"drop " + everyPort + " by in 1"},
		},
		"a map whose elements were read in part may have it": {
			nft:  nftInput("ip", "accept", named("map", `"ipv4_addr"`, `["198.51.100.8", `+stop+`], [{"odd": 1}, `+stop+`]`), `{"vmap": {"key": `+src+`, "data": "@m"}}`),
			want: []string{"maybe " + everyPort + ` by in 1: element odd 1 of set m is not understood`},
		},
		"a map of pairs that is asked for an address": {
			nft: nftInput("ip", "accept", named("map", `["ipv4_addr", "inet_service"]`, `[{"concat": ["198.51.100.7", 5060]}, `+stop+`]`), `{"vmap": {"key": `+src+`, "data": "@m"}}`), want: []string{"maybe " + everyPort + " by in 1: set m was not listed"},
		},
		"a set that is asked for a verdict": {
			nft:  nftInput("ip", "accept", []string{`{"set": {"family": "ip", "table": "t", "name": "m", "type": "ipv4_addr", "elem": ["198.51.100.7"]}}`}, `{"vmap": {"key": `+src+`, "data": "@m"}}`),
			want: []string{"maybe " + everyPort + " by in 1: set m was not listed"},
		},
		"a limit for what only the packet tells": {
			nft: nftInput("ip", "accept", []string{`{"set": {"family": "ip", "table": "t", "name": "m", "type": "inet_service", "elem": [5060]}}`},
				`{"set": {"op": "add", "elem": {"ct": {"key": "proto-dst", "dir": "reply"}}, "set": "@m", "stmt": [{"limit": {"rate": 10, "per": "second", "inv": true}}]}}, `+stop),
			want: []string{"maybe " + everyPort + " by in 1: something about the packet; limit rate over 10/second"},
		},
	})
}
