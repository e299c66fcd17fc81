package sqlite

import "slices"

// rows walks the B-tree of a table below a page.
func (w *walk) rows(number uint32, depth int, wanted []int64, yield func(int64, *Row) error) error {
	p, err := w.page(number, depth)
	if err != nil {
		return err
	}
	if p.kind == tableLeaf {
		return w.leaf(&p, wanted, yield)
	}
	if p.kind != tableInterior {
		return ErrDamaged
	}
	below := func(child uint32, part []int64) error {
		if wanted != nil && len(part) == 0 {
			return nil
		}
		return w.rows(child, depth+1, part, yield)
	}
	part := wanted
	for i := range p.cells() {
		child, cell, err := p.child(i)
		last, n := Varint(cell) // the number of the last row there
		if err != nil || n == 0 {
			return ErrDamaged
		}
		here, found := slices.BinarySearch(part, int64(last))
		if found {
			here++
		}
		if err := below(child, part[:here]); err != nil {
			return err
		}
		part = part[here:]
	}
	return below(p.last, part)
}

// leaf gives the rows of a leaf.
func (w *walk) leaf(p *page, wanted []int64, yield func(int64, *Row) error) error {
	var r Row
	all := wanted == nil
	for i := range p.cells() {
		cell, err := p.cell(i)
		if err != nil {
			return err
		}
		length, n := Varint(cell)
		number, m := Varint(cell[n:])
		if n == 0 || m == 0 {
			return ErrDamaged
		}
		if !all && (len(wanted) == 0 || wanted[0] != int64(number)) {
			continue
		}
		if err := r.read(w.File, cell[n+m:], length, w.usable-35); err != nil {
			return err
		}
		if err := yield(int64(number), &r); err != nil {
			return err
		}
		wanted = wanted[min(1, len(wanted)):]
	}
	if len(wanted) > 0 {
		return ErrDamaged
	}
	return nil
}

// entries walks the B-tree of an index below a page: in its order, the text and
// the number of the row.
func (w *walk) entries(number uint32, depth int, yield func(string, int64) error) error {
	p, err := w.page(number, depth)
	if err != nil {
		return err
	}
	if p.kind != indexLeaf && p.kind != indexInterior {
		return ErrDamaged
	}
	var r Row
	for i := range p.cells() {
		cell, err := p.cell(i)
		if err == nil && p.kind == indexInterior {
			var child uint32
			if child, cell, err = p.child(i); err == nil {
				err = w.entries(child, depth+1, yield)
			}
		}
		if err != nil {
			return err
		}
		if err := w.entry(&r, cell, yield); err != nil {
			return err
		}
	}
	if p.kind == indexInterior {
		return w.entries(p.last, depth+1, yield)
	}
	return nil
}

// entry gives one entry of an index.
func (w *walk) entry(r *Row, cell []byte, yield func(string, int64) error) error {
	length, n := Varint(cell)
	if n == 0 {
		return ErrDamaged
	}
	if err := r.read(w.File, cell[n:], length, (w.usable-12)*64/255-23); err != nil {
		return err
	}
	text, known, err := r.Text(0)
	if err != nil || !known {
		return err
	}
	number, known, err := r.Number(1)
	if err != nil || !known || len(r.kinds) != 2 {
		return ErrDamaged
	}
	return yield(text, number)
}
