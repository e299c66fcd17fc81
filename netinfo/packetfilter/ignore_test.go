package packetfilter

import (
	"net/netip"
	"testing"
)

// Without the rule that decides, the next one does.
func TestARuleCanBeThoughtAway(t *testing.T) {
	r := New(ReadIPTablesSave(ToolIPTablesNFT, "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 192.0.2.1/32 -j DROP\n-A INPUT -s 192.0.2.0/24 -j REJECT --reject-with icmp-port-unreachable\nCOMMIT\n"))
	c := Class{Protocol: UDP, Src: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}, DstPorts: OneNum(5060), Ignore: map[*Rule]bool{}}
	for _, want := range []Decision{Dropped, Rejected, Accepted} {
		o := r.Evaluate(c).Outcomes
		if len(o) != 1 || o[0].Verdict != want {
			t.Fatalf("%+v, want %s", o, want)
		}
		c.Ignore[o[0].Decider.Rule] = true
	}
}

// Where no policy of IPsec is loaded, no packet came through it.
func TestWithoutIPsecNothingCameThroughIt(t *testing.T) {
	for name, c := range map[string]struct {
		rule string
		host *Host
		want Decision
	}{
		"none is loaded, and it has to":           {"--pol ipsec", &Host{IPsec: isNo}, Accepted},
		"none is loaded, and it must not":         {"--pol none", &Host{IPsec: isNo}, Dropped},
		"some are":                                {"--pol ipsec", &Host{IPsec: isYes}, Maybe},
		"which are loaded was not read":           {"--pol ipsec", &Host{}, Maybe},
		"nothing is known of the machine at all":  {"--pol ipsec", nil, Maybe},
		"and it must not have come through IPsec": {"--pol none", nil, Maybe},
	} {
		r := New(ReadIPTablesSave(ToolIPTablesNFT, "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m policy --dir in "+c.rule+" -j DROP\nCOMMIT\n"))
		o := r.Evaluate(Class{Protocol: UDP, Src: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}, DstPorts: OneNum(5060), Host: c.host}).Outcomes
		if len(o) != 1 || o[0].Verdict != c.want {
			t.Errorf("%s: %+v, want %s", name, o, c.want)
		}
	}
}
