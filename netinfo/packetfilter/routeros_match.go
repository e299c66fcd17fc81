package packetfilter

import (
	"slices"
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
	case "src-address-list", "dst-address-list":
		return &Lookup{SetUse: SetUse{Set: r.list(value), Fields: []Field{sided(name, FieldSrc, FieldDst)}}, Not: not}
	case "in-interface-list", "out-interface-list":
		return r.interfaceList(name, value, not)
	case "ipsec-policy":
		return r.ipsec(value, not)
	case "fragment":
		return &Match{Field: FieldFragment, Nums: OneNum(1), Not: value != "yes"}
	case "tcp-flags":
		if m := routerOSFlags(value); m != nil && !not {
			return m
		}
		return r.unsure(name, value, not)
	}
	m, ok := r.field(name, value)
	switch {
	case ok:
		m.Not = not
		return m
	case isRouterOSAction(name):
		return nil
	}
	return r.unsure(name, value, not)
}

// field is a property that compares a field of the packet with values; ok is false
// if it is none, or the values are not understood.
func (r *routerOSReader) field(name, value string) (m *Match, ok bool) {
	m = &Match{}
	switch name {
	case "src-address", "dst-address":
		m.Field = sided(name, FieldSrc, FieldDst)
		m.Addrs, ok = routerOSAddrs(value)
	case "src-port", "dst-port":
		m.Field = sided(name, FieldSrcPort, FieldDstPort)
		m.Nums, ok = routerOSPorts(value)
	case "port":
		m.Field, m.Or = FieldSrcPort, FieldDstPort
		m.Nums, ok = routerOSPorts(value)
	case "protocol":
		n, known := routerOSProtocol(value)
		m.Field, m.Nums, ok = FieldProtocol, OneNum(n), known
	case "in-interface", "out-interface":
		m.Field, m.Names = sided(name, FieldIn, FieldOut), []string{value}
		ok = !strings.ContainsAny(value, "+*") && !strings.HasPrefix(value, "all-")
	case "connection-state", "connection-nat-state":
		bits, known := routerOSStates(value)
		m.Field, m.Mask, m.Nums, ok = FieldCtState, uint32(bits), AnyBit(), known
	case "src-address-type", "dst-address-type":
		list, known := numbersOf(value, nftAddrType)
		m.Field, m.Nums, ok = sided(name, FieldSrcType, FieldDstType), NewSpans(list...), known
	case "packet-mark":
		m.Field, m.Nums, ok = FieldMark, OneNum(r.mark(value)), true
	case "connection-mark":
		m.Field, m.Nums, ok = FieldCtMark, OneNum(r.mark(value)), true
	case "src-mac-address":
		m.Field, ok = FieldMAC, true
	case "icmp-options":
		m, ok = routerOSICMP(value)
	}
	return m, ok
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
