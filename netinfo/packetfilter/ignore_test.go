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
