package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// watchView shows a report that changes. On a terminal it stands still and is
// painted again when something has changed, below a line for every change; elsewhere
// there are only the lines, and the last report. Lines go to standard error where
// the report is for a program or a file.
type watchView struct {
	ctx     context.Context
	streams streams
	o       *reporting
	w       io.Writer // for what happens
	reports bool      // w takes the report as well
	screen  *screen   // nil: w is no terminal, or a simple one
}

func newWatchView(ctx context.Context, s streams, o *reporting) *watchView {
	v := &watchView{ctx: ctx, streams: s, o: o, w: s.Err}
	if o.format == "text" && o.output == "" {
		v.w, v.reports = s.Out, true
		o.noHistory = true // it has been shown as it came
	}
	// A serial line does not know its size: nothing can be painted over there.
	if columns, _ := terminalSize(v.w); columns > 0 && isTerminal(v.w) && os.Getenv("TERM") != "dumb" && !o.quiet {
		v.screen = &screen{w: v.w, size: func() (int, int) { return terminalSize(v.w) }}
	}
	return v
}

// unread reports that nobody reads any more what is written.
func (v *watchView) unread() bool {
	for _, w := range []io.Writer{v.w, v.streams.Out} {
		if f, ok := w.(*os.File); ok && platform.ReaderGone(f) {
			return true
		}
	}
	return false
}

// begin shows the first report.
func (v *watchView) begin(r *checks.Report) error {
	if v.reports {
		return v.paint("", r)
	}
	fillIn(v.streams.lang(), r)
	shown, err := v.o.redacted(r)
	if err != nil {
		return err
	}
	if err := v.save(r); err != nil {
		return err
	}
	return render.Line(v.w, shown, v.o.text(v.streams.lang(), v.w))
}

// changed shows what has changed in r.
func (v *watchView) changed(r *checks.Report, changes []checks.Change) error {
	fillIn(v.streams.lang(), r)
	shown, err := v.o.redacted(r)
	if err != nil {
		return err
	}
	var lines bytes.Buffer
	for _, c := range changes {
		if err := render.Event(&lines, shown, c, v.o.text(v.streams.lang(), v.w)); err != nil {
			return err
		}
	}
	if v.reports && v.screen != nil {
		return v.paint(lines.String(), r)
	}
	if err := v.save(r); err != nil && !v.o.quiet {
		v.streams.warn(words.Say("say.cause", words.Args{"why": cause(err)})) // the last one counts
	}
	if v.screen != nil {
		return v.screen.paint(lines.String(), "")
	}
	_, err = v.w.Write(lines.Bytes())
	return err
}

// save keeps the file up to date, if there is one, or writes the next line for a
// program.
func (v *watchView) save(r *checks.Report) error {
	if v.o.output == "" && v.o.format != "ndjson" {
		return nil
	}
	return v.o.show(v.ctx, v.streams, r)
}

// paint shows the report where the lines are.
func (v *watchView) paint(above string, r *checks.Report) error {
	if v.screen == nil {
		return v.o.show(v.ctx, v.streams, r)
	}
	fillIn(v.streams.lang(), r)
	shown, err := v.o.redacted(r)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := render.Text(&b, shown, v.o.text(v.streams.lang(), v.w)); err != nil {
		return err
	}
	return v.screen.paint(above, "\n"+b.String())
}

// end shows the last report.
func (v *watchView) end(r *checks.Report) error {
	switch {
	case v.reports && v.screen != nil:
		return v.paint("", r)
	case v.screen != nil:
		if err := v.screen.paint("", ""); err != nil {
			return err
		}
	case v.reports && !v.o.quiet:
		if _, err := io.WriteString(v.w, "\n"); err != nil {
			return err
		}
	}
	return v.o.show(context.WithoutCancel(v.ctx), v.streams, r)
}

// standing is how things stand between two changes.
type standing struct {
	open     int // checks that do not pass
	checking bool
	left     time.Duration // until something is observed again
	last     time.Time     // when something changed; zero: nothing has
}

func (v *watchView) status(st standing) error {
	if v.screen == nil {
		return nil
	}
	next := words.Say("say.watch-now", nil)
	if !st.checking {
		next = words.Say("say.watch-next", words.Args{"left": seconds(st.left)})
	}
	since := "none"
	if !st.last.IsZero() {
		since = st.last.In(time.Local).Format(time.TimeOnly)
	}
	return v.screen.show(v.streams.say("say.watch-status", words.Args{"open": st.open, "next": next, "since": since}))
}
