package render

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/capture"
	"github.com/sipdoctor/sipdoctor/checks/media"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// fewCalls of a capture are drawn, those with a fault before others: a page with
	// ladders of thousands of calls would open for minutes.
	fewCalls = 10
	// fewEnds of a call stand side by side; with more, each message names its own.
	fewEnds = 8
	// stripMarks is how many marks a strip has at most, stripWidth how wide it may be:
	// few marks are wider than many.
	stripMarks, stripWidth = 120, 600
)

// ladders are the first calls of a capture, safe to print.
func ladders(r *checks.Report) []*capture.Ladder {
	res := r.Result("capture")
	if res == nil || len(res.Observed) == 0 {
		return nil
	}
	list, err := capture.Ladders(res.Observed, callRows(res))
	if err != nil {
		return nil // of another version, or a stranger's: the table of calls stands
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return nil
	}
	var tree any
	if json.Unmarshal(raw, &tree) != nil {
		return nil
	}
	raw, err = json.Marshal(walk(tree, place{}, func(_ place, s string) string { return Quote(s) }))
	if err != nil {
		return nil
	}
	var out []*capture.Ladder
	if json.Unmarshal(raw, &out) != nil {
		return nil
	}
	return out
}

// callRows are the numbers of the rows whose calls are drawn.
func callRows(res *checks.Result) (rows []int) {
	for _, t := range res.Tables {
		if t.ID != capture.CallsTable {
			continue
		}
		for _, fault := range []bool{true, false} {
			for i := range t.Rows {
				if len(rows) < fewCalls && (t.Rows[i].Finding > 0) == fault {
					rows = append(rows, i+1)
				}
			}
		}
	}
	slices.Sort(rows)
	return rows
}

// htmlCall is a call on the page.
type htmlCall struct {
	Row         int
	Title, Name string
	Heads       []ladderHead
	Rows        []ladderRow
	Width       int // of a row below the times, in cells
	Left        string
}

type ladderHead struct{ Name, Agent string }

// ladderRow is a message as an arrow, or what stands between two.
type ladderRow struct {
	Time, Way string // Way says for those who do not see the arrow who sends to whom
	Text      string
	Arrow     string // "right", "left", "here" or, with no arrow, "note"
	Bad       bool
	Before    []bool // of each cell before the text: whether a line goes down at its end
	Span      int
	After     []bool
	Loss      *stripPicture
	Jitter    *stripPicture
	Scale     string
}

// stripPicture is how a stream went over time, a bar for each slice of it. One in which
// nothing came has none.
type stripPicture struct {
	Name  string
	Width int
	step  int
	Bars  []stripBar
}

type stripBar struct {
	X, Y, W, H int
	Bad        bool // from 3 % lost or 30 ms of jitter on
}

func newStrip(name string, marks int) *stripPicture {
	return &stripPicture{Name: name, step: min(15, stripWidth/marks)}
}

// add draws the next bar; levels are from 0 to 7.
func (s *stripPicture) add(x slice, level int) {
	if !x.empty() {
		high := 3 * (level + 1)
		s.Bars = append(s.Bars, stripBar{X: s.Width, Y: 24 - high, W: s.step - 1, H: high, Bad: level >= 3})
	}
	s.Width += s.step
}

func (v *edition) call(l *capture.Ladder) htmlCall {
	c := htmlCall{Row: l.Row, Title: v.callTitle(l), Name: callName(l), Width: 1}
	if len(l.Ends) <= fewEnds {
		c.Width = 2 * len(l.Ends)
		for _, e := range l.Ends {
			c.Heads = append(c.Heads, ladderHead{v.endName(e), e.Agent})
		}
	}
	for _, s := range l.Steps {
		switch {
		case s.Message != nil:
			c.Rows = append(c.Rows, v.arrow(l, s))
		case s.Session != nil:
			if line := v.sessionLine(s.Session); line != "" {
				c.Rows = append(c.Rows, ladderRow{Text: line, Arrow: "note", Span: c.Width})
			}
		case s.Audio != nil:
			c.Rows = append(c.Rows, v.audio(s.Audio, c.Width))
		}
	}
	if l.Left > 0 {
		c.Left = v.say("ladder-left", words.Args{"n": l.Left})
	}
	return c
}

// arrow draws a message. Every end has two cells, and its line goes down between them.
func (v *edition) arrow(l *capture.Ladder, s capture.Step) ladderRow {
	m := s.Message
	row := ladderRow{Time: clock(s.AtS), Text: messageLabel(m), Bad: refused(m), Arrow: "right"}
	from, to := min(m.From, len(l.Ends)-1), min(m.To, len(l.Ends)-1)
	row.Way = v.endName(l.Ends[from]) + " → " + v.endName(l.Ends[to])
	if len(l.Ends) > fewEnds {
		row.Text, row.Way, row.Arrow, row.Span = row.Way+"  "+row.Text, "", "note", 1
		return row
	}
	left, right := 2*min(from, to)+1, 2*max(from, to)+1
	switch {
	case from > to:
		row.Arrow = "left"
	case from == to:
		row.Arrow, right = "here", left+1
	}
	row.Span = right - left
	for i := range 2 * len(l.Ends) {
		switch down := i%2 == 0; {
		case i < left:
			row.Before = append(row.Before, down)
		case i >= right:
			row.After = append(row.After, down)
		}
	}
	return row
}

func (v *edition) audio(a *capture.Carried, width int) ladderRow {
	row := ladderRow{Text: v.audioLine(a), Arrow: "note", Bad: troubled(a), Span: width}
	list, steps := slicesOf(a.Strip, stripMarks)
	if len(list) < 2 {
		return row
	}
	row.Loss, row.Jitter = newStrip(v.say("strip-loss", nil), len(list)), newStrip(v.say("strip-jitter", nil), len(list))
	for _, x := range list {
		loss, jitter := x.levels()
		row.Loss.add(x, loss)
		row.Jitter.add(x, jitter)
	}
	row.Scale = v.stripScale(a.Strip, steps)
	return row
}

// htmlQuality is how one direction of the test call sounded.
type htmlQuality struct {
	Way                     string
	MOS, Loss, Jitter, Trip string
	Bar                     int // MOS in percent of its scale, from 1 to 4.5 (ITU-T G.107, annex B)
}

// quality is that of the test call.
func (v *edition) quality(r *checks.Report) (list []htmlQuality) {
	var f media.Facts
	Facts(r, "media", &f)
	ways := []string{"up", "down"}
	for i, d := range []*media.Direction{f.Up, f.Down} {
		if d == nil || d.Sent == 0 {
			continue
		}
		q := htmlQuality{Way: v.say("call-way", words.Args{"way": ways[i]}), MOS: v.shown(d.MOS), Loss: v.shown(words.Percent(d.LossPct)), Jitter: v.shown(fromMS(d.JitterMS))}
		if d.RTTMS > 0 {
			q.Trip = v.shown(fromMS(d.RTTMS))
		}
		q.Bar = int(100 * (min(max(d.MOS, 1), 4.5) - 1) / 3.5)
		list = append(list, q)
	}
	return list
}

func fromMS(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// shown is a value as it stands within a sentence.
func (p speech) shown(value any) string {
	s, _ := book().Show(p.lang, value) // a number, a share and a duration can be shown
	return s
}
