package pcap

import "slices"

const (
	// maxHeld datagrams are put together at a time, and no piece is waited for
	// longer than Linux does (net.ipv4.ipfrag_time).
	maxHeld      = 1024
	fragmentLife = 30 * second
	maxDatagram  = 65535
)

// fragments are the pieces of datagrams that are not complete.
type fragments struct {
	byID  map[DatagramID]*pieces
	order []DatagramID // as they began
}

type pieces struct {
	list  []fragmentPiece
	end   int // of the datagram; 0: not known yet
	began int64
	cut   bool
}

type fragmentPiece struct {
	at   int
	data []byte
}

// fragment keeps a piece and returns the whole, once it is there.
func (x *Decoder) fragment(id DatagramID, at int, more bool, data []byte) (whole []byte, ok bool) {
	x.Stats.Fragments++
	if x.Layer != nil {
		x.Layer(Layer{Kind: LayerPiece, Data: data, ID: id, At: at})
	}
	h := &x.held
	if h.byID == nil {
		h.byID = map[DatagramID]*pieces{}
	}
	p := h.byID[id]
	if p != nil && x.d.Time-p.began > fragmentLife {
		x.forget(id)
		p = nil
	}
	if p == nil {
		if len(h.order) >= maxHeld {
			x.forget(h.order[0])
		}
		p = &pieces{began: x.d.Time}
		h.byID[id], h.order = p, append(h.order, id)
	}
	if at+len(data) > maxDatagram {
		x.forget(id)
		return nil, false
	}
	p.cut = p.cut || x.d.Cut
	if !more {
		p.end = at + len(data)
	}
	if !slices.ContainsFunc(p.list, func(f fragmentPiece) bool { return f.at == at && len(f.data) >= len(data) }) {
		p.list = append(p.list, fragmentPiece{at, slices.Clone(data)})
	}
	if whole, ok = p.join(); ok {
		x.d.Cut = p.cut
		delete(h.byID, id)
		h.order = slices.DeleteFunc(h.order, func(o DatagramID) bool { return o == id })
		if x.Layer != nil {
			x.Layer(Layer{Kind: LayerWhole, Data: whole, ID: id})
		}
	}
	return whole, ok
}

// forget gives up a datagram.
func (x *Decoder) forget(id DatagramID) {
	x.Stats.Incomplete++
	delete(x.held.byID, id)
	x.held.order = slices.DeleteFunc(x.held.order, func(o DatagramID) bool { return o == id })
}

// join returns the datagram if nothing of it is missing.
func (p *pieces) join() ([]byte, bool) {
	if p.end == 0 {
		return nil, false
	}
	slices.SortFunc(p.list, func(a, b fragmentPiece) int { return a.at - b.at })
	var out []byte
	for _, f := range p.list {
		switch skip := len(out) - f.at; {
		case skip < 0:
			return nil, false
		case skip < len(f.data):
			out = append(out, f.data[skip:]...)
		}
	}
	if len(out) < p.end {
		return nil, false
	}
	return out[:p.end], true
}

// Finish counts what never became complete.
func (x *Decoder) Finish() {
	x.Stats.Incomplete += len(x.held.byID)
	x.held = fragments{}
}
