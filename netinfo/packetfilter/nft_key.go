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

// keys reads one key or a concatenation, and adds what it implies of the packet.
func (b *nftBuilder) keys(v any) (keys []nftKey, fields []Field) {
	list, ok := field(v, "concat").([]any)
	if !ok {
		list = []any{v}
	}
	for _, x := range list {
		k := b.key(x)
		b.add(k.pre...)
		keys, fields = append(keys, k), append(fields, k.field)
	}
	return keys, fields
}

func (b *nftBuilder) key(v any) nftKey {
	k := unknownKey
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
		return unknownKey
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
	k := payloadFields[proto+" "+name]
	number := nftSymbols[nftProto][proto]
	if family, ok := nftSymbols[nftFamily][proto]; ok {
		k.pre = []Expr{familyIs(family)}
	} else if number != 0 {
		k.pre = []Expr{protocolIs(number)}
	}
	ports := proto == "th" || hasPorts(uint8(number))
	switch {
	case k.field != FieldNone:
	case ports && name == "sport":
		k.field, k.typ = FieldSrcPort, nftService
	case ports && name == "dport":
		k.field, k.typ = FieldDstPort, nftService
	default:
		k.field, k.typ = FieldOther, nftOther
	}
	return k
}

// payloadFields are the fields of headers but ports, metaFields those of "meta",
// ctFields those of "ct" and ctOpenerFields those of "ct original".
var (
	payloadFields = map[string]nftKey{
		"ip saddr": {field: FieldSrc, typ: nftAddr}, "ip6 saddr": {field: FieldSrc, typ: nftAddr},
		"ip daddr": {field: FieldDst, typ: nftAddr}, "ip6 daddr": {field: FieldDst, typ: nftAddr},
		"ip protocol": {field: FieldProtocol, typ: nftProto}, "ip6 nexthdr": {field: FieldProtocol, typ: nftProto},
		"tcp flags": {field: FieldTCPFlags, typ: nftTCPFlags},
		"icmp type": {field: FieldICMPType, typ: nftICMPType}, "icmp code": {field: FieldICMPCode, typ: nftICMPCode},
		"icmpv6 type": {field: FieldICMPType, typ: nftICMP6Type}, "icmpv6 code": {field: FieldICMPCode, typ: nftICMP6Code},
		"ether saddr": {field: FieldMAC, typ: nftOther},
	}
	metaFields = map[string]nftKey{
		"l4proto": {field: FieldProtocol, typ: nftProto}, "nfproto": {field: FieldFamily, typ: nftFamily},
		"protocol": {field: FieldFamily, typ: nftEthertype}, "mark": {field: FieldMark, typ: nftMark},
		"iif": {field: FieldIn, typ: nftIfname}, "iifname": {field: FieldIn, typ: nftIfname},
		"oif": {field: FieldOut, typ: nftIfname}, "oifname": {field: FieldOut, typ: nftIfname},
		"ipsec": {field: FieldIPsec, typ: nftMark}, "secpath": {field: FieldIPsec, typ: nftMark},
		"pkttype": {field: FieldPktType, typ: nftPktType},
	}
	ctFields = map[string]nftKey{
		"state": {field: FieldCtState, typ: nftState}, "status": {field: FieldCtState, typ: nftStatus},
		"mark": {field: FieldCtMark, typ: nftMark}, "direction": {field: FieldCtDirection, typ: nftDir},
		"protocol": {field: FieldCtProtocol, typ: nftProto}, "l3proto": {field: FieldFamily, typ: nftFamily},
	}
	ctOpenerFields = map[string]nftKey{
		"saddr": {field: FieldCtOrigSrc, typ: nftAddr}, "daddr": {field: FieldCtOrigDst, typ: nftAddr},
		"proto-src": {field: FieldCtOrigSrcPort, typ: nftService}, "proto-dst": {field: FieldCtOrigDstPort, typ: nftService},
	}
	unknownKey = nftKey{field: FieldOther, typ: nftOther}
)

func metaKey(v any) nftKey {
	name, _ := field(v, "key").(string)
	if k, ok := metaFields[name]; ok {
		return k
	}
	return unknownKey
}

func ctKey(v any) nftKey {
	name, _ := field(v, "key").(string)
	if k, ok := ctFields[name]; ok {
		return k
	}
	k, ok := ctOpenerFields[strings.TrimPrefix(strings.TrimPrefix(name, "ip6 "), "ip ")]
	if ok && field(v, "dir") == "original" {
		return k
	}
	return unknownKey
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
	case result == "type" && has("saddr"):
		return nftKey{field: FieldSrcType, typ: nftAddrType}
	case result == "type" && has("daddr"):
		return nftKey{field: FieldDstType, typ: nftAddrType}
	}
	return unknownKey
}
