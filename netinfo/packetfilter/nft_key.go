package packetfilter

import (
	"slices"
	"strings"
)

// nftKey is the left side of a match: what is asked of the packet.
type nftKey struct {
	field  Field // FieldOther when it is not known of a class
	typ    nftType
	mask   uint32 // with masked: the bits that are compared
	masked bool
	pre    []Expr // matches that nft implies and does not print
	text   string
}

// keys reads one key or a concatenation.
func (b *nftBuilder) keys(v any) []nftKey {
	list, ok := field(v, "concat").([]any)
	if !ok {
		return []nftKey{b.key(v)}
	}
	var out []nftKey
	for _, x := range list {
		out = append(out, b.key(x))
	}
	return out
}

func (b *nftBuilder) key(v any) nftKey {
	k := nftKey{field: FieldOther, typ: nftOther}
	m, _ := v.(map[string]any)
	for name, x := range m {
		switch name {
		case "payload":
			k = payloadKey(x)
		case "meta":
			k = metaKey(x)
		case "ct":
			k = ctKey(x)
		case "fib":
			k = fibKey(x)
		case "&":
			k = b.maskedKey(x)
		}
	}
	k.text = renderNFT(v)
	return k
}

// maskedKey is "meta mark & 0xff".
func (b *nftBuilder) maskedKey(v any) nftKey {
	list, _ := v.([]any)
	if len(list) != 2 {
		return nftKey{field: FieldOther, typ: nftOther}
	}
	k := b.key(list[0])
	n, ok := nftNumber(list[1], k.typ)
	switch {
	case k.field == FieldOther && k.text == "ip frag-off" && n == 0x1fff:
		// The offset of a fragment; only whether there is one is known.
		k.field, k.typ = FieldFragment, nftMark
		return k
	case !ok || k.masked || k.typ == nftAddr || k.typ == nftIfname || k.field == FieldOther:
		return nftKey{field: FieldOther, typ: nftOther, pre: k.pre}
	}
	k.mask, k.masked = uint32(n), true
	return k
}

func protocolIs(n Num) Expr { return &Match{Field: FieldProtocol, Nums: OneNum(n)} }
func familyIs(n Num) Expr   { return &Match{Field: FieldFamily, Nums: OneNum(n)} }

// payloadKey is a field of a header. It implies that the packet has the header.
func payloadKey(v any) nftKey {
	proto, _ := field(v, "protocol").(string)
	name, _ := field(v, "field").(string)
	k := nftKey{field: FieldOther, typ: nftOther}
	if n, ok := transports[proto]; ok {
		k.pre = []Expr{protocolIs(n)}
	}
	switch proto {
	case "ip":
		k.pre = []Expr{familyIs(afInet)}
	case "ip6":
		k.pre = []Expr{familyIs(afInet6)}
	}
	switch proto + " " + name {
	case "ip saddr", "ip6 saddr":
		k.field, k.typ = FieldSrc, nftAddr
	case "ip daddr", "ip6 daddr":
		k.field, k.typ = FieldDst, nftAddr
	case "ip protocol", "ip6 nexthdr":
		k.field, k.typ = FieldProtocol, nftProto
	case "tcp flags":
		k.field, k.typ = FieldTCPFlags, nftTCPFlags
	case "icmp type":
		k.field, k.typ = FieldICMPType, nftICMPType
	case "icmp code":
		k.field, k.typ = FieldICMPCode, nftICMPCode
	case "icmpv6 type":
		k.field, k.typ = FieldICMPType, nftICMP6Type
	case "icmpv6 code":
		k.field, k.typ = FieldICMPCode, nftICMP6Code
	case "ether saddr":
		k.field = FieldMAC
	default:
		switch _, ported := portedTransports[proto]; {
		case !ported && proto != "th":
		case name == "sport":
			k.field, k.typ = FieldSrcPort, nftService
		case name == "dport":
			k.field, k.typ = FieldDstPort, nftService
		}
	}
	return k
}

// transports are the numbers of the headers that nft has names for.
var transports = map[string]Num{
	"tcp": TCP, "udp": UDP, "sctp": SCTP, "dccp": 33, "udplite": 136,
	"icmp": ICMP, "icmpv6": ICMPv6, "esp": 50, "ah": 51, "comp": 108, "gre": 47, "igmp": 2,
}

var portedTransports = map[string]bool{"tcp": true, "udp": true, "sctp": true, "dccp": true, "udplite": true}

func metaKey(v any) nftKey {
	name, _ := field(v, "key").(string)
	switch name {
	case "l4proto":
		return nftKey{field: FieldProtocol, typ: nftProto}
	case "nfproto":
		return nftKey{field: FieldFamily, typ: nftFamily}
	case "protocol":
		return nftKey{field: FieldFamily, typ: nftEthertype}
	case "mark":
		return nftKey{field: FieldMark, typ: nftMark}
	case "iif", "iifname":
		return nftKey{field: FieldIn, typ: nftIfname}
	case "oif", "oifname":
		return nftKey{field: FieldOut, typ: nftIfname}
	case "ipsec", "secpath":
		return nftKey{field: FieldIPsec, typ: nftMark}
	case "pkttype":
		return nftKey{field: FieldPktType, typ: nftPktType}
	}
	return nftKey{field: FieldOther, typ: nftOther}
}

func ctKey(v any) nftKey {
	name, _ := field(v, "key").(string)
	dir, _ := field(v, "dir").(string)
	switch name {
	case "state":
		return nftKey{field: FieldCtState, typ: nftState}
	case "status":
		return nftKey{field: FieldCtState, typ: nftStatus}
	case "mark":
		return nftKey{field: FieldCtMark, typ: nftMark}
	case "direction":
		return nftKey{field: FieldCtDirection, typ: nftDir}
	case "protocol":
		return nftKey{field: FieldCtProtocol, typ: nftProto}
	case "l3proto":
		return nftKey{field: FieldFamily, typ: nftFamily}
	}
	if dir != "original" {
		return nftKey{field: FieldOther, typ: nftOther}
	}
	switch strings.TrimPrefix(strings.TrimPrefix(name, "ip6 "), "ip ") {
	case "saddr":
		return nftKey{field: FieldCtOrigSrc, typ: nftAddr}
	case "daddr":
		return nftKey{field: FieldCtOrigDst, typ: nftAddr}
	case "proto-src":
		return nftKey{field: FieldCtOrigSrcPort, typ: nftService}
	case "proto-dst":
		return nftKey{field: FieldCtOrigDstPort, typ: nftService}
	case "protocol":
		return nftKey{field: FieldCtProtocol, typ: nftProto}
	}
	return nftKey{field: FieldOther, typ: nftOther}
}

// fibKey is a question to the routing table. The kind of an address is known
// of a class; a route is not.
func fibKey(v any) nftKey {
	flags := stringsOf(field(v, "flags"))
	has := func(names ...string) bool {
		return len(flags) == len(names) && !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(flags, n) })
	}
	switch result := field(v, "result"); {
	case result == "oif" && (has("saddr", "iif") || has("saddr", "iif", "mark")):
		return nftKey{field: FieldWayBack, typ: nftMark}
	case result == "oif" && (has("saddr") || has("saddr", "mark")):
		return nftKey{field: FieldWayBackAny, typ: nftMark}
	case result == "type" && has("daddr", "iif"):
		return nftKey{field: FieldDstTypeIn, typ: nftAddrType}
	}
	if field(v, "result") == "type" && len(flags) == 1 {
		switch flags[0] {
		case "saddr":
			return nftKey{field: FieldSrcType, typ: nftAddrType}
		case "daddr":
			return nftKey{field: FieldDstType, typ: nftAddrType}
		}
	}
	return nftKey{field: FieldOther, typ: nftOther}
}
