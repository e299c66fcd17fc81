// Package render shows a report: as text for people, as a page for browsers, as
// JSON for programs, as Markdown for tickets and as JUnit for build servers. Everything comes from
// the report alone.
package render

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// TextOptions are the choices of Text. The zero value is plain UTF-8 without
// colour.
type TextOptions struct {
	Color   bool // ANSI colours
	ASCII   bool // nothing but ASCII
	Quiet   bool // only the first line
	Verbose bool // all fixes, all evidence, durations, notes

	NoHistory bool // leave out what changed while the checks were watched

	Width int        // of the page in columns, 40 to 160; 0: 80
	Lang  words.Lang // of what stands around the report's own sentences; "": English
}

// Text writes r for a person at a terminal: the answer in the first line, then
// one line a check, then each fault with proof and cure. It fits the page;
// commands are never broken.
func Text(w io.Writer, r *checks.Report, o TextOptions) error {
	r, err := quoted(r, o.Verbose)
	if err != nil {
		return err
	}
	p := newPage(w, o)
	if o.Quiet {
		p.put(statusStyle(verdict(r)), p.mark(verdict(r))+" ")
		p.line(plain, p.answer(r))
		return p.flush()
	}
	numbered, notes := arrange(r)
	p.headline(r, numbered)
	p.symptom(r, o)
	p.path(r)
	if !p.ways(r, o) {
		p.checkLines(r, o)
	}
	alike, shown := map[string]int{}, told{}
	for i, f := range numbered {
		p.end()
		lead := fmt.Sprintf("%d. ", i+1)
		if alike[f.ID]++; alike[f.ID] > fewAlike && !o.Verbose {
			p.brief(lead, f)
			continue
		}
		p.finding(lead, i+1, f, shown, o)
	}
	p.notes(notes, o)
	p.tables(r, o)
	p.unread(r, o)
	if !o.NoHistory {
		p.history(r)
	}
	p.footer(r, o)
	return p.flush()
}

func (p *page) flush() error {
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// mark is the first thing a person sees.
func (p speech) mark(s checks.Status) string {
	if p.ascii {
		return p.say("mark", words.Args{"status": string(s)})
	}
	switch s {
	case checks.Pass:
		return "✓"
	case checks.Fail:
		return "✗"
	case checks.Warn:
		return "!"
	}
	return "?"
}

func statusStyle(s checks.Status) style {
	switch s {
	case checks.Pass:
		return green
	case checks.Fail, checks.Error:
		return red
	case checks.Warn, checks.Inconclusive:
		return yellow
	}
	return dim
}

// headline writes the answer, with a pointer to the first cure when there is
// room for it.
func (p *page) headline(r *checks.Report, numbered []checks.Finding) {
	pointer := ""
	if i := slices.IndexFunc(numbered, func(f checks.Finding) bool { return f.Severity == checks.Critical && len(f.Fixes) > 0 }); i >= 0 {
		pointer = p.say("cure-below", words.Args{"n": i + 1})
	}
	p.heading(statusStyle(verdict(r)), p.mark(verdict(r))+" ", p.answer(r), pointer, false)
}

// checkLines writes one line a check: status, name, fact. Those that were
// skipped share one.
func (p *page) checkLines(r *checks.Report, o TextOptions) {
	shown, skipped := r.Results, []string(nil)
	if !o.Verbose {
		shown, skipped = withoutSkipped(r.Results)
	}
	statusWidth, nameWidth := 4, 0
	if len(skipped) > 0 {
		statusWidth = max(statusWidth, cells(p.status(checks.Skip)))
	}
	for _, res := range shown {
		statusWidth = max(statusWidth, cells(p.status(res.Status)))
		nameWidth = max(nameWidth, cells(res.Check))
	}
	if len(r.Results) > 0 {
		p.end()
	}
	for _, res := range shown {
		p.put(plain, "  ")
		p.put(statusStyle(res.Status), pad(p.status(res.Status), statusWidth))
		if p.width < narrow {
			p.line(plain, "  "+res.Check)
			p.prose(plain, "    ", p.fact(res, o))
			continue
		}
		p.hanging(plain, "  "+pad(res.Check, nameWidth)+"  ", strings.Repeat(" ", 2+statusWidth+2+nameWidth+2), p.fact(res, o))
	}
	if len(skipped) > 0 {
		p.prose(plain, "  "+pad(p.status(checks.Skip), statusWidth)+"  ", p.say("not-tested", words.Args{"checks": skipped}))
	}
}

// withoutSkipped takes out the checks that were skipped, if they are several: one
// line names them.
func withoutSkipped(all []checks.Result) (shown []checks.Result, skipped []string) {
	for _, res := range all {
		if res.Status == checks.Skip && res.ExplainedBy == "" {
			skipped = append(skipped, res.Check)
		} else {
			shown = append(shown, res)
		}
	}
	if len(skipped) < 2 {
		return all, nil
	}
	return shown, skipped
}

func (p speech) status(s checks.Status) string {
	return p.say("status", words.Args{"status": string(s)})
}

// fact is what the line of a check says. What another check's failure already
// explains is folded.
func (p speech) fact(res checks.Result, o TextOptions) string {
	var parts []string
	if res.ExplainedBy != "" {
		parts = append(parts, p.say("explained-by", words.Args{"check": res.ExplainedBy}))
	}
	if res.ExplainedBy == "" || o.Verbose {
		parts = append(parts, summaryAndReason(res)...)
	}
	if len(parts) == 0 {
		parts = append(parts, res.Title)
	}
	s := strings.Join(parts, ": ")
	if o.Verbose {
		s = p.say("took", words.Args{"fact": s, "time": milliseconds(res.DurationMS)})
	}
	return s
}

// summaryAndReason are what there is to say in one line: neither repeats the
// other, and what is evidence of a finding stands there.
func summaryAndReason(res checks.Result) (parts []string) {
	summary, reason := res.Summary, res.Reason
	for _, f := range res.Findings {
		if slices.ContainsFunc(f.Evidence, func(e checks.Evidence) bool { return len(e.Got) > 20 && strings.HasSuffix(reason, e.Got) }) {
			reason = ""
		}
	}
	if reason != "" {
		whole := strings.Split(summary, ": ")
		for i := range whole {
			if strings.HasPrefix(reason, strings.Join(whole[i:], ": ")) {
				summary = strings.Join(whole[:i], ": ")
				break
			}
		}
	}
	for _, s := range []string{summary, reason} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return parts
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// footer says what the run did not do, and with --verbose how it went.
func (p *page) footer(r *checks.Report, o TextOptions) {
	for _, hint := range p.hints(r) {
		p.end()
		p.prose(dim, "", hint)
	}
	p.typed(r.Twin)
	if !o.Verbose {
		return
	}
	p.end()
	if r.Host != nil {
		for _, n := range r.Host.Notes {
			p.prose(dim, p.say("note", nil)+" ", p.shown(n))
		}
	}
	p.prose(dim, "", madeBy(r)+", "+p.shown(milliseconds(r.DurationMS)))
}

// madeBy says which program made the report, and when.
func madeBy(r *checks.Report) string {
	return fmt.Sprintf("%s %s, %s", r.Tool.Name, r.Tool.Version, r.Started.UTC().Format("2006-01-02 15:04:05 UTC"))
}

// hints say what the run did not do: what a responder would have added, where it
// had none and has a use for one; on a PBX, the test from outside.
func (p speech) hints(r *checks.Report) (list []string) {
	in, conf := r.Inputs, r.Inputs.RTPConf
	if r.Command == "check" && in.Root == "" && in.Responder == "" && len(r.Results) > 0 && !failed(r, "uplink") {
		list = append(list, p.say("responder-hint", nil))
	}
	if conf != nil && !in.Inbound && in.Responder != "" && r.Result("rtp-ports") != nil {
		list = append(list, p.say("inbound-hint", words.Args{"file": conf.File, "first": conf.First, "last": conf.Last}))
	}
	list = append(list, p.twin(r.Twin)...)
	if r.Interrupted {
		list = append(list, p.say("interrupted", nil))
	}
	if r.Redacted {
		list = append(list, p.say("redacted", nil))
	}
	return list
}
