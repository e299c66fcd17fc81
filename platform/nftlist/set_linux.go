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
func (w *wording) lookup(data attributes) (ok bool) {
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
		w.out, ok = w.table.elements(w.out, l, name, set)
	} else {
		w.out = append(append(append(w.out, `"@`...), name...), '"')
		ok = strings.Trim(name, nameSigns) == ""
	}
	w.out = append(w.out, "}}"...)
	return ok
}

// nameSigns are what the name of a set may be made of.
const nameSigns = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./"

// element is an element of an anonymous set, or the end of a range.
type element struct {
	key []byte
	end bool
}

// elements writes the elements of an anonymous set of addresses or ports.
func (t *table) elements(to []byte, l *left, name string, set *anonymous) ([]byte, bool) {
	if set.flags&^setInterval != setAnonymous|setConstant || set.size != uint32(l.size) || l.typ != typeAddr4 && l.typ != typeAddr6 && l.typ != typePort {
		return to, false
	}
	list, err := t.readElements(name)
	if err != nil || len(list) == 0 {
		return to, false
	}
	slices.SortFunc(list, func(a, b element) int {
		if c := bytes.Compare(a.key, b.key); c != 0 || a.end == b.end {
			return c
		}
		if a.end { // one ends where the next begins
			return -1
		}
		return 1
	})
	to = append(to, `{"set":[`...)
	ok := true
	if set.flags&setInterval != 0 {
		to, ok = l.intervals(to, list)
	} else {
		for i, e := range list {
			if to, ok = l.value(comma(to, i), e.key); !ok || e.end {
				return to, false
			}
		}
	}
	return append(to, "]}"...), ok
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

func comma(to []byte, i int) []byte {
	if i > 0 {
		return append(to, ',')
	}
	return to
}

// intervals writes the ranges between beginnings and ends, which are the first
// values no longer in them. The kernel keeps an end at 0 where none begins.
func (l *left) intervals(to []byte, list []element) (out []byte, ok bool) {
	n := 0
	for i := 0; i < len(list); i++ {
		if list[i].end {
			if i > 0 {
				return to, false
			}
			continue
		}
		if i+1 >= len(list) || !list[i+1].end || len(list[i].key) != l.size || len(list[i+1].key) != l.size {
			return to, false // up to the last value, or against another: rare
		}
		if to, ok = l.interval(comma(to, n), list[i].key, before(list[i+1].key)); !ok {
			return to, false
		}
		n, i = n+1, i+1
	}
	return to, n > 0
}

// interval writes one range as nft does: a value, a network or two ends.
func (l *left) interval(to []byte, lo, hi []byte) (out []byte, ok bool) {
	if bytes.Equal(lo, hi) {
		return l.value(to, lo)
	}
	if l.typ == typePort {
		return l.span(to, lo, hi)
	}
	mask := make([]byte, len(lo))
	for i := range lo {
		mask[i] = ^(lo[i] ^ hi[i])
	}
	if n, network := prefixLength(mask, lo); network {
		return l.prefix(to, lo, n)
	}
	return l.span(to, lo, hi)
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
