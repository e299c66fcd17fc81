package capture

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/netinfo"
)

// index finds streams by their ends.
type index struct {
	from, to map[netip.AddrPort][]*Stream
}

func indexOf(list []Stream) index {
	x := index{map[netip.AddrPort][]*Stream{}, map[netip.AddrPort][]*Stream{}}
	for i := range list {
		s := &list[i]
		x.from[s.Src], x.to[s.Dst] = append(x.from[s.Src], s), append(x.to[s.Dst], s)
	}
	return x
}

// parts are the streams of a segment that one end sends to the other: to where that
// listens, back to where its own audio comes from, and whatever else leaves the port
// that the sender has named.
func (v *view) parts(g *segment, to, from end) (out []part) {
	if to.media == nil || from.media == nil {
		return nil
	}
	add := func(list []*Stream, how func(*Stream) route) {
		for _, s := range list {
			if p, ok := s.part(g); ok && !contains(out, s) {
				p.route = how(s)
				out = append(out, p)
			}
		}
	}
	for _, at := range to.places() {
		add(v.index.to[at], func(*Stream) route { return asAgreed })
	}
	back := map[netip.AddrPort]bool{} // where the other end's own audio comes from
	for _, at := range from.places() {
		for _, s := range v.index.to[at] {
			if _, ok := s.part(g); ok {
				back[s.Src] = true
			}
		}
	}
	for _, at := range from.places() {
		add(v.index.from[at], func(s *Stream) route {
			if back[s.Dst] {
				return symmetric
			}
			return elsewhere
		})
	}
	return out
}

// places are where an end takes audio: as it says, and, where it tells its public
// address from behind a NAT (STUN, or externaddr of a PBX), at its own.
func (e end) places() (out []netip.AddrPort) {
	at, ok := e.media.at()
	if !ok {
		return nil
	}
	out = append(out, at)
	if e.translated() {
		out = append(out, netip.AddrPortFrom(e.said.Src.Addr(), at.Port()))
	}
	return out
}

// translated reports whether an end names a public address, and is seen here at a
// private one.
func (e end) translated() bool {
	at, ok := e.media.at()
	return ok && e.said.Src.IsValid() && netinfo.IsPrivate(e.said.Src.Addr()) && !netinfo.IsPrivate(at.Addr())
}

func contains(list []part, s *Stream) bool {
	for _, o := range list {
		if o.Stream == s {
			return true
		}
	}
	return false
}

// part is a stream as far as it runs during a segment; ok is false where it does not.
func (s *Stream) part(g *segment) (p part, ok bool) {
	if s.End < g.begin || s.Begin >= g.until {
		return p, false
	}
	p = part{Stream: s}
	p.inside, p.touched = s.within(g.begin, g.until)
	return p, p.touched > 0
}

// runs reports whether a stream surely runs during a segment, and did not only end at
// its beginning: whoever is told of a hold sends for another moment.
func (p part) runs(g *segment) bool {
	return p.inside > 0 || p.Begin >= g.begin || g.length() < 2*p.step()
}

// running are the parts that do.
func running(list []part, g *segment) (out []part) {
	for _, p := range list {
		if p.runs(g) {
			out = append(out, p)
		}
	}
	return out
}

// audible is what the judges of audio look up.
type audible struct {
	index  index
	parted map[*exchange][][]segment
	ways   map[*exchange][]direction
	said   map[netip.AddrPort][]Codec // what any session description says of an end
	phones map[netip.Addr]bool        // that SIP comes from
	heard  map[netip.Addr]bool        // that RTP comes from
}

func audibleOf(o *Observed) audible {
	m := audible{index: indexOf(o.Streams), parted: map[*exchange][][]segment{}, ways: map[*exchange][]direction{}, said: map[netip.AddrPort][]Codec{}, phones: map[netip.Addr]bool{}, heard: map[netip.Addr]bool{}}
	for i := range o.Streams {
		m.heard[o.Streams[i].Src.Addr()] = true
	}
	for i := range o.Dialogs {
		for j := range o.Dialogs[i].Messages {
			msg := &o.Dialogs[i].Messages[j]
			m.phones[msg.Src.Addr()] = true
			if msg.SDP == nil {
				continue
			}
			for k := range msg.SDP.Media {
				if at, ok := msg.SDP.Media[k].at(); ok {
					for _, c := range msg.SDP.Media[k].Codecs {
						if known := m.said[at]; len(known) < maxCodecs && !slices.Contains(known, c) {
							m.said[at] = append(known, c)
						}
					}
				}
			}
		}
	}
	return m
}
