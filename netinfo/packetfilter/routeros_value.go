package packetfilter

import (
	"strconv"
	"strings"
)

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

// routerOSICMP reads "8:0-255", a type with its codes.
func routerOSICMP(s string) (*Match, bool) {
	kind, codes, ok := strings.Cut(s, ":")
	from, to, ranged := cutRange(codes)
	if !ranged {
		to = from
	}
	t, err := strconv.ParseUint(kind, 10, 8)
	a, err1 := strconv.ParseUint(from, 10, 8)
	b, err2 := strconv.ParseUint(to, 10, 8)
	if !ok || err != nil || err1 != nil || err2 != nil {
		return nil, false
	}
	return &Match{Field: FieldICMPTypeCode, Nums: NewSpans(Span[Num]{Num(t*256 + a), Num(t*256 + b)})}, true
}
