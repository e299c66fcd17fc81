package capture

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Reasons why there is no ladder. They are codes; whoever shows them has the words.
var (
	ErrNoCall    = errors.New("no-call")
	ErrManyCalls = errors.New("many-calls")
)

// LadderOf draws the call that which names: its Call-ID, the number of its row in the
// table of calls, or the beginning of its Call-ID if no other begins so.
func LadderOf(observed json.RawMessage, which string) (*Ladder, error) {
	var o Observed
	if err := json.Unmarshal(observed, &o); err != nil {
		return nil, fmt.Errorf("reading the observation: %w", err)
	}
	v := viewOf(o)
	x, err := v.named(which)
	if err != nil {
		return nil, err
	}
	return v.ladder(x), nil
}

// Ladders draws the calls of rows of the table of calls, from 1. A row that is not
// there is left out.
func Ladders(observed json.RawMessage, rows []int) (list []*Ladder, err error) {
	var o Observed
	if err := json.Unmarshal(observed, &o); err != nil {
		return nil, fmt.Errorf("reading the observation: %w", err)
	}
	v := viewOf(o)
	calls := v.invites()
	for _, n := range rows {
		if n > 0 && n <= len(calls) {
			list = append(list, v.ladder(calls[n-1]))
		}
	}
	return list, nil
}

func (v *view) named(which string) (*exchange, error) {
	var begin []*exchange
	for _, x := range v.calls {
		switch {
		case x.main() == nil:
		case x.CallID == which:
			return x, nil
		case which != "" && strings.HasPrefix(x.CallID, which):
			begin = append(begin, x)
		}
	}
	if n, err := strconv.Atoi(which); err == nil && n > 0 && n <= len(v.invites()) {
		return v.invites()[n-1], nil
	}
	switch len(begin) {
	case 0:
		return nil, ErrNoCall
	case 1:
		return begin[0], nil
	}
	return nil, ErrManyCalls
}

func (v *view) ladder(x *exchange) *Ladder {
	t, begin := x.main(), x.Messages[0].At
	l := &Ladder{CallID: x.CallID, Row: slices.Index(v.invites(), x) + 1, From: t.first.From.number(), To: t.first.To.number(), Outcome: x.outcome(), Code: t.final(), Left: x.Left}
	if v.o.Begin != 0 {
		l.Begin = time.Unix(0, v.o.Begin+begin*1000).UTC()
	}
	r := ladderEnds{list: &l.Ends, ports: slices.ContainsFunc(x.Messages, func(m Message) bool { return m.Src.Addr() == m.Dst.Addr() })}
	type timed struct {
		at int64
		Step
	}
	var steps []timed
	for i := range x.Messages {
		m := &x.Messages[i]
		steps = append(steps, timed{m.At, Step{AtS: seconds(m.At - begin), Message: r.sent(m, begin)}})
	}
	for _, g := range v.segments(x) {
		for _, s := range v.session(&g, begin) {
			steps = append(steps, timed{g.begin, s})
		}
	}
	// What a message brings into force comes after it.
	slices.SortStableFunc(steps, func(a, b timed) int { return cmp.Compare(a.at, b.at) })
	for _, s := range steps {
		l.Steps = append(l.Steps, s.Step)
	}
	return l
}

// ladderEnds are the ends of a call, in the order in which they speak.
type ladderEnds struct {
	list  *[]LadderEnd
	ports bool // one address is several ends
	at    map[string]int
}

func (r *ladderEnds) number(a netip.AddrPort) int {
	name := ""
	if a.IsValid() {
		if name = a.Addr().String(); r.ports {
			name = a.String()
		}
	}
	if r.at == nil {
		r.at = map[string]int{}
	}
	n, ok := r.at[name]
	if !ok {
		n = len(*r.list)
		r.at[name] = n
		*r.list = append(*r.list, LadderEnd{Address: name})
	}
	return n
}

func (r *ladderEnds) sent(m *Message, begin int64) *Sent {
	s := &Sent{Frame: m.Frame, From: r.number(m.Src), To: r.number(m.Dst), CSeq: m.CSeq, Status: m.Status, Again: m.Again}
	if s.Method, s.URI = m.Method, m.URI; m.Status > 0 {
		s.Method, s.URI, s.Phrase = "", "", m.Phrase
	}
	if m.Again > 0 {
		s.LastS = seconds(m.Last - begin)
	}
	if end := &(*r.list)[s.From]; end.Agent == "" {
		end.Agent = m.Agent
	}
	if m.SDP != nil {
		for i := range m.SDP.Media {
			if a := &m.SDP.Media[i]; a.Kind == "audio" || len(m.SDP.Media) == 1 {
				s.Media = strings.TrimSpace(a.Addr + ":" + strconv.Itoa(a.Port) + " " + a.Direction)
				break
			}
		}
	}
	return s
}

// session is a segment of the call with its audio.
func (v *view) session(g *segment, begin int64) (out []Step) {
	s := Session{Caller: g.caller.where(), Called: g.called.where(), Up: g.upward(), Down: g.downward(), Early: g.early, Codec: g.codec()}
	at := seconds(g.begin - begin)
	out = append(out, Step{AtS: at, Session: &s})
	for _, side := range []struct {
		up   bool
		list []part
	}{{true, g.up}, {false, g.down}} {
		for _, p := range side.list {
			c := v.carried(p, g, begin)
			c.Up = side.up
			out = append(out, Step{AtS: at, Audio: c})
		}
	}
	return out
}

func (e end) where() string {
	if e.media == nil {
		return ""
	}
	return e.media.Addr + ":" + strconv.Itoa(e.media.Port)
}

// codec is the first that the answer takes and that carries audio.
func (g *segment) codec() string {
	answered := g.called
	if g.by == g.caller.said {
		answered = g.caller
	}
	if answered.media == nil {
		return ""
	}
	for _, c := range answered.media.Codecs {
		name, _, _ := strings.Cut(c.Name, "/")
		if !strings.EqualFold(name, "telephone-event") && !strings.EqualFold(name, "CN") && name != "" {
			return name
		}
	}
	return ""
}

// carried is a stream as far as it ran during a segment.
func (v *view) carried(p part, g *segment, begin int64) *Carried {
	s := p.Stream
	c := &Carried{From: s.Src.String(), To: s.Dst.String(), Payload: v.payload(s), UntilS: seconds(min(s.End, g.until) - begin), Jitter: s.JitterMS, MOS: v.mos(s), Astray: p.route == elsewhere}
	if s.Begin >= g.begin && s.End <= g.until {
		c.Packets, c.Lost, c.Strip = s.Packets, s.lost(), s.Strip
		return c
	}
	c.Strip = s.Strip.between(g.begin-s.Begin, g.until-s.Begin)
	for _, n := range c.Strip.Packets {
		c.Packets += n
	}
	for _, n := range c.Strip.Lost {
		c.Lost += n
	}
	return c
}

// between is the part of a strip that belongs to a time, microseconds since its begin:
// the steps of which more than half do, and at least those that it touches.
func (s Strip) between(from, until int64) Strip {
	step := int64(s.StepMS) * 1000
	if step <= 0 {
		return s
	}
	first, last := int((max(0, from)+step/2)/step), int((max(0, until)+step/2)/step)
	if first >= last {
		first, last = int(max(0, from)/step), int(max(0, until-1)/step)+1
	}
	cut := func(list []int) []int {
		return list[min(first, len(list)):max(min(first, len(list)), min(last, len(list)))]
	}
	s.Packets, s.Lost, s.Late, s.Jitter = cut(s.Packets), cut(s.Lost), cut(s.Late), cut(s.Jitter)
	return s
}
