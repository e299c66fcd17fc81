package twin

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// bits is a match of one of several flags of a connection.
func bits(of, value string, not bool, known ...string) condition {
	var list []string
	for name := range strings.SplitSeq(value, ",") {
		name = strings.TrimSuffix(name, "nat") + map[bool]string{true: "nat"}[strings.HasSuffix(name, "nat")]
		switch name {
		case "srcnat":
			name = "snat"
		case "dstnat":
			name = "dnat"
		}
		if !slices.Contains(known, name) {
			return condition{unknown: true}
		}
		list = append(list, name)
	}
	is := "!= 0"
	if not {
		is = "== 0"
	}
	text := of + " & (" + strings.Join(list, " | ") + ") " + is
	if not && of == "ct status" { // a packet without a connection has no status to ask for
		return condition{any: []string{text, "ct state & (invalid | untracked) != 0"}}
	}
	return holds(text)
}

func flags(value string, not bool) condition {
	var mask, set []string
	for name := range strings.SplitSeq(value, ",") {
		name, off := strings.CutPrefix(name, "!")
		if name == "ece" {
			name = "ecn" // as nft calls it
		}
		if !slices.Contains([]string{"fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"}, name) {
			return condition{unknown: true}
		}
		mask = append(mask, name)
		if !off {
			set = append(set, name)
		}
	}
	want := "0"
	if len(set) > 0 {
		want = strings.Join(set, " | ")
	}
	is := "== "
	if not {
		is = "!= "
	}
	return holds("tcp flags & (" + strings.Join(mask, " | ") + ") " + is + "(" + want + ")")
}

// icmp reads "8:0-255", a type with its codes.
func (t *table) icmp(value string, not bool) condition {
	kind, codes, ok := strings.Cut(value, ":")
	n, err := strconv.ParseUint(kind, 10, 8)
	first, last, ranged := strings.Cut(codes, "-")
	if !ranged {
		last = first
	}
	a, err1 := strconv.ParseUint(first, 10, 8)
	z, err2 := strconv.ParseUint(last, 10, 8)
	if !ok || errors.Join(err, err1, err2) != nil || not || a > z {
		return condition{unknown: true}
	}
	of := map[string]string{"ip": "icmp", "ip6": "icmpv6"}[t.family]
	code := strconv.FormatUint(a, 10)
	if a < z {
		code += "-" + strconv.FormatUint(z, 10)
	}
	return holds(of + " type " + strconv.FormatUint(n, 10) + " " + of + " code " + code)
}

// hops reads "equal:1".
func (t *table) hops(value string, not bool) condition {
	how, count, _ := strings.Cut(value, ":")
	n, err := strconv.ParseUint(count, 10, 8)
	is := map[string]string{"equal": "==", "not-equal": "!=", "less-than": "<", "greater-than": ">"}[how]
	if err != nil || is == "" || not {
		return condition{unknown: true}
	}
	return holds(t.hopCount() + " " + is + " " + strconv.FormatUint(n, 10))
}

// hopCount is the field that routers count down.
func (t *table) hopCount() string {
	return map[string]string{"ip": "ip ttl", "ip6": "ip6 hoplimit"}[t.family]
}

// classifier spreads connections over uplinks by a hash, though not by RouterOS's own: one
// for all rules, as the kernel otherwise gives each its own.
func classifier(family, value string, not bool) condition {
	what, share, _ := strings.Cut(value, ":")
	parts, rest, ok := strings.Cut(share, "/")
	n, err1 := strconv.ParseUint(parts, 10, 8)
	k, err2 := strconv.ParseUint(rest, 10, 8)
	if !ok || err1 != nil || err2 != nil || n == 0 || k >= n || not || !strings.Contains(what, "address") {
		return condition{unknown: true}
	}
	of := map[string]string{
		"src-address": family + " saddr", "dst-address": family + " daddr", "both-addresses": family + " saddr . " + family + " daddr",
		"src-address-and-port": family + " saddr . th sport", "dst-address-and-port": family + " daddr . th dport",
		"both-addresses-and-ports": family + " saddr . " + family + " daddr . th sport . th dport",
	}[what]
	if of == "" {
		return condition{unknown: true}
	}
	return holds("jhash " + of + " mod " + parts + " seed 0x1 == " + rest)
}
