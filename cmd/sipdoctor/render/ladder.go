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
	d.heading(plain, "", d.callTitle(l), "", false)
	d.prose(dim, "", callName(l))
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
	for _, line := range []func(capture.LadderEnd) string{d.endName, func(e capture.LadderEnd) string { return Quote(e.Agent) }} {
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

func blankRow(n int) []rune { return []rune(strings.Repeat(" ", n)) }

// message draws an arrow.
func (d *drawing) message(at float64, m *capture.Sent) {
	label := messageLabel(m)
	st := plain
	if refused(m) {
		st = red
	}
	if d.at == nil || m.From >= len(d.at) || m.To >= len(d.at) {
		d.hanging(st, pad(clock(at), d.times), strings.Repeat(" ", d.times), d.endName(d.l.Ends[m.From])+" → "+d.endName(d.l.Ends[m.To])+"  "+label)
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

// session writes what is in force from here on.
func (d *drawing) session(s *capture.Session) {
	if line := d.sessionLine(s); line != "" {
		d.hanging(dim, strings.Repeat(" ", d.times), strings.Repeat(" ", d.times+2), line)
	}
}

// audio writes a stream, and how it went over time.
func (d *drawing) audio(a *capture.Carried) {
	st := plain
	if troubled(a) {
		st = yellow
	}
	indent := strings.Repeat(" ", d.times)
	d.hanging(st, indent, indent+gap, d.audioLine(a))
	d.strip(indent+gap, a.Strip)
}
