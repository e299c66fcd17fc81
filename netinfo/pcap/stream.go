package pcap

import (
	"cmp"
	"container/list"
	"net/netip"
	"slices"
)

const (
	// maxWaiting is how much of one direction waits for a segment that is missing,
	// a usual receive window: a sender stops there. So the capture has lost it.
	maxWaiting  = 256 << 10
	maxSegments = 1024
	// maxWaitingAll bounds that for all directions together.
	maxWaitingAll = 32 << 20
	// maxAhead tells a segment of the same connection from one of the next that
	// uses the same ports.
	maxAhead = 16 << 20
	// maxStreams are followed at a time; then the one that was silent for longest
	// is given up.
	maxStreams = 50_000
)

// Streams puts the segments of TCP connections in order: of those directions that
// begin as Wanted says, from there on. So a capture may begin in the middle of a
// connection, and what nobody wants costs no memory.
type Streams struct {
	// Wanted reports whether what is wanted begins here.
	Wanted func(b []byte) bool
	// Data takes what follows in a direction. gap says that bytes before it are
	// missing. The slice is valid until Data returns. Where it returns false, the
	// direction is no longer followed until something wanted begins again.
	Data func(s *Stream, d *Datagram, b []byte, gap bool) bool

	Repeated int // segments that brought nothing new
	Gaps     int // places where the capture lacks bytes

	byEnds  map[ends]*Stream
	order   list.List // of *Stream, by their last segment
	waiting int       // bytes that wait, of all
}

type ends struct{ src, dst netip.AddrPort }

// A Stream is one direction of a connection.
type Stream struct {
	Src, Dst netip.AddrPort
	State    any // of whoever takes the data

	next    uint32 // the byte that follows
	begun   bool   // something was handed on
	waiting []segment
	held    int // bytes of those
	place   *list.Element
}

// A segment waits. Its payload is its own.
type segment struct {
	seq uint32
	d   Datagram
}

// ahead is how far a segment is before its time; negative: it was seen before.
func (st *Stream) ahead(seq uint32) int { return int(int32(seq - st.next)) }

// Feed takes the next segment as it was captured.
func (s *Streams) Feed(d *Datagram) {
	key, seq := ends{d.Src, d.Dst}, d.Seq
	st := s.byEnds[key]
	if d.Flags&SYN != 0 {
		if seq++; st != nil && st.begun && seq != st.next {
			s.drop(st)
			st = nil
		}
		if st == nil {
			st = s.add(key, seq)
		}
	}
	if len(d.Payload) > 0 {
		if st != nil && max(st.ahead(seq), -st.ahead(seq)) > maxAhead {
			s.drop(st)
			st = nil
		}
		if st == nil && s.Wanted(d.Payload) {
			st = s.add(key, seq)
		}
		if st != nil {
			s.order.MoveToBack(st.place)
			s.take(st, seq, d)
		}
	}
	if d.Flags&(FIN|RST) != 0 && st != nil {
		s.end(st)
	}
}

// Finish hands on what waited for segments that never came.
func (s *Streams) Finish() {
	for s.order.Len() > 0 {
		s.end(s.order.Front().Value.(*Stream))
	}
}

// take hands on a segment, or keeps it until its turn comes.
func (s *Streams) take(st *Stream, seq uint32, d *Datagram) {
	if st.ahead(seq) <= 0 {
		if s.hand(st, seq, d, false) {
			s.settle(st)
		}
		return
	}
	same := func(w segment) bool { return w.seq == seq && len(w.d.Payload) >= len(d.Payload) }
	if slices.ContainsFunc(st.waiting, same) {
		s.Repeated++
		return
	}
	w := segment{seq, *d}
	w.d.Payload = slices.Clone(d.Payload)
	at, _ := slices.BinarySearchFunc(st.waiting, w, func(a, b segment) int { return cmp.Compare(st.ahead(a.seq), st.ahead(b.seq)) })
	st.waiting = slices.Insert(st.waiting, at, w)
	s.waiting += len(w.d.Payload)
	st.held += len(w.d.Payload)
	if st.held > maxWaiting || len(st.waiting) > maxSegments || s.waiting > maxWaitingAll {
		s.skip(st)
	}
}

// hand gives what is new of a segment to whoever takes the data. It is false when
// the direction is no longer followed.
func (s *Streams) hand(st *Stream, seq uint32, d *Datagram, gap bool) bool {
	old := -st.ahead(seq)
	if old >= len(d.Payload) {
		s.Repeated++
		return true
	}
	b := d.Payload[old:]
	st.next += uint32(len(b))
	if !st.begun && !s.Wanted(b) || !s.Data(st, d, b, gap) {
		s.drop(st)
		return false
	}
	st.begun = true
	return true
}

// settle hands on what waited for what has come.
func (s *Streams) settle(st *Stream) {
	for len(st.waiting) > 0 && st.ahead(st.waiting[0].seq) <= 0 {
		if !s.handFirst(st, false) {
			return
		}
	}
}

// skip gives up what is missing and goes on behind it.
func (s *Streams) skip(st *Stream) {
	s.Gaps++
	st.next = st.waiting[0].seq
	if s.handFirst(st, true) {
		s.settle(st)
	}
}

// handFirst hands on the first segment that waits.
func (s *Streams) handFirst(st *Stream, gap bool) bool {
	w := st.waiting[0]
	st.waiting = st.waiting[1:]
	s.waiting, st.held = s.waiting-len(w.d.Payload), st.held-len(w.d.Payload)
	return s.hand(st, w.seq, &w.d, gap)
}

// end hands on all that waits and forgets the direction.
func (s *Streams) end(st *Stream) {
	for len(st.waiting) > 0 && s.byEnds[ends{st.Src, st.Dst}] == st {
		s.skip(st)
	}
	s.drop(st)
}

func (s *Streams) add(key ends, next uint32) *Stream {
	if s.byEnds == nil {
		s.byEnds = map[ends]*Stream{}
	}
	if len(s.byEnds) >= maxStreams {
		s.drop(s.order.Front().Value.(*Stream))
	}
	st := &Stream{Src: key.src, Dst: key.dst, next: next}
	st.place = s.order.PushBack(st)
	s.byEnds[key] = st
	return st
}

// drop forgets a direction, once or again.
func (s *Streams) drop(st *Stream) {
	if key := (ends{st.Src, st.Dst}); s.byEnds[key] == st {
		delete(s.byEnds, key)
		s.order.Remove(st.place)
	}
	s.waiting -= st.held
	st.waiting, st.held = nil, 0
}
