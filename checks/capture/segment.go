package capture

import (
	"cmp"
	"net/netip"
	"slices"
)

// A segment is the part of a call in which one pair of session descriptions is in
// force: from the answer that completed one exchange of offer and answer (RFC 3264) to
// the next, or to the end of the call. A re-INVITE that was refused makes none, and
// neither does one that repeats what was agreed.
type segment struct {
	begin, until int64 // microseconds of the capture
	early        bool  // before the call was answered
	ended        bool  // the call ended with it, by BYE or a refusal
	by           *Message
	caller       end
	called       end
	up           []part // from the caller to the called side
	down         []part
}

// end is one side of a call: what it said last.
type end struct {
	said  *Message // with the session description that is in force
	media *Media   // its audio; nil: none was agreed
	image *Media   // its fax; nil: none was agreed
}

// part is a stream as far as it belongs to a segment.
type part struct {
	*Stream
	route   route
	inside  int // packets in whole steps of its strip within the segment
	touched int // packets in these steps and in those at the edges
}

// route is why a stream belongs to an end.
type route int

const (
	asAgreed  route = iota // it goes to where the end wants it
	symmetric              // it goes back to where the end's own audio comes from
	elsewhere              // it comes from the other end, and goes to neither
)

// length is how long a segment is, microseconds.
func (g *segment) length() int64 { return g.until - g.begin }

// hears reports whether this end wants audio. An address of zeros is how phones of
// before RFC 3264 hold a call.
func (e end) hears() bool {
	return e.media != nil && (e.media.Direction == "" || e.media.Direction == "recvonly") && !e.nowhere()
}

func (e end) speaks() bool {
	return e.media != nil && (e.media.Direction == "" || e.media.Direction == "sendonly")
}

func (e end) nowhere() bool {
	a, err := netip.ParseAddr(e.media.Addr)
	return err == nil && a.IsUnspecified()
}

// upward reports whether audio from the caller to the called side was agreed.
func (g *segment) upward() bool { return g.caller.speaks() && g.called.hears() }

// downward is the other direction.
func (g *segment) downward() bool { return g.called.speaks() && g.caller.hears() }

// agreement is a completed exchange of offer and answer.
type agreement struct {
	at            int64
	offer, answer *Message
	byCaller      bool // the offer
	early         bool
}

// segments returns the parts of a call in their order, as one place of the way has
// seen it; nil where no session was agreed, or the capture lacks one half. Of a call
// that passes a proxy here they are those of the leg that came first.
func (v *view) segments(x *exchange) []segment { return v.stretches(x)[0] }

func (v *view) segmentsOf(x *exchange) []segment {
	list := x.segments(v.o.Length)
	for i := range list {
		g := &list[i]
		g.up, g.down = v.parts(g, g.called, g.caller), v.parts(g, g.caller, g.called)
	}
	return list
}

func (x *exchange) segments(length int64) (out []segment) {
	main := x.main()
	if main.request == nil || main.first.Method != "INVITE" {
		return nil
	}
	over, ended := x.over(main, length)
	for _, a := range x.agreements(main) {
		if a.at > over {
			break
		}
		g := segment{begin: a.at, until: over, early: a.early, ended: ended, by: a.answer}
		g.caller, g.called = end{said: a.offer}, end{said: a.answer}
		g.caller.media, g.called.media = agreed(a.offer.SDP, a.answer.SDP, "audio")
		g.caller.image, g.called.image = agreed(a.offer.SDP, a.answer.SDP, "image")
		if !a.byCaller {
			g.caller, g.called = g.called, g.caller
		}
		if n := len(out); n > 0 {
			last := &out[n-1]
			if last.early == g.early && last.caller.equal(g.caller) && last.called.equal(g.called) {
				continue
			}
			last.until, last.ended = g.begin, false
		}
		out = append(out, g)
	}
	return out
}

// over is when a call ended: at the first BYE, or when it was refused; the end of the
// capture if neither is in it.
func (x *exchange) over(main *transaction, length int64) (at int64, ended bool) {
	at = length
	if main.final() >= 300 {
		at, ended = main.finalTo.At, true
	}
	for _, t := range x.list {
		if t.first.Method == "BYE" && t.first.At <= at {
			at, ended = t.first.At, true
		}
	}
	if x.Left > 0 { // more messages than are kept: what came then is not known
		if n := x.Messages[len(x.Messages)-1].At; n < at {
			at, ended = n, false
		}
	}
	return at, ended
}

// agreements are the completed exchanges of a call, in their order.
func (x *exchange) agreements(main *transaction) (out []agreement) {
	answered := int64(-1)
	if code := main.final(); code >= 200 && code < 300 {
		answered = main.finalTo.At
	}
	for _, t := range x.ofLeg(main) {
		byCaller := fromCaller(t, main)
		switch t.first.Method {
		case "INVITE":
			out = append(out, x.ofInvite(t, t == main, byCaller)...)
		case "UPDATE", "PRACK":
			if r, a := t.request, t.finalTo; r.SDP != nil && t.granted() && a.SDP != nil {
				out = append(out, agreement{offer: r, answer: a, byCaller: byCaller})
			}
		}
	}
	for i := range out {
		out[i].at = out[i].answer.At
		out[i].early = answered < 0 || out[i].at < answered
	}
	if answered >= 0 {
		if a, ok := confirmed(out, main.finalTo); ok {
			out = append(out, a)
		}
	}
	slices.SortStableFunc(out, func(a, b agreement) int { return cmp.Compare(a.at, b.at) })
	return out
}

// confirmed is what a 2xx without a session description confirms: the latest that was
// agreed before, on the branch that has answered.
func confirmed(list []agreement, final *Message) (out agreement, ok bool) {
	for _, a := range list {
		if a.at == final.At {
			return a, false
		}
		if a.at < final.At && (!ok || a.at >= out.at) && (a.answer.Status == 0 || a.answer.To.Tag == final.To.Tag) {
			out, ok = a, true
		}
	}
	out.at, out.early = final.At, false
	return out, ok
}

// ofInvite are the exchanges that an INVITE completes: its offer with the answers of
// provisional and final responses, or the offer of a response with the answer of the
// PRACK or ACK (RFC 3261, 13.2.1; RFC 3262, 5). first is the one that began the call:
// what a refused re-INVITE brought does not count.
func (x *exchange) ofInvite(t *transaction, first, byCaller bool) (out []agreement) {
	if !first && !t.granted() {
		return nil
	}
	for _, a := range t.answers {
		var done *agreement
		switch {
		case a.Status >= 300:
			return out
		case t.request.SDP != nil && a.SDP != nil:
			done = &agreement{offer: t.request, answer: a, byCaller: byCaller}
		case a.SDP != nil && a.Status < 200:
			if p := x.acknowledged(t, a); p != nil {
				done = &agreement{offer: a, answer: p, byCaller: !byCaller}
			}
		case a.SDP != nil && t.acked != nil && t.acked.SDP != nil:
			done = &agreement{offer: a, answer: t.acked, byCaller: !byCaller}
		}
		if done != nil && (first || a.Status >= 200) {
			out = append(out, *done)
		}
		if a.Status >= 200 {
			return out // the answers of other branches of a fork are other calls
		}
	}
	return out
}

// acknowledged is the PRACK with the answer to the offer of a provisional response.
func (x *exchange) acknowledged(invite *transaction, offer *Message) *Message {
	for _, t := range x.list {
		if r := t.request; t.first.Method == "PRACK" && r != nil && r.SDP != nil && r.At >= offer.At && r.CSeq > invite.first.CSeq && r.From.Tag == invite.first.From.Tag {
			return r
		}
	}
	return nil
}

// ofLeg are the transactions of a call, each once: a proxy or router shows them
// several times, and those between the two ends of the first INVITE count.
func (x *exchange) ofLeg(main *transaction) (out []*transaction) {
	type id struct {
		method, tag string
		cseq        uint32
	}
	at := map[id]int{}
	for _, t := range x.list {
		if t.request == nil {
			continue
		}
		k := id{t.first.Method, t.first.From.Tag, t.first.CSeq}
		i, known := at[k]
		switch {
		case !known:
			at[k] = len(out)
			out = append(out, t)
		case t == main || t.sameLeg(main) && !out[i].sameLeg(main) && out[i] != main:
			out[i] = t
		}
	}
	return out
}

// sameLeg reports whether two transactions run between the same two addresses, in
// either direction.
func (t *transaction) sameLeg(o *transaction) bool {
	a, b, c, d := t.client.Addr(), t.server.Addr(), o.client.Addr(), o.server.Addr()
	return t.first.Interface == o.first.Interface && (a == c && b == d || a == d && b == c)
}

// fromCaller tells by the tag, or by the address where there is none, who sent a
// request.
func fromCaller(t, main *transaction) bool {
	if tag := main.first.From.Tag; tag != "" {
		return t.first.From.Tag == tag
	}
	return t.client.Addr() == main.client.Addr()
}

// agreed finds the m= lines of one kind that both ends accept. They stand at the same
// place (RFC 3264, 6); where a device has moved them, the first of the kind counts.
func agreed(offer, answer *SDP, kind string) (o, a *Media) {
	for i := range min(len(offer.Media), len(answer.Media)) {
		o, a = &offer.Media[i], &answer.Media[i]
		if o.Kind == kind && a.Kind == kind && o.Port > 0 && a.Port > 0 {
			return o, a
		}
	}
	if o, a = offer.first(kind), answer.first(kind); o == nil || a == nil {
		return nil, nil
	}
	return o, a
}

func (s *SDP) first(kind string) *Media {
	for i := range s.Media {
		if m := &s.Media[i]; m.Kind == kind && m.Port > 0 {
			return m
		}
	}
	return nil
}

// equal reports whether an end wants the same as before.
func (e end) equal(o end) bool { return e.media.equal(o.media) && e.image.equal(o.image) }

func (m *Media) equal(o *Media) bool {
	if m == nil || o == nil {
		return m == o
	}
	return m.Addr == o.Addr && m.Port == o.Port && m.Protocol == o.Protocol && m.Direction == o.Direction && m.Ptime == o.Ptime && slices.Equal(m.Codecs, o.Codecs)
}
