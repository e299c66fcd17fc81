package packetfilter_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// limits are rules that each turn the packet's mark over, or not: whether it is
// 1 in the end hangs on all of them together.
func limits(n int, then ...string) string {
	var rules []string
	for i := range n {
		rules = append(rules, fmt.Sprintf("-A INPUT -m limit --limit %d/min -j MARK --xor-mark 0x1", i+1))
	}
	return inputRules("ACCEPT", append(rules, then...)...)
}

// Where ways through the rules meet again, the questions at which they parted
// are still named, but no more than sixteen.
func TestQuestionsThatAreNamedAfterTheirWaysMet(t *testing.T) {
	const drop = "-A INPUT -m mark --mark 0x1/0x1 -j DROP"
	const goesOn = `{"limit": {"rate": 9, "per": "second"}}, {"continue": null}`
	for name, c := range map[string]struct {
		dump string
		want []string
	}{
		"two limits": {limits(2, drop), []string{"limit --limit 1/min", "limit --limit 2/min"}},
		"one of them twice": {
			inputRules("ACCEPT", "-A INPUT -m limit --limit 1/min -j MARK --xor-mark 0x1", "-A INPUT -m limit --limit 1/min -j MARK --xor-mark 0x1", "-A INPUT -m limit --limit 2/min -j MARK --xor-mark 0x1", drop),
			[]string{"limit --limit 1/min", "limit --limit 2/min"},
		},
		"a limit of what is only logged is none of them": {
			strings.Replace(limits(2, drop), "-A INPUT", "-A INPUT -m limit --limit 9/min -m limit --limit 8/min -j LOG\n-A INPUT", 1), []string{"limit --limit 1/min", "limit --limit 2/min"},
		},
		"a mark that the set gives": {
			inputRules("ACCEPT", "-A INPUT -j CONNMARK --set-xmark 0x0/0xffffffff", "-A INPUT -j SET --map-set few src --map-mark", "-A INPUT -m mark --mark 0x8/0x8 -j CONNMARK --set-xmark 0x1/0x0", "-A INPUT -j MARK --set-xmark 0x0/0xffffffff",
				"-A INPUT -m limit --limit 1/min -j CONNMARK --set-xmark 0x1/0x0", "-A INPUT -m connmark --mark 0x1/0x1 -j DROP"),
			[]string{"the mark that SET --map-set few src --map-mark sets", "the packet mark", "limit --limit 1/min"},
		},
	} {
		got := asked{dump: c.dump, nft: nftChain("filter", "input", "-10", goesOn)}.outcomes().Outcomes
		if len(got) != 1 || got[0].Verdict != packetfilter.Maybe {
			t.Errorf("%s: %+v", name, got)
		} else if diff := cmp.Diff(c.want, allSaid(got[0].Reasons)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	for n, want := range map[int]int{15: 15, 16: 16, 17: 16} {
		got := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, limits(n, drop))).Evaluate(sipFrom("198.51.100.7/32")).Outcomes
		if len(got) != 1 || len(got[0].Reasons) != want {
			t.Errorf("of %d limits, not %d are named: %+v", n, want, got)
		}
	}
}

// Chains may lead to chains five hundred deep; in circles not at all.
func TestHowDeepChainsMayLead(t *testing.T) {
	chains := func(rules ...string) string {
		dump := inputRules("ACCEPT", rules...)
		for _, r := range rules {
			name := r[strings.Index(r, "-j ")+3:]
			if decl := ":" + name + " - [0:0]\n"; name != "DROP" && !strings.Contains(dump, decl) {
				dump = strings.Replace(dump, "*filter\n", "*filter\n"+decl, 1)
			}
		}
		return dump
	}
	nested := func(n int) string {
		rules := []string{"-A INPUT -j c1"}
		for i := 1; i < n; i++ {
			rules = append(rules, fmt.Sprintf("-A c%d -j c%d", i, i+1))
		}
		return chains(append(rules, fmt.Sprintf("-A c%d -j DROP", n))...)
	}
	checkAll(t, map[string]asked{
		"five hundred":         {dump: nested(500), want: []string{"drop " + everyPort + " by c500 1"}},
		"one more":             {dump: nested(501), want: []string{"maybe " + everyPort + " by c501: there are too many rules for these packets"}},
		"three in a circle":    {dump: chains("-A INPUT -j a", "-A a -j b", "-A b -j c", "-A c -j a"), want: []string{"maybe " + everyPort + " by a: chain a is reached from itself"}},
		"one beside the other": {dump: chains("-A INPUT -j a", "-A INPUT -j a", "-A a -p udp -m udp --dport 5060 -j DROP"), want: []string{"drop 5060 by a 1", "accept 5061, 10000-20000 by INPUT"}},
	})
}

// Many rules about sources that stand one after the other are taken at once, and
// yet in their place.
func TestManyRulesAboutSourcesInTheirPlace(t *testing.T) {
	var marks []string
	for n := range 30 {
		marks = append(marks, fmt.Sprintf("-A INPUT -s 198.51.100.%d/32 -j MARK --xor-mark 0x1", n))
	}
	around := func(before, after string) string {
		return inputRules("ACCEPT", slices.Concat([]string{before}, marks, []string{after})...)
	}
	const drop = "-A INPUT -m mark --mark 0x1/0x1 -j DROP"
	checkAll(t, map[string]asked{
		"a rule before them comes first":  {dump: around("-A INPUT -p udp -m udp --dport 5060 -j ACCEPT", drop), want: []string{"drop 5061, 10000-20000 by INPUT 32", "accept 5060 by INPUT 1"}},
		"each is taken once":              {dump: around("-A INPUT -j LOG", drop), want: []string{"drop " + everyPort + " by INPUT 32"}},
		"a rule between two rows of them": {dump: inputRules("ACCEPT", slices.Concat(marks, []string{"-A INPUT -m mark --mark 0x1/0x1 -p udp -m udp --dport 5060 -j DROP"}, marks, []string{drop})...), want: []string{"drop 5060 by INPUT 31", "accept 5061, 10000-20000 by INPUT"}},
	})
}

// What happened on the way is told once for each rule.
func TestWhatHappenedOnTheWayIsToldOnce(t *testing.T) {
	nft := nftInput("ip", "drop", nil, `{"counter": null}, {"log": null}, {"mangle": {"key": {"meta": {"key": "mark"}}, "value": 1}}`, `{"counter": null}, {"accept": null}`)
	got := packetfilter.New(packetfilter.ReadNFT(nft)).Evaluate(sipFrom("198.51.100.7/32")).Outcomes
	var trace []string
	for _, s := range got[0].Trace {
		trace = append(trace, s.What)
	}
	if diff := cmp.Diff([]string{"effect", "accept"}, trace); diff != "" || len(got) != 1 {
		t.Errorf("%+v (-want +got)\n%s", got, diff)
	}
	cut := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, "*filter\n:INPUT DROP [0:0]\n")).Evaluate(sipFrom("198.51.100.7/32")).Outcomes
	if len(cut) != 1 || cut[0].Verdict != packetfilter.Maybe || cut[0].Decider.What != "policy" {
		t.Errorf("a listing that was cut off: %+v", cut)
	}
}

// The class of packets that is asked about: odd addresses and ports.
func TestOddClassesOfPackets(t *testing.T) {
	only := func(addr string) string { return inputRules("ACCEPT", "-A INPUT -d "+addr+"/32 -j DROP") }
	for name, c := range map[string]struct {
		ask  func(*packetfilter.Class)
		dump string
		six  bool
		want []string
	}{
		"an address of this machine that is none": {dump: only("192.0.2.1"), ask: func(c *packetfilter.Class) { c.Local = []netip.Addr{{}} }, want: []string{"drop " + everyPort + " by INPUT 1", "accept " + everyPort + " by INPUT"}},
		"one with a zone": {
			dump: strings.ReplaceAll(only("fe80::1"), "/32", "/128"), six: true, ask: func(c *packetfilter.Class) {
				c.Src, c.Local = []netip.Prefix{netip.MustParsePrefix("fe80::7/128")}, []netip.Addr{netip.MustParseAddr("fe80::1%eth0")}
			}, want: []string{"drop " + everyPort + " by INPUT 1"},
		},
		"a network wider than IPv4 in the clothes of IPv6": {dump: only("192.0.2.1"), ask: func(c *packetfilter.Class) { c.Src = []netip.Prefix{netip.MustParsePrefix("::ffff:0.0.0.0/90")} }},
		"ports beyond the last": {dump: inputRules("ACCEPT"), ask: func(c *packetfilter.Class) {
			c.DstPorts, c.SrcPorts = packetfilter.NumSet{{Lo: 60000, Hi: 70000}}, packetfilter.NumSet{{Lo: 5060, Hi: 70000}}
		}, want: []string{"accept 60000-65535 by INPUT"}},
	} {
		got := asked{dump: c.dump, six: c.six, ask: c.ask}.outcomes()
		if diff := cmp.Diff(c.want, toldAll(got)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

// Of a packet in pieces the first and the later ones are asked apart.
func TestPiecesThatFareDifferently(t *testing.T) {
	const head = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n"
	forwarded := func(c *packetfilter.Class) {
		c.Hook, c.Dst, c.Fragments = packetfilter.HookForward, []netip.Prefix{netip.MustParsePrefix("203.0.113.9/32")}, true
	}
	checkAll(t, map[string]asked{
		"half of a network is stopped in every piece": {
			dump: head + "-A FORWARD -s 198.51.100.0/25 -j DROP\nCOMMIT\n", ask: func(c *packetfilter.Class) {
				forwarded(c)
				c.Src = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
			}, want: []string{"drop " + everyPort + " by FORWARD 1", "accept " + everyPort + " by FORWARD"},
		},
		"one half may be stopped in the first piece, the other is in the first and in later ones": {
			dump: head + "-A FORWARD -s 198.51.100.0/25 -p udp -m udp --dport 5060 -m string --string x --algo bm -j DROP\n-A FORWARD -s 198.51.100.128/25 -p udp -m udp --dport 5060 -j DROP\n-A FORWARD -s 198.51.100.128/25 -j DROP\nCOMMIT\n",
			ask: func(c *packetfilter.Class) {
				forwarded(c)
				c.Src, c.DstPorts = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}, packetfilter.OneNum(5060)
			}, want: []string{"drop 5060 by FORWARD 2", "maybe 5060 by FORWARD 1: string --string x --algo bm"},
		},
		"the first may be stopped, later ones pass": {
			dump: head + "-A FORWARD -p udp -m udp --dport 5060 -m string --string x --algo bm -j DROP\nCOMMIT\n", ask: forwarded,
			want: []string{"accept 5061, 10000-20000 by FORWARD", "maybe 5060 by FORWARD 1: string --string x --algo bm"},
		},
		"no port is not another port": {
			dump: head + "-A FORWARD -p udp -m multiport ! --ports 5060:20000 -j DROP\nCOMMIT\n", ask: forwarded, want: []string{"accept " + everyPort + " by FORWARD"},
		},
		"a chain of one interface sees pieces, tracked or not": {
			dump: head + "-A INPUT -m conntrack --ctstate INVALID -j DROP\nCOMMIT\n", ask: func(c *packetfilter.Class) { c.Fragments = true },
			nft: `{"nftables": [{"table": {"family": "netdev", "name": "t"}}, {"chain": {"family": "netdev", "table": "t", "name": "c", "type": "filter", "hook": "ingress", "prio": 0, "policy": "drop", "dev": "eth0"}},
				{"rule": {"family": "netdev", "table": "t", "chain": "c", "handle": 1, "expr": [` + nftMatch(`{"payload": {"protocol": "udp", "field": "dport"}}`, "==", "5060") + `{"accept": null}]}}]}`,
			want: []string{"drop " + everyPort + " by c"},
		},
		"a later piece has no type of ICMP": {
			nft: strings.Replace(nftChain("filter", "forward", "0", nftMatch(`{"payload": {"protocol": "icmp", "field": "type"}}`, "==", `"echo-request"`)+`{"accept": null}`), `"policy": "accept"`, `"policy": "drop"`, 1),
			ask: func(c *packetfilter.Class) { forwarded(c); c.Protocol, c.DstPorts = packetfilter.ICMP, nil }, want: []string{"drop 0 by in"},
		},
		"and no code": {
			nft: strings.Replace(nftChain("filter", "forward", "0", nftMatch(`{"payload": {"protocol": "icmp", "field": "code"}}`, "==", "0")+`{"accept": null}`), `"policy": "accept"`, `"policy": "drop"`, 1),
			ask: func(c *packetfilter.Class) { forwarded(c); c.Protocol, c.DstPorts = packetfilter.ICMP, nil }, want: []string{"drop 0 by in"},
		},
	})
}

// What only a packet tells, or a connection that goes on, is a maybe; what there
// is none of matches nothing, nor does its contrary.
func TestWhatAPacketDoesNotTell(t *testing.T) {
	input := func(rules ...string) string { return inputRules("ACCEPT", rules...) }
	goesOn := func(c *packetfilter.Class) { c.State = packetfilter.StateEstablished }
	segment := func(c *packetfilter.Class) {
		c.State, c.Protocol = packetfilter.StateEstablished, packetfilter.TCP
	}
	const untracked = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j CT --notrack\nCOMMIT\n"
	checkAll(t, map[string]asked{
		"a helper may have expected what goes on": {dump: input("-A INPUT -m helper --helper sip -j DROP"), ask: goesOn, want: []string{"maybe " + everyPort + " by INPUT 1: helper --helper sip"}},
		"a hardware address":                      {dump: input("-A INPUT -m mac --mac-source 02:00:00:00:00:01 -j DROP"), want: []string{"maybe " + everyPort + " by INPUT 1: mac --mac-source 02:00:00:00:00:01"}},
		"where an untracked packet began, not even elsewhere": {
			dump: untracked + input("-A INPUT -m conntrack ! --ctorigsrc 203.0.113.9 -j DROP"), want: []string{"accept " + everyPort + " by INPUT"},
		},
		"an untracked packet has no protocol of a connection, not even another": {
			dump: untracked + input("-A INPUT -m conntrack ! --ctproto 6 -j DROP"), want: []string{"accept " + everyPort + " by INPUT"},
		},
		"the port that it came from first": {
			dump: input("-A INPUT -p udp -m conntrack --ctproto 17 --ctorigsrcport 5060 -j DROP"), ask: func(c *packetfilter.Class) { c.SrcPorts = packetfilter.OneNum(5060) }, want: []string{"drop " + everyPort + " by INPUT 1"},
		},
		"another port that it came from first": {
			dump: input("-A INPUT -p udp -m conntrack --ctproto 17 --ctorigsrcport 5060 -j DROP"), ask: func(c *packetfilter.Class) { c.SrcPorts = packetfilter.OneNum(5061) }, want: []string{"accept " + everyPort + " by INPUT"},
		},
		"a segment that goes on has ACK": {dump: input("-A INPUT -p tcp -m tcp --tcp-flags ACK ACK -j DROP"), ask: segment, want: []string{"drop " + everyPort + " by INPUT 1"}},
		"it may have PSH":                {dump: input("-A INPUT -p tcp -m tcp --tcp-flags PSH PSH -j DROP"), ask: segment, want: []string{"maybe " + everyPort + " by INPUT 1: the TCP flags"}},
		"it has no URG":                  {dump: input("-A INPUT -p tcp -m tcp --tcp-flags URG URG -j DROP"), ask: segment, want: []string{"accept " + everyPort + " by INPUT"}},
		"whether it came through IPsec":  {dump: input("-A INPUT -m policy --dir in --pol ipsec -j DROP"), want: []string{"maybe " + everyPort + " by INPUT 1: whether the packet came through IPsec"}},
		"a bit that is known makes another mark impossible": {
			dump: input("-A INPUT -j SET --map-set few src --map-mark", "-A INPUT -j MARK --or-mark 0x4", "-A INPUT -m mark --mark 0x3/0x7 -j DROP"), want: []string{"accept " + everyPort + " by INPUT"},
		},
	})
}

// Ten thousand questions are followed both ways, and not one more.
func TestHowManyQuestionsAreFollowed(t *testing.T) {
	var rules []string
	for _, bit := range []string{"0x1", "0x2", "0x4", "0x8", "0x10"} { // 31 questions make 32 parts
		rules = append(rules, "-A INPUT -m limit --limit 5/min -j MARK --or-mark "+bit)
	}
	for range 311 { // each of them is asked
		rules = append(rules, "-A INPUT -m limit --limit 5/min -j MARK --xor-mark 0x1")
	}
	for range 10_000 - 31 - 311*32 { // one is
		rules = append(rules, "-A INPUT -m mark --mark 0x0/0x1f -m limit --limit 5/min -j MARK --or-mark 0x0")
	}
	ask := func(more ...string) packetfilter.Decision {
		dump := inputRules("ACCEPT", slices.Concat(rules, more, []string{"-A INPUT -j DROP"})...)
		got := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, dump)).Evaluate(sipFrom("198.51.100.7/32")).Outcomes
		if len(got) != 1 {
			t.Fatalf("%d outcomes", len(got))
		}
		return got[0].Verdict
	}
	if got := ask(); got != packetfilter.Dropped {
		t.Errorf("with ten thousand questions: %s", got)
	}
	if got := ask("-A INPUT -m mark --mark 0x1f/0x1f -m limit --limit 5/min -j MARK --or-mark 0x0"); got != packetfilter.Maybe {
		t.Errorf("with one more: %s", got)
	}
}

// More questions than are counted one by one: the sources of each verdict are
// then told together, and none is lost.
func TestManySourcesThatHangOnSomething(t *testing.T) {
	var rules []string
	for n := range 2100 {
		rules = append(rules, fmt.Sprintf("-A f2b -s 10.0.%d.%d/32 -m limit --limit 5/min -j DROP", n/100, 2*(n%100)))
	}
	class := sipFrom("10.0.0.0/16")
	class.DstPorts = packetfilter.OneNum(5060)
	got := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, strings.Replace(inputRules("ACCEPT", rules...), "-A f2b", "-A INPUT -j f2b\n-A f2b", 1))).Evaluate(class)
	for addr, want := range map[string]packetfilter.Decision{"10.0.0.0": packetfilter.Maybe, "10.0.20.198": packetfilter.Maybe, "10.0.20.199": packetfilter.Accepted, "10.0.255.255": packetfilter.Accepted} {
		n := 0
		for _, o := range got.Outcomes {
			if o.Region.Contains(netip.MustParseAddr(addr), class.Local[0], 5060, 5060) {
				n++
				if o.Verdict != want {
					t.Errorf("%s: %s, want %s", addr, o.Verdict, want)
				}
			}
		}
		if n != 1 {
			t.Errorf("%s has %d fates", addr, n)
		}
	}
}
