package render

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/capture"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// leastSpan is how far the ends of a ladder stand apart at least: an arrow with the
	// name of a method on it.
	leastSpan = 14
	ladderGap = 2
)

// LadderJSON writes a call for programs.
func LadderJSON(w io.Writer, l *capture.Ladder) error {
	b, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if _, err := w.Write(append(escapeUnprintable(unescapeHTML(b)), '\n')); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// Ladder draws a call: an end a column, arrows with times, and between them the session
// descriptions in force with the audio. fault is the title of the finding that the call
// belongs to; empty: none.
func Ladder(w io.Writer, l *capture.Ladder, fault string, o TextOptions) error {
	d := drawing{page: newPage(w, o), l: l}
	d.layout()
	d.heading(plain, "", d.say("ladder-title", words.Args{"from": Quote(l.From), "to": Quote(l.To), "outcome": l.Outcome, "code": l.Code}), "", false)
	id := Quote(l.CallID)
	if !l.Begin.IsZero() {
		id += ", " + l.Begin.Format("2006-01-02 15:04:05 UTC")
	}
	d.prose(dim, "", id)
	if fault != "" {
		d.prose(yellow, "", Quote(fault))
	}
	d.end()
	d.head()
	for _, s := range l.Steps {
		switch {
		case s.Message != nil:
			d.message(s.AtS, s.Message)
		case s.Session != nil:
			d.session(s.Session)
		case s.Audio != nil:
			d.audio(s.Audio)
		}
	}
	if l.Left > 0 {
		d.prose(dim, "", d.say("ladder-left", words.Args{"n": l.Left}))
	}
	return d.flush()
}

// drawing is a ladder on a page.
type drawing struct {
	*page
	l     *capture.Ladder
	times int   // columns of the times
	span  int   // between two ends
	at    []int // the columns of the ends; nil: there is no room for an arrow
}

func (d *drawing) layout() {
	for _, s := range d.l.Steps {
		d.times = max(d.times, len(clock(s.AtS)))
	}
	d.times += ladderGap
	n := max(1, len(d.l.Ends))
	if d.span = (d.width - d.times) / n; d.span < leastSpan {
		return
	}
	d.span = min(d.span, 40)
	for i := range d.l.Ends {
		d.at = append(d.at, d.times+d.span*i+d.span/2)
	}
}

func clock(s float64) string { return fmt.Sprintf("%.3f", s) }

// head names the ends.
func (d *drawing) head() {
	for _, line := range []func(capture.LadderEnd) string{d.name, func(e capture.LadderEnd) string { return Quote(e.Agent) }} {
		if d.at == nil {
			break
		}
		row, some := blankRow(d.width), false
		for i, e := range d.l.Ends {
			s := []rune(shortened(line(e), d.span-1))
			copy(row[max(0, d.at[i]-len(s)/2):], s)
			some = some || len(s) > 0
		}
		if some {
			d.line(bold, string(row))
		}
	}
}

func (d *drawing) name(e capture.LadderEnd) string {
	if e.Address == "" {
		return d.say("ladder-here", nil)
	}
	return Quote(e.Address)
}

func blankRow(n int) []rune { return []rune(strings.Repeat(" ", n)) }

// message draws an arrow.
func (d *drawing) message(at float64, m *capture.Sent) {
	label := d.label(m)
	st := plain
	if m.Status >= 400 {
		st = red
	}
	if d.at == nil || m.From >= len(d.at) || m.To >= len(d.at) {
		d.hanging(st, pad(clock(at), d.times), strings.Repeat(" ", d.times), d.name(d.l.Ends[m.From])+" → "+d.name(d.l.Ends[m.To])+"  "+label)
		return
	}
	pole, dash := '│', '─'
	if d.ascii {
		pole, dash, label = '|', '-', plainASCII(label)
	}
	row := blankRow(d.width)
	copy(row, []rune(clock(at)))
	for _, x := range d.at {
		row[x] = pole
	}
	from, to := d.at[m.From], d.at[m.To]
	if from == to {
		copy(row[from+2:], []rune(shortened(label, max(1, d.width-from-2))))
		d.line(st, string(row))
		return
	}
	left, right := min(from, to), max(from, to)
	for x := left + 1; x < right; x++ {
		row[x] = dash
	}
	begin := left + 1 // of the line without the head of the arrow
	if to > from {
		row[right-1] = '>'
	} else {
		row[left+1] = '<'
		begin++
	}
	room := right - left - 2
	text := []rune(" " + shortened(label, room-4) + " ")
	copy(row[begin+(room-len(text))/2:], text)
	d.line(st, string(row))
}

func (d *drawing) label(m *capture.Sent) string {
	s := Quote(m.Method)
	if m.Status > 0 {
		s = strings.TrimSpace(fmt.Sprintf("%d %s", m.Status, Quote(m.Phrase)))
	}
	if m.Media != "" {
		s += " (SDP)"
	}
	if m.Again > 0 {
		s = fmt.Sprintf("%d× %s", m.Again+1, s)
	}
	return s
}

// session writes what is in force from here on.
func (d *drawing) session(s *capture.Session) {
	arrow := "✗"
	switch {
	case s.Up && s.Down:
		arrow = "↔"
	case s.Up:
		arrow = "→"
	case s.Down:
		arrow = "←"
	}
	if s.Caller == "" || s.Called == "" {
		return
	}
	d.hanging(dim, strings.Repeat(" ", d.times), strings.Repeat(" ", d.times+2),
		d.say("ladder-session", words.Args{"early": s.Early, "held": !s.Up || !s.Down, "codec": Quote(s.Codec), "caller": Quote(s.Caller), "arrow": arrow, "called": Quote(s.Called)}))
}

// audio writes a stream, and how it went over time.
func (d *drawing) audio(a *capture.Carried) {
	arrow, st := "←", plain
	if a.Up {
		arrow = "→"
	}
	loss := 100 * float64(a.Lost) / float64(max(1, a.Packets+a.Lost))
	if a.Astray || loss >= 1 {
		st = yellow
	}
	indent := strings.Repeat(" ", d.times)
	d.hanging(st, indent, indent+gap, d.say("ladder-audio", words.Args{"arrow": arrow, "from": Quote(a.From), "to": Quote(a.To), "payload": Quote(a.Payload), "n": a.Packets,
		"lost": a.Lost, "loss": words.Percent(loss), "jitter": a.Jitter, "mos": a.MOS, "until": a.UntilS, "astray": a.Astray}))
	d.strip(indent+gap, a.Strip)
}
