package packetfilter

import "strings"

// nftTypes are the types of a set's dimensions.
func nftTypes(v any) []nftType {
	var out []nftType
	for _, s := range strings.Split(nftTypeText(v), " . ") {
		out = append(out, nftTypeOf(s))
	}
	return out
}

// nftTypeText writes a type as nft does: ipv4_addr . inet_service.
func nftTypeText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		var parts []string
		for _, x := range v {
			parts = append(parts, nftTypeText(x))
		}
		return strings.Join(parts, " . ")
	case map[string]any:
		if t, ok := v["typeof"]; ok {
			if list, ok := field(t, "concat").([]any); ok {
				return nftTypeText(list)
			}
			return nftTypeText(t)
		}
		return typeofText(v)
	}
	return ""
}

// typeofText is the type of an expression: sets may be declared with the
// fields that they are for.
func typeofText(v map[string]any) string {
	k := (&nftBuilder{}).key(v)
	if k.typ != nftAddr {
		return string(k.typ)
	}
	if strings.HasPrefix(k.text, "ip6") {
		return "ipv6_addr"
	}
	return "ipv4_addr"
}

func nftTypeOf(s string) nftType {
	switch t := nftType(s); t {
	case "ipv4_addr", "ipv6_addr":
		return nftAddr
	case "iface_index":
		return nftIfname
	case nftService, nftMark, nftIfname:
		return t
	default:
		if nftSymbols[t] != nil {
			return t
		}
	}
	return nftOther
}

func kindOf(t nftType) Kind {
	switch t {
	case nftAddr:
		return KindAddr
	case nftIfname:
		return KindName
	case nftOther:
		return KindOther
	}
	return KindNum
}

// nftSymbols are the numbers of names: those of nft ("nft describe TYPE" lists
// them), and those of iptables in small letters.
var nftSymbols = map[nftType]map[string]Num{
	nftProto: {
		"ip": 0, "hopopt": 0, "icmp": ICMP, "igmp": 2, "ipencap": 4, "tcp": TCP, "egp": 8, "udp": UDP, "dccp": 33, "ipv6": 41,
		"ipv6-route": 43, "ipv6-frag": 44, "rsvp": 46, "gre": 47, "esp": 50, "ipv6-crypt": 50, "ah": 51, "ipv6-auth": 51,
		"icmpv6": ICMPv6, "ipv6-icmp": ICMPv6, "icmp6": ICMPv6, "ipv6-nonxt": 59, "ipv6-opts": 60, "eigrp": 88, "ospf": 89,
		"ipip": 94, "pim": 103, "ipcomp": 108, "comp": 108, "vrrp": 112, "l2tp": 115, "sctp": SCTP, "mh": 135, "ipv6-mh": 135, "udplite": 136,
	},
	iptPolicy: {"none": 0, "ipsec": 1},
	nftState:  {"invalid": StateInvalid, "established": StateEstablished, "related": StateRelated, "new": StateNew, "untracked": StateUntracked, "snat": StateSNAT, "dnat": StateDNAT},
	nftStatus: {"snat": StateSNAT, "dnat": StateDNAT},
	nftDir:    {"original": 0, "reply": 1},
	nftFamily: {"ipv4": afInet, "ipv6": afInet6, "ip": afInet, "ip6": afInet6},
	// Of meta protocol, which has Ethernet's numbers; here the families stand
	// for them. No other protocol comes to an IP table.
	nftEthertype: {"ip": afInet, "ip6": afInet6, "arp": 0x806, "vlan": 0x8100},
	nftPktType:   {"host": 0, "unicast": 0, "broadcast": 1, "bcast": 1, "multicast": 2, "mcast": 2, "other": 3, "otherhost": 3},
	nftAddrType: {"unspec": 0, "unicast": 1, "local": 2, "broadcast": 3, "anycast": 4, "multicast": 5, "blackhole": 6,
		"unreachable": 7, "prohibit": 8, "throw": 9, "nat": 10, "xresolve": 11},
	nftTCPFlags: {"none": 0, "all": 63, "fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ecn": 64, "cwr": 128},
	nftICMPType: {"echo-reply": 0, "pong": 0, "destination-unreachable": 3, "source-quench": 4, "redirect": 5, "echo-request": 8, "ping": 8,
		"router-advertisement": 9, "router-solicitation": 10, "time-exceeded": 11, "ttl-exceeded": 11, "parameter-problem": 12, "timestamp-request": 13,
		"timestamp-reply": 14, "info-request": 15, "info-reply": 16, "address-mask-request": 17, "address-mask-reply": 18},
	nftICMP6Type: {"destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "ttl-exceeded": 3, "parameter-problem": 4,
		"echo-request": 128, "ping": 128, "echo-reply": 129, "pong": 129,
		"mld-listener-query": 130, "mld-listener-report": 131, "mld-listener-done": 132, "mld-listener-reduction": 132,
		"nd-router-solicit": 133, "router-solicitation": 133, "nd-router-advert": 134, "router-advertisement": 134,
		"nd-neighbor-solicit": 135, "neighbour-solicitation": 135, "neighbor-solicitation": 135,
		"nd-neighbor-advert": 136, "neighbour-advertisement": 136, "neighbor-advertisement": 136, "nd-redirect": 137, "redirect": 137,
		"router-renumbering": 138, "ind-neighbor-solicit": 141, "ind-neighbor-advert": 142, "mld2-listener-report": 143},
	nftICMPCode: {"net-unreachable": 0, "host-unreachable": 1, "prot-unreachable": 2, "port-unreachable": 3, "frag-needed": 4,
		"net-prohibited": 9, "host-prohibited": 10, "admin-prohibited": 13},
	nftICMP6Code: {"no-route": 0, "admin-prohibited": 1, "addr-unreachable": 3, "port-unreachable": 4, "policy-fail": 5, "reject-route": 6},
}
