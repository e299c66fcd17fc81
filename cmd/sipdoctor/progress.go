package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// progress shows one passing line on a terminal, and nothing elsewhere: what
// is being done, and how long it and the whole run will still take. The checks
// run at the same time, so the run lasts as long as the longest of what they
// announce.
type progress struct {
	w       io.Writer
	streams streams // for its language

	mu    sync.Mutex
	line  string
	until time.Time // of line; zero: not known
	said  time.Time // when line was
	long  string    // the announced line that lasts longest
	whole time.Time // its end, and the run's, as far as announced
	done  bool
	tick  *time.Timer // paints the line again every second; nil: nothing is counted down yet
}

// newProgress shows the first line at once: what is done before a check has
// something to say may take seconds. It returns nil where nobody watches. A program
// that does is told each line, and paints none.
func newProgress(s streams, quiet bool, begin string) *progress {
	if s.Told != nil {
		return &progress{streams: s}
	}
	if quiet || !isTerminal(s.Err) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	p := &progress{w: s.Err, streams: s}
	p.show(s.say(begin, nil), 0)
	return p
}

// take shows a line of a check; it may be called by many at the same time.
func (p *progress) take(ev checks.Event) {
	if p == nil {
		return
	}
	text, err := all.Book().Fill(p.streams.lang(), ev.Text)
	switch {
	case err != nil:
	case p.streams.Told != nil:
		p.streams.Told(text)
	default:
		p.show(text, ev.Left)
	}
}

// show replaces the line and counts down from left, if that is known.
func (p *progress) show(line string, left time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		return
	}
	p.line, p.until, p.said = render.Quote(line), time.Time{}, time.Now()
	if left > 0 {
		p.until = time.Now().Add(left)
		if p.until.After(p.whole) {
			p.long, p.whole = p.line, p.until
		}
		if p.tick == nil {
			p.tick = time.AfterFunc(time.Second, p.countDown)
		}
	}
	p.paint()
}

// countDown paints the line again, a second after the last time.
func (p *progress) countDown() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.done {
		p.fallBack(time.Now())
		p.paint()
		p.tick.Reset(time.Second)
	}
}

// fallBack takes a remark in passing away and shows again what the run waits
// for, under the lock.
func (p *progress) fallBack(now time.Time) {
	const passing = 2 * time.Second // long enough to read a line
	if p.line != p.long && now.Sub(p.said) >= passing && !p.until.After(now) {
		p.line, p.until = p.long, p.whole
	}
}

// paint writes the line over the one before, under the lock. It fits the
// terminal.
func (p *progress) paint() {
	room := cmp.Or(terminalWidth(p.w), 80) - 4 // with " …" and the cursor
	times := p.times(time.Now())
	line := []rune(p.line)
	if most := max(1, room-len([]rune(times))); len(line) > most {
		line = append(line[:most-1], '…')
	}
	_, _ = io.WriteString(p.w, "\r\x1b[K"+string(line)+times+" …")
}

// times is the end of the line. What takes longer than foreseen has silent
// ports or lost packets that are asked again.
func (p *progress) times(now time.Time) string {
	left, whole := p.until.Sub(now), p.whole.Sub(now)
	args := words.Args{"left": seconds(left), "whole": seconds(whole)}
	switch {
	case p.whole.IsZero():
		return ""
	case whole <= 0:
		return p.streams.say("say.progress-longer", args)
	case p.until.IsZero():
		return p.streams.say("say.progress-whole", args)
	case left <= 0:
		return p.streams.say("say.progress-longer-whole", args)
	case whole-left < time.Second:
		return p.streams.say("say.progress-left", args)
	}
	return p.streams.say("say.progress-left-whole", args)
}

func seconds(d time.Duration) words.Text {
	s := int(math.Ceil(d.Seconds()))
	if s < 100 {
		return words.Say("say.progress-seconds", words.Args{"n": s})
	}
	return words.Say("say.progress-minutes", words.Args{"n": s / 60, "seconds": fmt.Sprintf("%02d", s%60)})
}

// end takes the line away; later lines are ignored.
func (p *progress) end() {
	if p == nil || p.streams.Told != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = true
	if p.tick != nil {
		p.tick.Stop()
	}
	_, _ = io.WriteString(p.w, "\r\x1b[K")
}
