package packetfilter

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// matches are what a rule asks of a packet, in the order of its properties.
func (r *routerOSReader) matches(row routeros.Row) (out []Expr) {
	for _, p := range row.Props {
		value, not, ok := row.Match(p.Name)
		if !ok {
			continue
		}
		if x := r.match(row, p.Name, value, not); x != nil {
			out = append(out, x)
		}
	}
	return out
}

// match is one property; nil if it asks nothing.
func (r *routerOSReader) match(row routeros.Row, name, value string, not bool) Expr {
	switch name {
	case "src-address", "dst-address":
		if set, ok := routerOSAddrs(value); ok {
			return &Match{Field: sided(name, FieldSrc, FieldDst), Not: not, Addrs: set}
		}
	case "src-address-list", "dst-address-list":
		return &Lookup{SetUse: SetUse{Set: r.list(value), Fields: []Field{sided(name, FieldSrc, FieldDst)}}, Not: not}
	case "src-port", "dst-port", "port":
		if set, ok := routerOSPorts(value); ok {
			m := &Match{Field: sided(name, FieldSrcPort, FieldDstPort), Not: not, Nums: set}
			if name == "port" {
				m.Field, m.Or = FieldSrcPort, FieldDstPort
			}
			return m
		}
	case "protocol":
		if n, ok := routerOSProtocol(value); ok {
			return &Match{Field: FieldProtocol, Not: not, Nums: OneNum(n)}
		}
	case "in-interface", "out-interface":
		if !strings.ContainsAny(value, "+*") && !strings.HasPrefix(value, "all-") {
			return &Match{Field: sided(name, FieldIn, FieldOut), Not: not, Names: []string{value}}
		}
	case "in-interface-list", "out-interface-list":
		return r.interfaceList(name, value, not)
	case "connection-state", "connection-nat-state":
		if bits, ok := routerOSStates(value); ok {
			return &Match{Field: FieldCtState, Not: not, Mask: uint32(bits), Nums: AnyBit()}
		}
	case "src-address-type", "dst-address-type":
		if list, ok := numbersOf(value, nftAddrType); ok {
			return &Match{Field: sided(name, FieldSrcType, FieldDstType), Not: not, Nums: NewSpans(list...)}
		}
	case "packet-mark":
		return &Match{Field: FieldMark, Not: not, Nums: OneNum(r.mark(value))}
	case "connection-mark":
		return &Match{Field: FieldCtMark, Not: not, Nums: OneNum(r.mark(value))}
	case "src-mac-address":
		return &Match{Field: FieldMAC, Not: not}
	case "fragment":
		return &Match{Field: FieldFragment, Nums: OneNum(1), Not: value != "yes"}
	case "tcp-flags":
		if m := routerOSFlags(value); m != nil && !not {
			return m
		}
	case "icmp-options":
		if m := routerOSICMP(value); m != nil {
			m.Not = not
			return m
		}
	case "ipsec-policy":
		return r.ipsec(value, not)
	default:
		if isRouterOSAction(name) {
			return nil
		}
	}
	return r.unsure(name, value, not)
}

// sided is one of two fields: the name says which side of the packet is meant.
func sided(name string, from, to Field) Field {
	if strings.HasPrefix(name, "src-") || strings.HasPrefix(name, "in-") {
		return from
	}
	return to
}

// isRouterOSAction reports whether a property is about what the rule does, or about
// the rule itself. Any other makes it choose, if by something that is not known.
func isRouterOSAction(name string) bool {
	return strings.HasPrefix(name, "new-") || strings.HasPrefix(name, "sniff-") || strings.HasPrefix(name, "socks5-") || slices.Contains([]string{
		"action", "address-list", "address-list-timeout", "chain", "comment", "disabled", "dynamic", "hw-offload", "jump-target", "log", "log-prefix",
		"passthrough", "randomise-ports", "randomize-ports", "reject-with", "route-dst", "same-not-by-dst", "to-addresses", "to-ports", "bytes", "packets",
	}, name)
}

// unsure is a match whose result is not known. Those that say the same of a packet
// whenever they are asked have a key.
func (r *routerOSReader) unsure(name, value string, not bool) Expr {
	chance := []string{"limit", "dst-limit", "connection-limit", "connection-rate", "connection-bytes", "nth", "psd", "random"}
	if slices.Contains(chance, name) {
		if not {
			value = "!" + value
		}
		return &Unknown{What: name + "=" + value}
	}
	return &Unknown{What: name + "=" + value, Key: "routeros:" + name + "=" + value, Not: not}
}

// interfaceList is a match of the interfaces in a list.
func (r *routerOSReader) interfaceList(name, list string, not bool) Expr {
	switch list {
	case "all":
		return &Never{Not: !not}
	case "none":
		return &Never{Not: not}
	}
	names, whole := r.cfg.Members(list)
	odd := slices.ContainsFunc(names, func(s string) bool { return strings.ContainsAny(s, "+*") })
	switch {
	case !whole || odd:
		return r.unsure(name, list, not)
	case len(names) == 0:
		return &Never{Not: not}
	}
	return &Match{Field: sided(name, FieldIn, FieldOut), Not: not, Names: names}
}

// ipsec is "in,ipsec", "out,none" and the like. A router without any IPsec has no
// packets of it.
func (r *routerOSReader) ipsec(value string, not bool) Expr {
	direction, policy, _ := strings.Cut(value, ",")
	switch {
	case !hasRouterOSIPsec(r.cfg):
		return &Never{Not: (policy == "none") != not}
	case direction == "in":
		return &Match{Field: FieldIPsec, Not: not != (policy == "none"), Nums: OneNum(1)}
	}
	return r.unsure("ipsec-policy", value, not)
}

// mark is the number of a mark.
func (r *routerOSReader) mark(name string) Num {
	n, ok := r.marks[name]
	if !ok {
		n = Num(len(r.marks))
		r.marks[name] = n
	}
	return n
}

// cutRange reads "a-b".
func cutRange(s string) (from, to string, ok bool) { return strings.Cut(s, "-") }

// routerOSPorts reads "5060,10000-20000".
func routerOSPorts(s string) (NumSet, bool) {
	var list []Span[Num]
	for part := range strings.SplitSeq(s, ",") {
		from, to, ranged := cutRange(part)
		if !ranged {
			to = from
		}
		a, err1 := strconv.ParseUint(from, 10, 16)
		b, err2 := strconv.ParseUint(to, 10, 16)
		if err1 != nil || err2 != nil || a > b {
			return nil, false
		}
		list = append(list, Span[Num]{Num(a), Num(b)})
	}
	return NewSpans(list...), true
}

// routerOSProtocol is the number of a protocol (RouterOS: ip firewall filter
// protocol; IANA, Assigned Internet Protocol Numbers).
func routerOSProtocol(s string) (Num, bool) {
	known := map[string]Num{
		"icmp": 1, "igmp": 2, "ggp": 3, "ip-encap": 4, "ipencap": 4, "tcp": 6, "egp": 8, "udp": 17, "dccp": 33, "ipv6-encap": 41, "gre": 47, "ipsec-esp": 50,
		"ipsec-ah": 51, "icmpv6": 58, "ospf": 89, "ipip": 94, "etherip": 97, "encap": 98, "pim": 103, "vrrp": 112, "l2tp": 115, "sctp": 132, "udp-lite": 136,
	}
	if n, ok := known[s]; ok {
		return n, true
	}
	n, err := strconv.ParseUint(s, 10, 8)
	return Num(n), err == nil
}

// routerOSStates are the bits of connection-state and connection-nat-state.
func routerOSStates(s string) (bits Num, ok bool) {
	for name := range strings.SplitSeq(s, ",") {
		switch name {
		case "established":
			bits |= StateEstablished
		case "related":
			bits |= StateRelated
		case "new":
			bits |= StateNew
		case "invalid":
			bits |= StateInvalid
		case "untracked":
			bits |= StateUntracked
		case "srcnat":
			bits |= StateSNAT
		case "dstnat":
			bits |= StateDNAT
		default:
			return 0, false
		}
	}
	return bits, true
}

// routerOSFlags reads "syn,!ack"; nil if it names a flag that is not known.
func routerOSFlags(s string) *Match {
	m := &Match{Field: FieldTCPFlags}
	var set Num
	for name := range strings.SplitSeq(s, ",") {
		name, not := strings.CutPrefix(name, "!")
		bit, ok := map[string]Num{"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32}[name]
		if !ok {
			return nil
		}
		m.Mask |= uint32(bit)
		if !not {
			set |= bit
		}
	}
	m.Nums = OneNum(set)
	return m
}

// routerOSICMP reads "8:0-255", a type with its codes; nil if it is something else.
func routerOSICMP(s string) *Match {
	kind, codes, ok := strings.Cut(s, ":")
	from, to, ranged := cutRange(codes)
	if !ranged {
		to = from
	}
	t, err := strconv.ParseUint(kind, 10, 8)
	a, err1 := strconv.ParseUint(from, 10, 8)
	b, err2 := strconv.ParseUint(to, 10, 8)
	if !ok || err != nil || err1 != nil || err2 != nil {
		return nil
	}
	return &Match{Field: FieldICMPTypeCode, Nums: NewSpans(Span[Num]{Num(t*256 + a), Num(t*256 + b)})}
}
