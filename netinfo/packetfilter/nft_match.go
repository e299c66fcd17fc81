package packetfilter

import (
	"errors"
	"strconv"
	"strings"
)

// nftType is a data type of nft: how values of a field or a set are written.
type nftType string

// The types that are compared (nft(8), "Data types"). All others are not known
// of a packet class.
const (
	nftAddr      nftType = "addr" // ipv4_addr and ipv6_addr
	nftService   nftType = "inet_service"
	nftProto     nftType = "inet_proto"
	nftMark      nftType = "mark"
	nftState     nftType = "ct_state"
	nftStatus    nftType = "ct_status"
	nftDir       nftType = "ct_dir"
	nftFamily    nftType = "nf_proto"
	nftEthertype nftType = "ether_type"
	nftIfname    nftType = "ifname"
	nftPktType   nftType = "pkt_type"
	nftAddrType  nftType = "fib_addrtype"
	nftICMPType  nftType = "icmp_type"
	nftICMP6Type nftType = "icmpv6_type"
	nftICMPCode  nftType = "icmp_code"
	nftICMP6Code nftType = "icmpv6_code"
	nftTCPFlags  nftType = "tcp_flag"
	nftOther     nftType = "other"
)

// match compiles "match": left, operator, right.
func (b *nftBuilder) match(v any) {
	op, _ := field(v, "op").(string)
	left, right := field(v, "left"), field(v, "right")
	if ct := field(left, "ct"); ct != nil && field(ct, "key") == "helper" {
		b.add(&Expected{What: renderNFT(map[string]any{"match": v}), Not: op == "!=", Breaks: true})
		return
	}
	keys := b.keys(left)
	for _, k := range keys {
		b.add(k.pre...)
	}
	not := op == "!="
	_, concat := field(left, "concat").([]any)
	name, named := right.(string)
	named = named && strings.HasPrefix(name, "@")
	switch {
	case !concat && !plainKeys(keys) && !keys[0].masked, concat && !plainKeys(keys), named && keys[0].masked:
		b.unknownMatch(v, left, op, right)
	case named:
		b.add(&Lookup{Name: name[1:], Fields: fieldsOf(keys), Not: not})
	case concat:
		set := b.setOf(right, keys, false)
		if set == nil {
			b.unknownMatch(v, left, op, right)
			return
		}
		b.add(&Lookup{Set: set, Fields: fieldsOf(keys), Not: not})
	default:
		b.compare(v, keys[0], op, right)
	}
}

// unknownMatch is a question that is not known of a packet class. Two rules
// that ask the same get the same answer; limits and chances do not come here.
func (b *nftBuilder) unknownMatch(v, left any, op string, right any) {
	key := renderNFT(left) + " " + renderNFT(right)
	if op != "==" && op != "!=" && op != "in" {
		key = op + " " + key
	}
	for _, chance := range []string{"numgen", "random", "jhash"} {
		if strings.Contains(key, chance) {
			key = ""
			break
		}
	}
	b.unknown(renderNFT(map[string]any{"match": v}), key, op == "!=" && key != "")
}

// compare compares one field with values.
func (b *nftBuilder) compare(v any, k nftKey, op string, right any) {
	switch op {
	case "==", "!=", "<", ">", "<=", ">=", "in", "!":
	default:
		b.unknownMatch(v, field(v, "left"), op, right)
		return
	}
	m := &Match{Field: k.field, Mask: k.mask, Not: op == "!="}
	if k.masked && k.mask == 0 {
		n, ok := nftNumber(right, k.typ)
		if !ok {
			b.unknownMatch(v, field(v, "left"), op, right)
			return
		}
		b.add(&Never{Not: (n == 0) == (op != "!=")})
		return
	}
	if bits, ok := bitsMatch(k, op, right); ok {
		m.Mask, m.Nums = uint32(bits), AnyBit()
		m.Not = op == "!"
		b.add(m)
		return
	}
	vals, err := nftValues(right, k)
	if err != nil {
		b.unknownMatch(v, field(v, "left"), op, right)
		return
	}
	if between, ok := nftBetween(k, op, right); ok {
		vals, m.Not = between, false
	}
	m.Addrs, m.Nums, m.Names = vals.addrs, vals.nums, vals.names
	if k.typ == nftState && m.Mask == 0 {
		m.Mask = uint32(StateInvalid | StateEstablished | StateRelated | StateNew | StateUntracked)
	}
	if op == "<" || op == ">" || op == "<=" || op == ">=" {
		if len(m.Nums) != 1 || len(m.Addrs)+len(m.Names) > 0 {
			b.unknownMatch(v, field(v, "left"), op, right)
			return
		}
		m.Nums = ordered(op, m.Nums[0])
	}
	b.add(m)
}

// nftBetween reads what nft 1.0 makes of "udp dport < 10000 udp dport > 5000": it
// lists the two as one, "udp dport != 10000-5000". A range that is upside down
// means what is between its ends.
func nftBetween(k nftKey, op string, right any) (vals nftVals, ok bool) {
	if op != "!=" || field(right, "range") == nil {
		return vals, false
	}
	v, err := nftValue(right, k.typ)
	switch {
	case err != nil:
		return vals, false
	case kindOf(k.typ) == KindAddr && v.Addr.Hi.Less(v.Addr.Lo):
		vals.addrs = NewSpans(addrSpan{Lo: v.Addr.Hi.Next(), Hi: v.Addr.Lo.Prev()})
		return vals, true
	case kindOf(k.typ) == KindNum && v.Num.Hi < v.Num.Lo:
		vals.nums = NewSpans(Span[Num]{v.Num.Hi + 1, v.Num.Lo - 1})
		return vals, true
	}
	return vals, false
}

func ordered(op string, s Span[Num]) NumSet {
	const top = 1<<32 - 1
	switch {
	case op == "<" && s.Lo > 0:
		return NumSet{{0, s.Lo - 1}}
	case op == "<=":
		return NumSet{{0, s.Hi}}
	case op == ">" && s.Hi < top:
		return NumSet{{s.Hi + 1, top}}
	case op == ">=":
		return NumSet{{s.Lo, top}}
	}
	return nil
}

// bitsMatch reads a match of the kind "one of these bits is set". Listings
// write it with the operator "in", or "!" for none of them; old ones write
// "==" with a list.
func bitsMatch(k nftKey, op string, right any) (Num, bool) {
	if _, set := right.(map[string]any); set && field(right, "|") == nil || k.masked {
		return 0, false
	}
	_, list := right.([]any)
	old := list && (op == "==" || op == "!=") && (k.typ == nftState || k.typ == nftStatus)
	if op != "in" && op != "!" && !old && k.typ != nftStatus {
		return 0, false
	}
	return nftNumber(right, k.typ)
}

// nftVals are the values on the right side of a match.
type nftVals struct {
	addrs AddrSet
	nums  NumSet
	names []string
}

// nftValues reads a value, a range, a prefix or an anonymous set.
func nftValues(v any, k nftKey) (nftVals, error) {
	list := []any{v}
	if s, ok := field(v, "set").([]any); ok {
		list = s
	}
	var out nftVals
	addrs := make([]addrSpan, 0, len(list))
	nums := make([]Span[Num], 0, len(list))
	for _, x := range list {
		if e := field(x, "elem"); e != nil {
			x = field(e, "val")
		}
		val, err := nftValue(x, k.typ)
		if err != nil {
			return out, err
		}
		switch kindOf(k.typ) {
		case KindAddr:
			addrs = append(addrs, val.Addr)
		case KindName:
			out.names = append(out.names, val.Name)
		default:
			nums = append(nums, val.Num)
		}
	}
	if len(addrs) > 0 {
		out.addrs = NewSpans(addrs...)
	}
	if len(nums) > 0 {
		out.nums = NewSpans(nums...)
	}
	return out, nil
}

// nftNumber reads a number, a name for one, or names for bits of one.
func nftNumber(v any, typ nftType) (Num, bool) {
	switch v := v.(type) {
	case float64:
		return Num(v), v >= 0 && v < 1<<32
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case string:
		if n, ok := nftSymbols[typ][v]; ok {
			return n, true
		}
		n, err := strconv.ParseUint(v, 0, 32)
		return Num(n), err == nil
	case []any:
		return nftBits(v, typ)
	case map[string]any:
		list, ok := v["|"].([]any)
		if !ok {
			return 0, false
		}
		return nftBits(list, typ)
	}
	return 0, false
}

func nftBits(list []any, typ nftType) (all Num, ok bool) {
	for _, x := range list {
		n, ok := nftNumber(x, typ)
		if !ok {
			return 0, false
		}
		all |= n
	}
	return all, len(list) > 0
}

var errNFTValue = errors.New("a value of a kind that is not known")
