package packetfilter_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// Sets that rules change, sets of rare kinds, and marks of which only a part is
// known.
func TestMarksAndSetsThatAreKnownInPart(t *testing.T) {
	const phone = "198.51.100.7/32"
	established := func(c *packetfilter.Class) { c.State = packetfilter.StateEstablished }
	marked := func(mark uint32) func(*packetfilter.Class) {
		return func(c *packetfilter.Class) {
			c.State, c.CtMark, c.CtMarkKnown = packetfilter.StateEstablished, mark, true
		}
	}
	icmp := func(c *packetfilter.Class) {
		c.Protocol, c.DstPorts = packetfilter.ICMP, nil
	}
	for name, c := range map[string]struct {
		rules []string
		sets  string
		ask   func(*packetfilter.Class)
		want  []string
	}{
		"a rule puts it into the set that the next one drops": {
			rules: []string{"-A INPUT -j SET --add-set bad src", "-A INPUT -m set --match-set bad src -j DROP"},
			sets:  "create bad hash:ip family inet\n",
			want:  []string{"drop 5060-5061, 10000-20000 by INPUT 2"},
		},
		"a rule takes it out of the set that the next one drops": {
			rules: []string{"-A INPUT -j SET --del-set bad src", "-A INPUT -m set --match-set bad src -j DROP"},
			sets:  "create bad hash:ip family inet\nadd bad 198.51.100.7\n",
			want:  []string{"accept 5060-5061, 10000-20000 by INPUT"},
		},
		"a rule puts where it goes into the set, and the next one asks where it comes from": {
			rules: []string{"-A INPUT -j SET --add-set bad dst", "-A INPUT -m set --match-set bad src -j DROP"},
			sets:  "create bad hash:ip family inet\n",
			want:  []string{"maybe 5060-5061, 10000-20000 by INPUT 2: set bad, which an earlier rule has changed"},
		},
		"a set of networks and interfaces, by the one it comes in": {
			rules: []string{"-A INPUT -m set --match-set wan src,src -j DROP"},
			sets:  "create wan hash:net,iface family inet\nadd wan 198.51.100.0/24,eth0\n",
			want:  []string{"drop 5060-5061, 10000-20000 by INPUT 1"},
		},
		"a set of networks and interfaces, by another one": {
			rules: []string{"-A INPUT -m set --match-set wan src,src -j DROP"},
			sets:  "create wan hash:net,iface family inet\nadd wan 198.51.100.0/24,eth1\n",
			want:  []string{"accept 5060-5061, 10000-20000 by INPUT"},
		},
		"a set whose listing ends too early, and it is not in what came": {
			rules: []string{"-A INPUT -m set --match-set bad src -j DROP"},
			sets:  "create bad hash:ip family inet\nadd bad 198.51.100.9\nadd bad 198.51",
			want:  []string{"maybe 5060-5061, 10000-20000 by INPUT 1: element 198.51 of set bad is not understood"},
		},
		"a set whose listing ends too early, and it is in what came": {
			rules: []string{"-A INPUT -m set --match-set bad src -j DROP"},
			sets:  "create bad hash:ip family inet\nadd bad 198.51.100.7\nadd bad 198.51",
			want:  []string{"drop 5060-5061, 10000-20000 by INPUT 1"},
		},
		"chains that call each other": {
			rules: []string{"-A INPUT -j f2b", "-A f2b -j fpbx", "-A fpbx -j f2b"},
			want:  []string{"maybe 5060-5061, 10000-20000 by f2b: chain f2b is reached from itself"},
		},
		"a bitmap of ports": {
			rules: []string{"-A INPUT -p udp -m set --match-set ports dst -j DROP"},
			sets:  "create ports bitmap:port range 5060-5070\nadd ports 5061\n",
			want:  []string{"drop 5061 by INPUT 1", "accept 5060, 10000-20000 by INPUT"},
		},
		"a bitmap of addresses": {
			rules: []string{"-A INPUT -m set --match-set bad src -j DROP"},
			sets:  "create bad bitmap:ip range 198.51.100.0/24\nadd bad 198.51.100.7\n",
			want:  []string{"drop 5060-5061, 10000-20000 by INPUT 1"},
		},
		"a ping in a set of addresses and kinds of ICMP": {
			rules: []string{"-A INPUT -m set --match-set pairs src,src -j DROP"},
			sets:  "create pairs hash:ip,port family inet\nadd pairs 198.51.100.7,icmp:echo-request\n",
			ask:   icmp,
			want:  []string{"drop 0 by INPUT 1"},
		},
		"a ping, and another kind of ICMP in the set": {
			rules: []string{"-A INPUT -m set --match-set pairs src,src -j DROP"},
			sets:  "create pairs hash:ip,port family inet\nadd pairs 198.51.100.7,icmp:echo-reply\n",
			ask:   icmp,
			want:  []string{"accept 0 by INPUT"},
		},
		"a mark that was set in part": {
			rules: []string{"-A INPUT -j MARK --set-xmark 0x3/0xf", "-A INPUT -m mark --mark 0x3/0xf -j DROP"},
			want:  []string{"drop 5060-5061, 10000-20000 by INPUT 2"},
		},
		"another mark that was set in part": {
			rules: []string{"-A INPUT -j MARK --set-xmark 0x3/0xf", "-A INPUT -m mark --mark 0x2/0xf -j DROP"},
			want:  []string{"accept 5060-5061, 10000-20000 by INPUT"},
		},
		"any mark but none": {
			rules: []string{"-A INPUT -j MARK --set-xmark 0x3/0xf", "-A INPUT -m mark ! --mark 0x0/0xff -j DROP"},
			want:  []string{"drop 5060-5061, 10000-20000 by INPUT 2"},
		},
		"the connection's mark, which no rule sets": {
			rules: []string{"-A INPUT -m connmark --mark 0x1/0x1 -j DROP"}, ask: established,
			want: []string{"accept 5060-5061, 10000-20000 by INPUT"},
		},
		"the connection's mark, which nobody knows": {
			rules: []string{"-A INPUT -p tcp -j CONNMARK --set-xmark 0x1/0x1", "-A INPUT -m connmark --mark 0x1/0x1 -j DROP"}, ask: established,
			want: []string{"maybe 5060-5061, 10000-20000 by INPUT 2: the connection mark"},
		},
		"the connection's mark, which is known": {
			rules: []string{"-A INPUT -m connmark --mark 0x1/0x1 -j DROP"}, ask: marked(3),
			want: []string{"drop 5060-5061, 10000-20000 by INPUT 1"},
		},
		"the connection's mark, which is another": {
			rules: []string{"-A INPUT -m connmark --mark 0x1/0x1 -j DROP"}, ask: marked(2),
			want: []string{"accept 5060-5061, 10000-20000 by INPUT"},
		},
		"the connection's mark becomes the packet's": {
			rules: []string{"-A INPUT -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff", "-A INPUT -m mark --mark 0x3/0xff -j DROP"}, ask: marked(3),
			want: []string{"drop 5060-5061, 10000-20000 by INPUT 2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			rules := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, inputRules("ACCEPT", c.rules...)), packetfilter.ReadIPSetSave(c.sets))
			class := sipFrom(phone)
			if c.ask != nil {
				c.ask(&class)
			}
			if diff := cmp.Diff(c.want, toldAll(rules.Evaluate(class))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// What REDIRECT makes of a port is what the filter sees.
func TestAPortThatIsRedirected(t *testing.T) {
	nat := "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -m udp --dport 5060 -j REDIRECT --to-ports 5080\nCOMMIT\n"
	for name, c := range map[string]struct {
		rule string
		want []string
	}{
		"the new port is dropped":    {"-A INPUT -p udp -m udp --dport 5080 -j DROP", []string{"drop 5060 by INPUT 1", "accept 5061, 10000-20000 by INPUT"}},
		"the old port is dropped":    {"-A INPUT -p udp -m udp --dport 5060 -j DROP", []string{"accept 5061, 10000-20000 by INPUT", "accept 5060 by PREROUTING 1"}},
		"the new address is dropped": {"-A INPUT -p udp -d 192.0.2.1/32 -m udp --dport 5080 -j DROP", []string{"drop 5060 by INPUT 1", "accept 5061, 10000-20000 by INPUT"}},
	} {
		t.Run(name, func(t *testing.T) {
			rules := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, nat+inputRules("ACCEPT", c.rule)))
			got := toldAll(rules.Evaluate(sipFrom("198.51.100.7/32")))
			slices.Sort(got)
			slices.Sort(c.want)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// An address that is written as IPv6 is the IPv4 address that it holds.
func TestAnAddressInTheClothesOfIPv6(t *testing.T) {
	rules := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, inputRules("ACCEPT", "-A INPUT -s 198.51.100.7/32 -j DROP")))
	plain, mapped, all := sipFrom("198.51.100.7/32"), sipFrom("198.51.100.7/32"), sipFrom("0.0.0.0/0")
	mapped.Src = []netip.Prefix{netip.MustParsePrefix("::ffff:198.51.100.7/128")}
	everyone := sipFrom("0.0.0.0/0")
	everyone.Src = []netip.Prefix{netip.MustParsePrefix("::ffff:0.0.0.0/96")}
	for _, pair := range [][2]packetfilter.Class{{plain, mapped}, {all, everyone}} {
		if a, b := toldAll(rules.Evaluate(pair[0])), toldAll(rules.Evaluate(pair[1])); !slices.Equal(a, b) {
			t.Errorf("%q and %q", a, b)
		}
	}
}
