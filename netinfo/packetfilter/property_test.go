package packetfilter_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// oneOf is one of several.
func oneOf[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// randomRules writes an iptables-save dump with the constructs that split
// classes, among them matches that nobody can know.
func randomRules(r *rand.Rand) string {
	var b strings.Builder
	for _, table := range []string{"raw", "mangle", "nat", "filter"} {
		if table != "filter" && r.IntN(2) == 0 {
			continue
		}
		fmt.Fprintf(&b, "*%s\n", table)
		base := "PREROUTING"
		if table == "filter" {
			base = "INPUT"
		}
		fmt.Fprintf(&b, ":%s %s [0:0]\n:one - [0:0]\n:two - [0:0]\n", base, oneOf(r, "ACCEPT", "DROP"))
		for _, chain := range []string{base, "one", "two"} {
			for range 1 + r.IntN(5) {
				fmt.Fprintf(&b, "-A %s%s%s\n", chain, randomMatches(r), randomTarget(r, table, chain))
			}
		}
		b.WriteString("COMMIT\n")
	}
	return b.String()
}

func randomMatches(r *rand.Rand) string {
	var b strings.Builder
	not := func() string { return oneOf(r, "", "", "! ") }
	for range r.IntN(3) {
		switch r.IntN(9) {
		case 0:
			fmt.Fprintf(&b, " %s-s 10.0.0.%d/%d", not(), r.IntN(16), 28+r.IntN(5))
		case 1:
			fmt.Fprintf(&b, " -p udp -m udp %s--dport %d:%d", not(), 5050+r.IntN(8), 5058+r.IntN(8))
		case 2:
			fmt.Fprintf(&b, " -p udp -m multiport %s--ports %d,%d:%d", not(), 5050+r.IntN(16), 5050+r.IntN(5), 5056+r.IntN(9))
		case 3:
			fmt.Fprintf(&b, " -m mark %s--mark 0x%x/0x3", not(), r.IntN(4))
		case 4:
			fmt.Fprintf(&b, " -m set %s--match-set %s", not(), oneOf(r, "nets src", "pairs src,dst", "ports dst", "both src"))
		case 5:
			b.WriteString(oneOf(r, " -m limit --limit 5/min", ` -m string --string "scanner" --algo bm`, " -i eth0", " -i eth1"))
		case 6:
			fmt.Fprintf(&b, " -m recent %s--rcheck --seconds 60 --hitcount %d --name seen --rsource", not(), 1+r.IntN(3))
		case 7:
			fmt.Fprintf(&b, " -m iprange %s--src-range 10.0.0.%d-10.0.0.%d", not(), r.IntN(8), 8+r.IntN(8))
		case 8:
			fmt.Fprintf(&b, " -m conntrack %s--ctstate %s", not(), oneOf(r, "NEW", "ESTABLISHED,RELATED", "INVALID", "UNTRACKED", "DNAT"))
		}
	}
	return b.String()
}

func randomTarget(r *rand.Rand, table, chain string) string {
	list := []string{" -j ACCEPT", " -j ACCEPT", " -j RETURN", " -j MARK --set-xmark 0x1/0x3", " -j MARK --set-xmark 0x2/0x2",
		" -m recent --set --name seen --rsource", " -m recent --remove --name seen --rsource", " -j LOG", ""}
	if chain != "two" {
		list = append(list, " -j two", " -g two", " -j two")
	}
	if chain != "two" && chain != "one" {
		list = append(list, " -j one", " -g one", " -j one")
	}
	switch table {
	case "raw":
		list = append(list, " -j NOTRACK", " -j DROP")
	case "nat":
		list = append(list, " -p udp -j REDIRECT --to-ports 5055", " -p udp -j DNAT --to-destination 10.0.0.200:5051-5054", " -j DNAT --to-destination 192.0.2.9")
	case "filter":
		list = append(list, " -j DROP", " -j REJECT", " -j SET --add-set nets src")
	default:
		list = append(list, " -j DROP")
	}
	return oneOf(r, list...)
}

const randomSets = `create nets hash:net family inet hashsize 64 maxelem 65536
add nets 10.0.0.0/29
add nets 10.0.0.2/31 nomatch
add nets 10.0.0.3
add nets 10.0.0.13
create pairs hash:ip,port family inet hashsize 64 maxelem 65536
add pairs 10.0.0.5,udp:5060
add pairs 10.0.0.5,udp:5061
add pairs 10.0.0.6,tcp:5060
add pairs 10.0.0.9,udp:5052
create ports bitmap:port range 0-65535
add ports 5055
add ports 5060
create both list:set size 8
add both nets
`

const randomRecent = `src=10.0.0.4 ttl: 64 last_seen: 1000000 oldest_pkt: 2 999000, 1000000
src=10.0.0.5 ttl: 64 last_seen: 900000 oldest_pkt: 1 900000
src=10.0.0.7 ttl: 64 last_seen: 1000000 oldest_pkt: 3 999800, 999900, 1000000
`

// A verdict for a whole range must be the verdict for each packet in it, and
// every packet must be in exactly one outcome.
func TestVerdictForARangeIsTheVerdictForEachPacket(t *testing.T) {
	const rulesets, packets = 400, 40
	for seed := range uint64(rulesets) {
		r := rand.New(rand.NewPCG(seed, 1))
		dump := randomRules(r)
		rules := packetfilter.New(
			packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, dump),
			packetfilter.ReadIPSetSave(randomSets),
			packetfilter.ReadRecent("seen", randomRecent, packetfilter.Clock{Jiffies: 1_000_250, Hz: 250}))
		if len(rules.Faults) > 0 {
			t.Fatalf("seed %d: %v\n%s", seed, rules.Faults, dump)
		}
		class := packetfilter.Class{
			Protocol: packetfilter.UDP, Src: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/28")},
			SrcPorts: packetfilter.NumSet{{Lo: 5050, Hi: 5066}}, DstPorts: packetfilter.NumSet{{Lo: 5050, Hi: 5066}},
			Dst: []netip.Prefix{netip.MustParsePrefix("10.0.0.200/32")}, Local: []netip.Addr{netip.MustParseAddr("10.0.0.200")},
			State: oneOf(r, packetfilter.StateNew, packetfilter.StateNew, packetfilter.StateEstablished),
		}
		whole := rules.Evaluate(class)
		for range packets {
			src := netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(16))})
			sport, dport := uint16(5050+r.IntN(17)), uint16(5050+r.IntN(17))
			one := class
			one.Src = []netip.Prefix{netip.PrefixFrom(src, 32)}
			one.SrcPorts, one.DstPorts = packetfilter.OneNum(packetfilter.Num(sport)), packetfilter.OneNum(packetfilter.Num(dport))
			alone := rules.Evaluate(one).Outcomes
			if len(alone) != 1 {
				t.Fatalf("seed %d: one packet from %s has %d outcomes\n%s", seed, src, len(alone), dump)
			}
			var in []packetfilter.Outcome
			for _, o := range whole.Outcomes {
				if o.Region.Contains(src, class.Dst[0].Addr(), sport, dport) {
					in = append(in, o)
				}
			}
			if len(in) != 1 {
				t.Fatalf("seed %d: packet %s:%d to port %d is in %d outcomes of the range, want one\n%s", seed, src, sport, dport, len(in), dump)
			}
			if in[0].Verdict != alone[0].Verdict {
				t.Fatalf("seed %d: packet %s:%d to port %d alone: %s (%v), in the range: %s (%v)\n%s", seed, src, sport, dport,
					alone[0].Verdict, alone[0].Reasons, in[0].Verdict, in[0].Reasons, dump)
			}
			if (in[0].Verdict == packetfilter.Maybe) != (len(in[0].Reasons) > 0) {
				t.Fatalf("seed %d: verdict %s with reasons %q\n%s", seed, in[0].Verdict, in[0].Reasons, dump)
			}
		}
	}
}
