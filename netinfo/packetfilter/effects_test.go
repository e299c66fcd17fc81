package packetfilter_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// asked is a ruleset, a phone that is asked about and what becomes of it.
type asked struct {
	dump   string // of iptables
	six    bool   // of ip6tables
	nft    string
	sets   string
	recent *packetfilter.RecentTable
	ask    func(*packetfilter.Class)
	want   []string
}

// outcomes are what becomes of the phone.
func (c asked) outcomes() packetfilter.Result {
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
	if c.recent != nil {
		parts = append(parts, packetfilter.Parts{Recent: []*packetfilter.RecentTable{c.recent}})
	}
	return packetfilter.New(parts...).Evaluate(class)
}

// checkAll asks all of them.
func checkAll(t *testing.T, table map[string]asked) {
	t.Helper()
	for name, c := range table {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, toldAll(c.outcomes())); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// nftChain is a table of nftables with one chain around its rules.
func nftChain(kind, hook string, prio string, rules ...string) string {
	s := nftInput("ip", "accept", nil, rules...)
	return strings.Replace(s, `"type": "filter", "hook": "input", "prio": 10`, `"type": "`+kind+`", "hook": "`+hook+`", "prio": `+prio, 1)
}

const everyPort = "5060-5061, 10000-20000"

// What a rule did to a packet counts for the rules after it.
func TestWhatRulesDoCountsForTheRulesAfter(t *testing.T) {
	const (
		two      = "create one hash:ip family inet\ncreate two hash:ip family inet\ncreate both list:set size 8\nadd both one\nadd both two\n"
		restored = "-A INPUT -m connmark --mark 0x13/0xff -j DROP"
		mapped   = "-A INPUT -j SET --map-set few src --map-mark"
	)
	input := func(rules ...string) string { return inputRules("ACCEPT", rules...) }
	goesOn := func(c *packetfilter.Class) {
		c.State, c.CtMark, c.CtMarkKnown = packetfilter.StateEstablished, 3, true
	}
	sixth := func(c *packetfilter.Class) {
		c.Src, c.Local = []netip.Prefix{netip.MustParsePrefix("2001:db8::7/128")}, []netip.Addr{netip.MustParseAddr("2001:db8::1")}
	}
	addr := netip.MustParseAddr
	checkAll(t, map[string]asked{
		// Tracking.
		"untracked before tracking begins": {
			nft: nftChain("filter", "prerouting", "-300", `{"notrack": null}`), dump: input("-A INPUT -m conntrack --ctstate UNTRACKED -j DROP"), want: []string{"drop " + everyPort + " by INPUT 1"},
		},
		"untracked when it is too late": {
			nft: nftChain("filter", "prerouting", "-150", `{"notrack": null}`), dump: input("-A INPUT -m conntrack --ctstate UNTRACKED -j DROP"), want: []string{"accept " + everyPort + " by INPUT"},
		},
		// Sets.
		"put into a set that was not listed": {
			dump: input("-A INPUT -j SET --add-set gone src", "-A INPUT -p udp -m udp --dport 5060 -j DROP"), want: []string{"drop 5060 by INPUT 2", "accept 5061, 10000-20000 by INPUT"},
		},
		"put into a list of sets: it is in its first": {
			dump: input("-A INPUT -j SET --add-set both src", "-A INPUT -m set --match-set one src -j DROP"), sets: two, want: []string{"drop " + everyPort + " by INPUT 2"},
		},
		"and in no other": {
			dump: input("-A INPUT -j SET --add-set both src", "-A INPUT -m set --match-set two src -j DROP"), sets: two, want: []string{"accept " + everyPort + " by INPUT"},
		},
		"taken out of a list of sets, whichever it was in": {
			dump: input("-A INPUT -j SET --del-set both src", "-A INPUT -m set --match-set both src -j DROP"), sets: two + "add two 198.51.100.7\n", want: []string{"accept " + everyPort + " by INPUT"},
		},
		"a pair that is put into its set with one direction is in no set": {
			dump: input("-A INPUT -j SET --add-set pairs src", "-A INPUT -m set --match-set pairs src,dst -j DROP"), sets: "create pairs hash:ip,port family inet\n", want: []string{"accept " + everyPort + " by INPUT"},
		},
		// Marks.
		"a bit of the connection's mark is set, the others stay": {
			dump: input("-A INPUT -j CONNMARK --set-xmark 0x10/0x10", restored), ask: goesOn, want: []string{"drop " + everyPort + " by INPUT 2"},
		},
		"the packet's mark becomes the connection's": {
			dump: input("-A INPUT -j MARK --set-xmark 0x13/0xffffffff", "-A INPUT -j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff", restored), want: []string{"drop " + everyPort + " by INPUT 3"},
		},
		"a mark for a connection that does not exist yet": {
			dump: "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j CONNMARK --set-xmark 0x13/0xffffffff\nCOMMIT\n" + input(restored), want: []string{"accept " + everyPort + " by INPUT"},
		},
		"a mark that the set gives": {
			dump: input(mapped, "-A INPUT -m mark --mark 0x1/0x1 -j DROP"), sets: "create few hash:ip family inet skbinfo\n", want: []string{"maybe " + everyPort + " by INPUT 2: the packet mark"},
		},
		"what is not known stays so, whatever changes it": {
			dump: input(mapped, "-A INPUT -m limit --limit 5/min -j MARK --xor-mark 0x1", "-A INPUT -m mark --mark 0x1/0x1 -j DROP"), want: []string{"maybe " + everyPort + " by INPUT 3: the packet mark"},
		},
		"it is set anew": {
			dump: input(mapped, "-A INPUT -j MARK --set-xmark 0x1/0xffffffff", "-A INPUT -m mark --mark 0x1/0x1 -j DROP"), want: []string{"drop " + everyPort + " by INPUT 3"},
		},
		"one bit of several is known, which is enough for any": {
			dump: input(mapped, "-A INPUT -j MARK --or-mark 0x1"), nft: nftInput("ip", "accept", nil, nftMatch(`{"meta": {"key": "mark"}}`, "in", "3")+`{"drop": null}`), want: []string{"drop " + everyPort + " by in 1"},
		},
		"the bit that is known is not asked for": {
			dump: input(mapped, "-A INPUT -j MARK --or-mark 0x4"), nft: nftInput("ip", "accept", nil, nftMatch(`{"meta": {"key": "mark"}}`, "in", "3")+`{"drop": null}`), want: []string{"maybe " + everyPort + " by in 1: the packet mark"},
		},
		"a mark that was found out is known": {
			dump: input(mapped, "-A INPUT -m mark ! --mark 0x1/0x3 -j DROP", "-A INPUT -m mark --mark 0x1/0x3 -j DROP"), want: []string{"drop " + everyPort + " by INPUT 2"},
		},
		"a connection's mark that was found out is known": {
			dump: input("-A INPUT -p tcp -j CONNMARK --set-xmark 0x1/0x1", "-A INPUT -m connmark ! --mark 0x1/0x3 -j DROP", "-A INPUT -m connmark --mark 0x1/0x3 -j DROP"),
			ask:  func(c *packetfilter.Class) { c.State = packetfilter.StateEstablished }, want: []string{"drop " + everyPort + " by INPUT 2"},
		},
		"it cannot be another besides": {
			dump: input(mapped, "-A INPUT -m mark ! --mark 0x1/0x3 -j ACCEPT", "-A INPUT -m mark --mark 0x2/0x3 -j DROP"), want: []string{"accept " + everyPort + " by INPUT 2"},
		},
		// Recent lists.
		"remembered by where it goes, asked by where it comes from": {
			dump:   input("-A INPUT -m recent --set --name sip --mask 255.255.255.255 --rdest", "-A INPUT -m recent --rcheck --name sip --mask 255.255.255.255 --rsource -j DROP"),
			recent: &packetfilter.RecentTable{Name: "sip"}, want: []string{"maybe " + everyPort + " by INPUT 2: recent list sip, which an earlier rule has changed"},
		},
		"remembered by where it goes, and asked so": {
			dump:   input("-A INPUT -m recent --set --name sip --mask 255.255.255.255 --rdest", "-A INPUT -m recent --rcheck --name sip --mask 255.255.255.255 --rdest -j DROP"),
			recent: &packetfilter.RecentTable{Name: "sip"}, want: []string{"drop " + everyPort + " by INPUT 2"},
		},
		"a list with an address of IPv4, asked about IPv6": {
			six: true, ask: sixth, dump: input("-A INPUT -m recent --rcheck --name sip --mask ffff:ffff:ffff:ffff:: --rsource -j DROP"),
			recent: &packetfilter.RecentTable{Name: "sip", Entries: []packetfilter.RecentEntry{{Addr: addr("198.51.100.7"), Packets: 1}}}, want: []string{"accept " + everyPort + " by INPUT"},
		},
		"and with one of its network": {
			six: true, ask: sixth, dump: input("-A INPUT -m recent --rcheck --name sip --mask ffff:ffff:ffff:ffff:: --rsource -j DROP"),
			recent: &packetfilter.RecentTable{Name: "sip", Entries: []packetfilter.RecentEntry{{Addr: addr("2001:db8::99"), Packets: 1}}}, want: []string{"drop " + everyPort + " by INPUT 1"},
		},
		"removed is who was on it": {
			dump:   input("-A INPUT -m recent --remove --name sip --mask 255.255.255.255 --rsource -j DROP"),
			recent: &packetfilter.RecentTable{Name: "sip", Entries: []packetfilter.RecentEntry{{Addr: addr("198.51.100.7"), Packets: 1}}}, want: []string{"drop " + everyPort + " by INPUT 1"},
		},
		"or was just put on it": {
			dump:   input("-A INPUT -m recent --set --name sip --mask 255.255.255.255 --rsource", "-A INPUT -m recent --remove --name sip --mask 255.255.255.255 --rsource -j DROP"),
			recent: &packetfilter.RecentTable{Name: "sip"}, want: []string{"drop " + everyPort + " by INPUT 2"},
		},
		"and nobody else": {
			dump:   input("-A INPUT -m recent --remove --name sip --mask 255.255.255.255 --rsource -j DROP"),
			recent: &packetfilter.RecentTable{Name: "sip"}, want: []string{"accept " + everyPort + " by INPUT"},
		},
	})
}

// twoTables is what nft lists of two tables, each with one chain "in".
func twoTables(a, b string) string {
	b = strings.NewReplacer(`"name": "t"`, `"name": "u"`, `"table": "t"`, `"table": "u"`).Replace(b)
	return strings.TrimSuffix(a, "]}") + ",\n" + strings.TrimPrefix(b, `{"nftables": [`)
}
