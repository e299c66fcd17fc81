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

	iptPolicy nftType = "policy" // of iptables alone
)

// match compiles "match": left, operator, right.
func (b *nftBuilder) match(v any) {
	op, left, right := textOf(v, "op"), field(v, "left"), field(v, "right")
	if field(field(left, "ct"), "key") == "helper" {
		b.add(&Expected{What: renderNFT(map[string]any{"match": v}), Not: op == "!=", Breaks: true})
		return
	}
	keys, fields := b.keys(left)
	plain := plainKeys(keys)
	_, concat := field(left, "concat").([]any)
	name, named := right.(string)
	named = named && strings.HasPrefix(name, "@")
	set := SetUse{Fields: fields}
	switch {
	case named && plain:
		set.Name = name[1:]
	case concat && plain:
		set.Set = b.setOf(right, keys, false)
	case !named && !concat && (plain || keys[0].masked):
		if x := compareNFT(keys[0], op, right); x != nil {
			b.add(x)
			return
		}
	}
	if set.Name == "" && set.Set == nil {
		b.unknownMatch(v, op)
		return
	}
	b.add(&Lookup{SetUse: set, Not: op == "!="})
}

// unknownMatch is a question that is not known of a packet class. Two rules
// that ask the same get the same answer; limits and chances do not come here.
func (b *nftBuilder) unknownMatch(v any, op string) {
	key := renderNFT(field(v, "left")) + " " + renderNFT(field(v, "right"))
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

// compareNFT compares one field with values; nil where it is not known how.
func compareNFT(k nftKey, op string, right any) Expr {
	ordering := op == "<" || op == ">" || op == "<=" || op == ">="
	if !ordering && op != "==" && op != "!=" && op != "in" && op != "!" {
		return nil
	}
	if k.masked && k.mask == 0 {
		n, ok := nftNumber(right, k.typ)
		if !ok {
			return nil
		}
		return &Never{Not: (n == 0) == (op != "!=")}
	}
	if bits, ok := bitsMatch(k, op, right); ok {
		return &Match{Field: k.field, Mask: uint32(bits), Nums: AnyBit(), Not: op == "!"}
	}
	m, err := nftValues(right, k.typ)
	if err != nil || ordering && (len(m.Nums) != 1 || len(m.Addrs)+len(m.Names) > 0) {
		return nil
	}
	m.Field, m.Mask, m.Not = k.field, k.mask, op == "!="
	if m.Not && m.between(right, k.typ) {
		m.Not = false
	}
	if k.typ == nftState && m.Mask == 0 {
		m.Mask = uint32(StateInvalid | StateEstablished | StateRelated | StateNew | StateUntracked)
	}
	if ordering {
		m.Nums = ordered(op, m.Nums[0])
	}
	return &m
}

// between reads what nft 1.0 makes of "udp dport < 10000 udp dport > 5000": it
// lists the two as one, "udp dport != 10000-5000". A range that is upside down
// means what is between its ends.
func (m *Match) between(right any, typ nftType) bool {
	v, err := nftValue(right, typ)
	switch {
	case err != nil || field(right, "range") == nil:
		return false
	case kindOf(typ) == KindAddr && v.Addr.Hi.Less(v.Addr.Lo):
		m.Addrs = NewSpans(addrSpan{Lo: v.Addr.Hi.Next(), Hi: v.Addr.Lo.Prev()})
		return true
	case kindOf(typ) == KindNum && v.Num.Hi < v.Num.Lo:
		m.Nums = NewSpans(Span[Num]{v.Num.Hi + 1, v.Num.Lo - 1})
		return true
	}
	return false
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

// nftValues reads a value, a range, a prefix or an anonymous set into the values
// of a match.
func nftValues(v any, typ nftType) (m Match, err error) {
	list := []any{v}
	if s, ok := field(v, "set").([]any); ok {
		list = s
	}
	addrs := make([]addrSpan, 0, len(list))
	nums := make([]Span[Num], 0, len(list))
	for _, x := range list {
		if e := field(x, "elem"); e != nil {
			x = field(e, "val")
		}
		val, err := nftValue(x, typ)
		if err != nil {
			return m, err
		}
		switch kindOf(typ) {
		case KindAddr:
			addrs = append(addrs, val.Addr)
		case KindName:
			m.Names = append(m.Names, val.Name)
		default:
			nums = append(nums, val.Num)
		}
	}
	if len(addrs) > 0 {
		m.Addrs = NewSpans(addrs...)
	}
	if len(nums) > 0 {
		m.Nums = NewSpans(nums...)
	}
	return m, nil
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
