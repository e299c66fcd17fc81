package logs

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo/pbxlog"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Bounds of what is kept of any number of logs, some 10 MB. A PBX has fewer phones;
// what is beyond is a scanner's imagination, and is counted without its names.
const (
	maxCounts   = 4_000
	maxSources  = 4_000
	sourceNames = 100 // accounts and numbers of one address that are told apart
	maxMoves    = 5_000
	maxText     = 240 // bytes of a line as evidence
	maxName     = 80
)

// A tally is what is known while logs are read.
type tally struct {
	o       *Observed
	only    Only
	counts  map[string]*Count
	sources map[string]*source
	moves   []Move // a ring of the latest
	streams map[string]int
	key     []byte // room for that of counts
	skey    []byte // and of sources
	// unanswered is the Call-ID of the latest message without an answer, and because
	// which it was.
	unanswered, because string
}

type source struct {
	Source
	bucket   int64 // ten minutes since 1970
	inBucket int
}

func newTally(env *checks.Env) *tally {
	return &tally{
		o:    &Observed{Files: []File{}, Counts: []Count{}, Sources: []Source{}, Moves: []Move{}},
		only: Only{Since: env.Inputs.Since, Account: env.Inputs.LogAccount, Address: env.Inputs.Addresses}, counts: map[string]*Count{},
		sources: map[string]*source{}, streams: map[string]int{},
	}
}

func (t *tally) file(name string) {
	stream, ok := t.streams[streamOf(name)]
	if !ok {
		stream = len(t.streams)
		t.streams[streamOf(name)] = stream
	}
	t.o.Files = append(t.o.Files, File{Name: name, Stream: stream})
}

func (t *tally) current() *File { return &t.o.Files[len(t.o.Files)-1] }

// addSummary adds what one file came to.
func (t *tally) addSummary(s pbxlog.Summary) {
	o := t.o
	t.current().Lines = s.Lines
	o.Lines, o.Known, o.Long = o.Lines+s.Lines, o.Known+s.Known, o.Long+s.Long
	if !s.First.IsZero() && (o.Begin.IsZero() || s.First.Before(o.Begin)) {
		o.Begin = s.First
	}
	if s.Last.After(o.End) {
		o.End = s.Last
	}
}

// take counts an event, if it belongs to what was asked for.
func (t *tally) take(e *pbxlog.Event) bool {
	if !t.wanted(e) {
		return false
	}
	if at := e.At; !at.IsZero() { // the first and last lines may have no time, or not be first and last
		if t.o.Begin.IsZero() || at.Before(t.o.Begin) {
			t.o.Begin = at
		}
		if at.After(t.o.End) {
			t.o.End = at
		}
	}
	switch e.Kind {
	case pbxlog.Unreachable, pbxlog.Reachable, pbxlog.Lagged, pbxlog.Gone:
		t.move(e)
		return true
	case pbxlog.Refused, pbxlog.NoExtension:
		if e.Addr.IsValid() {
			t.source(e)
		}
	case pbxlog.NoReply:
		t.reply(e)
	case pbxlog.NoRTP:
		e.Code = 0 // seconds
	}
	t.count(e)
	return true
}

// reply tells what a call was hung up for, which only the line before says. The
// Call-IDs are not kept: they differ each time.
func (t *tally) reply(e *pbxlog.Event) {
	if e.Cause == "hangup" {
		if e.Cause = "hangup-other"; string(e.Peer) == t.unanswered {
			e.Cause = "hangup-" + t.because
		}
	} else {
		t.unanswered, t.because = clip(e.Peer, maxText), e.Cause
	}
	e.Peer = nil
}

func (t *tally) wanted(e *pbxlog.Event) bool {
	if !t.only.Since.IsZero() && e.At.Before(t.only.Since) {
		return false
	}
	if a := t.only.Account; a != "" && string(e.Account) != a && !(e.Kind == pbxlog.NoExtension && string(e.Peer) == a) {
		return false
	}
	if len(t.only.Address) == 0 {
		return true
	}
	for _, p := range t.only.Address {
		if p.Contains(e.Addr) {
			return true
		}
	}
	return false
}

// count adds one to what an event is counted under.
func (t *tally) count(e *pbxlog.Event) {
	stream := t.current().Stream
	c := t.counts[string(t.keyOf(e, stream, false))]
	if c == nil && e.Addr.IsValid() && t.fold(e) {
		c = t.counts[string(t.keyOf(e, stream, true))]
		e.Account, e.Peer = nil, nil
		if c == nil && len(t.counts) < 2*maxCounts {
			c = t.fresh(e, stream)
			c.Folded = true
		}
	} else if c == nil && len(t.counts) < maxCounts {
		c = t.fresh(e, stream)
	}
	if c == nil {
		t.o.Left.Counts++
		return
	}
	c.N++
	if c.First.IsZero() || e.At.Before(c.First) && !e.At.IsZero() {
		c.First = e.At
	}
	if e.At.After(c.Last) {
		c.Last = e.At
	}
	t.evidence(c, e)
}

// evidence keeps the first line and the latest.
func (t *tally) evidence(c *Count, e *pbxlog.Event) {
	line := Line{File: len(t.o.Files) - 1, Line: e.Line}
	switch len(c.Lines) {
	case 0, 1:
		line.Text = clip(e.Text, maxText)
		c.Lines = append(c.Lines, line)
	default:
		if c.N&(c.N-1) == 0 || c.N%64 == 0 { // not a copy for every line of a flood
			line.Text = clip(e.Text, maxText)
			c.Lines[1] = line
		}
	}
}

// fold reports whether this address has tried so many names that another is not
// worth a count of its own.
func (t *tally) fold(e *pbxlog.Event) bool {
	if e.Kind != pbxlog.Refused && !(e.Kind == pbxlog.NoExtension && guest(string(e.Account))) {
		return false
	}
	s := t.sources[string(t.sourceKey(e))]
	if s == nil {
		return true
	}
	if s.Accounts < sourceNames {
		s.Accounts++
		return false
	}
	s.Folded = true
	return true
}

func (t *tally) fresh(e *pbxlog.Event, stream int) *Count {
	c := &Count{
		Kind: string(e.Kind), Cause: e.Cause, Form: e.Form, Service: e.Service, Stream: stream, Account: clip(e.Account, maxName), Peer: clip(e.Peer, maxName),
		Context: clip(e.Context, maxName), Addr: e.Addr, Code: e.Code,
	}
	if e.Program != pbxlog.Asterisk {
		c.Program = string(e.Program)
	}
	t.counts[string(t.key)] = c
	return c
}

// keyOf names what an event is counted under; the result is valid until the next call.
func (t *tally) keyOf(e *pbxlog.Event, stream int, folded bool) []byte {
	k := append(t.key[:0], e.Kind...)
	for _, s := range []string{e.Cause, e.Form, e.Service, string(e.Program)} {
		k = append(append(k, 0), s...)
	}
	k = binary.LittleEndian.AppendUint32(k, uint32(stream))
	k = binary.LittleEndian.AppendUint32(k, uint32(e.Code))
	a := e.Addr.As16()
	k = append(k, a[:]...)
	k = append(append(k, 0), e.Context[:min(len(e.Context), maxName)]...)
	if !folded {
		k = append(append(k, 0), e.Account[:min(len(e.Account), maxName)]...)
		k = append(append(k, 0), e.Peer[:min(len(e.Peer), maxName)]...)
	}
	t.key = k
	return k
}

func (t *tally) sourceKey(e *pbxlog.Event) []byte {
	a := e.Addr.As16()
	k := append(t.skey[:0], a[:]...)
	k = binary.LittleEndian.AppendUint32(k, uint32(t.current().Stream))
	t.skey = append(k, e.Form...)
	return t.skey
}

// source counts refusals by address.
func (t *tally) source(e *pbxlog.Event) {
	k := t.sourceKey(e)
	s := t.sources[string(k)]
	if s == nil {
		if len(t.sources) >= maxSources {
			return
		}
		s = &source{Source: Source{Addr: e.Addr, Stream: t.current().Stream, Form: e.Form, First: e.At}}
		t.sources[string(k)] = s
	}
	s.N++
	if e.At.After(s.Last) {
		s.Last = e.At
	}
	if b := e.At.Unix() / 600; b != s.bucket {
		s.bucket, s.inBucket = b, 0
	}
	s.inBucket++
	s.Peak = max(s.Peak, s.inBucket)
}

func (t *tally) move(e *pbxlog.Event) {
	m := Move{
		At: e.At, Phone: clip(e.Account, maxName), Kind: string(e.Kind), Addr: e.Addr, Never: e.Never, RTT: int(e.RTT / time.Millisecond), Limit: int(e.Limit / time.Millisecond),
		Line: Line{File: len(t.o.Files) - 1, Line: e.Line, Text: clip(e.Text, maxText)},
	}
	if len(t.moves) == maxMoves {
		t.moves[t.o.Left.Moves%maxMoves] = m
		t.o.Left.Moves++
		return
	}
	t.moves = append(t.moves, m)
}

// clip cuts what a stranger wrote, and keeps it printable.
func clip(b []byte, most int) string {
	if len(b) > most {
		b = b[:most]
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// finish returns the observation.
func (t *tally) finish() Observed {
	o := t.o
	o.Only = t.only
	if s := t.only.Since; s.After(o.Begin) {
		o.Begin = s
	}
	if o.Begin.After(o.End) {
		o.Begin, o.End = time.Time{}, time.Time{}
	}
	for _, c := range t.counts {
		o.Counts = append(o.Counts, *c)
	}
	for _, s := range t.sources {
		o.Sources = append(o.Sources, s.Source)
	}
	o.Moves = append(o.Moves, t.moves...)
	o.sort()
	return *o
}

// saying is an event as one line, for whoever watches a live log.
func saying(e *pbxlog.Event) words.Text {
	args := words.Args{"kind": string(e.Kind), "who": "", "cause": e.Cause, "line": words.Raw(clip(e.Text, maxText)), "at": e.At}
	switch {
	case len(e.Account) > 0 && e.Addr.IsValid():
		args["who"] = words.Say("logs.live.both", words.Args{"account": words.Raw(clip(e.Account, maxName)), "addr": e.Addr})
	case len(e.Account) > 0:
		args["who"] = words.Raw(clip(e.Account, maxName))
	case e.Addr.IsValid():
		args["who"] = e.Addr
	case len(e.Peer) > 0:
		args["who"] = words.Raw(clip(e.Peer, maxName))
	}
	return words.Say("logs.live", args)
}
