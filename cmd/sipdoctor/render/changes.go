package render

import (
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Changes writes one line for a repeated run, and below it what is other than
// before: statuses, facts, faults that came and went.
func Changes(w io.Writer, before, now *checks.Report, o TextOptions) error {
	before, now, err := bothQuoted(before, now)
	if err != nil {
		return err
	}
	p := newPage(w, o)
	p.run(now, time.TimeOnly)
	p.changes(before, now, o)
	return p.flush()
}

// Diff writes what two reports say, the older first, and what is other in the newer.
func Diff(w io.Writer, before, now *checks.Report, o TextOptions) error {
	before, now, err := bothQuoted(before, now)
	if err != nil {
		return err
	}
	p := newPage(w, o)
	p.run(before, "2006-01-02 15:04:05")
	p.run(now, "2006-01-02 15:04:05")
	if hosts := [2]string{hostnameOf(before), hostnameOf(now)}; hosts[0] != "" && hosts[1] != "" && hosts[0] != hosts[1] {
		p.prose(yellow, "", p.say("diff-hosts", words.Args{"before": hosts[0], "now": hosts[1]}))
	}
	some := p.changes(before, now, o)
	for _, side := range []struct {
		id          string
		here, there *checks.Report
	}{{"diff-only-now", now, before}, {"diff-only-before", before, now}} {
		for _, res := range side.here.Results {
			if side.there.Result(res.Check) == nil {
				some = true
				p.prose(plain, "         ", p.say(side.id, words.Args{"check": res.Check}))
			}
		}
	}
	if !some {
		p.prose(dim, "", p.say("diff-none", nil))
	}
	return p.flush()
}

func hostnameOf(r *checks.Report) string {
	if r.Host == nil {
		return ""
	}
	return r.Host.Hostname
}

func bothQuoted(before, now *checks.Report) (b, n *checks.Report, err error) {
	if b, err = quoted(before, false); err == nil {
		n, err = quoted(now, false)
	}
	return b, n, err
}

// run is a run in one line, with when it was.
func (p *page) run(r *checks.Report, when string) {
	p.put(plain, r.Started.In(time.Local).Format(when)+" ")
	p.put(statusStyle(r.Verdict), p.mark(r.Verdict)+" ")
	p.line(plain, r.Headline)
}

// changes writes what is other than before, and reports whether anything is.
func (p *page) changes(before, now *checks.Report, o TextOptions) (some bool) {
	for _, res := range now.Results {
		old := before.Result(res.Check)
		if old == nil || old.Status == res.Status && old.Summary == res.Summary {
			continue
		}
		some = true
		p.prose(plain, "         "+p.turned(old.Status, res.Status)+"  "+res.Check+"  ", p.fact(res, o))
	}
	was, _ := arrange(before)
	is, _ := arrange(now)
	for _, side := range []struct {
		style       style
		id          string
		here, there []checks.Finding
	}{{red, "new", is, was}, {green, "gone", was, is}} {
		for _, f := range side.here {
			if !slices.ContainsFunc(side.there, func(x checks.Finding) bool { return x.ID == f.ID && x.Subject == f.Subject }) {
				some = true
				p.prose(side.style, "         "+pad(p.say(side.id, nil), 4)+"  ", f.Title)
			}
		}
	}
	return some
}

// Line writes r in one line, with when it began.
func Line(w io.Writer, r *checks.Report, o TextOptions) error {
	r, err := quoted(r, false)
	if err != nil {
		return err
	}
	p := newPage(w, o)
	p.run(r, time.TimeOnly)
	return p.flush()
}

// Event writes a change that r is the outcome of, in one line, or wrapped to the
// terminal where o says how wide that is.
func Event(w io.Writer, r *checks.Report, c checks.Change, o TextOptions) error {
	r, err := quoted(r, false)
	if err != nil {
		return err
	}
	p := newPage(w, o)
	if o.Width == 0 {
		p.width = math.MaxInt
	}
	text := ""
	if res := r.Result(c.Check); res != nil {
		text = p.nowOf(*res, c.Finding)
	}
	p.event(c, time.TimeOnly, text)
	return p.flush()
}

// nowOf is what there is to say of a result that has just changed.
func (p *page) nowOf(res checks.Result, finding string) string {
	if i := slices.IndexFunc(res.Findings, func(f checks.Finding) bool { return f.ID == finding }); i >= 0 {
		return res.Findings[i].Title
	}
	if res.Status == checks.Pass {
		return res.Title
	}
	return p.fact(res, TextOptions{})
}

// word is what a status is called within a sentence.
func (p speech) word(s checks.Status) string {
	return p.say("status-word", words.Args{"status": string(s)})
}

// turned is a change of a status; the one there is where it has not changed.
func (p speech) turned(from, to checks.Status) string {
	if from == to {
		return p.word(to)
	}
	return p.word(from) + " → " + p.word(to)
}

// event is one change in one line.
func (p *page) event(c checks.Change, when, text string) {
	lead := c.Time.In(time.Local).Format(when) + "  "
	p.put(dim, lead)
	what := c.Check + " " + p.turned(c.From, c.To)
	if text != "" {
		what += ": " + text
	}
	p.hanging(statusStyle(c.To), "", strings.Repeat(" ", cells(lead)), what)
}

// history writes what changed while the checks were watched.
func (p *page) history(r *checks.Report) {
	if len(r.History) == 0 {
		return
	}
	p.end()
	p.line(bold, p.say("history", nil))
	for _, c := range r.History {
		p.event(c, time.DateTime, c.Finding)
	}
}
