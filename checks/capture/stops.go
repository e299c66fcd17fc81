package capture

import (
	"fmt"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// leastStop is how long audio must be away at the end of a call, microseconds:
	// by then people have said hello twice and hang up. What phones and PBXs do
	// among themselves takes less.
	leastStop = 10_000_000
	// lateStart is when audio after the answer is late, microseconds: phones send
	// within a second, and by two the first words are lost.
	lateStart = 2_000_000
	// natSilence is after how long without a packet from inside a router may have
	// dropped a UDP mapping, microseconds: 30 s is usual (the Linux kernel's
	// nf_conntrack_udp_timeout), less a step of the strip on either side.
	natSilence = 28_000_000
	// dtxPause is a pause after which audio that came back shows that its sender
	// suppresses silence, microseconds.
	dtxPause = 3_000_000
)

// stops are calls in which audio ends long before the call does. A PBX that records a
// message is silent as well, so that it is a fault only where the cause shows.
func stops(v *view) (out []checks.Finding) {
	type stop struct {
		d      *direction
		last   int64
		silent bool
	}
	var groups cases
	first := map[*group]stop{}
	for _, x := range v.calls {
		list := v.directions(x)
		for i := range list {
			d := &list[i]
			last, ok := d.stopped()
			if !ok {
				continue
			}
			silent := last-natSilence >= d.begin && sent(d.back, last-natSilence, last) == 0
			key := fmt.Sprint(silent, d.hearer, d.from.name())
			id := ""
			if silent {
				id = "capture.audio-stops"
			}
			g := groups.gather(v, id, key, x, frame(d.by, nil), stopProof(d, last))
			if _, known := first[g]; !known {
				first[g] = stop{d, last, silent}
			}
			break
		}
	}
	for _, g := range groups.list {
		s := first[g]
		f := checks.Finding{
			ID: "capture.audio-stops", Severity: checks.Info, Confidence: checks.Possible, Subject: s.d.from.name(), Evidence: g.proof,
			Args: words.Args{"n": len(g.list), "from": whoAddr(s.d.from.said.Src), "to": whoAddr(s.d.to.said.Src), "after": tenths(s.last - s.d.begin),
				"left": tenths(s.d.until - s.last), "silent": s.silent},
		}
		if s.silent {
			f.Severity, f.Confidence = checks.Warning, checks.Likely
		}
		out = append(out, f)
	}
	return out
}

// stopped tells when the last packet of a direction came, where the other went on for
// long, and the sender does not suppress silence.
func (d *direction) stopped() (last int64, ok bool) {
	if !d.wanted || !d.heard() || d.held() {
		return 0, false
	}
	for _, p := range d.list {
		if last = max(last, p.End); p.suppresses() {
			return 0, false
		}
	}
	other := int64(0)
	for _, p := range d.back {
		other = max(other, min(p.End, d.until))
	}
	return last, other-last >= leastStop
}

// suppresses reports whether the sender of a stream is silent at times: it sends
// comfort noise (RFC 3389), or has come back after a pause without loss.
func (s *Stream) suppresses() bool {
	const comfortNoise, oldComfortNoise = 13, 19
	if s.Payloads[comfortNoise]+s.Payloads[oldComfortNoise] > 0 {
		return true
	}
	run := int64(0)
	for i, n := range s.Strip.Packets {
		if n > 0 {
			run = 0
		} else if run += s.step(); run >= dtxPause && i < len(s.Strip.Packets)-1 {
			return true
		}
	}
	return false
}

// sent is how many packets came, at most, between two times.
func sent(list []part, begin, until int64) (n int) {
	for _, p := range list {
		_, touched := p.within(begin, until)
		n += touched
	}
	return n
}

// held reports whether an end of a segment has put the call on hold.
func (g *segment) held() bool { return !g.upward() || !g.downward() }

func stopProof(d *direction, last int64) checks.Evidence {
	s := d.list[0].Stream
	return checks.Proof(words.Say("capture.evidence.stream", words.Args{"from": s.Src, "to": s.Dst}), nil,
		words.Say("capture.evidence.stop", words.Args{"last": seconds(last), "until": seconds(d.until), "n": s.Packets, "frame": s.First}))
}

// late are calls in which audio begins long after the answer.
func late(v *view) (out []checks.Finding) {
	var groups cases
	for _, x := range v.calls {
		list := v.directions(x)
		for i := range list {
			d := &list[i]
			if !d.wanted || d.before != nil || !d.heard() || d.heardEarly() || d.begins()-d.begin < lateStart {
				continue
			}
			g := groups.add(v, "", d.hearer+" "+d.from.name(), x, nil, frame(d.by, nil), streamProof(d.firstStream()))
			if g.dir == nil {
				g.dir = d
			}
		}
	}
	for _, g := range groups.list {
		d := g.dir
		both := len(d.back) > 0 && begins(d.back)-d.begin >= lateStart
		f := checks.Finding{
			ID: "capture.audio-late", Severity: checks.Warning, Confidence: checks.Likely, Subject: d.from.name(), Evidence: g.proof,
			Args: words.Args{"n": len(g.list), "from": whoAddr(d.from.said.Src), "to": whoAddr(d.to.said.Src), "late": tenths(d.begins() - d.begin), "both": both,
				"called": d.hearer == "caller"},
		}
		if d.hearer == "caller" && !both { // a PBX that has nothing to play yet
			f.Severity, f.Confidence = checks.Info, checks.Possible
		}
		out = append(out, f)
	}
	return out
}

// heardEarly reports whether the end of a direction heard audio before the answer.
func (d *direction) heardEarly() bool {
	return slices.ContainsFunc(d.leg, func(g segment) bool {
		return g.early && (d.hearer == "caller" && len(g.down) > 0 || d.hearer == "called" && len(g.up) > 0)
	})
}

func (d *direction) begins() int64 { return begins(d.list) }

func begins(list []part) int64 {
	at := list[0].Begin
	for _, p := range list {
		at = min(at, p.Begin)
	}
	return at
}

func (d *direction) firstStream() *Stream {
	for _, p := range d.list {
		if p.Begin == d.begins() {
			return p.Stream
		}
	}
	return d.list[0].Stream
}

// ringing are calls whose called side announced early media and sent none: the caller
// hears no ringback, or no announcement.
func ringing(v *view) (out []checks.Finding) {
	if len(v.o.Streams) == 0 {
		return nil
	}
	var groups cases
	for _, x := range v.calls {
		list := v.segments(x)
		for i := range list {
			g := &list[i]
			if !g.early || g.length() < leastTalk || g.caller.media == nil || !g.downward() || len(running(g.down, g)) > 0 || !v.passes(g) {
				continue
			}
			h := groups.add(v, "", g.called.name(), x, nil, frame(g.by, nil))
			if h.seg == nil {
				h.seg = g
			}
			break
		}
	}
	for _, h := range groups.list {
		g := h.seg
		out = append(out, checks.Finding{
			ID: "capture.early-silent", Severity: checks.Info, Confidence: checks.Likely, Subject: g.called.name(), Evidence: h.proof,
			Args: words.Args{"n": len(h.list), "from": whoAddr(g.called.said.Src), "status": g.by.Status, "length": tenths(g.length())},
		})
	}
	return out
}
