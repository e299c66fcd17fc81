package packetfilter_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

func TestASavedRuleWithCounters(t *testing.T) {
	p := packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, "*filter\n:INPUT ACCEPT [1:2]\n[12:345] -A INPUT -s 198.51.100.7/32 -m comment --comment \"phone of \\\"Ann\\\" -j ACCEPT\" -j DROP\nCOMMIT\n")
	rule := p.Tables[0].Chains[0].Rules[0]
	if rule.Text != "-A INPUT -s 198.51.100.7/32 -m comment --comment \"phone of \\\"Ann\\\" -j ACCEPT\" -j DROP" || rule.Comment != `phone of "Ann" -j ACCEPT` || rule.Does() != "drop" {
		t.Errorf("read %+v", rule)
	}
}

func TestWhatIsWrongWithAListingIsSaid(t *testing.T) {
	for name, c := range map[string]struct {
		dump, want string
	}{
		"it was cut off":               {"*filter\n:INPUT ACCEPT [0:0]\n", "table filter ends before COMMIT"},
		"cut off before another table": {"*nat\n*filter\nCOMMIT\n", "table nat ends before COMMIT"},
		"it is an error message":       {"iptables-save: Permission denied\n", "is not understood"},
		"a quote is open":              {"*filter\n-A INPUT -m comment --comment \"x\nCOMMIT\n", "a quote that does not end"},
		"counters are open":            {"*filter\n[12:3 -A INPUT\nCOMMIT\n", "is not understood"},
		"an address is garbled":        {"*filter\n-A INPUT -s 1.2.3 -j DROP\nCOMMIT\n", `"1.2.3" is not understood`},
		"a protocol has no number":     {"*filter\n-A INPUT -p frob -j DROP\nCOMMIT\n", `"frob" is not understood`},
		"nft has a table of that name": {"# Table `filter' is incompatible, use 'nft' tool.\n", "nft does"},
	} {
		t.Run(name, func(t *testing.T) {
			p := packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, c.dump)
			if len(p.Faults) == 0 || !strings.Contains(said(p.Faults[0].Why), c.want) {
				t.Errorf("want %q, got %v", c.want, p.Faults)
			}
		})
	}
}

func TestATableThatIsListedTwice(t *testing.T) {
	dump := inputRules("ACCEPT", "-A INPUT -s 198.51.100.7/32 -j DROP")
	if r := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, dump+dump)); len(r.Tables) != 1 || len(r.Faults) > 0 {
		t.Errorf("word for word: %d tables, faults %v", len(r.Tables), r.Faults)
	}
	r := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, inputRules("ACCEPT")+dump))
	if len(r.Faults) != 1 || r.Evaluate(sipFrom("198.51.100.7/32")).Outcomes[0].Verdict != packetfilter.Dropped {
		t.Errorf("with different rules: faults %v", r.Faults)
	}
}

func TestASetAsSaved(t *testing.T) {
	const saved = `create bad hash:net,port family inet hashsize 1024 maxelem 65536 timeout 600 counters comment
add bad 198.51.100.0/24,udp:5060 timeout 99 nomatch packets 3 bytes 400 comment "a phone, banned"
`
	p := packetfilter.ReadIPSetSave(saved)
	if len(p.Faults) > 0 || len(p.Sets) != 1 || len(p.Sets[0].Elements) != 1 {
		t.Fatalf("%+v", p)
	}
	s, el := p.Sets[0], p.Sets[0].Elements[0]
	if s.Default != 10*time.Minute || el.Timeout != 99*time.Second || !el.NoMatch || el.Comment != "a phone, banned" || el.Text != "198.51.100.0/24,udp:5060" {
		t.Errorf("%+v", el)
	}
}

func TestAgesInARecentList(t *testing.T) {
	p := packetfilter.ReadRecent("T", "src=198.51.100.7 ttl: 64 last_seen: 4298076489 oldest_pkt: 3 4298075489, 4298076239, 4298076489\n", packetfilter.Clock{Jiffies: 4298076739, Hz: 250})
	want := []time.Duration{time.Second, 2 * time.Second, 5 * time.Second}
	if diff := cmp.Diff(want, p.Recent[0].Entries[0].Ages); diff != "" || len(p.Faults) > 0 {
		t.Errorf("(-want +got)\n%s%v", diff, p.Faults)
	}
}

func TestWhereAnAddressIsNamedAndHowToFreeIt(t *testing.T) {
	dump := inputRules("ACCEPT",
		"-A INPUT -m set --match-set bad src -j DROP",
		`-A f2b -s 198.51.100.7/32 -m comment --comment "it's Ann" -j REJECT --reject-with icmp-port-unreachable`,
		"-A f2b -s 198.51.0.0/16 -j DROP", "-A f2b ! -s 198.51.100.7/32 -j DROP", "-A f2b -s 0.0.0.0/0 -j RETURN")
	rules := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, dump),
		packetfilter.ReadIPSetSave("create bad hash:ip family inet timeout 600 comment\nadd bad 198.51.100.7 timeout 99 comment \"ssh scan\"\nadd bad 198.51.100.8\n"),
		packetfilter.ReadRecent("ATTACKER", "src=198.51.100.7 ttl: 64 last_seen: 5 oldest_pkt: 1 5\n", packetfilter.Clock{}))
	var got [][]string
	for _, m := range rules.Mentions(netip.MustParsePrefix("198.51.100.7/32")) {
		does := m.Step.What
		for _, u := range m.UsedBy {
			does += "used to " + u.What
		}
		got = append(got, append([]string{m.Covers.String(), does}, linesOf(t, m.Delete(nil))...))
	}
	want := [][]string{
		{"198.51.100.7", "reject", `iptables-legacy -t filter -D f2b -s 198.51.100.7/32 -m comment --comment 'it'\''s Ann' -j REJECT --reject-with icmp-port-unreachable`,
			`iptables-legacy -t filter -I f2b 1 -s 198.51.100.7/32 -m comment --comment 'it'\''s Ann' -j REJECT --reject-with icmp-port-unreachable`},
		{"198.51.0.0/16", "drop", "iptables-legacy -t filter -D f2b -s 198.51.0.0/16 -j DROP", "iptables-legacy -t filter -I f2b 2 -s 198.51.0.0/16 -j DROP"},
		{"198.51.100.7", "used to drop", "ipset del bad 198.51.100.7", "ipset add bad 198.51.100.7 timeout 99 comment 'ssh scan'"},
		{"198.51.100.7", "", "test ! -e /proc/net/xt_recent/ATTACKER || echo -198.51.100.7 > /proc/net/xt_recent/ATTACKER",
			"test ! -e /proc/net/xt_recent/ATTACKER || echo +198.51.100.7 > /proc/net/xt_recent/ATTACKER"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestLettingAProviderInBeforeTheRuleThatDrops(t *testing.T) {
	dump := inputRules("DROP", "-A INPUT -j f2b", "-A f2b -j RETURN", "-A f2b -j DROP")
	provider, ports := netip.MustParsePrefix("203.0.113.0/24"), packetfilter.NumSet{{Lo: 5060, Hi: 5061}, {Lo: 10000, Hi: 10000}}
	rules := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, strings.Replace(dump, "-A f2b -j RETURN\n", "", 1)))
	got := rules.Evaluate(sipFrom("203.0.113.0/24")).Outcomes[0].Decider.AllowBefore(nil, provider, packetfilter.UDP, ports)
	want := []string{
		"iptables-nft -t filter -S f2b 1 | grep -Fxq -e '-A f2b -j DROP' && iptables-nft -t filter -I f2b 1 -s 203.0.113.0/24 -p udp -m multiport --dports 5060:5061,10000 -j ACCEPT",
		"iptables-nft -t filter -D f2b -s 203.0.113.0/24 -p udp -m multiport --dports 5060:5061,10000 -j ACCEPT",
	}
	if diff := cmp.Diff(want, linesOf(t, got)); diff != "" {
		t.Errorf("before a rule (-want +got)\n%s", diff)
	}
	rules = packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, inputRules("DROP")))
	got = rules.Evaluate(sipFrom("203.0.113.0/24")).Outcomes[0].Decider.AllowBefore(nil, provider, 0, nil)
	if diff := cmp.Diff([]string{"iptables-nft -t filter -A INPUT -s 203.0.113.0/24 -j ACCEPT", "iptables-nft -t filter -D INPUT -s 203.0.113.0/24 -j ACCEPT"}, linesOf(t, got)); diff != "" {
		t.Errorf("before a policy (-want +got)\n%s", diff)
	}
}

// linesOf are the commands of a change and those that take it back.
func linesOf(t *testing.T, c packetfilter.Change) (list []string) {
	t.Helper()
	steps := append(packetfilter.Plan(c.Rules), c.Step)
	for _, s := range steps {
		for _, c := range s.Do {
			list = append(list, c.String())
		}
	}
	for _, s := range slices.Backward(steps) {
		for _, c := range s.Undo {
			list = append(list, c.String())
		}
	}
	return list
}
