package sqlite

import (
	"encoding/binary"
	"errors"
	"math"
)

// maxRow bounds one row. Those of fail2ban hold some ten lines of a log.
const maxRow = 16 << 20

// Row is one row of a table, or one entry of an index. After its first error all
// values are null, and the walk ends with it.
type Row struct {
	err    error
	file   *File
	kinds  []uint64 // of its values
	begin  int      // where the first value begins
	data   []byte   // as much of it as is here
	length int      // of all of it
	rest   uint32   // the page where it goes on
}

// read takes the beginning of a row of so many bytes. most is how many of them
// may lie in the page itself.
func (r *Row) read(f *File, cell []byte, length uint64, most int) error {
	if length > maxRow || length > uint64(f.pages)*uint64(f.usable) {
		return ErrDamaged
	}
	*r = Row{file: f, kinds: r.kinds[:0], length: int(length)}
	local := Local(r.length, f.usable, most)
	if local > len(cell) || local < r.length && local+4 > len(cell) {
		return ErrDamaged
	}
	if r.data = cell[:local]; local < r.length {
		r.rest = binary.BigEndian.Uint32(cell[local:])
	}
	kinds, begin, err := kindsIn(r.data, r.kinds)
	r.kinds, r.begin = kinds, begin
	return err
}

// Local is how many bytes of a row lie in its own page, of which so many bytes
// are usable and at most so many may hold a row.
func Local(length, usable, most int) int {
	if length <= most {
		return length
	}
	least := (usable-12)*32/255 - 23
	if local := least + (length-least)%(usable-4); local <= most {
		return local
	}
	return least
}

// kindsIn reads the header of a row: the kinds of its values, and where the first
// begins.
func kindsIn(row []byte, kinds []uint64) ([]uint64, int, error) {
	header, n := Varint(row)
	if n == 0 || header > uint64(len(row)) { // of six columns, so it is always here
		return nil, 0, ErrDamaged
	}
	for row = row[:header]; n < len(row); {
		kind, m := Varint(row[n:])
		if m == 0 {
			return nil, 0, ErrDamaged
		}
		kinds, n = append(kinds, kind), n+m
	}
	return kinds, len(row), nil
}

// EachText gives the texts and blobs of a row, as they stand in it.
func EachText(row []byte, yield func(text []byte)) {
	kinds, begin, _ := kindsIn(row, nil)
	for _, kind := range kinds {
		size, _ := sizeOf(kind)
		if begin+size > len(row) {
			return
		}
		if kind >= firstAny {
			yield(row[begin : begin+size])
		}
		begin += size
	}
}

// The kinds of values: null, numbers of some bytes, floating point, the numbers
// 0 and 1; then blobs and texts by their length.
const (
	null     = 0
	real     = 7
	zero     = 8
	one      = 9
	firstAny = 12
)

// sizeOf is how many bytes a value of a kind has.
func sizeOf(kind uint64) (int, error) {
	switch {
	case kind >= firstAny && kind <= 2*maxRow:
		return int(kind-firstAny) / 2, nil
	case kind <= one:
		return [...]int{0, 1, 2, 3, 4, 6, 8, 8, 0, 0}[kind], nil
	}
	return 0, ErrDamaged
}

// value finds a value. A row from before its table got a column has none for
// it; that is null, as is what there is no column for, which is -1.
func (r *Row) value(column int) (kind uint64, b []byte) {
	if column < 0 || column >= len(r.kinds) || r.err != nil {
		return null, nil
	}
	begin, end := r.begin, r.begin
	for _, kind = range r.kinds[:column+1] {
		size, err := sizeOf(kind)
		if err != nil || end+size > r.length {
			r.err = ErrDamaged
			return null, nil
		}
		begin, end = end, end+size
	}
	if end > len(r.data) {
		if r.err = r.complete(); r.err != nil {
			return null, nil
		}
	}
	return kind, r.data[begin:end]
}

// complete fetches what lies in other pages.
func (r *Row) complete() error {
	all := append([]byte(nil), r.data...)
	page := make([]byte, r.file.usable)
	for next := r.rest; len(all) < r.length; next = binary.BigEndian.Uint32(page) {
		if next == 0 || next > r.file.pages {
			return ErrDamaged
		}
		if err := r.file.readAt(page, int64(next-1)*r.file.size); err != nil {
			return errors.Join(notEnd(err), ErrDamaged)
		}
		all = append(all, page[4:min(len(page), 4+r.length-len(all))]...)
	}
	r.data = all
	return nil
}

// Text is a column's text or blob; known is false where it is null.
func (r *Row) Text(column int) (text string, known bool) {
	kind, b := r.value(column)
	if kind != null && kind < firstAny {
		r.err = ErrForeign
		return "", false
	}
	return string(b), kind != null
}

// Number is a column's whole number; known is false where it is null.
func (r *Row) Number(column int) (n int64, known bool) {
	kind, b := r.value(column)
	var v uint64
	for _, c := range b[:min(len(b), 8)] {
		v = v<<8 | uint64(c)
	}
	switch f := math.Float64frombits(v); {
	case kind == null:
		return 0, false
	case kind == zero || kind == one:
		return int64(kind - zero), true
	case kind >= firstAny, kind == real && (f != math.Trunc(f) || math.Abs(f) > 1<<53):
		r.err = ErrForeign
		return 0, false
	case kind == real:
		return int64(f), true
	}
	shift := 64 - 8*len(b)
	return int64(v<<shift) >> shift, true // with its sign
}

// Varint reads a number of one to nine bytes; n is 0 where there is none.
func Varint(b []byte) (v uint64, n int) {
	for n < len(b) && n < 8 {
		v = v<<7 | uint64(b[n]&0x7f)
		if n++; b[n-1] < 0x80 {
			return v, n
		}
	}
	if n < len(b) && n == 8 {
		return v<<8 | uint64(b[8]), 9
	}
	return 0, 0
}
