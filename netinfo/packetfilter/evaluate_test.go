package packetfilter_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// told is an outcome in a few words: "reject udp 5060-5061 by f2b 1".
func told(o packetfilter.Outcome) string {
	by := "nobody"
	if o.Decider.Chain != nil {
		by = o.Decider.Chain.Name
		if o.Decider.Rule != nil {
			by += fmt.Sprint(" ", o.Decider.Rule.Position)
		}
	} else if o.Verdict != packetfilter.Accepted && o.Decider.Why != "" {
		by = said(o.Decider.Why)
	}
	s := fmt.Sprintf("%s %s by %s", o.Verdict, o.Region.DstPort, by)
	if len(o.Reasons) > 0 {
		s += ": " + strings.Join(allSaid(o.Reasons), "; ")
	}
	return s
}

func toldAll(r packetfilter.Result) []string {
	var list []string
	for _, o := range r.Outcomes {
		list = append(list, told(o))
	}
	return list
}

// inputRules is a filter table around rules of INPUT and other chains.
func inputRules(policy string, rules ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*filter\n:INPUT %s [0:0]\n:f2b - [0:0]\n:fpbx - [0:0]\n", policy)
	for _, r := range rules {
		b.WriteString(r + "\n")
	}
	b.WriteString("COMMIT\n")
	return b.String()
}

func sipFrom(addr string) packetfilter.Class {
	return packetfilter.Class{
		Protocol: packetfilter.UDP, Src: []netip.Prefix{netip.MustParsePrefix(addr)}, In: "eth0",
		DstPorts: packetfilter.NumSet{{Lo: 5060, Hi: 5061}, {Lo: 10000, Hi: 20000}},
		Local:    []netip.Addr{netip.MustParseAddr("192.0.2.1")},
	}
}

func TestWhatBecomesOfAPhone(t *testing.T) {
	const phone = "198.51.100.7/32"
	for name, c := range map[string]struct {
		dump string
		sets string
		ask  func(*packetfilter.Class)
		from string
		want []string
	}{
		"an empty table lets everything in": {
			dump: inputRules("ACCEPT"), want: []string{"accept 5060-5061, 10000-20000 by INPUT"},
		},
		"banned on the SIP ports, the media ports stay open": {
			dump: inputRules("ACCEPT", "-A INPUT -p udp -m multiport --dports 5060,5061 -j f2b", "-A f2b -s 198.51.100.7/32 -j REJECT --reject-with icmp-port-unreachable", "-A f2b -j RETURN"),
			want: []string{"reject 5060-5061 by f2b 1", "accept 10000-20000 by INPUT"},
		},
		"a ban of TCP does not touch UDP": {
			dump: inputRules("ACCEPT", "-A INPUT -p tcp -j f2b", "-A f2b -s 198.51.100.7/32 -j DROP"),
			want: []string{"accept 5060-5061, 10000-20000 by INPUT"},
		},
		"an accept before the ban wins": {
			dump: inputRules("ACCEPT", "-A INPUT -s 198.51.100.0/24 -j ACCEPT", "-A INPUT -s 198.51.100.7/32 -j DROP"),
			want: []string{"accept 5060-5061, 10000-20000 by INPUT 1"},
		},
		"half of a network is banned": {
			dump: inputRules("ACCEPT", "-A INPUT -s 198.51.100.0/25 -j DROP"), from: "198.51.100.0/24",
			want: []string{"drop 5060-5061, 10000-20000 by INPUT 1", "accept 5060-5061, 10000-20000 by INPUT"},
		},
		"old versions write the negation behind the option": {
			dump: inputRules("DROP", "-A INPUT -s ! 203.0.113.0/24 -p udp --dport ! 5061 -j ACCEPT"),
			want: []string{"drop 5061 by INPUT", "accept 5060, 10000-20000 by INPUT 1"},
		},
		"a goto does not come back to the rules behind it": {
			dump: inputRules("DROP", "-A INPUT -g f2b", "-A INPUT -j ACCEPT", "-A f2b -s 192.0.2.9/32 -j ACCEPT"),
			want: []string{"drop 5060-5061, 10000-20000 by INPUT"},
		},
		"FreePBX marks signalling and asks for the mark later": {
			dump: inputRules("ACCEPT", "-A INPUT -p udp -m udp --dport 5060 -j MARK --set-xmark 0x3/0xffffffff", "-A INPUT -m mark --mark 0x2/0x2 -j ACCEPT", "-A INPUT -j DROP"),
			want: []string{"drop 5061, 10000-20000 by INPUT 3", "accept 5060 by INPUT 2"},
		},
		"a rate limit is a maybe with its reason": {
			dump: inputRules("DROP", "-A INPUT -p udp -m udp --dport 5060 -m limit --limit 5/min -j ACCEPT"),
			want: []string{"drop 5061, 10000-20000 by INPUT", "maybe 5060 by INPUT: limit --limit 5/min"},
		},
		"a limit on logging changes nothing": {
			dump: inputRules("DROP", `-A INPUT -m limit --limit 5/min -j LOG --log-prefix "in: "`, "-A INPUT -m limit --limit 9/min -j f2b", "-A f2b -j LOG"),
			want: []string{"drop 5060-5061, 10000-20000 by INPUT"},
		},
		"an unknown match that both ways end in a drop is no maybe": {
			dump: inputRules("DROP", `-A INPUT -m string --string "friendly-scanner" --algo bm -j DROP`),
			want: []string{"drop 5060-5061, 10000-20000 by INPUT 1"},
		},
		"a match that nobody knows is named": {
			dump: inputRules("ACCEPT", "-A INPUT -m frobnicate --level 3 -j DROP"),
			want: []string{"maybe 5060-5061, 10000-20000 by INPUT 1: frobnicate --level 3"},
		},
		"a target that nobody knows is named": {
			dump: inputRules("ACCEPT", "-A INPUT -p udp -m udp --dport 5060 -j FROBNICATE --level 3"),
			want: []string{"maybe 5060 by INPUT 1: what FROBNICATE --level 3 does with the packet", "accept 5061, 10000-20000 by INPUT"},
		},
		"established packets pass where new ones do not": {
			dump: inputRules("DROP", "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
			ask:  func(c *packetfilter.Class) { c.State = packetfilter.StateEstablished },
			want: []string{"accept 5060-5061, 10000-20000 by INPUT 1"},
		},
		"in an ipset with an exception": {
			dump: inputRules("ACCEPT", "-A INPUT -m set --match-set voipbl src -j DROP"),
			sets: "create voipbl hash:net family inet hashsize 64 maxelem 9\nadd voipbl 198.51.100.0/24\nadd voipbl 198.51.100.4/30 nomatch\n",
			want: []string{"accept 5060-5061, 10000-20000 by INPUT"},
		},
		"in an ipset of addresses and ports": {
			dump: inputRules("ACCEPT", "-A INPUT -m set --match-set pairs src,dst -j DROP"),
			sets: "create pairs hash:ip,port family inet\nadd pairs 198.51.100.7,udp:5061\nadd pairs 198.51.100.7,tcp:5060\n",
			want: []string{"drop 5061 by INPUT 1", "accept 5060, 10000-20000 by INPUT"},
		},
		"in an ipset of networks and ports with an exception": {
			dump: inputRules("ACCEPT", "-A INPUT -m set --match-set pairs src,dst -j DROP"),
			sets: "create pairs hash:net,port family inet\nadd pairs 198.51.100.0/24,udp:5060-5061\nadd pairs 198.51.100.0/28,udp:5061 nomatch\n",
			want: []string{"drop 5060 by INPUT 1", "accept 5061, 10000-20000 by INPUT"},
		},
		"in a set of a list of sets": {
			dump: inputRules("ACCEPT", "-A INPUT -m set --match-set all src -j DROP"),
			sets: "create all list:set size 8\ncreate bad hash:ip family inet\nadd bad 198.51.100.7\nadd all bad\n",
			want: []string{"drop 5060-5061, 10000-20000 by INPUT 1"},
		},
		"in a set that was not listed": {
			dump: inputRules("ACCEPT", "-A INPUT -m set --match-set gone src -j DROP"),
			want: []string{"maybe 5060-5061, 10000-20000 by INPUT 1: set gone was not listed"},
		},
		"the port that redirection gives is what the filter sees": {
			dump: "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -m udp --dport 5061 -j REDIRECT --to-ports 5070\nCOMMIT\n" + inputRules("DROP", "-A INPUT -p udp -m udp --dport 5070 -j ACCEPT"),
			want: []string{"drop 5060, 10000-20000 by INPUT", "accept 5061 by INPUT 1"},
		},
		"forwarded ports leave for the machine behind": {
			dump: "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -m udp --dport 10000:20000 -j DNAT --to-destination 10.0.0.5\nCOMMIT\n" +
				"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n-A FORWARD -d 10.0.0.5/32 -p udp -m udp --dport 10000:15000 -j ACCEPT\nCOMMIT\n",
			ask: func(c *packetfilter.Class) {
				c.Host = &packetfilter.Host{Switches: map[string]int{"ipv4/ip_forward": 1}}
			},
			want: []string{"accept 5060-5061 by INPUT", "drop 15001-20000 by FORWARD", "accept 10000-15000 by FORWARD 1"},
		},
		"packets out of tracking are not new": {
			dump: "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -m udp --dport 10000:20000 -j NOTRACK\nCOMMIT\n" + inputRules("DROP", "-A INPUT -m conntrack --ctstate NEW -j ACCEPT"),
			want: []string{"drop 10000-20000 by INPUT", "accept 5060-5061 by INPUT 1"},
		},
		"rules of another interface do not count": {
			dump: inputRules("DROP", "-A INPUT -i lo -j ACCEPT", "-A INPUT -i tun+ -j ACCEPT", "-A INPUT -i eth+ -j ACCEPT"),
			want: []string{"accept 5060-5061, 10000-20000 by INPUT 3"},
		},
		"which interface it is matters, and is not known": {
			dump: inputRules("DROP", "-A INPUT -i eth1 -j ACCEPT"), ask: func(c *packetfilter.Class) { c.In = "" },
			want: []string{"maybe 5060-5061, 10000-20000 by INPUT: whether the packet comes in by eth1"},
		},
		"which interface it is does not matter": {
			dump: inputRules("DROP", "-A INPUT -i eth0 -j ACCEPT", "-A INPUT ! -i eth0 -j ACCEPT"), ask: func(c *packetfilter.Class) { c.In = "" },
			want: []string{"accept 5060-5061, 10000-20000 by INPUT 1"},
		},
		"chains that jump in a circle": {
			dump: inputRules("DROP", "-A INPUT -j f2b", "-A f2b -j fpbx", "-A fpbx -j f2b"),
			want: []string{"maybe 5060-5061, 10000-20000 by f2b: chain f2b is reached from itself"},
		},
		"a listing that was cut off": {
			dump: "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p udp -m udp --dport 5060 -j DROP\n",
			want: []string{"drop 5060 by INPUT 1", "maybe 5061, 10000-20000 by INPUT: the listing of chain INPUT may lack rules"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			class := sipFrom(phone)
			if c.from != "" {
				class = sipFrom(c.from)
			}
			if c.ask != nil {
				c.ask(&class)
			}
			rules := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, c.dump), packetfilter.ReadIPSetSave(c.sets))
			if diff := cmp.Diff(c.want, toldAll(rules.Evaluate(class))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestBothBackEndsMustLetAPacketIn(t *testing.T) {
	open := packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, inputRules("ACCEPT", "-A INPUT -s 198.51.100.7/32 -j ACCEPT"))
	closed := packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, inputRules("ACCEPT", "-A INPUT -s 198.51.100.7/32 -j DROP"))
	got := packetfilter.New(open, closed).Evaluate(sipFrom("198.51.100.7/32"))
	if len(got.Outcomes) != 1 || got.Outcomes[0].Verdict != packetfilter.Dropped {
		t.Fatalf("an accept of iptables-nft overruled a drop of iptables-legacy: %q", toldAll(got))
	}
	if tool := got.Outcomes[0].Decider.Chain.Table().Tool; tool != packetfilter.ToolIPTablesLegacy {
		t.Errorf("blamed %s", tool)
	}
}

func TestRecentListOfFreePBX(t *testing.T) {
	const list = "src=198.51.100.7 ttl: 57 last_seen: 1000000 oldest_pkt: 2 975000, 1000000\nsrc=198.51.100.8 ttl: 57 last_seen: 250000 oldest_pkt: 1 250000\n"
	clock := packetfilter.Clock{Jiffies: 1_002_500, Hz: 250} // ten seconds after the last packet
	drop := func(options string) string {
		return inputRules("ACCEPT", "-A INPUT -m recent "+options+" --name ATTACKER --mask 255.255.255.255 --rsource -j DROP")
	}
	for name, c := range map[string]struct {
		dump, from, list string
		clock            packetfilter.Clock
		unread           bool
		want             packetfilter.Decision
	}{
		"on the list":                                  {drop("--rcheck"), "198.51.100.7/32", list, clock, false, packetfilter.Dropped},
		"not on the list":                              {drop("--rcheck --seconds 60"), "198.51.100.9/32", list, packetfilter.Clock{}, false, packetfilter.Accepted},
		"once in the last minute":                      {drop("--rcheck --seconds 60 --hitcount 1"), "198.51.100.7/32", list, clock, false, packetfilter.Dropped},
		"not twice in the last minute":                 {drop("--rcheck --seconds 60 --hitcount 2"), "198.51.100.7/32", list, clock, false, packetfilter.Accepted},
		"twice in five minutes":                        {drop("--rcheck --seconds 300 --hitcount 2"), "198.51.100.7/32", list, clock, false, packetfilter.Dropped},
		"within a time that wraps round to 26 seconds": {drop("--rcheck --seconds 18446744100 --hitcount 2"), "198.51.100.7/32", list, clock, false, packetfilter.Dropped},
		"within the longest time there is":             {drop("--rcheck --seconds 9223372036854775807 --hitcount 2"), "198.51.100.7/32", list, clock, false, packetfilter.Dropped},
		"seen an hour ago":                             {drop("--rcheck --seconds 60"), "198.51.100.8/32", list, clock, false, packetfilter.Accepted},
		"when is not known without the clock":          {drop("--rcheck --seconds 60"), "198.51.100.7/32", list, packetfilter.Clock{}, false, packetfilter.Maybe},
		"the list was not read":                        {drop("--rcheck --seconds 60"), "198.51.100.7/32", "", clock, true, packetfilter.Maybe},
		"put on the list by the rule before":           {inputRules("ACCEPT", "-A INPUT -m recent --set --name ATTACKER --rsource", "-A INPUT -m recent --rcheck --seconds 9 --hitcount 1 --name ATTACKER --rsource -j DROP"), "198.51.100.9/32", "", clock, true, packetfilter.Dropped},
		"taken off the list by the rule before":        {inputRules("ACCEPT", "-A INPUT -m recent --remove --name ATTACKER --rsource", "-A INPUT -m recent --rcheck --name ATTACKER --rsource -j DROP"), "198.51.100.7/32", list, clock, false, packetfilter.Accepted},
		"the packet itself is the one too many":        {inputRules("ACCEPT", "-A INPUT -m recent --set --name ATTACKER --rsource", "-A INPUT -m recent --rcheck --seconds 60 --hitcount 2 --name ATTACKER --rsource -j DROP"), "198.51.100.7/32", list, clock, false, packetfilter.Dropped},
		"everybody but those on the list is shut out":  {drop("! --rcheck"), "198.51.100.9/32", list, clock, false, packetfilter.Dropped},
	} {
		t.Run(name, func(t *testing.T) {
			parts := []packetfilter.Parts{packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, c.dump)}
			if !c.unread {
				parts = append(parts, packetfilter.ReadRecent("ATTACKER", c.list, c.clock))
			}
			got := packetfilter.New(parts...).Evaluate(sipFrom(c.from))
			if len(got.Outcomes) != 1 || got.Outcomes[0].Verdict != c.want {
				t.Errorf("want %s, got %q", c.want, toldAll(got))
			}
		})
	}
}

func TestOfIPv6AndICMP(t *testing.T) {
	dump := inputRules("DROP", "-A INPUT -s 2001:db8::/32 -p udp -m udp --dport 5060 -j ACCEPT", "-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j ACCEPT")
	rules := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIP6TablesNFT, dump))
	class := sipFrom("2001:db8::7/128")
	if diff := cmp.Diff([]string{"drop 5061, 10000-20000 by INPUT", "accept 5060 by INPUT 1"}, toldAll(rules.Evaluate(class))); diff != "" {
		t.Errorf("SIP over IPv6 (-want +got)\n%s", diff)
	}
	ping := packetfilter.Class{Protocol: packetfilter.ICMPv6, Src: class.Src}
	if diff := cmp.Diff([]string{"accept 0 by INPUT 2"}, toldAll(rules.Evaluate(ping))); diff != "" {
		t.Errorf("ping (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"accept 5060-5061, 10000-20000 by nobody"}, toldAll(rules.Evaluate(sipFrom("198.51.100.7/32")))); diff != "" {
		t.Errorf("IPv4 meets no rule of ip6tables (-want +got)\n%s", diff)
	}
}
