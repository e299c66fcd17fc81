package packetfilter_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// A limit that each source has for itself is decided by what it has left: a
// phone that was not seen is below it.
func TestALimitThatEachSourceHas(t *testing.T) {
	hash := func(how string) string {
		return inputRules("DROP", "-A INPUT -p udp -m hashlimit --hashlimit-"+how+" 10/sec --hashlimit-burst 2 --hashlimit-mode srcip --hashlimit-name sip -j ACCEPT")
	}
	const busy = "9 198.51.100.7:0->0.0.0.0:0 5 27 13\n"
	for name, c := range map[string]struct{ dump, buckets, want string }{
		"a phone that was not seen is below it":   {hash("upto"), "9 198.51.100.8:0->0.0.0.0:0 5 27 13\n", "accept 5060-5061, 10000-20000 by INPUT 1"},
		"and not above it":                        {hash("above"), "", "drop 5060-5061, 10000-20000 by INPUT"},
		"one that has some left":                  {hash("upto"), "9 198.51.100.7:0->0.0.0.0:0 26 27 13\n", "accept 5060-5061, 10000-20000 by INPUT 1"},
		"one that has none left":                  {hash("upto"), busy, "maybe 5060-5061, 10000-20000 by INPUT: hashlimit --hashlimit-upto 10/sec --hashlimit-burst 2 --hashlimit-mode srcip --hashlimit-name sip"},
		"the list cannot be read":                 {hash("upto"), "nonsense\n", "maybe 5060-5061, 10000-20000 by INPUT: hashlimit --hashlimit-upto 10/sec --hashlimit-burst 2 --hashlimit-mode srcip --hashlimit-name sip"},
		"what it counts by its ports is its port": {inputRules("DROP", "-A INPUT -p udp -m hashlimit --hashlimit-upto 1/sec --hashlimit-mode dstport --hashlimit-name sip -j ACCEPT"), "9 0.0.0.0:0->0.0.0.0:5060 26 27 13\n", "accept 5060-5061, 10000-20000 by INPUT 1"},
	} {
		t.Run(name, func(t *testing.T) {
			rules := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, c.dump), packetfilter.ReadHashLimit(packetfilter.FamilyIP, "sip", c.buckets))
			if diff := cmp.Diff([]string{c.want}, toldAll(rules.Evaluate(sipFrom("198.51.100.7/32")))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	unread := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, hash("upto")))
	if got := unread.Evaluate(sipFrom("198.51.100.7/32")).Outcomes; len(got) != 1 || got[0].Verdict != packetfilter.Maybe {
		t.Errorf("a list that was not read is no empty list: %+v", got)
	}
}

// The same in nftables: a set that rules fill, and a meter.
func TestASetThatRulesFill(t *testing.T) {
	listing := func(elements, statement string) string {
		return `{"nftables": [{"table": {"family": "ip", "name": "t"}}, {"set": {"family": "ip", "table": "t", "name": "busy", "type": "ipv4_addr"` + elements + `}},
{"chain": {"family": "ip", "table": "t", "name": "in", "type": "filter", "hook": "input", "prio": 0, "policy": "accept"}},
{"rule": {"family": "ip", "table": "t", "chain": "in", "handle": 4, "expr": [` + statement + `, {"drop": null}]}}]}`
	}
	const source = `{"payload": {"protocol": "ip", "field": "saddr"}}`
	const over = `{"set": {"op": "add", "elem": ` + source + `, "set": "@busy", "stmt": [{"limit": {"rate": 10, "per": "second", "inv": true}}]}}`
	const below = `{"set": {"op": "add", "elem": ` + source + `, "set": "@busy", "stmt": [{"limit": {"rate": 10, "per": "second"}}]}}`
	const meter = `{"meter": {"key": ` + source + `, "stmt": {"limit": {"rate": 10, "per": "second", "inv": true}}, "name": "busy"}}`
	const unlisted = `{"meter": {"key": ` + source + `, "stmt": {"limit": {"rate": 10, "per": "second", "inv": true}}, "name": "gone"}}`
	const phone = `, "elem": [{"elem": {"val": "198.51.100.7", "limit": {"rate": 10, "per": "second"}}}]`
	for name, c := range map[string]struct{ elements, statement, want string }{
		"a phone that is not in it is not above": {"", over, "accept 5060-5061, 10000-20000 by in"},
		"it is below":                            {"", below, "drop 5060-5061, 10000-20000 by in 1"},
		"one that is in it may be above":         {phone, over, "maybe 5060-5061, 10000-20000 by in 1: limit rate over 10/second"},
		"a meter":                                {"", meter, "accept 5060-5061, 10000-20000 by in"},
		"a meter that was not listed":            {"", unlisted, "maybe 5060-5061, 10000-20000 by in 1: limit rate over 10/second"},
	} {
		t.Run(name, func(t *testing.T) {
			rules := packetfilter.New(packetfilter.ReadNFT(listing(c.elements, c.statement)))
			if diff := cmp.Diff([]string{c.want}, toldAll(rules.Evaluate(sipFrom("198.51.100.7/32")))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// What the routes tell of the way back, of addresses and of IPsec is not maybe.
func TestMatchesThatTheHostDecides(t *testing.T) {
	raw := func(match string) string {
		return "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING " + match + " -j DROP\nCOMMIT\n"
	}
	for name, c := range map[string]struct {
		dump string
		host func(*packetfilter.Host)
		want packetfilter.Decision
	}{
		"the way back leads out where it came in":    {raw("-m rpfilter --invert"), nil, packetfilter.Accepted},
		"the way back leads out elsewhere":           {raw("-m rpfilter --invert"), func(h *packetfilter.Host) { h.Routes[3].Interface = "ppp0" }, packetfilter.Dropped},
		"elsewhere will do":                          {raw("-m rpfilter --invert --loose"), func(h *packetfilter.Host) { h.Routes[3].Interface = "ppp0" }, packetfilter.Accepted},
		"there is none":                              {raw("-m rpfilter --invert --loose"), func(h *packetfilter.Host) { h.Routes[3].Kind = "blackhole" }, packetfilter.Dropped},
		"no route was read":                          {raw("-m rpfilter --invert"), func(h *packetfilter.Host) { h.Routes = nil }, packetfilter.Maybe},
		"an address of the interface":                {inputRules("ACCEPT", "-A INPUT -m addrtype --dst-type LOCAL --limit-iface-in -j DROP"), nil, packetfilter.Dropped},
		"an address of another interface":            {inputRules("ACCEPT", "-A INPUT -m addrtype --dst-type LOCAL --limit-iface-in -j DROP"), func(h *packetfilter.Host) { h.Addrs[0].Interface = "eth5" }, packetfilter.Accepted},
		"nobody helped a packet that begins":         {inputRules("ACCEPT", "-A INPUT -m helper --helper sip -j DROP"), nil, packetfilter.Accepted},
		"fewer connections than one source may have": {inputRules("ACCEPT", "-A INPUT -m connlimit --connlimit-above 20 --connlimit-mask 32 --connlimit-saddr -j DROP"), func(h *packetfilter.Host) { h.Switches["netfilter/nf_conntrack_count"] = 19 }, packetfilter.Accepted},
		"as many, which may all be its own":          {inputRules("ACCEPT", "-A INPUT -m connlimit --connlimit-above 20 --connlimit-mask 32 --connlimit-saddr -j DROP"), func(h *packetfilter.Host) { h.Switches["netfilter/nf_conntrack_count"] = 20 }, packetfilter.Maybe},
		"how many there are was not read":            {inputRules("ACCEPT", "-A INPUT -m connlimit --connlimit-above 20 --connlimit-mask 32 --connlimit-saddr -j DROP"), nil, packetfilter.Maybe},
		"UDP has no header of IPsec":                 {inputRules("ACCEPT", "-A INPUT -m ah --ahspi 5 -j DROP"), nil, packetfilter.Accepted},
		"whether it came through IPsec is not told":  {inputRules("ACCEPT", "-A INPUT -m policy --dir in --pol ipsec -j DROP"), nil, packetfilter.Maybe},
	} {
		t.Run(name, func(t *testing.T) {
			class := sipFrom("198.51.100.7/32")
			if class.Host = someHost(); c.host != nil {
				c.host(class.Host)
			}
			got := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, c.dump)).Evaluate(class)
			if len(got.Outcomes) != 1 || got.Outcomes[0].Verdict != c.want {
				t.Errorf("want %s: %q", c.want, toldAll(got))
			}
		})
	}
}

// Rules that ask the same hashlimit take from the same bucket.
func TestRulesThatTakeFromOneBucket(t *testing.T) {
	rules := func(burst string) string {
		ask := "-A INPUT -p udp -m hashlimit --hashlimit-upto 10/sec --hashlimit-burst " + burst + " --hashlimit-mode srcip --hashlimit-name sip -j "
		return inputRules("DROP", ask+"MARK --or-mark 0x1", ask+"ACCEPT")
	}
	const what = "hashlimit --hashlimit-upto 10/sec --hashlimit-burst 2 --hashlimit-mode srcip --hashlimit-name sip"
	once := func(mode string) string {
		return inputRules("DROP", "-A INPUT -p udp -m hashlimit --hashlimit-upto 10/sec --hashlimit-burst 2 --hashlimit-mode "+mode+" --hashlimit-name sip -j ACCEPT")
	}
	for name, c := range map[string]struct{ dump, buckets, want string }{
		"a burst of two is enough for both":        {rules("2"), "", "accept 5060-5061, 10000-20000 by INPUT 2"},
		"a burst of one is not":                    {rules("1"), "", "drop 5060-5061, 10000-20000 by INPUT"},
		"enough is left for both":                  {rules("1"), "9 198.51.100.7:0->0.0.0.0:0 26 27 13\n", "accept 5060-5061, 10000-20000 by INPUT 2"},
		"enough is left for one":                   {rules("2"), "9 198.51.100.7:0->0.0.0.0:0 25 27 13\n", "maybe 5060-5061, 10000-20000 by INPUT: " + what},
		"just what a packet costs":                 {once("srcip"), "9 198.51.100.7:0->0.0.0.0:0 13 27 13\n", "accept 5060-5061, 10000-20000 by INPUT 1"},
		"less":                                     {once("srcip"), "9 198.51.100.7:0->0.0.0.0:0 12 27 13\n", "maybe 5060-5061, 10000-20000 by INPUT: " + what},
		"another destination has used it up":       {once("dstip"), "9 0.0.0.0:0->192.0.2.9:0 0 27 13\n", "accept 5060-5061, 10000-20000 by INPUT 1"},
		"a line without an arrow is no bucket":     {once("srcip"), "9 198.51.100.7:0 26 27 13\n", "maybe 5060-5061, 10000-20000 by INPUT: " + what},
		"nor is one with another word for cost":    {once("srcip"), "9 198.51.100.7:0->0.0.0.0:0 26 27 x\n", "maybe 5060-5061, 10000-20000 by INPUT: " + what},
		"nor is one with another word for left":    {once("srcip"), "9 198.51.100.7:0->0.0.0.0:0 x 27 13\n", "maybe 5060-5061, 10000-20000 by INPUT: " + what},
		"nor is one whose source is no address":    {once("srcip"), "9 198.51.100:0->0.0.0.0:0 26 27 13\n", "maybe 5060-5061, 10000-20000 by INPUT: " + what},
		"nor is one whose port is no port":         {once("srcip"), "9 198.51.100.7:x->0.0.0.0:0 26 27 13\n", "maybe 5060-5061, 10000-20000 by INPUT: " + what},
		"nor is one to no address":                 {once("srcip"), "9 198.51.100.7:0->0.0.0:0 26 27 13\n", "maybe 5060-5061, 10000-20000 by INPUT: " + what},
		"a line with nothing in it is not a fault": {once("srcip"), "\n9 198.51.100.7:0->0.0.0.0:0 26 27 13\n", "accept 5060-5061, 10000-20000 by INPUT 1"},
	} {
		got := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, c.dump), packetfilter.ReadHashLimit(packetfilter.FamilyIP, "sip", c.buckets)).Evaluate(sipFrom("198.51.100.7/32"))
		if diff := cmp.Diff([]string{c.want}, toldAll(got)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}
