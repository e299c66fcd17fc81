package uplink

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func at(s string) netip.Addr { return netip.MustParseAddr(s) }

// What hosts did: silent, answered, and so on.
func silent(a string) netinfo.Contact {
	return netinfo.Contact{Addr: at(a), Sent: 4, Silent: 1, WaitedMS: 3400}
}

func answered(a string) netinfo.Contact {
	return netinfo.Contact{Addr: at(a), Sent: 1, Answers: 1, WaitedMS: 3400}
}

func refusal(a, hop, meaning string) netinfo.Contact {
	prohibited := meaning == "communication administratively prohibited"
	return netinfo.Contact{Addr: at(a), Sent: 4, WaitedMS: 3400, Refusals: []netinfo.ICMPNote{{Hop: at(hop), Meaning: words.Cause(meaning), Prohibited: prohibited, Count: 4}}}
}

func TestWhetherAnybodyOutsideAnswers(t *testing.T) {
	const router = "192.168.88.1"
	cut := silent("9.9.9.9") // Ctrl-C after a second
	cut.Silent, cut.Sent, cut.WaitedMS = 0, 2, 900
	justLong := silent("9.9.9.9")
	justLong.Silent, justLong.Sent, justLong.WaitedMS = 0, 3, 2000
	justShort := justLong
	justShort.WaitedMS = 1999
	onceOnly := justLong
	onceOnly.Sent = 2
	filtered := netinfo.Contact{Addr: at("9.9.9.9"), Filtered: 4}
	tests := map[string]struct {
		contacts   []netinfo.Contact
		unresolved bool // ARP for the gateway fails
		named      []Named
		finding    string // ID, severity, confidence, title; empty: none
		unclear    bool
	}{
		"the Internet answers":           {contacts: []netinfo.Contact{silent("9.9.9.9"), answered("1.1.1.1")}},
		"nobody was asked":               {},
		"only the router was asked":      {contacts: []netinfo.Contact{answered(router), silent("192.168.88.53")}},
		"this machine's own filter":      {contacts: []netinfo.Contact{filtered}},
		"one server, and it is silent":   {contacts: []netinfo.Contact{silent("198.51.100.5")}, unclear: true},
		"given up before it was certain": {contacts: []netinfo.Contact{cut, silent("1.1.1.1")}},
		"a little less than long enough": {contacts: []netinfo.Contact{justShort, silent("1.1.1.1")}},
		"a little less than often":       {contacts: []netinfo.Contact{onceOnly, silent("1.1.1.1")}},
		"just long and often enough": {
			contacts: []netinfo.Contact{justLong, silent("1.1.1.1")},
			finding:  "uplink.no-internet critical likely: Nothing outside this network answers",
		},
		"two are silent": {
			contacts: []netinfo.Contact{silent("9.9.9.9"), silent("1.1.1.1"), answered(router)},
			finding:  "uplink.no-internet critical likely: Nothing outside this network answers",
		},
		"one is silent, one resets: somebody is there": {
			contacts: []netinfo.Contact{silent("9.9.9.9"), {Addr: at("198.51.100.5"), Resets: 1}},
		},
		"the router has no route; its ICMP is rate-limited": {
			contacts: []netinfo.Contact{refusal("9.9.9.9", router, "network unreachable"), silent("1.1.1.1")},
			finding:  "uplink.no-internet critical certain: The router 192.168.88.1 has no route to the Internet",
		},
		"the router has no route, to two": {
			contacts: []netinfo.Contact{refusal("9.9.9.9", router, "network unreachable"), refusal("8.8.8.8", router, "network unreachable"), silent("1.1.1.1")},
			finding:  "uplink.no-internet critical certain: The router 192.168.88.1 has no route to the Internet",
		},
		"the router has no route to the only server": {
			contacts: []netinfo.Contact{refusal("198.51.100.5", router, "host unreachable")},
			finding:  "uplink.no-internet critical certain: The router 192.168.88.1 has no route to the Internet",
		},
		"the provider's router has no route": {
			contacts: []netinfo.Contact{refusal("9.9.9.9", "203.0.113.1", "network unreachable"), refusal("8.8.8.8", "203.0.113.1", "network unreachable")},
			finding:  "uplink.no-internet critical certain: A router on the path, 203.0.113.1, has no route to the Internet",
		},
		"the router rejects everything": {
			contacts: []netinfo.Contact{refusal("9.9.9.9", router, "port unreachable"), refusal("8.8.8.8", router, "port unreachable")},
			finding:  "uplink.no-internet critical certain: The router 192.168.88.1 rejects all outbound traffic",
		},
		"the router resets every connection, even to those who surely listen": {
			contacts: []netinfo.Contact{{Addr: at("9.9.9.9"), Resets: 1, Sent: 4, WaitedMS: 3400}, {Addr: at("1.1.1.1"), Resets: 1}, {Addr: at("198.51.100.5"), Resets: 2}},
			finding:  "uplink.no-internet critical certain: A device on the path rejects all outbound traffic",
		},
		"two named servers reset": {contacts: []netinfo.Contact{{Addr: at("198.51.100.6"), Resets: 1}, {Addr: at("198.51.100.5"), Resets: 2}}},
		"a filter forbids one server, the others are silent": {
			contacts: []netinfo.Contact{refusal("198.51.100.5", router, "communication administratively prohibited"), silent("9.9.9.9")},
			finding:  "uplink.no-internet critical likely: Nothing outside this network answers",
		},
		"the address where nobody lives is silent, as it must be": {
			contacts: []netinfo.Contact{silent("192.0.2.53"), silent("198.51.100.5")}, unclear: true,
		},
		"a filter forbids one server": {
			contacts: []netinfo.Contact{refusal("198.51.100.5", router, "communication administratively prohibited")},
		},
		"a filter forbids one server, another answers": {
			contacts: []netinfo.Contact{refusal("198.51.100.5", router, "communication administratively prohibited"), answered("9.9.9.9")},
		},
		"the gateway is off": {
			contacts: []netinfo.Contact{refusal("9.9.9.9", "192.168.88.10", "host unreachable"), silent("1.1.1.1")},
			finding:  "uplink.gateway-silent critical certain: The gateway does not answer",
		},
		"the gateway is off, nobody was asked": {
			unresolved: true, finding: "uplink.gateway-silent warning likely: The gateway does not answer",
		},
		"ARP looks bad, but the Internet answers": {unresolved: true, contacts: []netinfo.Contact{answered("9.9.9.9")}},
		"IPv4 is silent, and a router far away has no IPv6": {
			contacts: []netinfo.Contact{silent("9.9.9.9"), silent("1.1.1.1"), refusal("2620:fe::fe", "2001:db8::fe", "no route"), refusal("2606:4700:4700::1111", "2001:db8::fe", "no route")},
			finding:  "uplink.no-internet critical likely: Nothing outside this network answers",
		},
		"IPv4 is silent, IPv6 answers": {contacts: []netinfo.Contact{silent("9.9.9.9"), silent("1.1.1.1"), answered("2620:fe::fe")}},
		"an office with IPv6 only": {
			contacts: []netinfo.Contact{silent("2620:fe::fe"), silent("2606:4700:4700::1111")},
			finding:  "uplink.no-internet critical likely: Nothing outside this network answers",
		},
		"a PBX in the house, no Internet": {
			contacts: []netinfo.Contact{silent("9.9.9.9"), silent("1.1.1.1"), answered("192.168.88.5")},
			named:    []Named{{Host: "pbx.lan", Kind: kindSIP, Addrs: []netip.Addr{at("192.168.88.5")}, Source: at("192.168.88.10")}},
			finding:  "uplink.no-internet warning likely: Nothing outside this network answers",
		},
		"a server with IPv6 only, and no IPv6 here": {
			contacts: []netinfo.Contact{answered("9.9.9.9")},
			named:    []Named{{Host: "six.example.net", Kind: kindSIP, Addrs: []netip.Addr{at("2001:db8::5")}, Error: "no route"}},
			finding:  "uplink.no-route critical certain: This machine has no IPv6 route, and six.example.net has only IPv6 addresses",
		},
		"a STUN server with IPv6 only is no disaster": {
			contacts: []netinfo.Contact{answered("9.9.9.9")},
			named:    []Named{{Host: "six.example.net", Kind: kindSTUN, Addrs: []netip.Addr{at("2001:db8::5")}, Error: "no route"}},
			finding:  "uplink.no-route warning certain: This machine has no IPv6 route, and six.example.net has only IPv6 addresses",
		},
		"a name that is not found is not a family": {
			contacts: []netinfo.Contact{answered("9.9.9.9")},
			named:    []Named{{Host: "six.example.net", Kind: kindSIP, Error: "no such host"}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := office(func(h *netinfo.Host) {
				h.Networks = []netip.Prefix{netip.MustParsePrefix("192.168.88.0/24")}
				h.Contacts, h.Uplink.GatewayUnresolved = tt.contacts, tt.unresolved
			})
			j := told(t, Observation{Named: tt.named}, h)
			got := ""
			if len(j.Findings) > 0 {
				f := j.Findings[0]
				got = f.ID + " " + string(f.Severity) + " " + string(f.Confidence) + ": " + f.Title
			}
			if diff := cmp.Diff(tt.finding, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if (j.Reason != "") != tt.unclear {
				t.Errorf("inconclusive because of %q", j.Reason)
			}
			if len(j.Findings) > 1 {
				t.Errorf("one cause is one finding, not %d", len(j.Findings))
			}
		})
	}
}
