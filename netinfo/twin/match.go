package twin

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// conditions are what a rule asks of a packet, as alternatives that exclude each
// other. never reports that no packet meets them; what is the property that cannot be
// rebuilt.
func (t *table) conditions(row routeros.Row) (list []string, never bool, what string) {
	list = []string{t.protocol(row)} // all begin with it
	for _, p := range row.Props {
		value, not, ok := row.Match(p.Name)
		if !ok || isDeed(p.Name) {
			continue
		}
		c := t.condition(p.Name, value, not)
		switch {
		case c.unknown:
			return nil, false, p.Name + "=" + p.Value
		case c.never:
			never = true
		}
		list = product(list, c.any)
	}
	return list, never, ""
}

// condition is one property: one of the texts must hold, or nothing is asked.
type condition struct {
	any     []string
	never   bool
	unknown bool
}

func holds(text string) condition { return condition{any: []string{text}} }

// product joins each of a with each of b.
func product(a, b []string) (list []string) {
	if len(b) == 0 {
		return a
	}
	for _, x := range a {
		for _, y := range b {
			list = append(list, strings.TrimSpace(x+" "+y))
		}
	}
	return list
}

// protocol comes first: nft wants to know it before it looks at a port.
func (t *table) protocol(row routeros.Row) string {
	value, not, ok := row.Match("protocol")
	if n, known := protocols(value); ok && !not && known {
		return "meta l4proto " + n
	}
	for _, p := range row.Props {
		if _, _, asks := row.Match(p.Name); asks && slices.Contains([]string{"port", "src-port", "dst-port", "to-ports", "tcp-flags"}, p.Name) {
			return "meta l4proto { tcp, udp }"
		}
	}
	return ""
}

func protocols(name string) (string, bool) {
	if name == "icmpv6" {
		name = "ipv6-icmp"
	}
	known := map[string]int{
		"icmp": 1, "igmp": 2, "ip-encap": 4, "ipencap": 4, "tcp": 6, "udp": 17, "dccp": 33, "ipv6-encap": 41, "gre": 47, "ipsec-esp": 50, "ipsec-ah": 51, "ipv6-icmp": 58,
		"ospf": 89, "pim": 103, "vrrp": 112, "l2tp": 115, "sctp": 132, "udp-lite": 136,
	}
	if n, ok := known[name]; ok {
		return strconv.Itoa(n), true
	}
	n, err := strconv.ParseUint(name, 10, 8)
	return strconv.FormatUint(n, 10), err == nil
}

func (t *table) condition(name, value string, not bool) condition {
	is := "== "
	if not {
		is = "!= "
	}
	side, other, _ := strings.Cut(name, "-")
	at := map[string]string{"src": "saddr", "dst": "daddr", "in": "iifname", "out": "oifname"}[side]
	if side == "port" || other == "port" {
		return portCondition(side, value, not)
	}
	switch name {
	case "protocol":
		n, ok := protocols(value)
		return condition{unknown: !ok, any: map[bool][]string{true: {"meta l4proto != " + n}}[not]}
	case "src-address", "dst-address":
		if text, ok := t.addresses(value); ok {
			return holds(t.compare(at, text, not))
		}
	case "src-address-list", "dst-address-list":
		return t.inList(t.family+" "+at, value, not)
	case "in-interface", "out-interface":
		if !strings.ContainsAny(value, "+*") && !strings.HasPrefix(value, "all-") {
			return holds(at + " " + is + `"` + t.device(value) + `"`)
		}
	case "in-interface-list", "out-interface-list":
		return t.interfaceList(at, value, not)
	case "connection-state":
		return bits("ct state", value, not, "established", "related", "new", "invalid", "untracked")
	case "connection-nat-state":
		return bits("ct status", value, not, "snat", "dnat")
	case "src-address-type", "dst-address-type":
		if slices.Contains([]string{"local", "unicast", "broadcast", "multicast"}, value) {
			return holds("fib " + at + " type " + is + value)
		}
	case "packet-mark":
		return holds("meta mark & 0x0000ffff " + is + t.mark(value))
	case "connection-mark":
		return holds("ct mark " + is + t.mark(value))
	case "routing-mark":
		return holds("meta mark & 0xffff0000 " + is + hex(t.routingMark(value)))
	case "ipsec-policy":
		_, policy, _ := strings.Cut(value, ",")
		return condition{never: (policy == "none") == not}
	case "tcp-flags":
		return flags(value, not)
	case "icmp-options":
		return t.icmp(value, not)
	case "fragment": // connection tracking has put them together
		return condition{never: (value == "yes") != not}
	case "dscp":
		if n, err := strconv.Atoi(value); err == nil && n >= 0 && n < 64 {
			return holds(t.family + " dscp " + is + value)
		}
	case "ttl", "hop-limit":
		return t.hops(value, not)
	case "per-connection-classifier":
		return t.classifier(value, not)
	}
	return condition{unknown: true}
}

// compare asks for an address. nft 1.0.6 joins comparisons of bytes that lie side by
// side in a packet, also those that are negated, so that "not A and not B" becomes "not
// (A and B)"; it leaves alone what is compared under a mask.
func (t *table) compare(at, text string, not bool) string {
	field := t.family + " " + at
	switch a, err := netip.ParseAddr(text); {
	case !not:
		return field + " " + text
	case err == nil:
		all := netip.PrefixFrom(a, a.BitLen())
		return field + " & " + mask(all) + " != " + text
	}
	return field + " != " + text
}

// mask is the netmask of a network.
func mask(p netip.Prefix) string {
	b := make([]byte, p.Addr().BitLen()/8)
	for i := range p.Bits() {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a.String()
}

// portCondition is src-port, dst-port or port, which is either.
func portCondition(side, value string, not bool) condition {
	set, ok := ports(value)
	compare := func(field string, not bool) string {
		_, err := strconv.Atoi(value)
		switch {
		case !not:
			return "th " + field + " " + set
		case err == nil: // see table.compare
			return "th " + field + " & 0xffff != " + value
		}
		return "th " + field + " != " + set
	}
	switch {
	case !ok:
		return condition{unknown: true}
	case side == "src":
		return holds(compare("sport", not))
	case side == "dst":
		return holds(compare("dport", not))
	case not:
		return holds(compare("sport", true) + " " + compare("dport", true))
	}
	return condition{any: []string{compare("sport", false), compare("sport", true) + " " + compare("dport", false)}}
}

// ports reads "5060,10000-20000".
func ports(s string) (string, bool) {
	for part := range strings.SplitSeq(s, ",") {
		from, to, ranged := strings.Cut(part, "-")
		if !ranged {
			to = from
		}
		a, err1 := strconv.ParseUint(from, 10, 16)
		b, err2 := strconv.ParseUint(to, 10, 16)
		if err1 != nil || err2 != nil || a > b {
			return "", false
		}
	}
	return "{ " + strings.ReplaceAll(s, ",", ", ") + " }", true
}

// addresses reads an address, a network or a range of the table's family.
func (t *table) addresses(s string) (string, bool) {
	from, to, ranged := strings.Cut(s, "-")
	if ranged {
		a, err1 := netip.ParseAddr(from)
		b, err2 := netip.ParseAddr(to)
		ok := err1 == nil && err2 == nil && t.mine(a) && t.mine(b) && a.Compare(b) <= 0
		if ok && a == b {
			return a.String(), true
		}
		return s, ok
	}
	p, ok := network(s)
	if ok && p.IsSingleIP() {
		return p.Addr().String(), t.mine(p.Addr())
	}
	return p.String(), ok && t.mine(p.Addr())
}

func (t *table) mine(a netip.Addr) bool { return a.Is4() == (t.family == "ip") && a.Zone() == "" }

// inList is a match of an address list: of what the configuration has in it, and of
// what rules put there.
func (t *table) inList(at, name string, not bool) condition {
	set := " @" + t.list(name)
	filled := t.fills(name)
	switch {
	case not && filled:
		return holds(at + " !=" + set + " " + at + " !=" + set + dynamic)
	case not:
		return holds(at + " !=" + set)
	case filled:
		return condition{any: []string{at + set, at + " !=" + set + " " + at + set + dynamic}}
	}
	return holds(at + set)
}

// fills reports whether a rule puts addresses into a list.
func (t *table) fills(name string) bool {
	for _, menu := range menus {
		for row := range t.cfg.Rows(t.menu + menu) {
			if row.Get("address-list").Text == name && strings.HasPrefix(row.Get("action").Text, "add-") {
				t.filled[name] = true
				return true
			}
		}
	}
	return false
}

func (t *table) interfaceList(at, name string, not bool) condition {
	if name == "all" || name == "none" {
		return condition{never: (name == "all") == not}
	}
	members, whole := t.cfg.Members(name)
	switch {
	case !whole && len(members) == 0:
		return condition{unknown: true}
	case len(members) == 0:
		return condition{never: !not}
	}
	var names []string
	for _, m := range members {
		if strings.ContainsAny(m, "+*") {
			return condition{unknown: true}
		}
		names = append(names, `"`+t.device(m)+`"`)
	}
	is := "== "
	if not {
		is = "!= "
	}
	return holds(at + " " + is + "{ " + strings.Join(names, ", ") + " }")
}

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
		if !slices.Contains([]string{"fin", "syn", "rst", "psh", "ack", "urg"}, name) {
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
	set, ok2 := ports(codes)
	if !ok || !ok2 || err != nil || not || strings.Contains(codes, ",") {
		return condition{unknown: true}
	}
	of := map[string]string{"ip": "icmp", "ip6": "icmpv6"}[t.family]
	return holds(of + " type " + strconv.FormatUint(n, 10) + " " + of + " code " + set)
}

// hops reads "equal:1".
func (t *table) hops(value string, not bool) condition {
	how, count, _ := strings.Cut(value, ":")
	n, err := strconv.ParseUint(count, 10, 8)
	is := map[string]string{"equal": "==", "not-equal": "!=", "less-than": "<", "greater-than": ">"}[how]
	if err != nil || is == "" || not {
		return condition{unknown: true}
	}
	of := map[string]string{"ip": "ip ttl", "ip6": "ip6 hoplimit"}[t.family]
	return holds(of + " " + is + " " + strconv.FormatUint(n, 10))
}

// classifier spreads connections over uplinks by a hash, though not by RouterOS's own.
func (t *table) classifier(value string, not bool) condition {
	what, share, _ := strings.Cut(value, ":")
	parts, rest, ok := strings.Cut(share, "/")
	n, err1 := strconv.ParseUint(parts, 10, 8)
	k, err2 := strconv.ParseUint(rest, 10, 8)
	if !ok || err1 != nil || err2 != nil || n == 0 || k >= n || not || !strings.Contains(what, "address") {
		return condition{unknown: true}
	}
	of := map[string]string{
		"src-address": t.family + " saddr", "dst-address": t.family + " daddr", "both-addresses": t.family + " saddr . " + t.family + " daddr",
		"src-address-and-port": t.family + " saddr . th sport", "dst-address-and-port": t.family + " daddr . th dport",
		"both-addresses-and-ports": t.family + " saddr . " + t.family + " daddr . th sport . th dport",
	}[what]
	if of == "" {
		return condition{unknown: true}
	}
	return holds("jhash " + of + " mod " + parts + " == " + rest)
}

// isDeed reports whether a property is about what the rule does, or about the rule
// itself.
func isDeed(name string) bool {
	return strings.HasPrefix(name, "new-") || strings.HasPrefix(name, "sniff-") || slices.Contains([]string{
		"action", "address-list", "address-list-timeout", "bytes", "chain", "comment", "disabled", "dynamic", "hw-offload", "jump-target", "log", "log-prefix", "packets",
		"passthrough", "randomise-ports", "randomize-ports", "reject-with", "route-dst", "same-not-by-dst", "to-addresses", "to-ports",
	}, name)
}
