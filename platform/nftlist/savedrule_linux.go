package nftlist

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// savedRule is a rule of iptables, read back from the kernel's steps.
type savedRule struct {
	counters
	counted bool
	list    wording

	src, dst, in, out, proto, comment, target string
	text                                      []byte
}

// read reads a rule; false where it is of a form that is not known. Its counters
// are read in any case.
func (r *savedRule) read(in []attributes, family uint8) bool {
	*r = savedRule{list: r.list, text: r.text}
	steps, known := r.list.split(in[unix.NFTA_RULE_EXPRESSIONS], savedSteps)
	if !known || in[unix.NFTA_RULE_USERDATA] != nil {
		r.count(in[unix.NFTA_RULE_EXPRESSIONS])
		return false
	}
	r.list.net, r.list.transport = family, 0
	for i := 0; i < len(steps); i++ {
		if r.target != "" {
			known = false // iptables decides at the end
		}
		switch e := steps[i]; e.name {
		case "counter":
			r.counters, r.counted = countersOf(e.data)
		case "immediate":
			known = known && r.verdict(e.data)
		case "target":
			known = known && r.reject(e.data, family)
		case "match":
			known = known && r.matched(e.data)
		default:
			n, ok := r.question(steps[i:])
			known = known && ok
			i += max(n-1, 0)
		}
	}
	return known && r.counted
}

// savedSteps are the steps that are known of rules of iptables.
var savedSteps = []string{"payload", "cmp", "counter", "immediate", "target", "meta", "bitwise", "match"}

// count looks for the counter of a rule that is not known.
func (r *savedRule) count(steps attributes) {
	for len(steps) > 0 {
		_, value, err := steps.next()
		var e [3]attributes
		if err != nil || !value.fill(e[:]) {
			return
		}
		if e[1].is("counter") {
			r.counters, r.counted = countersOf(e[2])
		}
	}
}

func countersOf(data attributes) (c counters, ok bool) {
	const bytes, packets = 1, 2 // NFTA_COUNTER_*; 3 is padding
	var a [4]attributes
	ok = data.all(a[:])
	return counters{a[packets].long(), a[bytes].long()}, ok
}

// question reads a load, perhaps masked, and its comparison: n steps.
func (r *savedRule) question(steps []expression) (n int, ok bool) {
	var l left
	switch steps[0].name {
	case "payload":
		l, ok = r.list.payload(steps[0].data)
	case "meta":
		l, ok = meta(steps[0].data)
	}
	w := &r.list
	w.loaded, w.mask = &l, nil
	n = 1
	if ok && n < len(steps) && steps[n].name == "bitwise" {
		ok = w.bitwise(steps[n].data)
		n++
	}
	if !ok || n >= len(steps) || steps[n].name != "cmp" {
		return n, false
	}
	c, ok := comparisonOf(steps[n].data)
	if !ok || c.reg.number() != l.reg || c.op != unix.NFT_CMP_EQ && c.op != unix.NFT_CMP_NEQ {
		return n + 1, false
	}
	return n + 1, r.asked(&l, w.mask, c)
}

// asked keeps a comparison in the words of iptables. Each may come once.
func (r *savedRule) asked(l *left, mask []byte, c comparison) bool {
	to, option, value, ok := &r.proto, " -p ", "", false
	switch l.typ {
	case typeAddr4, typeAddr6:
		to, option = &r.src, " -s "
		if strings.Contains(l.json, "daddr") {
			to, option = &r.dst, " -d "
		}
		value, ok = network(l, mask, c.value)
	case typeName:
		to, option = &r.in, " -i "
		if strings.Contains(l.json, "oifname") {
			to, option = &r.out, " -o "
		}
		value, ok = savedInterface(c.value)
	case typeProto:
		if len(c.value) == 1 {
			value, ok = protocols[c.value[0]]
		}
	}
	if !l.isAddr() && mask != nil || *to != "" || !ok {
		return false
	}
	if c.op == unix.NFT_CMP_NEQ {
		option = " !" + option
	}
	*to = option + value
	return true
}

// network writes an address with the length of its network.
func network(l *left, mask, v []byte) (string, bool) {
	n, ok := 8*len(v), len(v) == l.got
	if mask != nil {
		n, ok = prefixLength(mask, v)
	}
	whole := make([]byte, l.size)
	if !ok || n == 0 || len(v) > l.size {
		return "", false
	}
	copy(whole, v)
	a, ok := netip.AddrFromSlice(whole)
	return netip.PrefixFrom(a, n).String(), ok && (l.typ == typeAddr4 || !oddIPv6(a))
}

// savedInterface writes the name of an interface; one that does not end is the
// beginning of several.
func savedInterface(v []byte) (string, bool) {
	name, more := strings.TrimRight(string(v), "\x00"), ""
	if len(name) == len(v) {
		more = "+"
	}
	return name + more, plainName(name) && len(v)-len(name) <= 1
}

func (r *savedRule) verdict(data attributes) bool {
	name, chain, ok := verdictOf(data)
	switch name {
	case "drop", "accept", "return":
		r.target = " -j " + strings.ToUpper(name)
	case "jump":
		r.target = " -j " + chain
	case "goto":
		r.target = " -g " + chain
	}
	return ok && r.target != "" && strings.Trim(chain, nameSigns) == ""
}

// The answers of REJECT by their numbers (linux/netfilter_ipv4/ipt_REJECT.h and
// linux/netfilter_ipv6/ip6t_REJECT.h).
var (
	rejects4 = map[byte]string{0: "icmp-net-unreachable", 1: "icmp-host-unreachable", 2: "icmp-proto-unreachable", 3: "icmp-port-unreachable",
		5: "icmp-net-prohibited", 6: "icmp-host-prohibited", 7: "tcp-reset", 8: "icmp-admin-prohibited"}
	rejects6 = map[byte]string{0: "icmp6-no-route", 1: "icmp6-adm-prohibited", 3: "icmp6-addr-unreachable", 4: "icmp6-port-unreachable", 6: "tcp-reset"}
)

// extension reads the name, the revision and the data of a match or target of
// iptables.
func extension(data attributes) (name, info attributes, ok bool) {
	var a [4]attributes // NFTA_TARGET_*, NFTA_MATCH_*
	ok = data.all(a[:]) && a[2].number() == 0
	return a[1], a[3], ok
}

func (r *savedRule) reject(data attributes, family uint8) bool {
	name, info, ok := extension(data)
	if !ok || !name.is("REJECT") || len(info) < 4 || binary.NativeEndian.Uint32(info) > 0xff {
		return false
	}
	words := rejects4
	if family == unix.NFPROTO_IPV6 {
		words = rejects6
	}
	word, ok := words[byte(binary.NativeEndian.Uint32(info))]
	r.target = " -j REJECT --reject-with " + word
	return ok
}

// matched is the match that only says something to people.
func (r *savedRule) matched(data attributes) bool {
	name, info, ok := extension(data)
	text, _, ended := strings.Cut(string(info), "\x00")
	if !ok || !ended || !name.is("comment") || r.comment != "" || text == "" {
		return false
	}
	if strings.IndexFunc(text, func(c rune) bool { return c < ' ' || c > '~' || strings.ContainsRune("\"\\'", c) }) >= 0 {
		return false
	}
	if strings.Trim(text, nameLetters+"_-") != "" {
		text = `"` + text + `"`
	}
	r.comment = " -m comment --comment " + text
	return true
}

// line is the rule as iptables-save writes it, until the next is read.
func (r *savedRule) line(chain string) []byte {
	b := strconv.AppendUint(append(r.text[:0], '['), r.packets, 10)
	b = strconv.AppendUint(append(b, ':'), r.bytes, 10)
	b = append(append(b, "] -A "...), chain...)
	for _, s := range []string{r.src, r.dst, r.in, r.out, r.proto, r.comment, r.target} {
		b = append(b, s...)
	}
	r.text = append(b, '\n')
	return r.text
}
