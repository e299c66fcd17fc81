package packetfilter

import (
	"slices"
)

// mangle sets something of the packet or of its connection.
func (b *nftBuilder) mangle(v any) {
	key, value := field(v, "key"), field(v, "value")
	k := b.key(key)
	switch k.field {
	case FieldMark, FieldCtMark:
		b.setMark(k.field, value)
	case FieldSrc, FieldSrcPort, FieldDst, FieldDstPort:
		// Address translation without connections. Whoever writes this knows
		// what becomes of the packet; we do not.
		b.add(k.pre...)
		b.add(&Verdict{Kind: Stolen, With: renderNFT(map[string]any{"mangle": v})})
	default:
		b.add(k.pre...)
		b.add(&Note{What: renderNFT(map[string]any{"mangle": v})})
	}
}

func natValues(typ nftType, value any) (addrs AddrSet, ports NumSet, unknown bool) {
	m, err := nftValues(value, typ)
	if err != nil || len(m.Names) > 0 {
		return nil, nil, true
	}
	return m.Addrs, m.Nums, false
}

func (b *nftBuilder) setMark(to Field, value any) {
	if data := field(value, "map"); data != nil {
		b.dataMap(data, func(v Value, known bool) []Expr {
			if !known || v.Num.Lo != v.Num.Hi {
				return []Expr{&SetMark{To: to, Unknown: renderNFT(value)}}
			}
			return []Expr{&SetMark{To: to, Xor: uint32(v.Num.Lo)}}
		})
		return
	}
	f, ok := b.formula(value)
	switch {
	case !ok:
		b.add(&SetMark{To: to, Unknown: renderNFT(value)})
	case f.field == to:
		b.add(&SetMark{To: to, Keep: f.mask, Xor: f.xor})
	default:
		b.add(&SetMark{To: to, From: f.field, FromMask: f.mask, Xor: f.xor})
	}
}

// nftFormula is (field & mask) ^ xor, which is what any number of and, or and
// xor with constants comes to.
type nftFormula struct {
	field     Field
	mask, xor uint32
}

func (b *nftBuilder) formula(v any) (nftFormula, bool) {
	if n, ok := v.(float64); ok {
		return nftFormula{xor: uint32(n)}, true
	}
	for _, op := range []string{"&", "|", "^"} {
		list, ok := field(v, op).([]any)
		if !ok || len(list) < 2 {
			continue
		}
		f, ok := b.formula(list[0])
		for _, x := range list[1:] {
			n, isNum := x.(float64)
			if !ok || !isNum {
				return f, false
			}
			f.apply(op, uint32(n))
		}
		return f, true
	}
	if k := b.key(v); k.field == FieldMark || k.field == FieldCtMark {
		return nftFormula{field: k.field, mask: 1<<32 - 1}, true
	}
	return nftFormula{}, false
}

func (f *nftFormula) apply(op string, n uint32) {
	switch op {
	case "&":
		f.mask, f.xor = f.mask&n, f.xor&n
	case "|":
		f.mask, f.xor = f.mask&^n, f.xor|n
	case "^":
		f.xor ^= n
	}
}

// nat is address translation of the connection.
func (b *nftBuilder) nat(kind NATKind, v any) {
	if n, ok := nftSymbols[nftFamily][textOf(v, "family")]; ok {
		b.add(familyIs(n))
	}
	n := &NAT{Kind: kind}
	flags := stringsOf(field(v, "flags"))
	n.Random = slices.Contains(flags, "random") || slices.Contains(flags, "fully-random")
	mapsNetwork := slices.Contains(flags, "netmap")
	if p := field(v, "port"); p != nil {
		_, n.Ports, n.Unknown = natValues(nftService, p)
	}
	if data := field(field(v, "addr"), "map"); data != nil {
		b.dataMap(data, func(v Value, known bool) []Expr {
			one := *n
			if one.Addrs = (AddrSet{v.Addr}); !known || !v.Addr.Lo.IsValid() || mapsNetwork {
				one.Addrs, one.Unknown = nil, true
			}
			return []Expr{&one}
		})
		return
	}
	if a := field(v, "addr"); a != nil {
		var unknown bool
		n.Addrs, _, unknown = natValues(nftAddr, a)
		n.Unknown = unknown || n.Unknown
		if mapsNetwork && len(n.Addrs) == 1 && kind == DNAT {
			n.Network, _ = asPrefix(n.Addrs[0].Lo, n.Addrs[0].Hi)
		}
	}
	b.add(n)
}

// dataMap continues with the value that a map gives for the packet. Without one
// the rule does not match.
func (b *nftBuilder) dataMap(data any, then func(v Value, known bool) []Expr) {
	keys, fields := b.keys(field(data, "key"))
	set := b.setOf(field(data, "data"), keys, true)
	if set == nil || !plainKeys(keys) || len(set.Kinds) != len(keys) || set.Incomplete != "" || set.Timeouts || !b.mayFork(len(set.Elements)) {
		b.unknown("map "+renderNFT(data), renderNFT(data), false)
		b.add(then(Value{}, false)...)
		return
	}
	var list [][]Expr
	for i := range set.Elements {
		e := &set.Elements[i]
		one := &Set{Tool: ToolNFT, Family: set.Family, Table: set.Table, Type: set.Type, Kinds: set.Kinds, Elements: []Element{*e}}
		list = append(list, append([]Expr{&Lookup{SetUse: SetUse{Set: one, Fields: fields}}}, then(e.Data, true)...))
	}
	b.fork(list)
}
