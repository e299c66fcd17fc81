package sqlite

import (
	"encoding/binary"
	"errors"
	"math"
)

// tree is a B-tree that is walked in its order.
type tree struct {
	*walk
	leaf byte // the kind of its leaves
	// wants reports whether something is looked for among the cells before that
	// of an interior page of a table with this row number.
	wants func(last int64) bool
	cell  func(cell []byte) error
}

// below walks what is below a page.
func (t *tree) below(number uint32, depth int) error {
	p, err := t.page(number, depth)
	if err != nil {
		return err
	}
	const leafBit = tableLeaf - tableInterior
	if p.kind|leafBit != t.leaf {
		return ErrDamaged
	}
	interior, isTable := p.kind != t.leaf, t.leaf == tableLeaf
	for i := range p.cells() {
		cell, err := p.cell(i)
		if err != nil {
			return err
		}
		if interior {
			child := binary.BigEndian.Uint32(cell)
			cell = cell[4:]
			last, n := Varint(cell)
			if n == 0 {
				return ErrDamaged
			}
			if !isTable || t.wants(int64(last)) {
				if err := t.below(child, depth+1); err != nil {
					return err
				}
			}
		}
		if !interior || !isTable {
			if err := t.cell(cell); err != nil {
				return err
			}
		}
	}
	if interior && (!isTable || t.wants(math.MaxInt64)) {
		return t.below(p.last, depth+1)
	}
	return nil
}

// rows gives the rows of the table below a page: those of rising numbers, each of
// which must be there, or with nil all.
func (w *walk) rows(root uint32, wanted []int64, yield func(int64, *Row) error) error {
	var r Row
	all := wanted == nil
	t := tree{walk: w, leaf: tableLeaf, wants: func(last int64) bool { return all || len(wanted) > 0 && wanted[0] <= last }}
	t.cell = func(cell []byte) error {
		length, n := Varint(cell)
		id, m := Varint(cell[n:])
		number := int64(id)
		switch {
		case n == 0 || m == 0:
			return ErrDamaged
		case all:
		case len(wanted) == 0 || number < wanted[0]:
			return nil
		case number > wanted[0]:
			return ErrDamaged
		default:
			wanted = wanted[1:]
		}
		if err := r.read(w.File, cell[n+m:], length, w.usable-35); err != nil {
			return err
		}
		return errors.Join(yield(number, &r), r.err)
	}
	err := t.below(root, 0)
	if err == nil && len(wanted) > 0 {
		err = ErrDamaged
	}
	return err
}

// entries gives the entries of the index below a page: the text and the number
// of the row.
func (w *walk) entries(root uint32, yield func(string, int64) error) error {
	var r Row
	t := tree{walk: w, leaf: indexLeaf, cell: func(cell []byte) error {
		length, n := Varint(cell)
		if n == 0 {
			return ErrDamaged
		}
		if err := r.read(w.File, cell[n:], length, (w.usable-12)*64/255-23); err != nil {
			return err
		}
		text, known := r.Text(0)
		number, numbered := r.Number(1)
		switch {
		case r.err != nil || !numbered || len(r.kinds) != 2:
			return errors.Join(r.err, ErrDamaged)
		case !known:
			return nil
		}
		return yield(text, number)
	}}
	return t.below(root, 0)
}
