//go:build linux

package packetfilter_test

import (
	"fmt"
	"strconv"
	"strings"
)

// nft makes input for "nft -f": one or two tables with chains on the hook and
// before it, user chains, sets and maps.
func (d *dice) nft() []line {
	var out []line
	tables := 1 + d.IntN(2)
	d.layered = d.layered || tables > 1
	for i := range tables {
		family := pick(d, "inet", "inet", "ip", "ip6")
		out = append(out, d.nftTable(family, i)...)
	}
	return out
}

func (d *dice) nftTable(family string, i int) []line {
	t := nftGen{dice: d, family: family, index: i}
	out := []line{{fmt.Sprintf("table %s t%d {", family, i), true}}
	out = append(out, t.sets()...)
	users := []string{"first", "second", "third"}[:d.IntN(4)]
	for i := len(users) - 1; i >= 0; i-- {
		out = append(out, t.chain(users[i], "", users[i+1:], 1+d.IntN(4))...)
	}
	pre := "prerouting"
	if d.hook == "output" {
		pre = "output"
	}
	if d.chance(30) {
		out = append(out, t.chain("early", fmt.Sprintf("type filter hook %s priority %s;", pre, t.priority("raw", "mangle", "-250", "-30")), users, 1+d.IntN(4))...)
	}
	four := family == "ip6" || d.mayRedirect(false)
	if six := family == "ip" || d.mayRedirect(true); d.redirects && four && six {
		t.nat = true
		out = append(out, t.chain("translate", "type nat hook prerouting priority dstnat;", nil, 1+d.IntN(3))...)
		t.nat = false
	}
	policy := pick(d, "accept", "accept", "drop")
	out = append(out, t.chain("main", fmt.Sprintf("type filter hook %s priority %s; policy %s;", d.hook, t.priority("filter", "-1", "filter + 5", "security"), policy), users, 3+d.IntN(12))...)
	return append(out, line{"}", true})
}

// nftGen makes the rules of one table.
type nftGen struct {
	*dice
	family string
	index  int
	nat    bool
	// What all matches of one rule speak of: nft refuses rules that contradict
	// themselves.
	six   bool
	proto string
}

// priority picks one of the names and numbers; in a layered script as a number
// that no other table has.
func (t nftGen) priority(list ...string) string {
	p := pick(t.dice, list...)
	if !t.layered {
		return p
	}
	n, err := strconv.Atoi(p)
	if err != nil {
		n = map[string]int{"raw": -300, "mangle": -150, "filter": 0, "filter + 5": 5, "security": 50}[p]
	}
	return strconv.Itoa(n + 3 + 10*t.index)
}

func (t nftGen) v6() bool { return t.six }

func (t nftGen) ip(v6 bool) string {
	if v6 {
		return "ip6"
	}
	return "ip"
}

func (t nftGen) sets() []line {
	var out []line
	add := func(format string, args ...any) { out = append(out, line{fmt.Sprintf(format, args...), true}) }
	for _, v6 := range []bool{false, true} {
		typ, n := "ipv4_addr", "4"
		if v6 {
			typ, n = "ipv6_addr", "6"
		}
		add("set hosts%s { type %s; elements = { %s } }", n, typ, t.list(2, func() string { return t.host(v6).String() }))
		add("set nets%s { type %s; flags interval; auto-merge; elements = { %s } }", n, typ, t.list(3, func() string { return t.nftNet(v6) }))
		add("set temps%s { type %s; flags timeout; elements = { %s } }", n, typ, t.list(2, func() string {
			return t.host(v6).String() + pick(t.dice, "", " timeout 10m", " timeout 1h expires 30m comment \"a ban\"")
		}))
		add("set pairs%s { type %s . inet_proto . inet_service; flags interval; elements = { %s . udp . %s, %s . tcp . %d } }", n, typ,
			t.nftNet(v6), t.portRange("-"), t.host(v6), t.port())
		add("map marks%s { type %s : mark; elements = { %v : 0x1 } }", n, typ, t.host(v6))
		add("map verdicts%s { type %s : verdict; flags interval; elements = { %v : drop, %s } }", n, typ, t.host(v6), t.other(v6))
	}
	add("set ports { type inet_service; flags interval; auto-merge; elements = { %s, %d } }", t.portRange("-"), t.port())
	add("set exact { type inet_service; elements = { %d } }", t.port())
	add("set ifaces { type ifname; elements = { \"eth1\" } }")
	return out
}

// other is an element for a map of verdicts that overlaps no host.
func (t nftGen) other(v6 bool) string {
	if v6 {
		return "2001:db8:e::/48 : accept"
	}
	return "10.200.0.0/16 : accept"
}

func (t nftGen) list(n int, f func() string) string {
	seen := map[string]bool{}
	var out []string
	for range n {
		s := f()
		addr, _, _ := strings.Cut(s, " ")
		if !seen[addr] {
			seen[addr] = true
			out = append(out, s)
		}
	}
	return strings.Join(out, ", ")
}

func (t nftGen) nftNet(v6 bool) string {
	if v6 {
		return pick(t.dice, "2001:db8:a::1", "2001:db8:a::/64", "2001:db8:a::/48", "2001:db8:b::77", "2001:db8:b::/56", "2001:db8:a::-2001:db8:b::77")
	}
	return pick(t.dice, "10.1.2.3", "10.1.2.0/24", "10.1.0.0/16", "172.16.5.9", "198.18.0.0/15", "5.6.7.8/29", "10.1.2.4-10.1.3.4", "5.6.7.8-5.6.7.15")
}

func (t nftGen) chain(name, base string, users []string, n int) []line {
	out := []line{{"chain " + name + " { " + base, true}}
	for range n {
		out = append(out, line{"  " + t.rule(base, users), false})
	}
	return append(out, line{"}", true})
}

func (t nftGen) rule(base string, users []string) string {
	var parts []string
	t.six = t.family == "ip6" || t.family == "inet" && t.chance(40)
	t.proto = pick(t.dice, "udp", "tcp")
	early := isEarly(base)
	verdict := t.verdict(base, users)
	for proto := range strings.SplitSeq("tcp udp", " ") {
		if strings.Contains(verdict, proto+" ") {
			t.proto = proto
		}
	}
	for range t.IntN(3) {
		parts = append(parts, t.match(base, early))
	}
	if t.nat || strings.Contains(verdict, "tcp reset") {
		parts = append(parts, "meta l4proto "+t.proto)
	}
	if all := strings.Join(parts, " "); strings.Contains(all, "icmp") && strings.Contains(all, "th dport") {
		parts = parts[:1] // nft lists such nonsense in a way that it cannot read itself
	}
	return strings.Join(append(parts, verdict), " ")
}

// isEarly reports whether a chain comes before connection tracking.
func isEarly(base string) bool {
	for _, p := range []string{"raw", "-250", "-247", "-237", "-297", "-287"} {
		if strings.Contains(base, "priority "+p) {
			return true
		}
	}
	return false
}

func (t nftGen) op() string {
	if t.chance(20) {
		return "!= "
	}
	return ""
}

// match makes a match of one of the kinds that packet filters use.
func (t nftGen) match(base string, early bool) string {
	v6 := t.v6()
	ip, n := t.ip(v6), "4"
	if v6 {
		n = "6"
	}
	proto, side := t.proto, "saddr"
	switch t.IntN(24) {
	case 0, 1:
		return fmt.Sprintf("%s %s %s%s", ip, side, t.op(), t.nftNet(v6))
	case 2:
		return fmt.Sprintf("%s %s %s{ %s }", ip, side, t.op(), t.disjoint(v6))
	case 3:
		return fmt.Sprintf("%s %s %s@%s%s", ip, side, t.op(), pick(t.dice, "hosts", "nets", "temps"), n)
	case 4:
		if t.redirects {
			return "meta l4proto != 99"
		}
		return fmt.Sprintf("%s daddr %s%s", ip, t.op(), t.dstNet(v6))
	case 5:
		return fmt.Sprintf("%s dport %s%s", proto, t.op(), t.portRange("-"))
	case 6:
		return fmt.Sprintf("%s dport %s{ %d, 30000-40000, 7 }", proto, t.op(), t.port())
	case 7:
		return fmt.Sprintf("%s dport %s@%s", proto, t.op(), pick(t.dice, "ports", "exact"))
	case 8:
		return fmt.Sprintf("%s sport %s%s", proto, t.op(), t.portRange("-"))
	case 9:
		// nft 1.0.6 lists "dport < 443 dport > 10001", which nothing matches, as
		// "dport != 443-10001", which most does. So below is for one port and above
		// for the other.
		return fmt.Sprintf("%s %s %d", proto, pick(t.dice, "dport <", "dport <=", "sport >", "sport >="), t.port())
	case 10:
		return fmt.Sprintf("meta l4proto { tcp, udp } th dport %s{ %d, 8000-9000 }", t.op(), t.port())
	case 11:
		return fmt.Sprintf("meta l4proto %s%s", t.op(), pick(t.dice, "udp", "tcp", "icmp", "ipv6-icmp", "{ tcp, udp }"))
	case 12:
		return "meta mark " + pick(t.dice, "", "!= ", "& 0x1 == ", "and 0xff != ", "{ 0x1, 0x10 } meta mark != ") + t.mark()
	case 13:
		if early {
			return "meta mark != 0x99"
		}
		return "ct mark " + pick(t.dice, "", "!= ", "& 0xf == ") + t.mark()
	case 14:
		return "ct state " + pick(t.dice, "new", "established,related", "invalid", "{ new, untracked }", "!= new", "untracked", "!= established")
	case 15:
		if t.hook == "output" {
			return "oifname " + t.op() + pick(t.dice, "\"eth1\"", "\"eth*\"", "\"eth0\"")
		}
		return "iifname " + t.op() + pick(t.dice, "\"eth0\"", "\"eth1\"", "\"eth*\"", "\"wlan*\"", "{ \"eth1\", \"lo\" }", "@ifaces")
	case 16:
		return fmt.Sprintf("%s saddr . meta l4proto . %s dport %s@pairs%s", ip, proto, t.op(), n)
	case 17:
		return fmt.Sprintf("%s saddr . %s dport %s{ %s . %d, %s . 6 }", ip, proto, t.op(), t.host(v6), t.port(), t.host(v6))
	case 18:
		return "tcp flags " + pick(t.dice, "syn", "& (fin|syn|rst|ack) == syn", "! fin,rst", "!= syn", "& (syn|ack) == ack", "{ syn, ack }", "& (fin|syn) == fin|syn")
	case 19:
		if v6 {
			return "icmpv6 type " + pick(t.dice, "echo-request", "!= echo-request", "{ echo-reply, nd-neighbor-solicit }", "< 130")
		}
		return "icmp type " + pick(t.dice, "echo-request", "!= echo-request", "{ echo-request, echo-reply }", "destination-unreachable")
	case 20:
		if t.hook != "input" {
			return "meta nfproto != ipv6"
		}
		return "fib " + pick(t.dice, "daddr type local", "daddr type != local", "daddr type { broadcast, multicast }", "saddr type unicast")
	case 21:
		if t.hook == "output" { // the kernel has no type yet for what it sends
			return "meta nfproto ipv4"
		}
		return pick(t.dice, "meta pkttype host", "meta pkttype broadcast", "meta pkttype { multicast, broadcast }", "meta nfproto ipv4", "meta nfproto != ipv4")
	case 22:
		return ip + " " + t.side() + " " + t.op() + t.disjoint4or6(v6)
	default:
		if v6 {
			return "ip6 nexthdr " + pick(t.dice, "udp", "tcp", "!= udp")
		}
		return "ip protocol " + pick(t.dice, "udp", "tcp", "!= tcp", "{ icmp, udp }")
	}
}

func (t nftGen) disjoint(v6 bool) string {
	if v6 {
		return pick(t.dice, "2001:db8:a::1, 2001:db8:b::/56", "2001:db8:a::/64", "2001:db8:a::1, 2001:db8:a::2, 2001:db8:c::8-2001:db8:c::c")
	}
	return pick(t.dice, "10.1.2.3, 10.2.0.0/16", "10.1.2.0/24, 5.6.7.8", "172.16.5.8-172.16.5.9, 198.18.0.0/15, 77.88.99.1")
}

func (t nftGen) side() string {
	if t.redirects {
		return "saddr"
	}
	return pick(t.dice, "saddr", "saddr", "daddr")
}

func (t nftGen) disjoint4or6(v6 bool) string {
	if v6 {
		return pick(t.dice, "2001:db8::/32", "::/0", "2001:db8:a::1")
	}
	return pick(t.dice, "10.0.0.0/8", "0.0.0.0/1", "5.6.7.8-10.1.2.3")
}

func (t nftGen) verdict(base string, users []string) string {
	v6 := t.v6()
	ip, n := t.ip(v6), "4"
	if v6 {
		n = "6"
	}
	if t.nat {
		return pick(t.dice, "redirect to :5060", "redirect to :10000", "accept", "return", "counter")
	}
	filter := strings.Contains(base, "hook "+t.hook)
	early := isEarly(base)
	if len(users) > 0 && t.chance(25) {
		u := pick(t.dice, users...)
		return pick(t.dice, "jump "+u, "goto "+u, fmt.Sprintf("%s saddr vmap { %v : jump %s }", ip, t.host(v6), u),
			fmt.Sprintf("udp dport vmap { %d : goto %s, 100-200 : drop }", t.port(), u))
	}
	list := []string{
		"accept", "accept", "accept", "drop", "drop", "return", "counter", "log prefix \"x \"", "counter drop", "log counter accept",
		"meta mark set " + t.mark(), "meta mark set meta mark | 0x10", "meta mark set meta mark and 0x3", "meta mark set meta mark xor 0x1",
		fmt.Sprintf("%s saddr vmap @verdicts%s", ip, n), fmt.Sprintf("meta mark set %s saddr map @marks%s", ip, n),
		fmt.Sprintf("meta mark set udp dport map { %d : 0x1, 100-200 : 0x2 }", t.port()),
		fmt.Sprintf("tcp dport vmap { %d : accept, 100-200 : drop, * : continue }", t.port()),
		fmt.Sprintf("udp dport vmap { %d : accept, * : drop }", t.port()),
		"ct state vmap { established : accept, related : accept, invalid : drop }",
		fmt.Sprintf("%s saddr . udp dport vmap { %v . %d : drop, %v . 7 : accept }", ip, t.host(v6), t.port(), t.host(v6)),
	}
	if !early && base != "" {
		list = append(list, "ct mark set meta mark", "meta mark set ct mark", "ct mark set "+t.mark(), "meta mark set ct mark & 0xf | 0x10", "ct mark set ct mark or 0x2")
	}
	if strings.Contains(base, "prerouting") && early || strings.Contains(base, "hook output") && early {
		list = append(list, "notrack", "notrack")
	}
	if filter && base != "" && !early && !strings.Contains(base, "priority mangle") && !strings.Contains(base, "priority -1") {
		list = append(list, "reject", "reject with tcp reset", "reject with icmpx admin-prohibited", "counter reject")
		switch t.family {
		case "ip":
			list = append(list, "reject with icmp host-prohibited")
		case "ip6":
			list = append(list, "reject with icmpv6 admin-prohibited")
		default:
			list = append(list, "reject with icmp host-prohibited", "reject with icmpv6 no-route")
		}
	}
	return pick(t.dice, list...)
}
