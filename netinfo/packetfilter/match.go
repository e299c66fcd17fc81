package packetfilter

import (
	"cmp"
	"slices"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// answerKind is what a match makes of a frag.
type answerKind uint8

const (
	answerNo    answerKind = iota
	answerYes              // all of it
	answerSplit            // one part matches for certain, the other certainly not
	answerFork             // it may match or not
)

// answer is the result of a match.
type answer struct {
	kind    answerKind
	yes, no []*frag // of a split and a fork; apply adds the assumptions of a fork
	key     string
	reason  words.Reason
	not     bool // the key speaks of the contrary
}

func certain(yes bool) answer {
	if yes {
		return answer{kind: answerYes}
	}
	return answer{kind: answerNo}
}

// negate turns an answer round.
func (a answer) negate(not bool) answer {
	if !not {
		return a
	}
	switch a.kind {
	case answerNo:
		a.kind = answerYes
	case answerYes:
		a.kind = answerNo
	}
	a.yes, a.no = a.no, a.yes
	a.not = !a.not
	return a
}

// apply is the two parts of f: where the match holds, and where not.
func (e *evaluation) apply(f *frag, a answer) (yes, no []*frag) {
	switch a.kind {
	case answerYes:
		return []*frag{f}, nil
	case answerNo:
		return nil, []*frag{f}
	case answerSplit:
		return a.yes, a.no
	}
	e.forks++
	e.remember(a.reason)
	yes, no = []*frag{f}, []*frag{f}
	if a.yes != nil {
		yes, no = a.yes, a.no
	}
	n := e.forks
	side := func(list []*frag, holds bool) []*frag {
		out := make([]*frag, len(list))
		for i, g := range list {
			out[i] = g.assume(n, a.key, a.reason, holds != a.not)
		}
		return out
	}
	return side(yes, true), side(no, false)
}

// applyAll asks each of the frags, and gathers both parts.
func (e *evaluation) applyAll(list []*frag, test func(*frag) answer) (yes, no []*frag) {
	for _, f := range list {
		y, n := e.apply(f, test(f))
		yes, no = append(yes, y...), append(no, n...)
	}
	return yes, no
}

// maxReasons bounds the reasons kept besides those of the branches; more than
// a handful does not help.
const maxReasons = 16

func (e *evaluation) remember(reason words.Reason) {
	if len(e.reasons) < maxReasons && !slices.Contains(e.reasons, reason) {
		e.reasons = append(e.reasons, reason)
	}
}

// unknown is the answer of a match that the rules alone do not decide.
func unknown(f *frag, key string, reason words.Reason) answer {
	if holds, known := f.belief(key); known {
		return certain(holds)
	}
	return answer{kind: answerFork, key: key, reason: reason}
}

// test asks f a match.
func (e *evaluation) test(f *frag, x Expr) answer {
	switch x := x.(type) {
	case *Match:
		return e.match(f, x)
	case *Lookup:
		return e.lookup(f, x)
	case *RecentMatch:
		return e.recent(f, x)
	case *Never:
		return certain(x.Not)
	case *Metered:
		return e.metered(f, x)
	case *Expected:
		if e.class.State == StateNew {
			return certain(x.Not && !x.Breaks)
		}
		return unknown(f, "", words.Quote(x.What))
	case *Unknown:
		return unknown(f, x.Key, words.Quote(x.What)).negate(x.Not)
	}
	return unknown(f, "", because("expression"))
}

func (e *evaluation) match(f *frag, m *Match) answer {
	a, present := e.field(f, m.Field, m)
	if !present {
		return certain(false)
	}
	if m.Or == FieldNone {
		return a.negate(m.Not)
	}
	return anyOf(e, f, []Field{m.Field, m.Or}, func(g *frag, field Field) answer {
		a, _ := e.field(g, field, m)
		return a
	}).negate(m.Not)
}

// question is asked of a part of the class.
type question func(*frag) answer

// oneOf is the answer whether one of the questions is answered with yes.
func (e *evaluation) oneOf(f *frag, list ...question) answer {
	return anyOf(e, f, list, func(g *frag, q question) answer { return q(g) })
}

// anyOf is the answer whether the test holds of one of a list.
func anyOf[T any](e *evaluation, f *frag, list []T, test func(*frag, T) answer) answer {
	var yes []*frag
	no := []*frag{f}
	for _, x := range list {
		y, rest := e.applyAll(no, func(g *frag) answer { return test(g, x) })
		yes, no = append(yes, y...), rest
	}
	return pieces(f, yes, no)
}

// pieces is the answer when f was cut up already.
func pieces(f *frag, yes, no []*frag) answer {
	switch {
	case slices.Contains(yes, f):
		return certain(true)
	case slices.Contains(no, f):
		return certain(false)
	}
	return answer{kind: answerSplit, yes: yes, no: no}
}

// field compares one field with the values of m. Present is false when the
// packet does not have it, which no match survives, negated or not.
func (e *evaluation) field(f *frag, field Field, m *Match) (a answer, present bool) {
	switch field {
	case FieldSrc, FieldDst:
		return e.address(f, field == FieldDst, m.Addrs), true
	case FieldSrcPort, FieldDstPort:
		if !hasPorts(e.class.Protocol) || e.inPieces() {
			return answer{}, false
		}
		return e.port(f, field == FieldDstPort, m.Nums), true
	case FieldCtOrigSrc, FieldCtOrigDst, FieldCtOrigSrcPort, FieldCtOrigDstPort:
		if !e.tracked(f) {
			return answer{}, false
		}
		if e.class.State != StateNew {
			return unknown(f, "", because("opener")), true
		}
		switch field {
		case FieldCtOrigSrc:
			return split(f, (*frag).srcs, m.Addrs), true
		case FieldCtOrigDst:
			return split(f, (*frag).dsts, m.Addrs), true
		case FieldCtOrigSrcPort:
			return split(f, (*frag).sports, m.Nums), true
		}
		return split(f, (*frag).dports, m.Nums), true
	case FieldIn, FieldOut:
		return anyOf(e, f, m.Names, func(g *frag, name string) answer { return e.iface(g, field == FieldOut, name) }), true
	case FieldPktType:
		return e.packetType(f, m.Nums), true
	case FieldSrcType, FieldDstType, FieldDstTypeIn:
		return e.addressType(f, field, m.Nums), true
	case FieldWayBack, FieldWayBackAny:
		return e.wayBackIs(f, field == FieldWayBack).negate(!m.Nums.Contains(1)), true
	}
	have, ok := e.number(f, field)
	if !ok || e.inPieces() && (field == FieldTCPFlags || field == FieldICMPType || field == FieldICMPCode || field == FieldICMPTypeCode) {
		return answer{}, false
	}
	return compare(f, field, have, m), true
}

func (e *evaluation) address(f *frag, dst bool, want AddrSet) answer {
	if dst {
		return side(f, (*frag).dsts, (*frag).newDsts, want, "new-address")
	}
	return side(f, (*frag).srcs, (*frag).newSrcs, want, "new-address")
}

func (e *evaluation) port(f *frag, dst bool, want NumSet) answer {
	if dst {
		return side(f, (*frag).dports, (*frag).newDports, want, "new-port")
	}
	return side(f, (*frag).sports, (*frag).newSports, want, "new-port")
}

// side compares an address or port as it is here: as it arrived, or as NAT made
// it.
func side[T point[T]](f *frag, arrived func(*frag) *Spans[T], now func(*frag) *rewrite[T], want Spans[T], reason string) answer {
	if !now(f).on {
		return split(f, arrived, want)
	}
	return refine(f, now, want, reason)
}

// refine compares what NAT made of an address or port.
func refine[T point[T]](f *frag, of func(*frag) *rewrite[T], want Spans[T], reason string) answer {
	now := of(f).to
	if len(now) == 0 {
		return unknown(f, "", because(reason))
	}
	a, forks := divide(f, now, want)
	if forks {
		a.kind, a.reason = answerFork, because(reason)
		of(a.yes[0]).to, of(a.no[0]).to = now.Intersect(want), now.Subtract(want)
	}
	return a
}

// split compares an address or port that packets have when they arrive.
func split[T point[T]](f *frag, of func(*frag) *Spans[T], want Spans[T]) answer {
	have := *of(f)
	a, splits := divide(f, have, want)
	if splits {
		a.kind = answerSplit
		*of(a.yes[0]), *of(a.no[0]) = have.Intersect(want), have.Subtract(want)
	}
	return a
}

// divide compares what a frag has with what is wanted; ok reports that it is among
// it in part, and the answer has a copy of f for either side.
func divide[T point[T]](f *frag, have, want Spans[T]) (a answer, ok bool) {
	switch have.overlap(want) {
	case coverAll:
		return certain(true), false
	case coverNone:
		return certain(false), false
	}
	return answer{yes: []*frag{f.clone()}, no: []*frag{f.clone()}}, true
}

// compare compares a number of which maybe only some bits are known.
func compare(f *frag, field Field, have bits, m *Match) answer {
	mask := m.Mask
	if mask == 0 {
		mask = ^uint32(0)
	}
	if have.known&mask == mask {
		return certain(m.Nums.Contains(Num(have.val & mask)))
	}
	if have.val&mask != 0 && slices.Equal(m.Nums, AnyBit()) {
		return certain(true) // any bit will do, and one is set
	}
	if len(m.Nums) != 1 || m.Nums[0].Lo != m.Nums[0].Hi {
		return unknown(f, "", because("field", "field", field.String()))
	}
	want := uint32(m.Nums[0].Lo)
	if (have.val^want)&have.known&mask != 0 || want&^mask != 0 {
		return certain(false)
	}
	yes := f.clone()
	switch field {
	case FieldMark:
		yes.mark = bits{have.val&^mask | want, have.known | mask}
	case FieldCtMark:
		yes.ctmark = bits{have.val&^mask | want, have.known | mask}
	}
	return answer{kind: answerFork, yes: []*frag{yes}, no: []*frag{f}, reason: because("field", "field", field.String())}
}

// tracked reports whether the packet has a connection where it now is.
func (e *evaluation) tracked(f *frag) bool {
	late := e.hook != HookIngress && (e.hook != HookPrerouting && e.hook != HookOutput || e.priority > priorityConntrack)
	return late && !f.untracked && e.class.State != StateInvalid
}

// number is a field that is the same for the whole frag; ok is false when the
// packet has none.
func (e *evaluation) number(f *frag, field Field) (v bits, ok bool) {
	all := ^uint32(0)
	icmp := e.class.Protocol == ICMP && !e.ipv6 || e.class.Protocol == ICMPv6 && e.ipv6
	switch field {
	case FieldProtocol:
		return bits{uint32(e.class.Protocol), all}, true
	case FieldFamily:
		if e.ipv6 {
			return bits{10, all}, true
		}
		return bits{2, all}, true
	case FieldMark:
		return f.mark, true
	case FieldCtMark:
		return f.ctmark, e.tracked(f)
	case FieldCtState:
		return e.state(f), true
	case FieldCtDirection:
		if e.class.State == StateNew {
			return bits{0, all}, e.tracked(f)
		}
		return bits{}, e.tracked(f)
	case FieldCtProtocol:
		return bits{uint32(e.class.Protocol), all}, e.tracked(f)
	case FieldICMPType, FieldICMPCode, FieldICMPTypeCode:
		t, c := e.icmp()
		n := map[Field]uint32{FieldICMPType: uint32(t), FieldICMPCode: uint32(c), FieldICMPTypeCode: uint32(t)<<8 | uint32(c)}
		return bits{n[field], all}, icmp
	case FieldIPsec:
		if h := e.class.Host; h != nil && h.IPsec == isNo {
			return bits{0, all}, true
		}
		return bits{}, true
	case FieldTCPFlags:
		const syn, psh, ack = 2, 8, 16
		switch e.class.State {
		case StateNew:
			return bits{syn, all}, true
		case StateEstablished:
			return bits{ack, all &^ psh}, true
		}
	case FieldFragment:
		if e.inPieces() {
			return bits{1, all}, true
		}
		return bits{0, all}, true
	}
	return bits{}, true // any bits
}

// icmp is the type and code of the class, an echo request if it says nothing.
func (e *evaluation) icmp() (typ, code uint8) {
	c := e.class
	if c.ICMPType != 0 || c.ICMPCode != 0 {
		return c.ICMPType, c.ICMPCode
	}
	if e.ipv6 {
		return 128, 0
	}
	return 8, 0
}

// state is what a rule that asks for the connection's state sees here. Where
// connection tracking has not been yet, that is "invalid".
func (e *evaluation) state(f *frag) bits {
	all := ^uint32(0)
	if !e.tracked(f) {
		if f.untracked {
			return bits{uint32(StateUntracked), all}
		}
		return bits{uint32(StateInvalid), all}
	}
	s := bits{uint32(e.class.State), all}
	if e.nat {
		s.val = uint32(StateNew) // nat chains see the first packet only; later ones get what it got
	}
	set := func(bit Num, addr, addrSure, port, portSure bool) {
		switch {
		case addr && addrSure, port && portSure:
			s.val |= uint32(bit)
		case !addrSure || !portSure:
			s.known &^= uint32(bit)
		}
	}
	a, as := changed(f.dst, f.newDst)
	p, ps := changed(f.dport, f.newDport)
	set(StateDNAT, a, as, p, ps)
	a, as = changed(f.src, f.newSrc)
	p, ps = changed(f.sport, f.newSport)
	set(StateSNAT, a, as, p, ps)
	return s
}

// String is the name of a field that a packet may be asked for without an answer.
func (f Field) String() string { return cmp.Or(fieldNames[f], "packet") }

var fieldNames = map[Field]string{
	FieldMark: "mark", FieldCtMark: "ctmark", FieldCtState: "ctstate", FieldCtDirection: "direction",
	FieldTCPFlags: "tcpflags", FieldMAC: "mac", FieldIPsec: "ipsec",
}
