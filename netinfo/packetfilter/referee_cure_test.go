//go:build linux

package packetfilter_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform"
)

// A cure is a promise: its commands are run, the next packet arrives, a packet
// to another own address, by another interface or to another port does not, and
// the undo leaves the rules as they were. All of it on the kernel.
func TestACureOpensWhatItSaysAndNothingElse(t *testing.T) {
	t.Parallel()
	if !alone(t) {
		return
	}
	g := newGround(t)
	sys := platform.ThisSystem()
	// Rules and policies, without counters and times.
	const all = "{ iptables-legacy-save; iptables-nft-save; nft -s list ruleset; } | grep -v '^#' | sed 's/\\[[0-9:]*\\]//'"
	shotTo := func(dst, in string, port uint16) shot {
		return shot{hook: "input", in: in, proto: protoUDP, src: netip.MustParseAddr("10.1.2.3"), dst: netip.MustParseAddr(dst), sport: 33000, dport: port}
	}
	const docker = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -m udp --dport 5061 -j DNAT --to-destination 203.0.113.2:5060\nCOMMIT\n" +
		"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -s 5.6.7.8/32 -j DROP\nCOMMIT\n"
	for _, tt := range []struct {
		name   string
		book   rulebook
		cured  shot
		closed []shot // stay closed
	}{
		{
			name:   "a rule about one own address",
			book:   rulebook{legacy4: "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -d 192.0.2.1/32 -i eth0 -j DROP\n-A INPUT -d 198.51.100.1/32 -j DROP\n-A INPUT -i eth1 -j DROP\nCOMMIT\n"},
			cured:  shotTo("192.0.2.1", "eth0", 5060),
			closed: []shot{shotTo("198.51.100.1", "eth0", 5060), shotTo("192.0.2.1", "eth1", 5060), shotTo("192.0.2.1", "eth0", 5061)},
		}, {
			name:   "a policy, and a rule that opens another address",
			book:   rulebook{nft4: "*filter\n:INPUT DROP [0:0]\n-A INPUT -d 198.51.100.1/32 -s 5.6.7.8/32 -j ACCEPT\nCOMMIT\n"},
			cured:  shotTo("192.0.2.1", "eth0", 5060),
			closed: []shot{shotTo("198.51.100.1", "eth0", 5060), shotTo("192.0.2.1", "eth0", 5061)},
		}, {
			name:   "nftables, one address and interface",
			book:   rulebook{nft: "table inet t {\nchain in { type filter hook input priority 0; policy accept;\niifname \"eth0\" ip daddr 192.0.2.1 counter drop\niifname \"eth1\" drop\nip daddr 198.51.100.1 drop\n}\n}\n"},
			cured:  shotTo("192.0.2.1", "eth0", 5060),
			closed: []shot{shotTo("198.51.100.1", "eth0", 5060), shotTo("192.0.2.1", "eth1", 5060), shotTo("192.0.2.1", "eth0", 5061)},
		}, {
			name:   "what is sent on to another machine",
			book:   rulebook{legacy4: docker},
			cured:  shotTo("192.0.2.1", "eth0", 5061),
			closed: nil,
		}, {
			name:  "an interface of its own",
			book:  rulebook{nft: "table netdev t {\nchain in { type filter hook ingress device \"eth0\" priority 0; policy accept;\nudp dport 5060 drop\n}\n}\n"},
			cured: shotTo("192.0.2.1", "eth0", 5060),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			must(t, g.load(tt.book))
			if got := g.fire(t, []shot{tt.cured}); got[0].verdict != "drop" {
				t.Fatalf("before the cure: %+v", got[0])
			}
			rules, _ := packetfilter.Load(t.Context(), sys)
			host, err := packetfilter.ReadHost(t.Context(), sys)
			must(t, err)
			c := tt.cured.class()
			c.Host, c.SrcPorts = host, nil
			out := rules.Evaluate(c).Outcomes
			if len(out) != 1 || out[0].Verdict != packetfilter.Dropped {
				t.Fatalf("the rules say %q", toldAll(packetfilter.Result{Outcomes: out}))
			}
			before := printed(t, all)
			steps := packetfilter.Plan(rules.Allow(packetfilter.NewWording(t.Context(), sys), c, out[0], netip.MustParsePrefix("10.1.2.3/32")).Rules)
			if len(steps) == 0 {
				t.Fatal("no cure")
			}
			for _, s := range steps {
				runAll(t, s.Do)
			}
			cured := tt.cured
			cured.sport++
			if got := g.fire(t, []shot{cured}); got[0].verdict != "accept" {
				t.Errorf("after the cure: %+v\n%s", got[0], printed(t, "iptables-legacy-save; iptables-nft-save; nft list ruleset"))
			}
			for i, got := range g.fire(t, tt.closed) {
				if got.verdict == "accept" {
					t.Errorf("the cure opens %v too", tt.closed[i])
				}
			}
			for _, s := range slices.Backward(steps) {
				runAll(t, s.Undo)
			}
			if d := cmp.Diff(before, printed(t, all)); d != "" {
				t.Errorf("the undo leaves (-before +after)\n%s", d)
			}
		})
	}
}
