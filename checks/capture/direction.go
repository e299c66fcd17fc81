package capture

import (
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A direction is the audio that one end sends to the other during a segment.
type direction struct {
	*segment
	leg      []segment // all of this stretch of the way
	hearer   string    // "caller" or "called": whom it goes to
	from, to end
	wanted   bool   // it was agreed
	list     []part // that run during the segment
	back     []part // of the other direction
	before   *segment
	refused  *Refused // what ICMP says about it; nil: nothing
}

// directions are both of each segment of a call that says something about its audio.
func (v *view) directions(x *exchange) []direction {
	list, ok := v.ways[x]
	if !ok {
		list = v.newDirections(x)
		v.ways[x] = list
	}
	return list
}

func (v *view) newDirections(x *exchange) (out []direction) {
	for _, leg := range v.stretches(x) {
		out = append(out, v.directionsOf(leg)...)
	}
	return out
}

func (v *view) directionsOf(list []segment) (out []direction) {
	for i := range list {
		g := &list[i]
		if g.early || g.length() < leastTalk || g.caller.media == nil || g.called.media == nil {
			continue
		}
		up := direction{segment: g, leg: list, hearer: "called", from: g.caller, to: g.called, wanted: g.upward(), list: running(g.up, g)}
		down := direction{segment: g, leg: list, hearer: "caller", from: g.called, to: g.caller, wanted: g.downward(), list: running(g.down, g)}
		up.back, down.back = down.list, up.list
		if i > 0 && !list[i-1].early {
			up.before, down.before = &list[i-1], &list[i-1]
		}
		up.refused, down.refused = v.refusal(&up), v.refusal(&down)
		out = append(out, up, down)
	}
	return out
}

// private reports whether an end wants its audio at a private address although its
// signalling comes from a public one.
func (e end) private() bool {
	a, err := netip.ParseAddr(e.media.Addr)
	return err == nil && netinfo.IsPrivate(a) && e.said.Src.IsValid() && !netinfo.IsPrivate(e.said.Src.Addr())
}

// name is the end as the subject of a finding; empty where a trace does not name it.
func (e end) name() string {
	if !e.said.Src.IsValid() {
		return ""
	}
	return e.said.Src.Addr().String()
}

// arrives reports whether a stream can be what its receiver hears. What goes elsewhere
// may be right where the end itself is not sure of its address.
func (d *direction) arrives(p part) bool {
	switch p.route {
	case asAgreed:
		return !d.to.private()
	case symmetric:
		return true
	}
	return d.to.media.ICE || d.to.private() || p.Dst.Addr() == d.to.said.Src.Addr()
}

// heard reports whether audio arrives in this direction.
func (d *direction) heard() bool {
	for _, p := range d.list {
		if d.arrives(p) && (d.refused == nil || d.refused.Dst != p.Dst) {
			return true
		}
	}
	return false
}

// passes reports whether the audio of a segment would pass the place of the capture:
// the ends of the signalling are those of the media, or a media server that the
// capture knows. Otherwise two phones may talk to each other directly. An end behind a NAT
// names its public address for the signalling as well.
func (v *view) passes(g *segment) bool {
	for _, e := range []end{g.caller, g.called} {
		at, ok := e.media.at()
		if !ok {
			return false
		}
		if self := at.Addr() == e.said.Src.Addr() || e.private() || e.translated() && strings.Contains(e.said.Contact, at.Addr().String()); !self && (v.phones[at.Addr()] || !v.heard[at.Addr()]) {
			return false
		}
	}
	return true
}

// when says what came before a segment, for a direction of it: the answer, a hold
// that ended, or another change.
func (d *direction) when() string {
	switch b := d.before; {
	case b == nil:
		return "answer"
	case d.hearer == "caller" && !b.downward() || d.hearer == "called" && !b.upward():
		return "resumed"
	}
	return "changed"
}

// refusal is what ICMP says about packets of a direction while it was wanted; nil if
// nothing, or if it ended before the packets did: then the end was not ready yet. One
// error alone may be about a packet that was on its way when something changed.
func (v *view) refusal(d *direction) *Refused {
	// Hosts send an error a second at most (the Linux kernel's icmp_ratelimit), and
	// one or two may be lost.
	const slack = 3_000_000 // microseconds
	last := int64(0)
	for _, p := range d.list {
		last = max(last, min(p.End, d.until))
	}
	for i := range v.o.Refused {
		r := &v.o.Refused[i]
		if r.Count < 2 || r.Begin >= d.until || r.End < d.begin || r.End < last-slack {
			continue
		}
		if slices.Contains(d.to.places(), r.Dst) {
			return r
		}
		for _, p := range d.list {
			if r.Dst == p.Dst && r.Src == p.Src {
				return r
			}
		}
	}
	return nil
}

// visible reports whether audio of this direction passes here on its way to its end.
func (d *direction) visible() bool {
	return slices.ContainsFunc(d.list, func(p part) bool { return p.route != elsewhere })
}

func sdpProof(e end) checks.Evidence {
	name := words.Say("capture.evidence.sdp", words.Args{"frame": e.said.Frame, "from": who(e.said.Src)})
	return checks.Proof(name, nil, words.Say("capture.evidence.listens", words.Args{"addr": addrArg(e.media.Addr), "port": e.media.Port, "direction": e.media.Direction}))
}

func streamProof(s *Stream) checks.Evidence {
	return checks.Proof(words.Say("capture.evidence.stream", words.Args{"from": s.Src, "to": s.Dst}), nil,
		words.Say("capture.evidence.packets", words.Args{"n": s.Packets, "frame": s.First, "lost": s.lost(), "jitter": s.JitterMS}))
}

// addrArg is an address of a session description: as such, or as a stranger wrote it.
func addrArg(s string) any {
	if a, err := netip.ParseAddr(s); err == nil {
		return a
	}
	return words.Raw(s)
}

// tenths are microseconds as seconds, to a tenth.
func tenths(us int64) float64 { return math.Round(float64(us)/1e5) / 10 }
