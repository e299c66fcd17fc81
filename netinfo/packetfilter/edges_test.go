package packetfilter_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/netinfo/routes"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// nftInput is a table of nftables around the matches and verdicts of the rules
// of its input chain; more are chains, sets and rules of others.
func nftInput(family, policy string, more []string, rules ...string) string {
	list := []string{
		`{"table": {"family": "` + family + `", "name": "t"}}`,
		`{"chain": {"family": "` + family + `", "table": "t", "name": "in", "type": "filter", "hook": "input", "prio": 10, "policy": "` + policy + `"}}`,
	}
	list = append(list, more...)
	for _, r := range rules {
		list = append(list, `{"rule": {"family": "`+family+`", "table": "t", "chain": "in", "handle": 1, "expr": [`+r+`]}}`)
	}
	return `{"nftables": [` + strings.Join(list, ",\n") + `]}`
}

func nftMatch(left, op, right string) string {
	return `{"match": {"op": "` + op + `", "left": ` + left + `, "right": ` + right + `}}, `
}

// What becomes of packets where it hangs on one detail: each case beside the one
// where that detail is another.
func TestDetailsThatDecide(t *testing.T) {
	const (
		nftSrc, nftSrc6, nftPort = `{"payload": {"protocol": "ip", "field": "saddr"}}`, `{"payload": {"protocol": "ip6", "field": "saddr"}}`, `{"payload": {"protocol": "th", "field": "dport"}}`
		nftDst                   = `{"payload": {"protocol": "ip", "field": "daddr"}}`
		stop                     = `{"drop": null}`
		all                      = "5060-5061, 10000-20000"
		nat                      = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
		raw                      = "*raw\n:PREROUTING ACCEPT [0:0]\n"
		listed                   = "create few hash:ip family inet\nadd few 198.51.100.7\n"
	)
	input := func(rules ...string) string { return inputRules("ACCEPT", rules...) }
	protocol := func(p uint8) func(*packetfilter.Class) {
		return func(c *packetfilter.Class) { c.Protocol = p }
	}
	state := func(s packetfilter.Num) func(*packetfilter.Class) {
		return func(c *packetfilter.Class) { c.State = s }
	}
	both := func(list ...func(*packetfilter.Class)) func(*packetfilter.Class) {
		return func(c *packetfilter.Class) {
			for _, f := range list {
				f(c)
			}
		}
	}
	fragments := func(c *packetfilter.Class) { c.Fragments = true }
	forwarded := func(c *packetfilter.Class) {
		c.Hook, c.Dst = packetfilter.HookForward, []netip.Prefix{netip.MustParsePrefix("203.0.113.9/32")}
	}
	sixth := func(c *packetfilter.Class) {
		c.Src, c.Local = []netip.Prefix{netip.MustParsePrefix("2001:db8::7/128")}, []netip.Addr{netip.MustParseAddr("2001:db8::1")}
	}
	for name, c := range map[string]struct {
		dump string // of iptables
		six  bool   // of ip6tables
		nft  string
		sets string
		ask  func(*packetfilter.Class)
		want []string
	}{
		// Sets.
		"a set that was not listed is taken one way": {
			dump: input("-A INPUT -m set --match-set gone src -j DROP", "-A INPUT -m set ! --match-set gone src -j DROP"),
			want: []string{"drop " + all + " by INPUT 1"},
		},
		"first in it, then not in it": {
			dump: input("-A INPUT -m set ! --match-set gone src -j DROP", "-A INPUT -m set --match-set gone src -j DROP"),
			want: []string{"drop " + all + " by INPUT 1"},
		},
		"two sets that were not listed": {
			dump: input("-A INPUT -m set --match-set gone src -j DROP", "-A INPUT -m set ! --match-set lost src -j DROP"),
			want: []string{"maybe " + all + " by INPUT 1: set gone was not listed; set lost was not listed"},
		},
		"an exception of an exception": {
			dump: input("-A INPUT -m set --match-set nets src -j DROP"),
			sets: "create nets hash:net family inet\nadd nets 198.51.100.0/24\nadd nets 198.51.100.0/28 nomatch\nadd nets 198.51.100.7\n", want: []string{"drop " + all + " by INPUT 1"},
		},
		"a phone beside the exception of the exception": {
			dump: input("-A INPUT -m set --match-set nets src -j DROP"),
			sets: "create nets hash:net family inet\nadd nets 198.51.100.0/24\nadd nets 198.51.100.0/28 nomatch\nadd nets 198.51.100.8\n", want: []string{"accept " + all + " by INPUT"},
		},
		"the destination and its port": {
			dump: input("-A INPUT -m set --match-set pairs dst,dst -j DROP"),
			sets: "create pairs hash:ip,port family inet\nadd pairs 192.0.2.1,udp:5060\nadd pairs 198.51.100.7,udp:5061\n", want: []string{"drop 5060 by INPUT 1", "accept 5061, 10000-20000 by INPUT"},
		},
		"a set of IPv4 asked about IPv6": {
			dump: input("-A INPUT -m set --match-set few src -j DROP"), six: true, sets: listed, ask: sixth, want: []string{"accept " + all + " by INPUT"},
		},
		"a set of IPv6 asked about IPv4": {
			dump: input("-A INPUT -m set ! --match-set few src -j DROP"), sets: "create few hash:ip family inet6\nadd few 2001:db8::7\n", want: []string{"drop " + all + " by INPUT 1"},
		},
		"ICMP has no port": {
			dump: input("-A INPUT -m set --match-set ports dst -j DROP"), sets: "create ports bitmap:port range 0-65535\nadd ports 0-65535\n", ask: protocol(packetfilter.ICMP), want: []string{"accept 0 by INPUT"},
		},
		"a pair of ICMP is its type and code": {
			dump: input("-A INPUT -m set --match-set pairs src,dst -j DROP"), sets: "create pairs hash:ip,port family inet\nadd pairs 198.51.100.7,icmp:echo-request\n", ask: protocol(packetfilter.ICMP), want: []string{"drop 0 by INPUT 1"},
		},
		"a pair of another type": {
			dump: input("-A INPUT -m set --match-set pairs src,dst -j DROP"), sets: "create pairs hash:ip,port family inet\nadd pairs 198.51.100.7,icmp:echo-reply\n", ask: protocol(packetfilter.ICMP), want: []string{"accept 0 by INPUT"},
		},
		"a map of verdicts that was not listed": {
			nft: nftInput("ip", "accept", nil, `{"vmap": {"key": `+nftSrc+`, "data": "@gone"}}`), want: []string{"maybe " + all + " by in 1: set gone was not listed"},
		},
		"what a map of verdicts does not hold goes on": {
			nft:  nftInput("ip", "accept", nil, `{"vmap": {"key": `+nftPort+`, "data": {"set": [[5060, {"continue": null}], [5061, {"accept": null}]]}}}`, stop),
			want: []string{"drop 5060, 10000-20000 by in 2", "accept 5061 by in 1"},
		},
		"a chain that was not listed": {
			nft: nftInput("ip", "accept", nil, `{"jump": {"target": "gone"}}`), want: []string{"maybe " + all + " by in 1: chain gone was not listed"},
		},
		"a rule that goes on": {
			nft: nftInput("ip", "accept", nil, `{"continue": null}`, stop), want: []string{"drop " + all + " by in 2"},
		},
		"everything that a map of verdicts does not name": {
			nft: nftInput("ip", "accept", nil, `{"vmap": {"key": `+nftSrc+`, "data": {"set": [["198.51.100.8", {"accept": null}], ["*", {"drop": null}]]}}}`), want: []string{"drop " + all + " by in 1"},
		},
		"what it names comes first": {
			nft: nftInput("ip", "drop", nil, `{"vmap": {"key": `+nftSrc+`, "data": {"set": [["*", {"drop": null}], ["198.51.100.7", {"accept": null}]]}}}`), want: []string{"accept " + all + " by in 1"},
		},
		"every other port of a map": {
			nft: nftInput("ip", "accept", nil, `{"vmap": {"key": `+nftPort+`, "data": {"set": [["*", {"drop": null}], [5060, {"accept": null}]]}}}`), want: []string{"drop 5061, 10000-20000 by in 1", "accept 5060 by in 1"},
		},
		"a pair that is asked for with one direction never fits": {
			dump: input("-A INPUT -m set --match-set pairs src -j DROP"), sets: "create pairs hash:ip,port family inet\nadd pairs 198.51.100.7,udp:5060\n", want: []string{"accept " + all + " by INPUT"},
		},
		"a hardware address": {
			dump: input("-A INPUT -m set --match-set macs src -j DROP"), sets: "create macs hash:mac\nadd macs 02:00:00:00:00:01\n", want: []string{"maybe " + all + " by INPUT 1: the MAC address"},
		},
		"the pair of the new destination": {
			dump: nat + "-A PREROUTING -j DNAT --to-destination 192.0.2.2\nCOMMIT\n" + input("-A INPUT -m set --match-set pairs dst,dst -j DROP"), sets: "create pairs hash:ip,port family inet\nadd pairs 192.0.2.2,udp:5060\nadd pairs 192.0.2.1,udp:5061\n",
			ask: func(c *packetfilter.Class) {
				c.Local = append(c.Local, netip.MustParseAddr("192.0.2.2"))
				c.Dst = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
			}, want: []string{"drop 5060 by INPUT 1", "accept 5061, 10000-20000 by PREROUTING 1"},
		},
		"a mark of the connection before there is one": {
			dump: raw + "-A PREROUTING -j MARK --set-xmark 0x5/0xffffffff\n-A PREROUTING -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff\nCOMMIT\n" + input("-A INPUT -m mark --mark 0x5 -j DROP"), want: []string{"drop " + all + " by INPUT 1"},
		},
		"it is restored where there is one": {
			dump: input("-A INPUT -j MARK --set-xmark 0x5/0xffffffff", "-A INPUT -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff", "-A INPUT -m mark --mark 0x5 -j DROP"), want: []string{"accept " + all + " by INPUT"},
		},
		"a chain whose listing was cut off": {
			dump: "*filter\n:INPUT ACCEPT [0:0]\n:f2b - [0:0]\n-A INPUT -j f2b\n-A f2b -p udp -m udp --dport 5060 -j DROP\n", want: []string{"drop 5060 by f2b 1", "maybe 5061, 10000-20000 by f2b: the listing of chain f2b may lack rules"},
		},
		"a packet in one piece is no piece": {dump: input("-A INPUT -f -j DROP"), want: []string{"accept " + all + " by INPUT"}},
		"it is not a piece":                 {dump: input("-A INPUT ! -f -j DROP"), want: []string{"drop " + all + " by INPUT 1"}},
		"another type of ICMP": {
			dump: input("-A INPUT -p icmp -m icmp --icmp-type 8 -j DROP"), ask: both(protocol(packetfilter.ICMP), func(c *packetfilter.Class) { c.ICMPType = 3 }), want: []string{"accept 0 by INPUT"},
		},
		"an echo reply with a code": {
			dump: input("-A INPUT -p icmp -m icmp --icmp-type 0/1 -j DROP"), ask: both(protocol(packetfilter.ICMP), func(c *packetfilter.Class) { c.ICMPCode = 1 }), want: []string{"drop 0 by INPUT 1"},
		},
		"this machine's own packets are whole when they meet its rules": {
			dump: "*filter\n:OUTPUT DROP [0:0]\n-A OUTPUT -p udp -m udp --dport 5060 -j ACCEPT\nCOMMIT\n", ask: both(fragments, func(c *packetfilter.Class) { c.Hook, c.In = packetfilter.HookOutput, "" }),
			want: []string{"drop 5061, 10000-20000 by OUTPUT", "accept 5060 by OUTPUT 1"},
		},
		"a wide network before a narrow one beside the phone": {
			dump: input("-A INPUT -m set --match-set pairs src,dst -j DROP"), sets: "create pairs hash:net,port family inet\nadd pairs 198.51.0.0/16,udp:5060\nadd pairs 198.51.99.0/24,udp:5061\n", want: []string{"drop 5060 by INPUT 1", "accept 5061, 10000-20000 by INPUT"},
		},
		"a rule puts it into a set that the next one asks": {
			dump: input("-A INPUT -j SET --add-set a src", "-A INPUT -m set --match-set a src -j DROP"), sets: "create a hash:ip family inet\ncreate b hash:ip family inet\n", want: []string{"drop " + all + " by INPUT 2"},
		},
		"the next one asks another set": {
			dump: input("-A INPUT -j SET --add-set a src", "-A INPUT -m set --match-set b src -j DROP"), sets: "create a hash:ip family inet\ncreate b hash:ip family inet\n", want: []string{"accept " + all + " by INPUT"},
		},
		"the first translation of a connection stays": {
			dump: nat + "-A PREROUTING -j DNAT --to-destination 192.0.2.2\nCOMMIT\n" + input("-A INPUT -d 192.0.2.2/32 -j DROP"),
			nft: `{"nftables": [{"table": {"family": "ip", "name": "n"}}, {"chain": {"family": "ip", "table": "n", "name": "pre", "type": "nat", "hook": "prerouting", "prio": 0, "policy": "accept"}},
				{"rule": {"family": "ip", "table": "n", "chain": "pre", "handle": 1, "expr": [{"dnat": {"addr": "192.0.2.3"}}]}}]}`,
			ask: func(c *packetfilter.Class) {
				c.Local = append(c.Local, netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3"))
				c.Dst = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
			}, want: []string{"drop " + all + " by INPUT 1"},
		},
		"address translation has pieces put together": {
			dump: nat + "COMMIT\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n-A FORWARD -p udp -m udp --dport 5060 -j ACCEPT\nCOMMIT\n", ask: both(fragments, forwarded),
			want: []string{"drop 5061, 10000-20000 by FORWARD", "accept 5060 by FORWARD 1"},
		},
		"a first piece that is stopped, and later ones that may be": {
			dump: "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p udp -m udp --dport 5060 -j DROP\n-A FORWARD -f -m string --string x --algo bm -j DROP\nCOMMIT\n", ask: both(fragments, forwarded),
			want: []string{"drop 5060 by FORWARD 1", "maybe 5061, 10000-20000 by FORWARD 2: string --string x --algo bm"},
		},
		// Families and protocols.
		"a rule about addresses of IPv6, of a phone with IPv4": {
			nft: nftInput("inet", "accept", nil, nftMatch(nftSrc6, "!=", `"2001:db8::9"`)+stop), want: []string{"accept " + all + " by in"},
		},
		"a rule about addresses of IPv4, of a phone with IPv6": {
			nft: nftInput("inet", "accept", nil, nftMatch(nftSrc, "!=", `"198.51.100.9"`)+stop), ask: sixth, want: []string{"accept " + all + " by in"},
		},
		"it is about that phone": {
			nft: nftInput("inet", "accept", nil, nftMatch(nftSrc6, "!=", `"2001:db8::9"`)+stop), ask: sixth, want: []string{"drop " + all + " by in 1"},
		},
		"a port that is not this one, of ICMP": {
			nft: nftInput("inet", "accept", nil, nftMatch(nftPort, "!=", "5060")+stop), ask: protocol(packetfilter.ICMP), want: []string{"accept 0 by in"},
		},
		"a bridge's table is not for this machine": {
			nft: nftInput("bridge", "drop", nil), want: []string{"accept " + all + " by nobody"},
		},
		"a type of ICMP, of UDP":           {nft: nftInput("inet", "accept", nil, nftMatch(`{"payload": {"protocol": "icmp", "field": "type"}}`, "!=", `"echo-reply"`)+stop), want: []string{"accept " + all + " by in"}},
		"a type of ICMP":                   {nft: nftInput("inet", "accept", nil, nftMatch(`{"payload": {"protocol": "icmp", "field": "type"}}`, "!=", `"echo-reply"`)+stop), ask: protocol(packetfilter.ICMP), want: []string{"drop 0 by in 1"}},
		"a type of ICMPv6, of ICMP":        {nft: nftInput("inet", "accept", nil, nftMatch(`{"payload": {"protocol": "icmpv6", "field": "type"}}`, "==", `"echo-request"`)+stop), ask: both(protocol(packetfilter.ICMP)), want: []string{"accept 0 by in"}},
		"an echo request of IPv6":          {nft: nftInput("inet", "accept", nil, nftMatch(`{"payload": {"protocol": "icmpv6", "field": "type"}}`, "==", `"echo-request"`)+stop), ask: both(protocol(packetfilter.ICMPv6), sixth), want: []string{"drop 0 by in 1"}},
		"a new connection of TCP is a SYN": {dump: input("-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP"), ask: protocol(packetfilter.TCP), want: []string{"drop " + all + " by INPUT 1"}},
		"one that exists sends none":       {dump: input("-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP"), ask: both(protocol(packetfilter.TCP), state(packetfilter.StateEstablished)), want: []string{"accept " + all + " by INPUT"}},
		"an invalid one may be anything":   {dump: input("-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP"), ask: both(protocol(packetfilter.TCP), state(packetfilter.StateInvalid)), want: []string{"maybe " + all + " by INPUT 1: the TCP flags"}},
		"flags of TCP, of UDP":             {nft: nftInput("ip", "accept", nil, nftMatch(`{"payload": {"protocol": "tcp", "field": "flags"}}`, "!=", "1")+stop), ask: state(packetfilter.StateInvalid), want: []string{"accept " + all + " by in"}},
		"packets from the loopback go to it": {nft: nftInput("ip", "accept", nil, nftMatch(nftDst, "==", `"127.0.0.1"`)+stop), ask: func(c *packetfilter.Class) {
			c.Src, c.Local = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, nil
		}, want: []string{"drop " + all + " by in 1", "accept " + all + " by in"}},
		"packets from outside never go there":  {nft: nftInput("ip", "accept", nil, nftMatch(nftDst, "==", `"127.0.0.1"`)+stop), ask: func(c *packetfilter.Class) { c.Local = nil }, want: []string{"accept " + all + " by in"}},
		"the connection's protocol":            {dump: input("-A INPUT -m conntrack --ctproto 17 -j DROP"), want: []string{"drop " + all + " by INPUT 1"}},
		"of an invalid packet there is none":   {dump: input("-A INPUT -m conntrack --ctproto 17 -j DROP"), ask: state(packetfilter.StateInvalid), want: []string{"accept " + all + " by INPUT"}},
		"an invalid packet":                    {dump: input("-A INPUT -m conntrack --ctstate INVALID -j DROP"), ask: state(packetfilter.StateInvalid), want: []string{"drop " + all + " by INPUT 1"}},
		"a packet that begins goes there":      {dump: input("-A INPUT -m conntrack --ctdir ORIGINAL -j DROP"), want: []string{"drop " + all + " by INPUT 1"}},
		"one that goes on may go either way":   {dump: input("-A INPUT -m conntrack --ctdir ORIGINAL -j DROP"), ask: state(packetfilter.StateEstablished), want: []string{"maybe " + all + " by INPUT 1: the direction of the connection"}},
		"where the first packet was sent to":   {dump: input("-A INPUT -m conntrack --ctorigdst 192.0.2.1 -j DROP"), want: []string{"drop " + all + " by INPUT 1"}},
		"it was not sent there":                {dump: input("-A INPUT -m conntrack --ctorigdst 198.51.100.7 -j DROP"), want: []string{"accept " + all + " by INPUT"}},
		"where it came from":                   {dump: input("-A INPUT -m conntrack --ctorigsrc 198.51.100.7 -j DROP"), want: []string{"drop " + all + " by INPUT 1"}},
		"its port":                             {dump: input("-A INPUT -p udp -m conntrack --ctproto 17 --ctorigdstport 5060 -j DROP"), want: []string{"drop 5060 by INPUT 1", "accept 5061, 10000-20000 by INPUT"}},
		"which side began is not known later":  {dump: input("-A INPUT -m conntrack --ctorigsrc 203.0.113.9 -j DROP"), ask: state(packetfilter.StateEstablished), want: []string{"maybe " + all + " by INPUT 1: which side opened the connection"}},
		"of an untracked packet nothing began": {dump: raw + "-A PREROUTING -j CT --notrack\nCOMMIT\n" + input("-A INPUT -m conntrack --ctorigsrc 198.51.100.7 -j DROP"), want: []string{"accept " + all + " by INPUT"}},
		// Address translation.
		"a new source is seen by chains after it": {
			dump: nat + "-A INPUT -j SNAT --to-source 192.0.2.77\nCOMMIT\n", nft: strings.ReplaceAll(nftInput("ip", "accept", nil, nftMatch(nftSrc, "==", `"192.0.2.77"`)+stop), `"prio": 10`, `"prio": 200`), want: []string{"drop " + all + " by in 1"},
		},
		"and not by those before it": {
			dump: nat + "-A INPUT -j SNAT --to-source 192.0.2.77\nCOMMIT\n", nft: nftInput("ip", "accept", nil, nftMatch(nftSrc, "==", `"192.0.2.77"`)+stop), want: []string{"accept " + all + " by in"},
		},
		"a destination that was changed": {
			dump: nat + "-A PREROUTING -j DNAT --to-destination 192.0.2.2\nCOMMIT\n" + input("-A INPUT -m conntrack --ctstate DNAT -j DROP"),
			ask: func(c *packetfilter.Class) {
				c.Local = append(c.Local, netip.MustParseAddr("192.0.2.2"))
				c.Dst = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
			}, want: []string{"drop " + all + " by INPUT 1"},
		},
		"a destination that may be the old one": {
			dump: nat + "-A PREROUTING -j DNAT --to-destination 192.0.2.1-192.0.2.2\nCOMMIT\n" + input("-A INPUT -m conntrack --ctstate DNAT -j DROP"),
			ask: func(c *packetfilter.Class) {
				c.Local = append(c.Local, netip.MustParseAddr("192.0.2.2"))
				c.Dst = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
			}, want: []string{"maybe " + all + " by INPUT 1: the connection state"},
		},
		"a port that was changed": {
			dump: nat + "-A PREROUTING -p udp -m udp --dport 5061 -j REDIRECT --to-ports 5070\nCOMMIT\n" + input("-A INPUT -m conntrack --ctstate DNAT -j DROP"), want: []string{"drop 5061 by INPUT 1", "accept 5060, 10000-20000 by INPUT"},
		},
		"redirected to the first address of the interface": {
			dump: nat + "-A PREROUTING -j REDIRECT --to-ports 5070\nCOMMIT\n" + input("-A INPUT -d 192.0.2.9/32 -j DROP"),
			ask: func(c *packetfilter.Class) {
				c.Local = append(c.Local, netip.MustParseAddr("192.0.2.9"))
				c.Host = &packetfilter.Host{}
				c.Host.Addrs = []routes.Addr{{Addr: netip.MustParseAddr("192.0.2.1"), Interface: "eth0", Primary: true}, {Addr: netip.MustParseAddr("192.0.2.9"), Interface: "eth1", Primary: true}}
			}, want: []string{"accept " + all + " by PREROUTING 1", "accept " + all + " by PREROUTING 1"},
		},
		"this machine's own packets are redirected to its loopback": {
			dump: nat + "-A OUTPUT -j REDIRECT --to-ports 5070\nCOMMIT\n*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -d 127.0.0.1/32 -j DROP\nCOMMIT\n",
			ask:  func(c *packetfilter.Class) { c.Hook, c.In = packetfilter.HookOutput, "" }, want: []string{"drop " + all + " by OUTPUT 1", "drop " + all + " by OUTPUT 1"},
		},
		"and so are those of IPv6": {
			six: true, dump: nat + "-A OUTPUT -j REDIRECT --to-ports 5070\nCOMMIT\n*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -d ::1/128 -j DROP\nCOMMIT\n",
			ask: both(sixth, func(c *packetfilter.Class) { c.Hook, c.In = packetfilter.HookOutput, "" }), want: []string{"drop " + all + " by OUTPUT 1", "drop " + all + " by OUTPUT 1"},
		},
		// Pieces of packets.
		"nothing stops the pieces": {
			dump: "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\nCOMMIT\n", ask: both(fragments, forwarded), want: []string{"accept " + all + " by FORWARD"},
		},
		"later pieces have no port, so that only the policy lets them in": {
			dump: "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n-A FORWARD -p udp -m udp --dport 5060 -j ACCEPT\nCOMMIT\n", ask: both(fragments, forwarded), want: []string{"drop " + all + " by FORWARD"},
		},
		"a rule that asks for the connection has them put together": {
			dump: "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n-A FORWARD -p udp -m udp --dport 5060 -j ACCEPT\n-A FORWARD -m connmark --mark 0x9 -j ACCEPT\nCOMMIT\n", ask: both(fragments, forwarded),
			want: []string{"drop 5061, 10000-20000 by FORWARD", "accept 5060 by FORWARD 1"},
		},
		"as does one that asks for its protocol": {
			dump: "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n-A FORWARD -p udp -m udp --dport 5060 -j ACCEPT\n-A FORWARD -m conntrack --ctproto 6 -j ACCEPT\nCOMMIT\n", ask: both(fragments, forwarded),
			want: []string{"drop 5061, 10000-20000 by FORWARD", "accept 5060 by FORWARD 1"},
		},
		"a rule about pieces": {
			dump: "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n-A FORWARD -f -j DROP\nCOMMIT\n", ask: both(fragments, forwarded), want: []string{"drop " + all + " by FORWARD 1"},
		},
		"a later piece of ICMP has no type": {
			dump: "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n-A FORWARD -p icmp -m icmp --icmp-type 8 -j ACCEPT\nCOMMIT\n", ask: both(fragments, forwarded, protocol(packetfilter.ICMP)), want: []string{"drop 0 by FORWARD"},
		},
		"a later piece of TCP has no flags": {
			dump: "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n-A FORWARD -p tcp -m tcp --tcp-flags SYN SYN -j ACCEPT\nCOMMIT\n", ask: both(fragments, forwarded, protocol(packetfilter.TCP)), want: []string{"drop " + all + " by FORWARD"},
		},
		"a later piece is in no pair of address and port": {
			dump: "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n-A FORWARD -m set --match-set pairs src,dst -j ACCEPT\nCOMMIT\n", sets: "create pairs hash:ip,port family inet\nadd pairs 198.51.100.7,udp:5060-5061\n", ask: both(fragments, forwarded), want: []string{"drop " + all + " by FORWARD"},
		},
		"a first piece that may pass, and later ones that do not": {
			dump: "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n-A FORWARD -p udp -m udp --dport 5060 -m string --string x --algo bm -j ACCEPT\nCOMMIT\n", ask: both(fragments, forwarded), want: []string{"drop " + all + " by FORWARD"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			class := sipFrom("198.51.100.7/32")
			if c.ask != nil {
				c.ask(&class)
			}
			tool := packetfilter.ToolIPTablesNFT
			if c.six {
				tool = packetfilter.ToolIP6TablesNFT
			}
			parts := []packetfilter.Parts{packetfilter.ReadIPTablesSave(tool, c.dump), packetfilter.ReadIPSetSave(c.sets)}
			if c.nft != "" {
				parts = append(parts, packetfilter.ReadNFT(c.nft))
			}
			if diff := cmp.Diff(c.want, toldAll(packetfilter.New(parts...).Evaluate(class))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// A recent list remembers packets and when they came. What a rule remembers of
// this very packet counts for the rules after it.
func TestWhatARecentListDecides(t *testing.T) {
	three := packetfilter.RecentEntry{Addr: netip.MustParseAddr("198.51.100.7"), Packets: 3, Ages: []time.Duration{time.Second, 60 * time.Second, 61 * time.Second}}
	ageless := three
	ageless.Ages = nil
	const drop, accept = "drop 5060-5061, 10000-20000 by INPUT ", "accept 5060-5061, 10000-20000 by INPUT"
	for name, c := range map[string]struct {
		entry packetfilter.RecentEntry
		rules []string
		want  string
	}{
		"what is put into another list does not count":    {three, []string{"other", "--rcheck --hitcount 4"}, accept},
		"three packets are three":                         {three, []string{"--rcheck --hitcount 3"}, drop + "1"},
		"three packets are not four":                      {three, []string{"--rcheck --hitcount 4"}, accept},
		"one is enough where no count is named":           {three, []string{"--rcheck"}, drop + "1"},
		"two in the last minute, one just so":             {three, []string{"--rcheck --seconds 60 --hitcount 2"}, drop + "1"},
		"the third is older":                              {three, []string{"--rcheck --seconds 60 --hitcount 3"}, accept},
		"a minute and a second":                           {three, []string{"--rcheck --seconds 61 --hitcount 3"}, drop + "1"},
		"ages that are not known may be young":            {ageless, []string{"--rcheck --seconds 60 --hitcount 3"}, "maybe 5060-5061, 10000-20000 by INPUT 1: the age of the entries in recent list sip"},
		"too few whatever their ages":                     {ageless, []string{"--rcheck --seconds 60 --hitcount 4"}, accept},
		"without a time ages do not matter":               {ageless, []string{"--rcheck --hitcount 3"}, drop + "1"},
		"this packet is remembered, and makes four":       {three, []string{"set", "--rcheck --hitcount 4"}, drop + "2"},
		"asking alone does not count":                     {three, []string{"check", "--rcheck --hitcount 4"}, accept},
		"asking with update does":                         {three, []string{"update", "--rcheck --hitcount 4"}, drop + "2"},
		"what is removed is gone":                         {three, []string{"remove", "--rcheck"}, accept},
		"what is removed and remembered again counts one": {three, []string{"remove", "set", "--rcheck --hitcount 1"}, drop + "3"},
		"and not two":                                     {three, []string{"remove", "set", "--rcheck --hitcount 2"}, accept},
		"the TTL of the packet is not known":              {three, []string{"--rcheck --rttl"}, "maybe 5060-5061, 10000-20000 by INPUT 1: recent list sip with the TTL of the packet"},
		"another address is not in it":                    {packetfilter.RecentEntry{Addr: netip.MustParseAddr("198.51.100.8"), Packets: 3}, []string{"--rcheck"}, accept},
		"a mask of its network":                           {packetfilter.RecentEntry{Addr: netip.MustParseAddr("198.51.100.0"), Packets: 3}, []string{"--rcheck --mask 255.255.255.0"}, drop + "1"},
		"a rule before remembered under another mask":     {three, []string{"set", "--rcheck --mask 255.255.255.0"}, "maybe 5060-5061, 10000-20000 by INPUT 2: recent list sip, which an earlier rule has changed"},
	} {
		t.Run(name, func(t *testing.T) {
			var rules []string
			for _, r := range c.rules {
				op, tail := r, " -j DROP"
				if !strings.HasPrefix(r, "--") {
					op, tail = map[string]string{"set": "--set", "update": "--update", "remove": "--remove", "check": "--rcheck"}[r], ""
				}
				mask := " --mask 255.255.255.255"
				if strings.Contains(op, "--mask") {
					mask = ""
				}
				if r == "other" {
					rules = append(rules, "-A INPUT -m recent --set --name other --mask 255.255.255.255 --rsource")
					continue
				}
				rules = append(rules, "-A INPUT -m recent "+op+" --name sip"+mask+" --rsource"+tail)
			}
			list := packetfilter.Parts{Recent: []*packetfilter.RecentTable{{Name: "sip", Entries: []packetfilter.RecentEntry{c.entry}}}}
			other := packetfilter.Parts{Recent: []*packetfilter.RecentTable{{Name: "other"}}}
			got := toldAll(packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, inputRules("ACCEPT", rules...)), list, other).Evaluate(sipFrom("198.51.100.7/32")))
			if diff := cmp.Diff([]string{c.want}, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// A list of which a line was not understood may hold anybody.
func TestARecentListThatWasReadInPart(t *testing.T) {
	rules := packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, inputRules("ACCEPT", "-A INPUT -m recent --rcheck --name sip --mask 255.255.255.255 --rsource -j DROP"))
	list := packetfilter.Parts{Recent: []*packetfilter.RecentTable{{Name: "sip", Incomplete: true}}, Faults: []packetfilter.Fault{{Tool: "recent", Why: words.Quote("a line")}}}
	r := packetfilter.New(rules, list)
	want := []string{"maybe 5060-5061, 10000-20000 by INPUT 1: recent list sip, which was not read"}
	if diff := cmp.Diff(want, toldAll(r.Evaluate(sipFrom("198.51.100.7/32")))); diff != "" || len(r.Faults) != 1 {
		t.Errorf("%v (-want +got)\n%s", r.Faults, diff)
	}
	if hooks := (&packetfilter.Chain{}).Hooks(); hooks != nil {
		t.Errorf("a chain of no table is reached from %v", hooks)
	}
}

// When a match of a recent list no longer holds.
func TestWhenARecentListLetsGo(t *testing.T) {
	en := &packetfilter.RecentEntry{Packets: 2, Ages: []time.Duration{10 * time.Second, 50 * time.Second}}
	for name, c := range map[string]struct {
		match *packetfilter.RecentMatch
		left  time.Duration
		ok    bool
	}{
		"no match":                           {nil, 0, false},
		"without a time it has no end":       {&packetfilter.RecentMatch{}, 0, false},
		"who is not in it":                   {&packetfilter.RecentMatch{Seconds: 60, Not: true}, 0, false},
		"a minute after the last packet":     {&packetfilter.RecentMatch{Seconds: 60}, 50 * time.Second, true},
		"one packet is counted":              {&packetfilter.RecentMatch{Seconds: 60, HitCount: 1}, 50 * time.Second, true},
		"two are, and the older counts":      {&packetfilter.RecentMatch{Seconds: 60, HitCount: 2}, 10 * time.Second, true},
		"it ends this very moment":           {&packetfilter.RecentMatch{Seconds: 50, HitCount: 2}, 0, false},
		"three are, and two were remembered": {&packetfilter.RecentMatch{Seconds: 60, HitCount: 3}, 0, false},
	} {
		if left, ok := c.match.Ends(en); left != c.left || ok != c.ok {
			t.Errorf("%s: %v %v, want %v %v", name, left, ok, c.left, c.ok)
		}
	}
}

// A table that is listed twice counts once; with other rules both count, and
// that is said.
func TestWhatMakesTwoListingsOfATableDiffer(t *testing.T) {
	open := inputRules("ACCEPT", "-A INPUT -p tcp -j DROP")
	for name, c := range map[string]struct {
		again  string
		faults int
	}{
		"word for word":  {open, 0},
		"another policy": {inputRules("DROP", "-A INPUT -p tcp -j DROP"), 1},
		"another rule":   {inputRules("ACCEPT", "-A INPUT -p udp -j DROP"), 1},
		"a rule more":    {inputRules("ACCEPT", "-A INPUT -p tcp -j DROP", "-A INPUT -j ACCEPT"), 1},
		"another chain":  {strings.ReplaceAll(open, ":f2b ", ":f3b "), 1},
	} {
		read := func(dump string) packetfilter.Parts {
			return packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, dump)
		}
		r := packetfilter.New(read(open), read(c.again))
		if len(r.Faults) != c.faults || len(r.Tables) != 1+c.faults {
			t.Errorf("%s: %d tables, %v", name, len(r.Tables), r.Faults)
		}
	}
}

// A chain is reached from the hooks of the base chains that lead to it, also by
// a map of verdicts.
func TestFromWhereAChainIsReached(t *testing.T) {
	chain := func(name string) string {
		return `{"chain": {"family": "ip", "table": "t", "name": "` + name + `"}}`
	}
	listing := nftInput("ip", "accept", []string{
		chain("mapped"), chain("jumped"), chain("alone"), chain("below"),
		`{"chain": {"family": "ip", "table": "t", "name": "late", "type": "filter", "hook": "input", "prio": 20, "policy": "accept"}}`,
		`{"chain": {"family": "ip", "table": "t", "name": "fwd", "type": "filter", "hook": "forward", "prio": 0, "policy": "accept"}}`,
		`{"rule": {"family": "ip", "table": "t", "chain": "fwd", "handle": 7, "expr": [{"jump": {"target": "jumped"}}]}}`,
		`{"rule": {"family": "ip", "table": "t", "chain": "late", "handle": 8, "expr": [{"jump": {"target": "jumped"}}]}}`,
		`{"rule": {"family": "ip", "table": "t", "chain": "mapped", "handle": 9, "expr": [{"jump": {"target": "below"}}]}}`,
		`{"rule": {"family": "ip", "table": "t", "chain": "below", "handle": 10, "expr": [{"jump": {"target": "mapped"}}]}}`,
	}, `{"vmap": {"key": {"payload": {"protocol": "th", "field": "dport"}}, "data": {"set": [[5061, {"accept": null}], [5060, {"jump": {"target": "mapped"}}]]}}}`, `{"jump": {"target": "jumped"}}`)
	r := packetfilter.New(packetfilter.ReadNFT(listing))
	got := map[string][]packetfilter.HookName{}
	for _, c := range r.Tables[0].Chains {
		got[c.Name] = c.Hooks()
	}
	want := map[string][]packetfilter.HookName{
		"in": {packetfilter.HookInput}, "late": {packetfilter.HookInput}, "fwd": {packetfilter.HookForward}, "mapped": {packetfilter.HookInput}, "below": {packetfilter.HookInput},
		"jumped": {packetfilter.HookInput, packetfilter.HookForward}, "alone": nil,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A rule that is passed over in thought is passed over among many of its kind
// too.
func TestOneOfManyRulesIsPassedOver(t *testing.T) {
	var rules []string
	for n := range 200 {
		rules = append(rules, fmt.Sprintf("-A INPUT -s 198.51.100.%d/32 -j DROP", n))
	}
	r := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, inputRules("ACCEPT", rules...)))
	class := sipFrom("198.51.100.7/32")
	o := r.Evaluate(class).Outcomes
	if len(o) != 1 || o[0].Verdict != packetfilter.Dropped {
		t.Fatalf("it is not stopped: %+v", o)
	}
	class.Ignore = map[*packetfilter.Rule]bool{o[0].Decider.Rule: true}
	if diff := cmp.Diff([]string{"accept 5060-5061, 10000-20000 by INPUT"}, toldAll(r.Evaluate(class))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Many jumps one after the other are not deep.
func TestManyJumpsOneAfterTheOther(t *testing.T) {
	rules := []string{"-A f2b -s 203.0.113.9/32 -j DROP"}
	for range 600 {
		rules = append(rules, "-A INPUT -j f2b")
	}
	r := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, inputRules("ACCEPT", rules...)))
	if diff := cmp.Diff([]string{"accept 5060-5061, 10000-20000 by INPUT"}, toldAll(r.Evaluate(sipFrom("198.51.100.7/32")))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
