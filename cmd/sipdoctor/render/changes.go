package render

import (
	"io"
	"slices"
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
	p.run(now, "15:04:05")
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
		word := p.say("status-word", words.Args{"status": string(res.Status)})
		if old.Status != res.Status {
			word = p.say("status-word", words.Args{"status": string(old.Status)}) + " → " + word
		}
		some = true
		p.prose(plain, "         "+word+"  "+res.Check+"  ", p.fact(res, o))
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
