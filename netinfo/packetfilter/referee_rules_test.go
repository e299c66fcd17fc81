//go:build linux

package packetfilter_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
)

// A script is a generated ruleset as lines that can be left out one by one, to
// find the smallest that still shows a disagreement.
type script struct {
	ipset, legacy4, legacy6, nft4, nft6, nft []line
	flows                                    []flow
}

// A line of a script. Frame lines (tables, chains, sets) stay when a script is
// made smaller.
type line struct {
	text  string
	frame bool
}

func (s script) book() rulebook {
	join := func(l []line) string {
		var b strings.Builder
		for _, x := range l {
			b.WriteString(x.text + "\n")
		}
		return b.String()
	}
	return rulebook{join(s.ipset), join(s.legacy4), join(s.legacy6), join(s.nft4), join(s.nft6), join(s.nft), s.flows}
}

// layered reports whether the script has tables of several tools, or several
// of nft.
func (s script) layered() bool {
	n := 0
	for _, l := range s.nft {
		if strings.HasPrefix(l.text, "table ") {
			n++
		}
	}
	for _, part := range [][]line{s.legacy4, s.nft4} {
		if part != nil {
			n++
		}
	}
	return n > 1
}

// parts are the lists of lines, for taking lines away.
func (s *script) parts() []*[]line {
	return []*[]line{&s.ipset, &s.legacy4, &s.legacy6, &s.nft4, &s.nft6, &s.nft}
}

// A dice makes rulesets and packets. Addresses, ports and marks come from small
// pools, so that rules and packets meet often.
type dice struct {
	*rand.Rand
	hook string // input, forward or output: where the packets of this ruleset go
	sets bool   // the script has ipsets
	// redirects: rules send packets to other ports. Which of the machine's
	// addresses they then have hangs on the interface, which a class does not
	// know; so no rule asks.
	redirects bool
	// redirected are the families that have such rules: of two tools at the
	// same priority, the one loaded last would be asked first.
	redirected string
	// layered: there is more than one table. At the same priority, that which
	// was loaded last is asked first, and a listing does not tell; so what sets
	// marks and what reads them have priorities of their own.
	layered bool
	noMarks bool
}

func pick[T any](d *dice, list ...T) T { return list[d.IntN(len(list))] }

func (d *dice) chance(percent int) bool { return d.IntN(100) < percent }

func (d *dice) not(percent int) string {
	if d.chance(percent) {
		return "! "
	}
	return ""
}

// net4 are the addresses that rules name; every one holds some of hosts4.
func (d *dice) net(v6 bool) string {
	if v6 {
		return pick(d, "2001:db8:a::1", "2001:db8:a::/64", "2001:db8:a::/48", "2001:db8:b::77", "2001:db8:b::/56", "2001:db8::/32", "2001:db8:c::8/126", "::/0")
	}
	return pick(d, "10.1.2.3", "10.1.2.0/24", "10.1.0.0/16", "172.16.5.9", "198.18.0.0/15", "5.6.7.8", "5.6.7.8/29", "10.0.0.0/8", "0.0.0.0/0", "172.16.5.8/31")
}

func (d *dice) host(v6 bool) netip.Addr {
	if v6 {
		return netip.MustParseAddr(pick(d, "2001:db8:a::1", "2001:db8:a::2", "2001:db8:a:1::1", "2001:db8:b::77", "2001:db8:b:ff::1", "2001:db8:c::9", "2001:db8:c::c", "2a00:1450::1"))
	}
	return netip.MustParseAddr(pick(d, "10.1.2.3", "10.1.2.4", "10.1.3.4", "10.2.3.4", "172.16.5.9", "172.16.5.8", "198.18.1.1", "198.19.255.255", "5.6.7.8", "5.6.7.15", "5.6.7.16", "77.88.99.1"))
}

// dst is where packets of the hook go.
func (d *dice) dst(v6 bool) netip.Addr {
	switch {
	case d.hook == "input" && v6:
		return netip.MustParseAddr(pick(d, "2001:db8:1::1", "2001:db8:2::1", "2001:db8:9::1"))
	case d.hook == "input":
		return netip.MustParseAddr(pick(d, "192.0.2.1", "192.0.2.1", "198.51.100.1", "10.99.0.1"))
	case v6:
		return netip.MustParseAddr(pick(d, "2001:db8:113::1", "2001:db8:113::2", "2001:db8:113:9::1"))
	}
	return netip.MustParseAddr(pick(d, "203.0.113.1", "203.0.113.2", "203.0.113.200"))
}

func (d *dice) dstNet(v6 bool) string {
	switch {
	case d.hook == "input" && v6:
		return pick(d, "2001:db8:1::1", "2001:db8:2::/64", "2001:db8:1::/48")
	case d.hook == "input":
		return pick(d, "192.0.2.1", "198.51.100.0/24", "10.99.0.1", "192.0.2.0/24")
	case v6:
		return pick(d, "2001:db8:113::1", "2001:db8:113::/64", "2001:db8:113::/48")
	}
	return pick(d, "203.0.113.1", "203.0.113.0/25", "203.0.113.128/25", "203.0.113.0/24")
}

func (d *dice) port() int {
	return pick(d, 22, 80, 443, 4569, 5060, 5061, 10000, 10001, 15000, 20000, 20001, 65535)
}

func (d *dice) portRange(sep string) string {
	a, b := d.port(), d.port()
	if a > b {
		a, b = b, a
	}
	if a == b {
		return fmt.Sprint(a)
	}
	return fmt.Sprintf("%d%s%d", a, sep, b)
}

func (d *dice) mark() string { return pick(d, "0x1", "0x2", "0x3", "0x10", "0x11", "0x80000000") }

// shots are packets that a ruleset is tried with.
func (d *dice) shots(n int, flows []flow) []shot {
	list := make([]shot, 0, n+len(flows))
	for i := range n {
		v6 := d.chance(35)
		s := shot{hook: d.hook, in: pick(d, "eth0", "eth0", "eth1"), src: d.host(v6), dst: d.dst(v6), sport: uint16(20000 + i)}
		s.proto = pick[uint8](d, protoUDP, protoUDP, protoUDP, protoTCP, protoTCP, protoICMP, protoGRE)
		switch {
		case d.hook == "forward":
			s.in = "eth0"
		case d.hook == "output":
			s.in, s.src = "", netip.MustParseAddr("192.0.2.1")
			if v6 {
				s.src = netip.MustParseAddr("2001:db8:1::1")
			}
		}
		s.dport = uint16(d.port())
		if d.chance(15) {
			s.sport = uint16(d.port())
		}
		if d.chance(10) {
			s.dport = uint16(1 + d.IntN(65535))
		}
		switch s.proto {
		case protoTCP:
			s.flags = tcpSYN
		case protoICMP:
			s.dport = 8
			if v6 {
				s.proto, s.dport = protoICMPv6, 128
			}
		case protoGRE:
			s.sport, s.dport = 0, 0
		}
		list = append(list, s)
	}
	for _, f := range flows {
		// What comes back in a conversation that the machine began.
		list = append(list, shot{hook: d.hook, in: "eth0", proto: protoUDP, src: f.dst, sport: f.dport, dst: f.src, dport: f.sport, established: true, ctmark: f.mark})
	}
	return unique(list)
}

// unique leaves out packets of a conversation that another one has begun: they
// would not be new.
func unique(list []shot) []shot {
	seen := map[shot]bool{}
	out := list[:0]
	for _, s := range list {
		k := shot{proto: s.proto, src: s.src, dst: s.dst, sport: s.sport, dport: s.dport}
		if s.proto == protoICMP || s.proto == protoICMPv6 {
			k.dport = 0
		}
		back := shot{proto: k.proto, src: k.dst, dst: k.src, sport: k.dport, dport: k.sport}
		if !seen[k] && !seen[back] {
			seen[k] = true
			out = append(out, s)
		}
	}
	return out
}

// script makes a ruleset.
func (d *dice) script() script {
	d.hook = pick(d, "input", "input", "input", "forward", "output")
	d.redirects = d.hook == "input" && d.chance(25)
	var s script
	if d.sets = d.chance(45); d.sets {
		s.ipset = d.ipsets()
	}
	kinds := pick(d, d.kinds()...)
	d.layered = strings.Contains(kinds, " ")
	for _, k := range strings.Fields(kinds) {
		d.noMarks = k == "nft4" && strings.Contains(kinds, "legacy")
		switch k {
		case "legacy":
			s.legacy4, s.legacy6 = d.iptables(false), d.maybeLines(60, func() []line { return d.iptables(true) })
		case "nft4":
			s.nft4, s.nft6 = d.iptables(false), d.maybeLines(60, func() []line { return d.iptables(true) })
		case "nft":
			s.nft = d.nft()
		}
	}
	if d.hook == "input" && !d.redirects && d.chance(30) {
		for i := range 3 {
			f := flow{src: netip.MustParseAddr("192.0.2.1"), dst: d.host(false), sport: uint16(d.port()), dport: uint16(40000 + i)}
			if d.chance(50) {
				f.mark = pick[uint32](d, 1, 2, 0x10)
			}
			s.flows = append(s.flows, f)
		}
	}
	return s
}

// mayRedirect takes the family for redirects, if it is free.
func (d *dice) mayRedirect(v6 bool) bool {
	family := "4"
	if v6 {
		family = "6"
	}
	if !d.redirects || strings.Contains(d.redirected, family) {
		return false
	}
	d.redirected += family
	return true
}

func (d *dice) maybeLines(percent int, f func() []line) []line {
	if d.chance(percent) {
		return f()
	}
	return nil
}

// The ipsets of a script: by name, how a rule may ask them.
var setUses = []struct{ name, family, dirs, create string }{
	{"ips", "4", "src", "hash:ip"}, {"nets", "4", "src", "hash:net"}, {"nets6", "6", "src", "hash:net family inet6"},
	{"ipport", "4", "src,dst", "hash:ip,port"}, {"netport", "4", "src,dst", "hash:net,port"}, {"netport6", "6", "src,dst", "hash:net,port family inet6"},
	{"ipportip", "4", "src,dst,dst", "hash:ip,port,ip"}, {"bitip", "4", "src", "bitmap:ip range 10.1.0.0/16"}, {"bitport", "46", "dst", "bitmap:port range 0-65535"},
	{"ips6", "6", "src", "hash:ip family inet6"}, {"temps", "4", "src", "hash:ip timeout 600 comment"},
	{"dests", "4", "dst", "hash:net"}, {"list", "4", "src", "list:set"},
}

func (d *dice) ipsets() []line {
	var out []line
	for _, s := range setUses {
		out = append(out, line{"create " + s.name + " " + s.create, true})
	}
	out = append(out, line{"add list ips", false}, line{"add list nets", false})
	seen := map[string]bool{}
	for range 12 {
		s := pick(d, setUses...)
		v6 := s.family == "6"
		host, net, proto := d.host(v6).String(), d.net(v6), pick(d, "udp:", "tcp:")
		if strings.HasSuffix(net, "/0") {
			continue
		}
		nomatch := ""
		if d.chance(20) {
			nomatch = " nomatch"
		}
		var e string
		switch s.name {
		case "ips", "ips6":
			e = host
		case "temps":
			e = host + pick(d, "", " timeout 0", " timeout 300", " comment \"banned by hand\"")
		case "nets", "nets6":
			e = net + nomatch
		case "dests":
			if d.hook == "forward" || d.hook == "output" || d.hook == "input" {
				e = d.dstNet(false) + nomatch
			}
		case "ipport":
			e = fmt.Sprint(host, ",", proto, d.port())
			if d.chance(30) {
				e = fmt.Sprintf("%s,%s5060-5070", host, proto)
			}
		case "netport", "netport6":
			e = fmt.Sprint(net, ",", proto, d.port(), nomatch)
		case "ipportip":
			e = fmt.Sprint(host, ",", proto, d.port(), ",", d.dst(false))
		case "bitip":
			e = pick(d, "10.1.2.3", "10.1.2.0/24", "10.1.3.1-10.1.3.9")
		case "bitport":
			e = d.portRange("-")
		default:
			continue
		}
		key, _, _ := strings.Cut(e, " ")
		if !seen[s.name+key] {
			seen[s.name+key] = true
			out = append(out, line{"add " + s.name + " " + e, false})
		}
	}
	return out
}

func (d *dice) kinds() []string {
	return []string{"legacy", "nft4", "nft", "legacy nft4", "legacy nft", "nft4 nft", "nft", "legacy nft4 nft"}
}
