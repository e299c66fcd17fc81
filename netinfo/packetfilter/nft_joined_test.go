package packetfilter

import (
	"net/netip"
	"testing"
)

// On Debian 12, "drop what is SIP at neither end" also drops what is SIP at one.
func TestAPairOfPortsThatNftMayHaveJoined(t *testing.T) {
	const listing = `{"nftables": [{"table": {"family": "ip", "name": "t", "handle": 1}},
{"chain": {"family": "ip", "table": "t", "name": "c", "handle": 1, "type": "filter", "hook": "input", "prio": 0, "policy": "accept"}},
{"rule": {"family": "ip", "table": "t", "chain": "c", "handle": 2, "expr": [
{"match": {"op": "!=", "left": {"payload": {"protocol": "udp", "field": "sport"}}, "right": 5060}},
{"match": {"op": "!=", "left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": 5060}}, {"drop": null}]}}]}`
	r := New(ReadNFT(listing))
	for name, c := range map[string]struct {
		from, to Num
		want     Decision
	}{
		"both ports are SIP":   {5060, 5060, Accepted},
		"it comes from SIP":    {5060, 40000, Maybe},
		"it goes to SIP":       {40000, 5060, Maybe},
		"neither port is SIP":  {40000, 40000, Dropped},
		"as near as it can be": {5059, 5061, Dropped},
	} {
		got := r.Evaluate(Class{
			Protocol: 17, Src: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")},
			SrcPorts: OneNum(c.from), DstPorts: OneNum(c.to),
		}).Outcomes
		if len(got) != 1 || got[0].Verdict != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
