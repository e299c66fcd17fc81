package nftlist

import (
	"bytes"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// The attributes and flags of a set (linux/netfilter/nf_tables.h).
const (
	setName, setFlags, setKeyType, setKeyLen = 2, 3, 4, 5

	setAnonymous, setConstant, setInterval, setMap = 1, 2, 4, 8
)

// anonymous is a set that stands in a rule.
type anonymous struct {
	flags, typ, size uint32
}

// readSets learns which sets there are.
func (t *table) readSets() error {
	t.unnamed = map[string]*anonymous{}
	return t.ours(unix.NFT_MSG_GETSET, setKeyLen, func(in []attributes) error {
		flags := in[setFlags].number()
		switch {
		case flags&setAnonymous != 0:
			t.unnamed[in[setName].text()] = &anonymous{flags, in[setKeyType].number(), in[setKeyLen].number()}
		case flags&setMap != 0:
			t.maps = true
		default:
			t.named = true
		}
		return nil
	})
}

// listSets adds the sets and maps with names, which the program lists without
// reading a rule.
func (t *table) listSets(head []byte) ([]byte, error) {
	for _, x := range []struct {
		there bool
		kind  string
		args  []string
	}{
		{t.named, "set", []string{"-a", "-j", "list", "sets", "table", t.family, t.name}},
		{t.maps, "map", []string{"-a", "-j", "list", "maps", t.family}}, // this command does not take "table"
	} {
		if !x.there {
			continue
		}
		list, err := t.ask(x.kind, x.args...)
		if err != nil {
			return head, err
		}
		for _, o := range list {
			head = append(append(head, ','), o...)
		}
	}
	return head, nil
}

// lookup ends a question with a set.
func (w *wording) lookup(data attributes) bool {
	const invert = 1 // NFT_LOOKUP_F_INV
	var a [6]attributes
	if !data.all(a[:]) || a[unix.NFTA_LOOKUP_DREG] != nil || a[unix.NFTA_LOOKUP_FLAGS].number()&^invert != 0 {
		return false
	}
	l, mask, ok := w.take(a[unix.NFTA_LOOKUP_SREG])
	if !ok || mask != nil || l.got != l.size {
		return false
	}
	name := a[unix.NFTA_LOOKUP_SET].text()
	w.match(l, operator(a[unix.NFTA_LOOKUP_FLAGS].number() == invert))
	if set := w.table.unnamed[name]; set != nil {
		w.elements(l, name, set)
	} else {
		w.must(strings.Trim(name, nameSigns) == "")
		w.put(`"@`, name, `"`)
	}
	w.put("}}")
	return true
}

// nameSigns are what the name of a set may be made of.
const nameSigns = nameLetters + "_-./"

// element is an element of an anonymous set, or the end of a range.
type element struct {
	key []byte
	end bool
}

// elements writes the elements of an anonymous set of addresses or ports.
func (w *wording) elements(l *left, name string, set *anonymous) {
	w.must(set.flags&^setInterval == setAnonymous|setConstant && set.size == uint32(l.size) && (l.isAddr() || l.typ == typePort))
	if w.unknown {
		return
	}
	list, err := w.table.readElements(name)
	w.must(err == nil && len(list) > 0)
	slices.SortFunc(list, func(a, b element) int {
		if c := bytes.Compare(a.key, b.key); c != 0 || a.end == b.end {
			return c
		}
		if a.end { // one ends where the next begins
			return -1
		}
		return 1
	})
	w.put(`{"set":[`)
	if set.flags&setInterval != 0 {
		w.intervals(l, list)
	} else {
		for i, e := range list {
			w.must(!e.end)
			w.comma(i)
			w.value(l, e.key)
		}
	}
	w.put("]}")
}

// readElements reads the elements of a set; an error where there is more to one
// than its key.
func (t *table) readElements(name string) (list []element, err error) {
	const end = 1 // NFT_SET_ELEM_INTERVAL_END
	ask := []*nl.RtAttr{nl.NewRtAttr(unix.NFTA_SET_ELEM_LIST_TABLE, nl.ZeroTerminated(t.name)), nl.NewRtAttr(unix.NFTA_SET_ELEM_LIST_SET, nl.ZeroTerminated(name))}
	err = t.dump(unix.NFT_MSG_GETSETELEM, ask, func(a attributes) error {
		var in [4]attributes
		if !a.fill(in[:]) {
			return errDamaged
		}
		for rest := in[unix.NFTA_SET_ELEM_LIST_ELEMENTS]; len(rest) > 0; {
			_, one, err := rest.next()
			var e [16]attributes
			if err != nil || !one.fill(e[:]) {
				return errDamaged
			}
			flags := e[unix.NFTA_SET_ELEM_FLAGS].number()
			for i, v := range e {
				if v != nil && i != unix.NFTA_SET_ELEM_KEY && i != unix.NFTA_SET_ELEM_FLAGS && i != unix.NFTA_SET_ELEM_PAD || flags&^end != 0 {
					return errUnknown
				}
			}
			list = append(list, element{bytes.Clone(e[unix.NFTA_SET_ELEM_KEY].data()), flags == end})
		}
		return nil
	})
	return list, err
}

func (w *writer) comma(i int) {
	if i > 0 {
		w.put(",")
	}
}

// intervals writes the ranges between beginnings and ends, which are the first
// values no longer in them. The kernel keeps an end at 0 where none begins.
func (w *writer) intervals(l *left, list []element) {
	if len(list) > 0 && list[0].end {
		list = list[1:]
	}
	w.must(len(list) > 0 && len(list)%2 == 0)
	for i := 0; i+1 < len(list); i += 2 {
		lo, end := list[i], list[i+1]
		if w.must(!lo.end && end.end && len(lo.key) == l.size && len(end.key) == l.size); w.unknown {
			return // up to the last value, or against another: rare
		}
		w.comma(i)
		w.interval(l, lo.key, before(end.key))
	}
}

// interval writes one range as nft does: a value, a network or two ends.
func (w *writer) interval(l *left, lo, hi []byte) {
	mask := make([]byte, len(lo))
	for i := range lo {
		mask[i] = ^(lo[i] ^ hi[i])
	}
	n, network := prefixLength(mask, lo)
	switch {
	case bytes.Equal(lo, hi):
		w.value(l, lo)
	case network && l.typ != typePort:
		w.prefix(l, lo, n)
	default:
		w.span(l, lo, hi)
	}
}

// before is the number before one that is not 0.
func before(b []byte) []byte {
	b = bytes.Clone(b)
	for i := len(b) - 1; i >= 0; i-- {
		b[i]--
		if b[i] != 0xff {
			break
		}
	}
	return b
}
