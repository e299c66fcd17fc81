package capture

import (
	"bytes"
	"fmt"
	"net"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// A Passage is what two places of the way saw of the same messages and streams: two
// captures, or one capture on a device that passes them on.
type Passage struct {
	// Pairs are messages that both places saw, Same those of them without a
	// difference.
	Pairs   int    `json:"pairs"`
	Same    int    `json:"same"`
	Changed []Pair `json:"changed"`
	// Toward and Back are how much later, by the clocks of the places, messages
	// appear at the other: the smallest of those that go each way.
	Toward *int64 `json:"toward_us,omitempty"` // messages that go from the first to the other
	Back   *int64 `json:"back_us,omitempty"`
	// Streams are those that both places saw.
	Streams []StreamPair `json:"streams,omitempty"`
	// NextHop is the hardware address to which the first place sends what goes to
	// the other; empty where its capture has none.
	NextHop string `json:"next_hop,omitempty"`

	kinds    map[string]int // of changes, so far
	viaProxy bool           // some went through a proxy
	renamed  bool           // some have another Call-ID at the other place
}

// Pair is one message at both places.
type Pair struct {
	First    Message `json:"first"`
	Other    Message `json:"other"`
	FirstRaw []byte  `json:"first_raw"`
	OtherRaw []byte  `json:"other_raw"`
	Outward  bool    `json:"outward"` // it went from the first place to the other
}

// maxPairs is how many pairs of one kind of change are kept as examples.
const maxPairs = 5

// took notes a message that both places saw; later is by how much the other saw it
// after the first.
func (p *Passage) took(a, b *kept, later int64) {
	p.Pairs++
	p.renamed = p.renamed || a.m.callID != b.m.callID
	p.viaProxy = p.viaProxy || a.m.Vias != b.m.Vias
	outward := outward(&a.m, &b.m)
	if outward {
		lower(&p.Toward, later)
		if p.NextHop == "" {
			p.NextHop = a.nextHop
		}
	} else {
		lower(&p.Back, -later)
	}
	first, other := a.raw, b.raw
	if a.m.Cut || b.m.Cut { // what one capture did not keep is no difference
		n := min(len(first), len(other))
		first, other = first[:n], other[:n]
	}
	if bytes.Equal(first, other) {
		p.Same++
		return
	}
	sent, arrived := first, other
	if !outward {
		sent, arrived = other, first
	}
	kind := fmt.Sprint(outward, a.m.Method, a.m.Status > 0)
	for _, ch := range sip.Compare(sent, arrived) {
		kind += " " + string(ch.Code)
	}
	if p.kinds == nil {
		p.kinds = map[string]int{}
	}
	if p.kinds[kind]++; p.kinds[kind] <= maxPairs {
		p.Changed = append(p.Changed, Pair{First: a.m, Other: b.m, FirstRaw: bytes.Clone(first), OtherRaw: bytes.Clone(other), Outward: outward})
	}
}

// lower keeps the smallest.
func lower(best **int64, d int64) {
	if *best == nil || d < **best {
		*best = &d
	}
}

// outward tells whether a message went from the first place to the other: each
// router on the way takes one from the TTL; without a router the request goes
// away from whoever has the private address.
func outward(a, b *Message) bool {
	if a.TTL != b.TTL {
		return a.TTL > b.TTL
	}
	if a.Dst == b.Dst && a.Src != b.Src {
		return true // source NAT
	}
	if a.Src == b.Src && a.Dst != b.Dst {
		return false
	}
	return a.Status == 0
}

// nextHop is where a frame went.
func nextHop(ether []byte) string {
	if len(ether) < 6 {
		return ""
	}
	return net.HardwareAddr(ether[:6]).String()
}

const (
	// maxRelay is how long a device may take to pass a message on, to be known for
	// it. A server that asks another first needs longer, and writes its own.
	maxRelay = 500_000 // microseconds
	// recent is how many messages a device may have in hand.
	recent = 256
)

// A relay finds in one capture the messages that it holds twice: as they came to a
// device and as they left it.
type relay struct {
	last [recent]kept
	n    int
}

// take looks for the message among those of the moment before.
func (r *relay) take(p *Passage, m *Message, id string, raw []byte) {
	sum := hashOf([]byte(keys(m, id)[0]))
	for i := range r.last {
		k := &r.last[i]
		if k.sum != sum || k.pair != nil || m.At-k.m.At > maxRelay || m.Line || sameWay(&k.m, m) || !follows(&k.m, m) {
			continue
		}
		now := &kept{m: *m, raw: raw}
		k.pair = now
		p.took(k, now, m.At-k.m.At)
		break
	}
	k := &r.last[r.n%recent]
	r.n++
	k.m, k.sum, k.pair = *m, sum, nil
	k.raw = append(k.raw[:0], raw...)
}

func sameWay(a, b *Message) bool {
	return a.Src == b.Src && a.Dst == b.Dst && a.Interface == b.Interface && a.TTL == b.TTL
}

// follows reports whether b can be a as it was passed on: NAT changes one end, a proxy
// sends what came to it, and a bridge neither.
func follows(a, b *Message) bool {
	return a.Dst == b.Dst || a.Src == b.Src || a.Dst.Addr() == b.Src.Addr()
}

// StreamPair is one stream at both places.
type StreamPair struct {
	First   Stream `json:"first"`
	Other   Stream `json:"other"`
	Outward bool   `json:"outward"`
}

// pairStreams finds the streams that both places saw: one source, and sequence numbers
// in common. It returns those that only the first saw.
func (p *Passage) pairStreams(first, other []Stream, same func(a, b *Stream) bool) (alone []*Stream) {
	bySSRC := map[uint32][]*Stream{}
	for i := range other {
		bySSRC[other[i].SSRC] = append(bySSRC[other[i].SSRC], &other[i])
	}
	for i := range first {
		a, list := &first[i], bySSRC[first[i].SSRC]
		j := slices.IndexFunc(list, func(b *Stream) bool { return b != nil && b != a && a.overlaps(b) && same(a, b) })
		if j < 0 {
			alone = append(alone, a)
			continue
		}
		p.Streams = append(p.Streams, StreamPair{First: *a, Other: *list[j], Outward: streamOutward(a, list[j])})
		list[j] = nil
	}
	return alone
}

// overlaps reports whether two streams of one source have sequence numbers in common.
func (s *Stream) overlaps(b *Stream) bool {
	ahead := int(int16(b.FirstSeq - s.FirstSeq))
	return ahead < s.Expected && -ahead < b.Expected
}

// apart is whether a stream in another capture goes the same way: an echo of it comes
// from where it went.
func apart(a, b *Stream) bool {
	return a.Dst.Addr() != b.Src.Addr() && a.Src.Addr() != b.Dst.Addr()
}

// passedOn is whether b is a as a device sent it on that has both in one capture.
func passedOn(a, b *Stream) bool {
	if a.Begin > b.Begin || a.Begin == b.Begin && a.First > b.First {
		return false
	}
	nat := (a.Dst == b.Dst) != (a.Src == b.Src)
	return nat || a.Dst.Addr() == b.Src.Addr() && a.Src.Addr() != b.Dst.Addr()
}

// streamOutward tells which way a stream goes, as outward does for messages.
func streamOutward(a, b *Stream) bool {
	switch {
	case a.TTL != b.TTL:
		return a.TTL > b.TTL
	case a.Dst == b.Dst && a.Src != b.Src:
		return true
	case a.Src == b.Src && a.Dst != b.Dst:
		return false
	}
	return a.lost() <= b.lost()
}

// inOrder returns a stream as it was seen before and after the way between the places.
func (s *StreamPair) inOrder() (before, after *Stream) {
	if s.Outward {
		return &s.First, &s.Other
	}
	return &s.Other, &s.First
}
