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

func (b *nftBuilder) key(v any) (k nftKey) {
	m, _ := v.(map[string]any)
	for kind, x := range m {
		name := kind + " " + textOf(x, "key")
		switch kind {
		case "payload":
			name, k.pre = payloadKey(textOf(x, "protocol"), textOf(x, "field"))
		case "ct":
			if nftFields[name].field == FieldNone && textOf(x, "dir") == "original" {
				name = "ct original " + strings.TrimPrefix(strings.TrimPrefix(textOf(x, "key"), "ip6 "), "ip ")
			}
		case "fib":
			flags := slices.Sorted(slices.Values(stringsOf(field(x, "flags"))))
			name = "fib " + textOf(x, "result") + " " + strings.Join(flags, " ")
		case "&":
			k = b.maskedKey(x)
			continue
		}
		k.field, k.typ = nftFields[name].field, nftFields[name].typ
	}
	if k.field == FieldNone {
		k.field, k.typ = FieldOther, nftOther
	}
	k.text = renderNFT(v)
	return k
}

// maskedKey is "meta mark & 0xff".
func (b *nftBuilder) maskedKey(v any) nftKey {
	list, _ := v.([]any)
	if len(list) != 2 {
		return nftKey{}
	}
	k := b.key(list[0])
	n, ok := nftNumber(list[1], k.typ)
	switch {
	case k.field == FieldOther && k.text == "ip frag-off" && n == 0x1fff:
		// The offset of a fragment; only whether there is one is known.
		k.field, k.typ = FieldFragment, nftMark
		return k
	case !ok || k.masked || k.typ == nftAddr || k.typ == nftIfname || k.field == FieldOther:
		return nftKey{pre: k.pre}
	}
	k.mask, k.masked = uint32(n), true
	return k
}

func protocolIs(n Num) Expr { return &Match{Field: FieldProtocol, Nums: OneNum(n)} }
func familyIs(n Num) Expr   { return &Match{Field: FieldFamily, Nums: OneNum(n)} }

// payloadKey is a field of a header, and that the packet has the header.
func payloadKey(header, name string) (key string, implied []Expr) {
	number := nftSymbols[nftProto][header]
	if family, ok := nftSymbols[nftFamily][header]; ok {
		implied = []Expr{familyIs(family)}
	} else if number != 0 {
		implied = []Expr{protocolIs(number)}
	}
	if hasPorts(uint8(number)) && (name == "sport" || name == "dport") {
		header = "th"
	}
	return header + " " + name, implied
}

// nftFields are the fields that are known, as nft words them; the flags of fib are
// in the order of the alphabet.
var nftFields = map[string]struct {
	field Field
	typ   nftType
}{
	"ip saddr": {FieldSrc, nftAddr}, "ip6 saddr": {FieldSrc, nftAddr}, "ip daddr": {FieldDst, nftAddr}, "ip6 daddr": {FieldDst, nftAddr},
	"ip protocol": {FieldProtocol, nftProto}, "ip6 nexthdr": {FieldProtocol, nftProto}, "tcp flags": {FieldTCPFlags, nftTCPFlags},
	"th sport": {FieldSrcPort, nftService}, "th dport": {FieldDstPort, nftService}, "ether saddr": {FieldMAC, nftOther},
	"icmp type": {FieldICMPType, nftICMPType}, "icmp code": {FieldICMPCode, nftICMPCode},
	"icmpv6 type": {FieldICMPType, nftICMP6Type}, "icmpv6 code": {FieldICMPCode, nftICMP6Code},

	"meta l4proto": {FieldProtocol, nftProto}, "meta nfproto": {FieldFamily, nftFamily}, "meta protocol": {FieldFamily, nftEthertype},
	"meta iif": {FieldIn, nftIfname}, "meta iifname": {FieldIn, nftIfname}, "meta oif": {FieldOut, nftIfname}, "meta oifname": {FieldOut, nftIfname},
	"meta mark": {FieldMark, nftMark}, "meta ipsec": {FieldIPsec, nftMark}, "meta secpath": {FieldIPsec, nftMark}, "meta pkttype": {FieldPktType, nftPktType},

	"ct state": {FieldCtState, nftState}, "ct status": {FieldCtState, nftStatus}, "ct mark": {FieldCtMark, nftMark},
	"ct direction": {FieldCtDirection, nftDir}, "ct protocol": {FieldCtProtocol, nftProto}, "ct l3proto": {FieldFamily, nftFamily},
	"ct original saddr": {FieldCtOrigSrc, nftAddr}, "ct original daddr": {FieldCtOrigDst, nftAddr},
	"ct original proto-src": {FieldCtOrigSrcPort, nftService}, "ct original proto-dst": {FieldCtOrigDstPort, nftService},

	"fib oif iif saddr": {FieldWayBack, nftMark}, "fib oif iif mark saddr": {FieldWayBack, nftMark},
	"fib oif saddr": {FieldWayBackAny, nftMark}, "fib oif mark saddr": {FieldWayBackAny, nftMark},
	"fib type daddr iif": {FieldDstTypeIn, nftAddrType}, "fib type saddr": {FieldSrcType, nftAddrType}, "fib type daddr": {FieldDstType, nftAddrType},
}
