package packetfilter

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// lookup asks whether f is in a set.
func (e *evaluation) lookup(f *frag, x *Lookup) answer {
	if x.Set == nil {
		return unknown(f, "set:"+x.Name, because("set-unlisted", "set", x.Name)).negate(x.Not)
	}
	a := anyOf(e, f, x.Set.group(), func(g *frag, s *Set) answer {
		fields := s.fields(x.Fields, x.Dirs)
		if fields == nil {
			return certain(false)
		}
		// The kernel ignores --return-nomatch for sets that cannot hold exceptions
		// (IPSET_TYPE_NOMATCH in net/netfilter/ipset).
		return e.inSet(g, s, fields, x.ReturnNoMatch && strings.Contains(s.Type, "net"))
	})
	if x.Extra != "" {
		hit, miss := e.apply(f, a)
		yes, no := e.applyAll(hit, func(g *frag) answer { return unknown(g, "", words.Quote(x.Extra)) })
		a = pieces(f, yes, append(miss, no...))
	}
	return a.negate(x.Not)
}

// shown is the name of the set; nft writes the elements of one without a name.
func (s *Set) shown() string { return cmp.Or(s.Name, "{ … }") }

// group is the set, or its members when it is a list of sets.
func (s *Set) group() []*Set {
	if s.Members == nil {
		return []*Set{s}
	}
	return s.members
}

// inSet asks one set, with what rules put into it while this packet passed.
func (e *evaluation) inSet(f *frag, s *Set, fields []Field, exceptions bool) answer {
	if (s.Family == FamilyIP6) != e.ipv6 && s.Tool == ToolIPSet && slices.Contains(s.Kinds, KindAddr) {
		return certain(false)
	}
	for p := f.overlay; p != nil; p = p.before {
		if p.entry.set != s {
			continue
		}
		if slices.Equal(p.entry.fields, fields) {
			return certain(!p.entry.remove)
		}
		return unknown(f, "", because("set-changed", "set", s.shown()))
	}
	a := e.listed(f, s, fields, exceptions)
	if s.Incomplete != "" && a.kind != answerYes {
		return unknown(f, "", s.Incomplete)
	}
	return a
}

// listed asks for the elements as they were listed.
func (e *evaluation) listed(f *frag, s *Set, fields []Field, exceptions bool) answer {
	if len(fields) != len(s.Kinds) || len(fields) == 0 {
		return unknown(f, "", because("set-type", "set", s.shown(), "type", s.Type))
	}
	if len(fields) == 1 && (s.Kinds[0] == KindAddr || s.Kinds[0] == KindNum) {
		m := Match{Field: fields[0], Addrs: s.index.addrs, Nums: s.index.nums}
		if exceptions {
			m.Addrs = s.index.exceptions
		}
		a, _ := e.field(f, m.Field, &m)
		return a
	}
	var yes, barred []*frag
	no := []*frag{f}
	for _, i := range e.candidates(f, s, fields) {
		hit, rest := e.hits(no, &s.Elements[i], fields)
		no = rest
		if s.Elements[i].NoMatch == exceptions {
			yes = append(yes, hit...)
		} else {
			barred = append(barred, hit...)
		}
	}
	return pieces(f, yes, append(no, barred...))
}

// hits splits frags into what fits an element and the rest.
func (e *evaluation) hits(list []*frag, el *Element, fields []Field) (hit, rest []*frag) {
	for _, g := range list {
		e.visits++
		in := []*frag{g}
		for i, field := range fields {
			next, no := e.applyAll(in, func(h *frag) answer { return e.dimension(h, field, &el.Values[i]) })
			in, rest = next, append(rest, no...)
		}
		hit = append(hit, in...)
	}
	return hit, rest
}

// dimension compares one field with one value of an element.
func (e *evaluation) dimension(f *frag, field Field, v *Value) answer {
	if v.Any {
		return certain(true)
	}
	switch field {
	case FieldSrc, FieldDst, FieldCtOrigSrc, FieldCtOrigDst:
		a, _ := e.field(f, field, &Match{Addrs: AddrSet{v.Addr}})
		return a
	case FieldIn, FieldOut:
		return e.iface(f, field == FieldOut, v.Name)
	case FieldMAC, FieldOther, FieldNone:
		return unknown(f, "", because("field", "field", field.String()))
	case FieldSrcPort, FieldDstPort:
		if e.inPieces() {
			return certain(false)
		}
		if !hasPorts(e.class.Protocol) {
			// ipset keeps type and code of ICMP where ports stand otherwise.
			t, c := e.icmp()
			n := Num(t)<<8 | Num(c)
			if e.class.Protocol != ICMP && e.class.Protocol != ICMPv6 {
				n = 0
			}
			return certain(v.Num.Contains(n))
		}
	}
	a, _ := e.field(f, field, &Match{Nums: NumSet{v.Num}})
	return a
}

// candidates are the elements that can fit f, in the order the kernel would
// find them where that matters: the narrowest network first.
func (e *evaluation) candidates(f *frag, s *Set, fields []Field) []int32 {
	var list []int32
	if !isAddr(fields[0]) {
		list = make([]int32, len(s.Elements))
		for i := range list {
			list[i] = int32(i)
		}
	} else {
		have := f.src
		if fields[0] == FieldDst || fields[0] == FieldCtOrigDst {
			have = f.dst
		}
		if f.newSrc.on || f.newDst.on {
			have = everyAddr(e.ipv6)
		}
		list = append(s.index.byAddr.near(have), s.index.any...)
	}
	if !slices.ContainsFunc(list, func(i int32) bool { return s.Elements[i].NoMatch || s.Elements[i].Values[0].Any }) {
		return list
	}
	slices.SortStableFunc(list, func(a, b int32) int { return s.Elements[b].width() - s.Elements[a].width() })
	return list
}

// width orders elements by how narrow their networks are; the first dimension
// counts most. What fits everything is last.
func (el *Element) width() int {
	n := 0
	for _, v := range el.Values {
		bits := 1
		if v.Any {
			bits = 0
		} else if v.Addr.Lo.IsValid() {
			p, _ := asPrefix(v.Addr.Lo, v.Addr.Hi)
			bits = p.Bits()
		}
		n = n*256 + bits
	}
	return n
}

// verdictMap carries out the verdicts of a map. What is not in it
// continues with the next rule.
func (e *evaluation) verdictMap(c *Chain, r *Rule, next int, x *VerdictMap, f *frag, w *walk) {
	if x.Set == nil || !x.Set.Verdicts || len(x.Fields) != len(x.Set.Kinds) {
		e.giveUp(f, Step{Chain: c, Rule: r}, because("set-unlisted", "set", x.Name))
		return
	}
	no := []*frag{f}
	for _, i := range e.candidates(f, x.Set, x.Fields) {
		el := &x.Set.Elements[i]
		hit, rest := e.hits(no, el, x.Fields)
		no = rest
		for _, g := range hit {
			if el.Verdict.Kind == Continue {
				e.rule(c, r, next+1, g, w)
			} else {
				e.verdict(c, r, el.Verdict, g, w)
			}
		}
	}
	if x.Set.Incomplete != "" {
		for _, g := range no {
			e.giveUp(g, Step{Chain: c, Rule: r}, x.Set.Incomplete)
		}
		return
	}
	w.fall = append(w.fall, no...)
}

func isAddr(f Field) bool {
	return f == FieldSrc || f == FieldDst || f == FieldCtOrigSrc || f == FieldCtOrigDst
}
