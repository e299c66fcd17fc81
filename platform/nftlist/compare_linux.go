package nftlist

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"
)

// take ends a question: what was loaded into a register, if it is that one.
func (w *wording) take(reg attributes) (l *left, mask []byte, ok bool) {
	l, mask = w.loaded, w.mask
	w.loaded, w.mask = nil, nil
	return l, mask, l != nil && reg != nil && reg.number() == l.reg
}

// bitwise masks what is loaded.
func (w *wording) bitwise(data attributes) bool {
	const op = 6 // NFTA_BITWISE_OP
	var a [8]attributes
	if !data.all(a[:]) || a[op] != nil && a[op].number() != 0 || w.loaded == nil || w.mask != nil {
		return false
	}
	xor := a[unix.NFTA_BITWISE_XOR].data()
	w.mask = a[unix.NFTA_BITWISE_MASK].data()
	l := w.loaded
	return a[unix.NFTA_BITWISE_SREG].number() == l.reg && a[unix.NFTA_BITWISE_DREG].number() == l.reg &&
		len(w.mask) == l.size && l.got == l.size && len(xor) == l.size && !slices.ContainsFunc(xor, func(b byte) bool { return b != 0 })
}

// comparison is a cmp step.
type comparison struct {
	reg   attributes
	op    uint32
	value attributes
}

func comparisonOf(data attributes) (c comparison, ok bool) {
	const sreg, op, value = 1, 2, 3 // NFTA_CMP_*
	var a [4]attributes
	if !data.all(a[:]) || a[op] == nil {
		return c, false
	}
	c = comparison{a[sreg], a[op].number(), a[value].data()}
	return c, len(c.value) > 0
}

// compare ends a question with a comparison, or with the two of a range.
func (w *wording) compare(data attributes) bool {
	c, ok := comparisonOf(data)
	if !ok {
		return false
	}
	l, mask, ok := w.take(c.reg)
	if !ok {
		return false
	}
	switch {
	case l.typ == typeCtState:
		return w.state(l, mask, c)
	case c.op == unix.NFT_CMP_GTE && mask == nil && l.got == l.size:
		return w.upTo(l, c)
	case c.op != unix.NFT_CMP_EQ && c.op != unix.NFT_CMP_NEQ:
		return false
	case mask == nil && c.op == unix.NFT_CMP_EQ && w.implied(l, c.value):
		return true
	}
	w.match(l, operator(c.op == unix.NFT_CMP_NEQ))
	switch {
	case mask != nil:
		n, contiguous := prefixLength(mask, c.value)
		w.must(contiguous && l.isAddr())
		w.prefix(l, c.value, n)
	case l.typ == typeName && len(c.value) < l.size, len(c.value) == l.got && l.got < l.size:
		w.beginning(l, c.value)
	default:
		w.must(len(c.value) == l.got)
		w.value(l, c.value)
	}
	w.put("}}")
	return true
}

func operator(not bool) string {
	if not {
		return "!="
	}
	return "=="
}

// match begins a match, up to its right side.
func (w *wording) match(l *left, op string) {
	w.statement()
	w.put(`{"match":{"op":"`, op, `","left":`, l.json, `,"right":`)
}

// upTo writes the range that two comparisons of one load are.
func (w *wording) upTo(l *left, from comparison) bool {
	if w.at+1 >= len(w.list) || w.list[w.at+1].name != "cmp" {
		return false
	}
	to, ok := comparisonOf(w.list[w.at+1].data)
	if !ok || to.op != unix.NFT_CMP_LTE || to.reg.number() != l.reg {
		return false
	}
	w.at++
	return w.ends(l, false, from.value, to.value)
}

// between is a range, and what is not in it.
func (w *wording) between(data attributes) bool {
	var a [5]attributes
	if !data.all(a[:]) || a[unix.NFTA_RANGE_OP] == nil {
		return false
	}
	l, mask, ok := w.take(a[unix.NFTA_RANGE_SREG])
	if !ok || mask != nil || l.got != l.size {
		return false
	}
	not := a[unix.NFTA_RANGE_OP].number() == unix.NFT_RANGE_NEQ
	return w.ends(l, not, a[unix.NFTA_RANGE_FROM_DATA].data(), a[unix.NFTA_RANGE_TO_DATA].data())
}

// ends writes a range of addresses or ports.
func (w *wording) ends(l *left, not bool, from, to []byte) bool {
	if !l.isAddr() && l.typ != typePort || slices.Compare(from, to) >= 0 {
		return false
	}
	w.match(l, operator(not))
	w.span(l, from, to)
	w.put("}}")
	return true
}

// state writes "ct state new,established": one of the bits is set.
func (w *wording) state(l *left, mask []byte, c comparison) bool {
	if len(mask) != 4 || c.op != unix.NFT_CMP_NEQ || len(c.value) != 4 || binary.NativeEndian.Uint32(c.value) != 0 {
		return false
	}
	w.match(l, "in")
	w.states(binary.NativeEndian.Uint32(mask))
	w.put("}}")
	return true
}

// implied reports whether a comparison is what nft puts before a match on a
// header and does not list: the very next step must ask that header. A protocol
// that is asked for and then used from further away is listed in ways of its
// own; such rules are not known.
func (w *wording) implied(l *left, v attributes) bool {
	if len(v) != 1 || w.at+1 >= len(w.list) {
		return false
	}
	switch {
	case l.typ == typeFamily && w.net == 0 && w.next(unix.NFT_PAYLOAD_NETWORK_HEADER):
		w.net = v[0]
	case l.typ == typeProto && l.json == protocolJSON && w.transport == 0 && w.next(unix.NFT_PAYLOAD_TRANSPORT_HEADER):
		w.transport = v[0]
	default:
		return false
	}
	return true
}

// protocolJSON is the question for the transport that goes before its header.
const protocolJSON = `{"meta":{"key":"l4proto"}}`

// next reports whether the next step loads from a header.
func (w *wording) next(header uint32) bool {
	const base = 2 // NFTA_PAYLOAD_BASE
	var a [base + 1]attributes
	e := w.list[w.at+1]
	return e.name == "payload" && e.data.fill(a[:]) && a[base].number() == header
}
