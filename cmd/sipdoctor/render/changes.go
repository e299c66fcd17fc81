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
	before, err := quoted(before, false)
	if err != nil {
		return err
	}
	if now, err = quoted(now, false); err != nil {
		return err
	}
	p := newPage(w, o)
	p.put(plain, now.Started.In(time.Local).Format("15:04:05")+" ")
	p.put(statusStyle(now.Verdict), p.mark(now.Verdict)+" ")
	p.line(plain, now.Headline)
	for _, res := range now.Results {
		old := before.Result(res.Check)
		if old == nil || old.Status == res.Status && old.Summary == res.Summary {
			continue
		}
		word := p.say("status-word", words.Args{"status": string(res.Status)})
		if old.Status != res.Status {
			word = p.say("status-word", words.Args{"status": string(old.Status)}) + " → " + word
		}
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
			if !slices.ContainsFunc(side.there, func(x checks.Finding) bool { return x.ID == f.ID }) {
				p.prose(side.style, "         "+pad(p.say(side.id, nil), 4)+"  ", f.Title)
			}
		}
	}
	return p.flush()
}
