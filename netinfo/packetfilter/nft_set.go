package packetfilter

import (
	"bytes"
	"encoding/json"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// addrSpan is a range of addresses.
type addrSpan = Span[netip.Addr]

// nftSet is a set or a map in the listing.
type nftSet struct {
	Family  TableFamily  `json:"family"`
	Table   string       `json:"table"`
	Name    string       `json:"name"`
	Type    any          `json:"type"`
	Map     any          `json:"map"`
	Flags   any          `json:"flags"`
	Timeout float64      `json:"timeout"` // seconds
	Elem    []nftElement `json:"elem"`
}

// nftElement is an element as listed.
type nftElement struct {
	key, data        any
	timeout, expires float64 // seconds; 0 when not listed
	comment          string
}

// UnmarshalJSON reads "1.2.3.4", {"prefix":…}, {"elem":{"val":…}} or, in maps,
// a pair of key and value.
func (e *nftElement) UnmarshalJSON(b []byte) error {
	if len(b) > 1 && b[0] == '"' && bytes.IndexByte(b, '\\') < 0 {
		e.key = string(b[1 : len(b)-1])
		return nil
	}
	var v any
	err := json.Unmarshal(b, &v)
	*e = elementOf(v)
	return err
}

func elementOf(v any) (e nftElement) {
	e.key = v
	if pair, ok := v.([]any); ok && len(pair) == 2 {
		e.key, e.data = pair[0], pair[1]
	}
	if m, ok := field(e.key, "elem").(map[string]any); ok {
		e.key = m["val"]
		e.timeout, _ = m["timeout"].(float64)
		e.expires, _ = m["expires"].(float64)
		e.comment, _ = m["comment"].(string)
	}
	return e
}

func (r *nftReader) set(raw *nftSet, isMap bool) {
	types := nftTypes(raw.Type)
	s := &Set{
		Tool: ToolNFT, Family: raw.Family, Table: raw.Table, Name: raw.Name,
		Type: nftTypeText(raw.Type), Default: seconds(raw.Timeout),
	}
	flags := stringsOf(raw.Flags)
	s.Timeouts = slices.Contains(flags, "timeout")
	var data nftType
	if isMap {
		data = nftTypeOf(nftTypeText(raw.Map))
		s.Verdicts, s.Data = raw.Map == "verdict", raw.Map != "verdict"
		s.Type += " : " + nftTypeText(raw.Map)
	}
	fillSet(s, types, data, raw.Elem)
	r.table(raw.Family, raw.Table).Sets[raw.Name] = s
}

// elements adds to a set that was listed before.
func (r *nftReader) elements(raw *nftSet) {
	s := r.table(raw.Family, raw.Table).Sets[raw.Name]
	if s == nil {
		return
	}
	key, data, _ := strings.Cut(s.Type, " : ")
	fillSet(s, nftTypes(key), nftTypeOf(data), raw.Elem)
}

func seconds(n float64) time.Duration { return platform.Seconds(max(n, 0)) }

// fillSet adds the elements to s.
func fillSet(s *Set, types []nftType, data nftType, elems []nftElement) {
	if s.Kinds == nil {
		for _, t := range types {
			s.Kinds = append(s.Kinds, kindOf(t))
		}
	}
	s.Elements = slices.Grow(s.Elements, len(elems))
	values := make([]Value, 0, len(elems)*len(types)) // one allocation for all
	rest := -1
	for i := range elems {
		at := len(values)
		var err error
		values, err = nftElementValues(values, elems[i].key, types)
		if err != nil {
			s.Incomplete = because("set-element", "set", s.shown(), "element", renderNFT(elems[i].key))
			values = values[:at]
			continue
		}
		e := Element{
			Values: values[at:len(values):len(values)], Timeout: elems[i].left(s.Default), Comment: elems[i].comment,
			Text: renderNFT(elems[i].key),
		}
		setData(&e, s, data, elems[i].data)
		if len(types) == 1 && e.Values[0].Any {
			rest = len(s.Elements)
		}
		s.Elements = append(s.Elements, e)
	}
	if rest >= 0 {
		s.spreadRest(rest)
	}
}

// left is how long the element stays; one that names no timeout has that of
// its set.
func (e *nftElement) left(of time.Duration) time.Duration {
	switch {
	case e.expires > 0:
		return seconds(e.expires)
	case e.timeout > 0:
		return seconds(e.timeout)
	}
	return of
}

// setData reads the value that a map has for the element.
func setData(e *Element, s *Set, typ nftType, v any) {
	switch {
	case s.Verdicts:
		if e.Verdict = verdictIn(v); e.Verdict == nil {
			e.Verdict = &Verdict{Kind: Stolen, With: "verdict " + renderNFT(v)}
		}
	case s.Data:
		val, err := nftValue(v, typ)
		if err != nil {
			s.Incomplete = because("set-element", "set", s.shown(), "element", renderNFT(v))
			return
		}
		e.Data = val
	}
}

// spreadRest replaces the catch-all element at index i by elements for all
// values that no other element has.
func (s *Set) spreadRest(i int) {
	e := s.Elements[i]
	others := slices.Delete(slices.Clone(s.Elements), i, i+1)
	var addrs AddrSet
	var nums NumSet
	for _, o := range others {
		addrs, nums = append(addrs, o.Values[0].Addr), append(nums, o.Values[0].Num)
	}
	var rest []Value
	switch s.Kinds[0] {
	case KindAddr:
		for _, x := range everyAddr(!strings.HasPrefix(s.Type, "ipv4")).Subtract(NewSpans(addrs...)) {
			rest = append(rest, Value{Addr: x})
		}
	case KindNum:
		for _, x := range (NumSet{{0, math.MaxUint32}}).Subtract(NewSpans(nums...)) {
			rest = append(rest, Value{Num: x})
		}
	default:
		return
	}
	for _, v := range rest {
		x := e
		x.Values = []Value{v}
		others = append(others, x)
	}
	s.Elements = others
}

// nftElementValues appends the value of each dimension.
func nftElementValues(to []Value, v any, types []nftType) ([]Value, error) {
	list, concat := field(v, "concat").([]any)
	if !concat {
		list = []any{v}
	}
	if v == "*" && len(types) > 0 {
		for range types {
			to = append(to, Value{Any: true})
		}
		return to, nil
	}
	if len(list) != len(types) {
		return to, errNFTValue
	}
	for i, x := range list {
		val, err := nftValue(x, types[i])
		if err != nil {
			return to, err
		}
		to = append(to, val)
	}
	return to, nil
}

// nftValue reads one value, range or prefix.
func nftValue(v any, typ nftType) (Value, error) {
	if r, ok := field(v, "range").([]any); ok && len(r) == 2 {
		lo, err := nftValue(r[0], typ)
		if err != nil {
			return lo, err
		}
		hi, err := nftValue(r[1], typ)
		return Value{Addr: addrSpan{Lo: lo.Addr.Lo, Hi: hi.Addr.Hi}, Num: Span[Num]{lo.Num.Lo, hi.Num.Hi}}, err
	}
	switch kindOf(typ) {
	case KindAddr:
		return nftAddrValue(v)
	case KindName:
		s, ok := v.(string)
		if !ok {
			return Value{}, errNFTValue
		}
		return Value{Name: s}, nil
	case KindNum:
		if n, ok := nftNumber(v, typ); ok {
			return Value{Num: Span[Num]{n, n}}, nil
		}
		return nftNumPrefix(v, typ)
	}
	s, _ := v.(string)
	return Value{Name: s}, nil
}

func nftAddrValue(v any) (Value, error) {
	if p, ok := field(v, "prefix").(map[string]any); ok {
		s, _ := p["addr"].(string)
		a, err := netip.ParseAddr(s)
		n, _ := p["len"].(float64)
		if err != nil || n < 0 || int(n) > a.BitLen() {
			return Value{}, errNFTValue
		}
		return Value{Addr: PrefixSpan(netip.PrefixFrom(a, int(n)))}, nil
	}
	s, _ := v.(string)
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return Value{}, errNFTValue
		}
		return Value{Addr: PrefixSpan(p)}, nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return Value{}, errNFTValue
	}
	return Value{Addr: addrSpan{Lo: a, Hi: a}}, nil
}

// nftNumPrefix reads a prefix of a number, as intervals of marks and ports are
// sometimes listed.
func nftNumPrefix(v any, typ nftType) (Value, error) {
	p, _ := field(v, "prefix").(map[string]any)
	n, ok := nftNumber(p["addr"], typ)
	length, isNum := p["len"].(float64)
	width := 32.0
	if typ == nftService {
		width = 16
	}
	if !ok || !isNum || length < 0 || length > width {
		return Value{}, errNFTValue
	}
	rest := Num(1<<uint(width-length) - 1)
	return Value{Num: Span[Num]{n &^ rest, n | rest}}, nil
}

// setOf is the set that a match or map uses: an anonymous one, or one of the
// table by its name.
func (b *nftBuilder) setOf(v any, keys []nftKey, isMap bool) *Set {
	if name, ok := v.(string); ok {
		return b.reader.tables[nftName(b.rule.Family, b.rule.Table)].Sets[strings.TrimPrefix(name, "@")]
	}
	list, ok := field(v, "set").([]any)
	if !ok {
		list = []any{v}
	}
	s := &Set{Tool: ToolNFT, Family: b.rule.Family, Table: b.rule.Table}
	var types []nftType
	var names []string
	for _, k := range keys {
		types = append(types, k.typ)
		names = append(names, string(k.typ))
	}
	s.Type = strings.Join(names, " . ")
	if len(keys) == 1 && keys[0].typ == nftAddr {
		s.Type = "ipv4_addr"
		if strings.HasPrefix(keys[0].text, "ip6") {
			s.Type = "ipv6_addr"
		}
	}
	elems := make([]nftElement, len(list))
	var data nftType
	for i, x := range list {
		if elems[i] = elementOf(x); elems[i].key == nil {
			return nil
		}
		s.Verdicts = s.Verdicts || verdictIn(elems[i].data) != nil
		data = guessData(elems[i].data, data)
	}
	s.Data = isMap && !s.Verdicts
	fillSet(s, types, data, elems)
	if s.Incomplete != "" {
		return nil
	}
	return s
}

// guessData is the type of an anonymous map's values, which the listing does
// not name.
func guessData(v any, before nftType) nftType {
	if s, ok := v.(string); ok {
		if _, err := netip.ParseAddr(s); err == nil {
			return nftAddr
		}
	}
	if _, ok := v.(float64); ok && before == "" {
		return nftMark
	}
	if before == "" && v != nil {
		return nftOther
	}
	return before
}
