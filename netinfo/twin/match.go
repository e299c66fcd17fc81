package twin

import (
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
	last, counts := "", 0
	for _, p := range row.Props {
		value, not, ok := row.Match(p.Name)
		if !ok || isDeed(p.Name) {
			continue
		}
		if isMetered(p.Name) {
			last, what = t.metered(p.Name, value, not, row), p.Name+"="+p.Value
			if counts++; last == "" || counts > 1 { // which is asked first is not known
				return nil, false, what
			}
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
	if counts > 0 && len(list) > 1 { // each would count for itself
		return nil, false, what
	}
	return product(list, []string{last}), never, ""
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
	if row.Get("tcp-flags").Text != "" || row.Get("tcp-mss").Text != "" {
		return "meta l4proto 6"
	}
	for _, p := range row.Props {
		if _, _, asks := row.Match(p.Name); asks && slices.Contains([]string{"port", "src-port", "dst-port", "to-ports"}, p.Name) {
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
	case "packet-size":
		if sizes, ok := ports(value); ok && !strings.Contains(value, ",") {
			return holds("meta length " + is + sizes)
		}
	case "connection-type":
		if value == routeros.HelpedBySIP && !not {
			return holds(`ct helper "sip"`)
		}
	case "tcp-mss":
		if sizes, ok := ports(value); ok && !strings.Contains(value, ",") {
			return holds("tcp option maxseg size " + is + sizes)
		}
	case "ttl", "hop-limit":
		return t.hops(value, not)
	case "per-connection-classifier":
		return classifier(t.family, value, not)
	}
	return condition{unknown: true}
}

// isDeed reports whether a property is about what the rule does, or about the rule
// itself.
func isDeed(name string) bool {
	return strings.HasPrefix(name, "new-") || strings.HasPrefix(name, "sniff-") || slices.Contains([]string{
		"action", "address-list", "address-list-timeout", "bytes", "chain", "comment", "disabled", "dynamic", "hw-offload", "jump-target", "log", "log-prefix", "packets",
		"passthrough", "randomise-ports", "randomize-ports", "reject-with", "route-dst", "same-not-by-dst", "to-addresses", "to-ports",
	}, name)
}
