package packetfilter_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// What rules name is found: sets, lists of sets, members that were not listed.
func TestWhatRulesNameIsFound(t *testing.T) {
	input := func(rules ...string) string { return inputRules("ACCEPT", rules...) }
	const ask = "-A INPUT -m set --match-set both src -j DROP"
	sixth := func(c *packetfilter.Class) {
		c.Src, c.Local = []netip.Prefix{netip.MustParsePrefix("2001:db8::7/128")}, []netip.Addr{netip.MustParseAddr("2001:db8::1")}
	}
	checkAll(t, map[string]asked{
		"a member of a list of sets was not listed": {
			dump: input(ask), sets: "create both list:set size 8\nadd both gone\n", want: []string{"maybe " + everyPort + " by INPUT 1: set gone was not listed"},
		},
		"another member has it": {
			dump: input(ask), sets: "create both list:set size 8\ncreate few hash:ip family inet\nadd few 198.51.100.7\nadd both gone\nadd both few\n", want: []string{"drop " + everyPort + " by INPUT 1"},
		},
		"an empty list of sets": {dump: input(ask), sets: "create both list:set size 8\n", want: []string{"accept " + everyPort + " by INPUT"}},
		"a mark beside the address": {
			dump: input("-A INPUT -j MARK --set-xmark 0x7/0xffffffff", "-A INPUT -m set --match-set marked src,src -j DROP"), sets: "create marked hash:ip,mark family inet\nadd marked 198.51.100.7,0x7\n", want: []string{"drop " + everyPort + " by INPUT 2"},
		},
		"another mark": {
			dump: input("-A INPUT -j MARK --set-xmark 0x8/0xffffffff", "-A INPUT -m set --match-set marked src,src -j DROP"), sets: "create marked hash:ip,mark family inet\nadd marked 198.51.100.7,0x7\n", want: []string{"accept " + everyPort + " by INPUT"},
		},
		"pairs that are listed in no order": {
			dump: input("-A INPUT -m set --match-set pairs src,dst -j DROP"), sets: "create pairs hash:ip,port family inet\nadd pairs 203.0.113.8,udp:5060\nadd pairs 203.0.113.9,udp:5060\nadd pairs 198.51.100.7,udp:5060\n", want: []string{"drop 5060 by INPUT 1", "accept 5061, 10000-20000 by INPUT"},
		},
		"a bridge's table is not for IPv6 either": {nft: nftInput("bridge", "drop", nil), ask: sixth, want: []string{"accept " + everyPort + " by nobody"}},
		"rules of IPv4 are not for IPv6":          {nft: nftInput("ip", "drop", nil), ask: sixth, want: []string{"accept " + everyPort + " by nobody"}},
		"rules of both are":                       {nft: nftInput("inet", "drop", nil), ask: sixth, want: []string{"drop " + everyPort + " by in"}},
	})
}

// Connection tracking puts pieces together, where something needs it.
func TestWhatHasPiecesPutTogether(t *testing.T) {
	const filter = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -p udp -m udp --dport 5060 -j ACCEPT\n"
	nft := func(family, key, typ string) string {
		return nftInput("ip", "accept", []string{
			`{"set": {"family": "ip", "table": "t", "name": "s", "type": [` + typ + `], "elem": []}}`,
		}, nftMatch(`{"concat": [`+key+`]}`, "==", `"@s"`)+`{"drop": null}`)
	}
	const src, mark, ctmark, proto, icmp = `{"payload": {"protocol": "ip", "field": "saddr"}}`, `{"meta": {"key": "mark"}}`, `{"ct": {"key": "mark"}}`, `{"ct": {"key": "protocol"}}`, `{"payload": {"protocol": "icmp", "field": "type"}}`
	for name, c := range map[string]struct {
		dump, nft string
		whole     bool
	}{
		"nothing":                                  {dump: filter + "COMMIT\n"},
		"a packet's mark":                          {dump: filter + "-A FORWARD -j MARK --set-xmark 0x1/0x1\nCOMMIT\n"},
		"a mark of the connection":                 {dump: filter + "-A FORWARD -j CONNMARK --set-xmark 0x1/0x1\nCOMMIT\n", whole: true},
		"a mark that comes from it":                {dump: filter + "-A FORWARD -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff\nCOMMIT\n", whole: true},
		"a helper":                                 {dump: "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j CT --helper sip\nCOMMIT\n" + filter + "COMMIT\n", whole: true},
		"a set of addresses and marks":             {dump: filter + "COMMIT\n", nft: nft("ip", src+","+mark, `"ipv4_addr", "mark"`)},
		"a set of addresses and connections' mark": {dump: filter + "COMMIT\n", nft: nft("ip", src+","+ctmark, `"ipv4_addr", "mark"`), whole: true},
		"a set of connections' protocols":          {dump: filter + "COMMIT\n", nft: nft("ip", src+","+proto, `"ipv4_addr", "inet_proto"`), whole: true},
		"a set of types of ICMP":                   {dump: filter + "COMMIT\n", nft: nft("ip", src+","+icmp, `"ipv4_addr", "icmp_type"`)},
	} {
		t.Run(name, func(t *testing.T) {
			q := asked{dump: c.dump, nft: c.nft, ask: func(class *packetfilter.Class) {
				class.Hook, class.Dst, class.DstPorts, class.Fragments = packetfilter.HookForward, []netip.Prefix{netip.MustParsePrefix("203.0.113.9/32")}, packetfilter.OneNum(5060), true
			}}
			want := "drop 5060 by FORWARD"
			if c.whole {
				want = "accept 5060 by FORWARD 1"
			}
			if diff := cmp.Diff([]string{want}, toldAll(q.outcomes())); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Two hashlimits count apart.
func TestTwoLimitsThatEachSourceHas(t *testing.T) {
	limit := func(name string) string {
		return "-A INPUT -p udp -m hashlimit --hashlimit-upto 10/sec --hashlimit-burst 2 --hashlimit-mode srcip --hashlimit-name " + name + " -j ACCEPT"
	}
	rules := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, inputRules("DROP", limit("sip"), limit("rtp"))),
		packetfilter.ReadHashLimit(packetfilter.FamilyIP, "sip", ""), packetfilter.ReadHashLimit(packetfilter.FamilyIP, "rtp", ""))
	if diff := cmp.Diff([]string{"accept " + everyPort + " by INPUT 1"}, toldAll(rules.Evaluate(sipFrom("198.51.100.7/32")))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A table of nftables that is listed twice counts once, if it is the same.
func TestWhatMakesTwoListingsOfANftTableDiffer(t *testing.T) {
	listing := nftInput("ip", "accept", []string{`{"chain": {"family": "ip", "table": "t", "name": "more", "type": "filter", "hook": "forward", "prio": 0, "policy": "accept"}}`}, `{"drop": null}`)
	for name, c := range map[string]struct {
		again  string
		faults int
	}{
		"the same":                       {listing, 0},
		"another handle":                 {strings.ReplaceAll(listing, `"handle": 1`, `"handle": 2`), 1},
		"a chain that nothing leads to":  {strings.ReplaceAll(listing, `"name": "more", "type": "filter", "hook": "forward", "prio": 0, "policy": "accept"`, `"name": "more"`), 1},
		"a policy of one of both chains": {strings.ReplaceAll(listing, `"prio": 0, "policy": "accept"`, `"prio": 0, "policy": "drop"`), 1},
	} {
		for _, pair := range [][2]string{{listing, c.again}, {c.again, listing}} {
			r := packetfilter.New(packetfilter.ReadNFT(pair[0]), packetfilter.ReadNFT(pair[1]))
			if len(r.Faults) != c.faults || len(r.Tables) != 1+c.faults {
				t.Errorf("%s: %d tables, %v", name, len(r.Tables), r.Faults)
			}
		}
	}
}

// Rules and maps that ask a set are those to blame for what stands in it, also
// where the set has no name.
func TestWhoAsksASet(t *testing.T) {
	const src = `{"payload": {"protocol": "ip", "field": "saddr"}}`
	listing := nftInput("ip", "accept", []string{`{"map": {"family": "ip", "table": "t", "name": "m", "type": "ipv4_addr", "map": "verdict", "elem": [["198.51.100.7", {"drop": null}]]}}`,
		`{"set": {"family": "ip", "table": "t", "name": "s", "type": "ipv4_addr", "elem": ["203.0.113.9"]}}`, `{"chain": {"family": "ip", "table": "t", "name": "x"}}`},
		`{"vmap": {"key": `+src+`, "data": "@m"}}`, `{"vmap": {"key": `+src+`, "data": {"set": [["198.51.100.7", {"drop": null}]]}}}`,
		`{"jump": {"target": "gone"}}`, `{"vmap": {"key": `+src+`, "data": "@gone"}}`, `{"vmap": {"key": `+src+`, "data": "@s"}}`)
	rules := packetfilter.New(packetfilter.ReadNFT(listing))
	var got []string
	for _, m := range rules.Mentions(netip.MustParsePrefix("198.51.100.7/32")) {
		s := fmt.Sprint(m.Covers, " ", m.Step.What)
		if m.Set != nil {
			s += "set " + m.Set.Name + ":"
		}
		for _, u := range m.UsedBy {
			s += " " + u.What
		}
		got = append(got, s)
	}
	if diff := cmp.Diff([]string{"198.51.100.7 set m: vmap", "198.51.100.7 set : vmap"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, c := range rules.Tables[0].Chains {
		if hooks := c.Hooks(); len(hooks) != len(c.Name)-1 {
			t.Errorf("chain %s is reached from %v", c.Name, hooks)
		}
	}
}

// What lets a phone in names this machine's address where rules tell its
// addresses apart, and only there.
func TestWhetherACureNamesTheAddress(t *testing.T) {
	for name, c := range map[string]struct {
		rules []string
		want  string
	}{
		"rules for one of two addresses": {[]string{"-A INPUT -d 192.0.2.1/32 -j DROP"}, "-s 198.51.100.7/32 -d 192.0.2.1/32 -p udp -m multiport --dports 5060:5061,10000:20000 -j ACCEPT"},
		"rules for both":                 {[]string{"-A INPUT -d 192.0.2.0/24 -j DROP"}, "-s 198.51.100.7/32 -p udp -m multiport --dports 5060:5061,10000:20000 -j ACCEPT"},
		"a rule about where packets come from, which is one of both": {
			[]string{"-A INPUT -s 192.0.2.1/32 -j DROP", "-A INPUT -p udp -j DROP"}, "-s 198.51.100.7/32 -p udp -m multiport --dports 5060:5061,10000:20000 -j ACCEPT",
		},
	} {
		class := sipFrom("198.51.100.7/32")
		class.Local = append(class.Local, netip.MustParseAddr("192.0.2.2"))
		rules := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, inputRules("ACCEPT", c.rules...)))
		o := rules.Evaluate(class).Outcomes[0]
		got := rules.Allow(nil, class, o, netip.MustParsePrefix("198.51.100.7/32"))
		if line := linesOf(t, got)[0]; o.Verdict != packetfilter.Dropped || !strings.HasSuffix(line, "INPUT "+strings.TrimPrefix(fmt.Sprint(o.Decider.Rule.Position), "0")+" "+c.want) {
			t.Errorf("%s: %s", name, line)
		}
	}
}

// What a set of ipset is asked for stands in the rule, once its set is found.
func TestWhatASetIsAskedFor(t *testing.T) {
	rules := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, inputRules("ACCEPT",
		"-A INPUT -m set --match-set few src -j DROP", "-A INPUT -m set --match-set pairs dst,src -j DROP", "-A INPUT -m set --match-set pairs src -j DROP", "-A INPUT -m set --match-set both src -j DROP", "-A INPUT -m set --match-set gone src -j DROP")),
		packetfilter.ReadIPSetSave("create few hash:ip family inet\ncreate pairs hash:ip,port family inet\ncreate both list:set size 8\nadd both few\n"))
	want := [][]packetfilter.Field{{packetfilter.FieldSrc}, {packetfilter.FieldDst, packetfilter.FieldProtocol, packetfilter.FieldSrcPort}, nil, nil, nil}
	var got [][]packetfilter.Field
	for _, r := range rules.Tables[0].Chains[0].Rules {
		got = append(got, r.Exprs[0].(*packetfilter.Lookup).Fields)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
