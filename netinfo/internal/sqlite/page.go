package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
)

// The kinds of pages of B-trees.
const (
	indexInterior = 2
	tableInterior = 5
	indexLeaf     = 10
	tableLeaf     = 13
)

// maxDepth bounds a B-tree. The largest file that SQLite writes has one of 20
// or so.
const maxDepth = 40

// walk goes through one B-tree. It ends with an error in one that leads in
// circles: none has more pages than the file.
type walk struct {
	*File
	ctx   context.Context
	left  uint32
	pages [maxDepth][]byte // one for each depth, used again
}

func (f *File) walk(ctx context.Context) *walk { return &walk{File: f, ctx: ctx, left: f.pages} }

// page is one page of a B-tree.
type page struct {
	b        []byte // what is usable of it
	pointers []byte // to its cells
	kind     byte
	last     uint32 // the last child of an interior page
}

func (w *walk) page(number uint32, depth int) (p page, err error) {
	if number == 0 || number > w.File.pages || w.left == 0 || depth >= maxDepth {
		return p, ErrDamaged
	}
	if err := w.ctx.Err(); err != nil {
		return p, context.Cause(w.ctx)
	}
	w.left--
	if w.pages[depth] == nil {
		w.pages[depth] = make([]byte, w.size)
	}
	b := w.pages[depth]
	if err := w.readAt(b, int64(number-1)*w.size); err != nil {
		return p, errors.Join(notEnd(err), ErrDamaged)
	}
	p.b = b[:w.usable]
	header := p.b
	if number == 1 {
		header = header[100:]
	}
	begin := 8
	switch p.kind = header[0]; p.kind {
	case indexInterior, tableInterior:
		begin, p.last = 12, binary.BigEndian.Uint32(header[8:])
	case indexLeaf, tableLeaf:
	default:
		return p, ErrDamaged
	}
	cells := int(binary.BigEndian.Uint16(header[3:]))
	if begin+2*cells > len(header) {
		return p, ErrDamaged
	}
	p.pointers = header[begin : begin+2*cells]
	return p, nil
}

// cells is how many cells the page has.
func (p *page) cells() int { return len(p.pointers) / 2 }

// cell is what follows from where cell i begins, at least four bytes.
func (p *page) cell(i int) ([]byte, error) {
	at := int(binary.BigEndian.Uint16(p.pointers[2*i:]))
	if at < 8 || at+4 > len(p.b) {
		return nil, ErrDamaged
	}
	return p.b[at:], nil
}
