package packetfilter_test

import (
	"testing"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// Which rule translates is told apart where that is asked for, and a rule that only
// may translate is not taken for one that does.
func TestWhichRuleTranslates(t *testing.T) {
	const nat = "/ip firewall nat add chain=srcnat place-before=0 action="
	for name, tt := range map[string]struct {
		lines   []string
		comment string
		assumed bool
	}{
		"as shipped":              {nil, "defconf: masquerade", false},
		"another before it":       {[]string{nat + "masquerade comment=mine"}, "mine", false},
		"one that is disabled":    {[]string{nat + "masquerade comment=mine disabled=yes"}, "defconf: masquerade", false},
		"one that depends":        {[]string{nat + "masquerade comment=mine time=8h-18h,mon"}, "mine", true},
		"an exception before it":  {[]string{nat + "accept comment=mine"}, "", false},
		"nothing that translates": {[]string{"/ip firewall nat remove [find]"}, "", false},
	} {
		rules := packetfilter.New(packetfilter.ReadRouterOS(shipped(t, "factory7.rsc", append(tt.lines, "/ip firewall service-port set sip disabled=yes")...)))
		for _, asked := range []bool{true, false} {
			c := outward()
			c.NATRules = asked
			list := rules.Evaluate(c).Outcomes
			if len(list) != 1 {
				t.Fatalf("%s: %+v", name, list)
			}
			by, got := list[0].SourceBy, ""
			if by.Rule != nil {
				got = by.Rule.Comment
			}
			if want := map[bool]string{true: tt.comment}[asked]; got != want || asked && by.Assumed != tt.assumed {
				t.Errorf("%s: %q, assumed %t", name, got, by.Assumed)
			}
		}
	}
	c := inward()
	c.NATRules = true
	rules := packetfilter.New(packetfilter.ReadRouterOS(shipped(t, "factory7.rsc", "/ip firewall nat add chain=dstnat action=dst-nat protocol=udp dst-port=5060 to-addresses=192.168.88.10 comment=mine")))
	for _, o := range rules.Evaluate(c).Outcomes {
		if forwarded := o.Region.DstPort.Contains(5060); (o.DestBy.Rule != nil) != forwarded {
			t.Errorf("%v: %+v", o.Region, o.DestBy)
		}
	}
}
