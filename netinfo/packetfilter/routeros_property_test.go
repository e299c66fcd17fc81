package packetfilter_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// said twice: the same rule for RouterOS and for iptables, whose front end the
// kernel has judged.
type saidTwice struct{ routerOS, iptables string }

// randomTwice is what a rule asks, of up to two things.
func randomTwice(r *rand.Rand) (out saidTwice) {
	protocol := ""
	for _, kind := range r.Perm(10)[:r.IntN(4)] {
		not, mark := "", ""
		if r.IntN(3) == 0 {
			not, mark = "! ", "!"
		}
		add := func(routerOS, iptables string) {
			out.routerOS, out.iptables = out.routerOS+" "+routerOS, out.iptables+" "+iptables
		}
		switch kind {
		case 0:
			net := fmt.Sprintf("10.0.0.%d/%d", r.IntN(16), 28+r.IntN(5))
			add("src-address="+mark+net, not+"-s "+net)
		case 1:
			a, b := 5050+r.IntN(8), 5058+r.IntN(8)
			routerOS, iptables := oneOf(r, "dst-port", "port"), "--ports"
			if routerOS == "dst-port" {
				iptables = "--dports"
			}
			if protocol == "" {
				protocol = "udp"
				add("protocol=udp", "-p udp")
			}
			add(fmt.Sprintf("%s=%s%d-%d", routerOS, mark, a, b), fmt.Sprintf("-m multiport %s%s %d:%d", not, iptables, a, b))
		case 3:
			if protocol == "" {
				protocol = oneOf(r, "tcp", "udp")
				add("protocol="+protocol, "-p "+protocol)
			}
		case 4:
			n := r.IntN(3)
			add("packet-mark="+mark+[]string{"no-mark", "one", "two"}[n], fmt.Sprintf("-m mark %s--mark 0x%x", not, n))
		case 5:
			name := oneOf(r, "bridge", "ether1")
			add("in-interface="+mark+name, not+"-i "+name)
		case 6:
			add("src-address-list="+mark+"nets", "-m set "+not+"--match-set nets src")
		case 7:
			states := oneOf(r, "new", "established,related", "invalid", "untracked")
			add("connection-state="+mark+states, "-m conntrack "+not+"--ctstate "+strings.ToUpper(states))
		case 8:
			add("connection-nat-state="+mark+"dstnat", "-m conntrack "+not+"--ctstate DNAT")
		case 9:
			add("dst-address-type="+mark+"local", "-m addrtype "+not+"--dst-type LOCAL")
		}
	}
	return out
}

func randomDeed(r *rand.Rand, table, chain string) saidTwice {
	list := []saidTwice{{"action=accept", "-j ACCEPT"}, {"action=log", "-j LOG"}}
	if chain == "own" {
		list = append(list, saidTwice{"action=return", "-j RETURN"})
	} else {
		list = append(list, saidTwice{"action=jump jump-target=own", "-j own"})
	}
	switch table {
	case "raw":
		list = append(list, saidTwice{"action=notrack", "-j NOTRACK"}, saidTwice{"action=drop", "-j DROP"})
	case "mangle":
		list = append(list, saidTwice{"action=mark-packet new-packet-mark=one", "-j MARK --set-xmark 0x1/0xffffffff"},
			saidTwice{"action=mark-packet new-packet-mark=two", "-j MARK --set-xmark 0x2/0xffffffff"})
	case "nat":
		list = append(list, saidTwice{"action=redirect protocol=udp to-ports=5055", "-p udp -j REDIRECT --to-ports 5055"},
			saidTwice{"action=dst-nat to-addresses=192.168.88.10", "-j DNAT --to-destination 192.168.88.10"})
	case "filter":
		list = append(list, saidTwice{"action=drop", "-j DROP"}, saidTwice{"action=reject", "-j REJECT --reject-with icmp-net-unreachable"})
	}
	return oneOf(r, list...)
}

// randomRouters are the same rules in both languages.
func randomRouters(r *rand.Rand) (export, saved string) {
	var a, b strings.Builder
	a.WriteString("/ip firewall service-port set sip disabled=yes\n/ip firewall address-list\nadd list=nets address=10.0.0.4/30\nadd list=nets address=10.0.0.9-10.0.0.11\n")
	bases := map[string][][2]string{
		"raw": {{"prerouting", "PREROUTING"}}, "mangle": {{"prerouting", "PREROUTING"}, {"forward", "FORWARD"}}, "nat": {{"dstnat", "PREROUTING"}},
		"filter": {{"input", "INPUT"}, {"forward", "FORWARD"}},
	}
	for _, table := range []string{"raw", "mangle", "nat", "filter"} {
		a.WriteString("/ip firewall " + table + "\n")
		b.WriteString("*" + table + "\n:own - [0:0]\n")
		for _, base := range bases[table] {
			b.WriteString(":" + base[1] + " ACCEPT [0:0]\n")
		}
		for _, chain := range append(bases[table], [2]string{"own", "own"}) {
			for range r.IntN(4) {
				m, d := randomTwice(r), randomDeed(r, table, chain[0])
				if strings.Contains(d.routerOS, "protocol=") && strings.Contains(m.routerOS, "protocol=") {
					continue // a rule names one protocol
				}
				fmt.Fprintf(&a, "add chain=%s%s %s\n", chain[0], m.routerOS, d.routerOS)
				fmt.Fprintf(&b, "-A %s%s %s\n", chain[1], m.iptables, d.iptables)
			}
		}
		b.WriteString("COMMIT\n")
	}
	return a.String(), b.String()
}

// What becomes of a packet does not depend on the language the rules are in.
func TestTheSameRulesOfMikroTikAndOfIPTables(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 1))
	verdicts := map[packetfilter.Decision]int{}
	for range 400 {
		export, saved := randomRouters(r)
		c, err := routeros.Read([]byte(export))
		if err != nil || len(c.Faults) > 0 {
			t.Fatal(err, c.Faults)
		}
		ours := packetfilter.New(packetfilter.ReadRouterOS(c))
		theirs := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, saved),
			packetfilter.ReadIPSetSave("create nets hash:net family inet\nadd nets 10.0.0.4/30\nadd nets 10.0.0.9/32\nadd nets 10.0.0.10/31\n"))
		for range 10 {
			class := packetfilter.Class{
				Protocol: oneOf[uint8](r, packetfilter.UDP, packetfilter.UDP, packetfilter.TCP), Hook: oneOf(r, packetfilter.HookInput, packetfilter.HookForward),
				In: oneOf(r, "bridge", "ether1"), Src: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(16))}), 32)},
				Dst: []netip.Prefix{netip.MustParsePrefix("203.0.113.2/32")}, DstPorts: ports(uint32(5050+r.IntN(16)), 0), SrcPorts: ports(40000, 40000),
				State: oneOf(r, packetfilter.StateNew, packetfilter.StateEstablished), Local: []netip.Addr{netip.MustParseAddr("203.0.113.2")},
				Host: packetfilter.RouterOSHost(c),
			}
			class.DstPorts[0].Hi = class.DstPorts[0].Lo
			if class.Hook == packetfilter.HookForward {
				class.Dst = []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32")}
			}
			want, got := fates(theirs.Evaluate(class)), fates(ours.Evaluate(class))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%+v\n%s\n%s\n(-iptables +RouterOS)\n%s", class, export, saved, diff)
			}
			for _, o := range ours.Evaluate(class).Outcomes {
				verdicts[o.Verdict]++
			}
		}
	}
	for _, v := range []packetfilter.Decision{packetfilter.Accepted, packetfilter.Dropped, packetfilter.Rejected} {
		if verdicts[v] < 20 {
			t.Errorf("only %d packets: %s", verdicts[v], v)
		}
	}
}

// fates are the verdicts with where packets go.
func fates(r packetfilter.Result) (list []string) {
	for _, o := range r.Outcomes {
		list = append(list, fmt.Sprint(o.Verdict, " ", o.Region.DstPort, " to ", o.ToAddrs, " ", o.ToPorts, " ", o.Possible))
	}
	return list
}
