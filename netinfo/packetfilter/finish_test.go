package packetfilter_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// summary is an outcome with all that may become of it.
func summary(o packetfilter.Outcome) string {
	s := fmt.Sprintf("%s | %v |", told(o), o.Possible)
	for _, by := range o.Others {
		n := 0
		if by.Rule != nil {
			n = by.Rule.Position
		}
		s += fmt.Sprintf(" %s %d", by.Chain.Name, n)
	}
	return s
}

// What hangs on something unknown is said with all that it may come to, and with
// the rule that goes against the packet in front.
func TestWhatAMaybeMayComeTo(t *testing.T) {
	const limit, more = "-A INPUT -m limit --limit 1/min -j ", "-A INPUT -m limit --limit 2/min -j "
	const first, both = ": limit --limit 1/min", ": limit --limit 1/min; limit --limit 2/min"
	for name, c := range map[string]struct {
		dump string
		want []string
	}{
		"let in now and then":                 {inputRules("DROP", limit+"ACCEPT"), []string{"maybe 5060 by INPUT" + first + " | [accept drop] | INPUT 1"}},
		"refused now and then":                {inputRules("ACCEPT", limit+"REJECT --reject-with icmp-port-unreachable"), []string{"maybe 5060 by INPUT 1" + first + " | [accept reject] | INPUT 0"}},
		"dropped by one or the other":         {inputRules("DROP", limit+"DROP"), []string{"drop 5060 by INPUT 1 | [] | INPUT 0"}},
		"let in by one or the other":          {inputRules("ACCEPT", limit+"ACCEPT"), []string{"accept 5060 by INPUT 1 | [] | INPUT 0"}},
		"dropped by two, or let in":           {inputRules("ACCEPT", limit+"DROP", more+"DROP"), []string{"maybe 5060 by INPUT 1" + both + " | [accept drop] | INPUT 2 INPUT 0"}},
		"let in by the policy in two ways":    {inputRules("ACCEPT", limit+"MARK --or-mark 0x1", more+"DROP"), []string{"maybe 5060 by INPUT 2" + both + " | [accept drop] | INPUT 0"}},
		"a program decides, or it is dropped": {inputRules("DROP", limit+"NFQUEUE --queue-num 1"), []string{"maybe 5060 by INPUT: NFQUEUE --queue-num 1: a program decides; limit --limit 1/min | [drop] | INPUT 1"}},
	} {
		class := sipFrom("198.51.100.7/32")
		class.DstPorts = packetfilter.OneNum(5060)
		var got []string
		for _, o := range packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, c.dump)).Evaluate(class).Outcomes {
			got = append(got, summary(o))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

// What one rule decides is one outcome, unless something else differs that users
// are told.
func TestWhatIsOneOutcome(t *testing.T) {
	const raw, post = "*raw\n:PREROUTING ACCEPT [0:0]\n", "*nat\n:POSTROUTING ACCEPT [0:0]\n"
	halves := func(policy string, one, two string) string {
		return inputRules(policy, "-A INPUT -s 198.51.100.0/25 "+one, "-A INPUT -s 198.51.100.128/25 "+two)
	}
	for name, c := range map[string]struct {
		dump   string
		leaves bool
		want   int
	}{
		"all the same":                 {halves("DROP", "-j LOG", "-j LOG"), false, 1},
		"other questions":              {halves("DROP", "-m limit --limit 1/min -j ACCEPT", "-m limit --limit 2/min -j ACCEPT"), false, 2},
		"other ways it may come to":    {halves("DROP", "-m limit --limit 1/min -j ACCEPT", "-m limit --limit 1/min -j REJECT"), false, 2},
		"a helper":                     {raw + "-A PREROUTING -s 198.51.100.0/25 -j CT --helper sip\nCOMMIT\n" + inputRules("ACCEPT"), false, 2},
		"the same helper twice":        {raw + "-A PREROUTING -s 198.51.100.0/25 -j CT --helper sip\n-A PREROUTING -s 198.51.100.128/25 -j CT --helper sip\nCOMMIT\n" + inputRules("ACCEPT"), false, 1},
		"a port that is moved":         {post + "-A POSTROUTING -p udp -m udp --sport 500 -j LOG\n-A POSTROUTING -p udp -j MASQUERADE --to-ports 1024-65535\nCOMMIT\n", true, 2},
		"ports of which none is moved": {post + "-A POSTROUTING -p udp -m udp --sport 5060 -j LOG\n-A POSTROUTING -p udp -j MASQUERADE --to-ports 500-65535\nCOMMIT\n", true, 1},
	} {
		class := sipFrom("198.51.100.0/24")
		if c.leaves {
			class.Hook, class.In, class.SrcPorts = packetfilter.HookOutput, "", packetfilter.NumSet{{Lo: 500, Hi: 500}, {Lo: 5060, Hi: 5060}}
		}
		if got := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, c.dump)).Evaluate(class).Outcomes; len(got) != c.want {
			t.Errorf("%s: %d outcomes, want %d: %+v", name, len(got), c.want, got)
		}
	}
}

// Helpers are named in the order in which the packet was handed to them.
func TestHelpersInTheirOrder(t *testing.T) {
	dump := "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j CT --helper sip\n-A PREROUTING -j CT --helper ftp\nCOMMIT\n"
	got := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, dump)).Evaluate(sipFrom("198.51.100.7/32")).Outcomes
	if len(got) != 1 || !slices.Equal(got[0].Helpers, []string{"sip", "ftp"}) {
		t.Errorf("%+v", got)
	}
}
