//go:build linux

package packetfilter_test

import (
	"fmt"
	"strings"
)

// iptables makes input for iptables-restore.
func (d *dice) iptables(v6 bool) []line {
	var out []line
	hook := map[string]string{"input": "INPUT", "forward": "FORWARD", "output": "OUTPUT"}[d.hook]
	first := "PREROUTING"
	if d.hook == "output" {
		first = "OUTPUT"
	}
	if d.chance(20) {
		out = append(out, d.table(v6, "raw", []string{first}, 3)...)
	}
	if d.chance(40) {
		out = append(out, d.table(v6, "mangle", []string{first, hook}, 5)...)
	}
	if d.mayRedirect(v6) {
		out = append(out, d.table(v6, "nat", []string{first}, 3)...)
	}
	return append(out, d.table(v6, "filter", []string{hook}, 4+d.IntN(14))...)
}

func (d *dice) table(v6 bool, name string, hooks []string, n int) []line {
	out := []line{{"*" + name, true}}
	for _, h := range dedupe(hooks) {
		policy := "ACCEPT"
		if name == "filter" && d.chance(35) {
			policy = "DROP"
		}
		out = append(out, line{":" + h + " " + policy + " [0:0]", true})
	}
	users := []string{}
	if name == "filter" || name == "mangle" {
		users = []string{"first", "second", "third"}[:d.IntN(4)]
	}
	for _, u := range users {
		out = append(out, line{":" + u + " - [0:0]", true})
	}
	for range n {
		at := pick(d, hooks...)
		later := users
		if len(users) > 0 && d.chance(50) {
			i := d.IntN(len(users))
			at, later = users[i], users[i+1:]
		}
		out = append(out, line{"-A " + at + d.rule(v6, name, at, later), false})
	}
	return append(out, line{"COMMIT", true})
}

func dedupe(list []string) []string {
	var out []string
	for _, x := range list {
		if len(out) == 0 || out[len(out)-1] != x {
			out = append(out, x)
		}
	}
	return out
}

// rule makes matches and a target.
func (d *dice) rule(v6 bool, table, chain string, users []string) string {
	proto := pick(d, "", "", "udp", "udp", "tcp", "tcp", "icmp", "all")
	target := d.target(v6, table, chain, proto, users)
	if strings.HasPrefix(target, "-j REDIRECT") && proto != "udp" && proto != "tcp" {
		proto = "udp"
	}
	if strings.Contains(target, "tcp-reset") {
		proto = "tcp"
	}
	var b strings.Builder
	if proto != "" {
		p := proto
		if v6 && p == "icmp" {
			p = "ipv6-icmp"
		}
		not := ""
		if !strings.Contains(target, "reset") && !strings.Contains(target, "REDIRECT") && proto != "all" && d.chance(6) {
			not = "! "
		}
		b.WriteString(" " + not + "-p " + p)
		if not != "" {
			proto = ""
		}
	}
	if d.chance(45) && d.hook != "output" {
		net := d.net(v6)
		if !strings.HasSuffix(net, "/0") { // nothing is not in that
			net = d.not(20) + "-s " + net
		} else {
			net = "-s " + net
		}
		b.WriteString(" " + net)
	}
	if d.chance(20) && !d.redirects {
		b.WriteString(" " + d.not(20) + "-d " + d.dstNet(v6))
	}
	if d.chance(12) && d.hook != "output" && chain != "OUTPUT" {
		b.WriteString(" " + d.not(25) + "-i " + pick(d, "eth0", "eth1", "eth+", "wlan0"))
	}
	for _, m := range d.matches(v6, proto, table) {
		b.WriteString(" " + m)
	}
	if d.chance(10) {
		b.WriteString(" -m comment --comment \"" + pick(d, "allow the office", "it's \\\"quoted\\\"", "x") + "\"")
	}
	return b.String() + " " + target
}

func (d *dice) matches(v6 bool, proto, table string) []string {
	var out []string
	if proto == "udp" || proto == "tcp" {
		switch d.IntN(7) {
		case 0, 1:
			out = append(out, "-m "+proto+" "+d.not(15)+"--dport "+d.portRange(":"))
		case 2:
			out = append(out, fmt.Sprintf("-m %s %s--dport %d", proto, d.not(15), d.port()))
		case 3:
			out = append(out, fmt.Sprintf("-m multiport %s--%s %d,%s,%d", d.not(15), pick(d, "dports", "dports", "ports"), d.port(), d.portRange(":"), d.port()))
		case 4:
			out = append(out, fmt.Sprintf("-m %s %s--sport %s", proto, d.not(15), d.portRange(":")))
		}
	}
	if proto == "tcp" && d.chance(20) {
		out = append(out, pick(d, "-m tcp --syn", "-m tcp ! --syn", "-m tcp --tcp-flags SYN,ACK SYN", "-m tcp --tcp-flags ALL NONE", "-m tcp --tcp-flags SYN,FIN SYN,FIN"))
	}
	if proto == "icmp" && d.chance(50) {
		if v6 {
			out = append(out, "-m icmp6 "+d.not(20)+"--icmpv6-type "+pick(d, "echo-request", "128", "129", "destination-unreachable", "1/0"))
		} else {
			out = append(out, "-m icmp "+d.not(20)+"--icmp-type "+pick(d, "echo-request", "8", "0", "3/1", "8/0", "any"))
		}
	}
	for range d.IntN(2) + d.IntN(2) {
		if m := d.extra(v6, table); m != "" {
			out = append(out, m)
		}
	}
	return out
}

func (d *dice) extra(v6 bool, table string) string {
	n := d.IntN(9)
	switch {
	case n == 0:
		lo, hi := d.host(v6), d.host(v6)
		if hi.Less(lo) {
			lo, hi = hi, lo
		}
		return fmt.Sprintf("-m iprange %s--src-range %v-%v", d.not(20), lo, hi)
	case n > 0 && n < 4 && d.noMarks:
		return ""
	case n == 1 || n == 2:
		return "-m mark " + d.not(20) + "--mark " + d.mark() + pick(d, "", "", "/0x1", "/0xff", "/0x80000000")
	case n == 3 && table != "raw":
		return "-m connmark " + d.not(20) + "--mark " + d.mark() + pick(d, "", "/0xf")
	case n == 4 && table != "raw" && d.redirects:
		// Whether a packet was rewritten hangs on the address it came for, see
		// redirects.
		return "-m conntrack " + d.not(20) + "--ctstate " + pick(d, "NEW", "RELATED,ESTABLISHED", "INVALID", "NEW,UNTRACKED", "UNTRACKED", "ESTABLISHED")
	case n == 4 && table != "raw":
		return "-m conntrack " + d.not(20) + "--ctstate " + pick(d, "NEW", "RELATED,ESTABLISHED", "INVALID", "NEW,UNTRACKED", "UNTRACKED", "ESTABLISHED", "DNAT", "NEW,DNAT")
	case n == 5 && table != "raw":
		return "-m state " + d.not(20) + "--state " + pick(d, "NEW", "RELATED,ESTABLISHED", "INVALID")
	case n == 6 && d.hook == "input":
		return "-m addrtype " + d.not(20) + d.addrType(v6)
	case n == 7 && d.hook != "output":
		return "-m pkttype " + d.not(20) + "--pkt-type " + pick(d, "unicast", "broadcast", "multicast")
	case d.sets:
		s := pick(d, setUses...)
		if d.redirects && (s.name == "dests" || s.name == "ipportip") {
			return ""
		}
		if (s.family != "46") && (s.family == "6") != v6 {
			return ""
		}
		return "-m set " + d.not(20) + "--match-set " + s.name + " " + s.dirs + pick(d, "", "", " --return-nomatch")
	}
	return ""
}

func (d *dice) addrType(v6 bool) string {
	if v6 {
		return pick(d, "--dst-type LOCAL", "--src-type UNICAST", "--dst-type UNICAST,MULTICAST", "--src-type LOCAL")
	}
	return pick(d, "--dst-type LOCAL", "--dst-type BROADCAST", "--src-type UNICAST", "--dst-type UNICAST,MULTICAST", "--src-type LOCAL")
}

func (d *dice) target(v6 bool, table, chain, proto string, users []string) string {
	if len(users) > 0 && d.chance(35) {
		return pick(d, "-j ", "-j ", "-g ") + pick(d, users...)
	}
	var list []string
	switch table {
	case "raw":
		list = []string{"-j CT --notrack", "-j ACCEPT", "-j DROP", "-j MARK --set-xmark 0x2/0xffffffff"}
		if !v6 {
			list = append(list, "-j NOTRACK")
		}
	case "nat":
		list = []string{"-j REDIRECT --to-ports 5060", "-j ACCEPT", "-j REDIRECT --to-ports 10000"}
	case "mangle":
		m := d.mark()
		list = []string{
			"-j MARK --set-xmark " + m + "/0xffffffff", "-j MARK --set-xmark " + m + "/0xf", "-j MARK --or-mark " + m, "-j MARK --and-mark " + m, "-j MARK --xor-mark " + m,
			"-j CONNMARK --set-xmark " + m + "/0xff", "-j CONNMARK --save-mark", "-j CONNMARK --restore-mark", "-j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xf",
			"-j ACCEPT", "-j RETURN", "-j DROP",
		}
	default:
		list = []string{"-j ACCEPT", "-j ACCEPT", "-j ACCEPT", "-j DROP", "-j DROP", "-j RETURN", "-j REJECT", "-j LOG --log-prefix \"x: \"", "", "-j MARK --set-xmark 0x1/0xffffffff"}
		if v6 {
			list = append(list, "-j REJECT --reject-with icmp6-adm-prohibited")
		} else {
			list = append(list, "-j REJECT --reject-with icmp-host-prohibited")
		}
		if proto == "tcp" {
			list = append(list, "-p tcp -j REJECT --reject-with tcp-reset")
		}
	}
	t := strings.TrimPrefix(pick(d, list...), "-p tcp ")
	if d.noMarks && strings.Contains(t, "MARK") {
		return "-j RETURN"
	}
	return t
}
