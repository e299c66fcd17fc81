package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
)

// progress shows one passing line on a terminal, and nothing elsewhere: what
// is being done, and how long it and the whole run will still take. The checks
// run at the same time, so the run lasts as long as the longest of what they
// announce.
type progress struct {
	w io.Writer

	mu    sync.Mutex
	line  string
	until time.Time // of line; zero: not known
	said  time.Time // when line was
	long  string    // the announced line that lasts longest
	whole time.Time // its end, and the run's, as far as announced
	shown bool
	done  bool
	stop  chan struct{} // closed by end; nil: nothing is counted down yet
	count sync.WaitGroup
}

// newProgress returns nil where nobody watches.
func newProgress(w io.Writer, quiet bool) *progress {
	if quiet || !isTerminal(w) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return &progress{w: w}
}

// say replaces the line; it may be called by many checks at the same time.
func (p *progress) say(line string) { p.show(line, 0) }

// sayFor replaces the line and counts down from left.
func (p *progress) sayFor(line string, left time.Duration) { p.show(line, left) }

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
		if p.stop == nil {
			p.stop = make(chan struct{})
			stop := p.stop
			p.count.Go(func() { p.countDown(stop) })
		}
	}
	p.paint()
}

// countDown paints the line again every second.
func (p *progress) countDown(stop <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			p.mu.Lock()
			if !p.done {
				p.fallBack(time.Now())
				p.paint()
			}
			p.mu.Unlock()
		}
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

// paint writes the line over the one before, under the lock. It fits a
// terminal with 80 columns.
func (p *progress) paint() {
	const room = 76
	times := p.times(time.Now())
	line := []rune(p.line)
	if most := room - len([]rune(times)); len(line) > most {
		line = append(line[:most-1], '…')
	}
	_, _ = io.WriteString(p.w, "\r\x1b[K"+string(line)+times+" …")
	p.shown = true
}

// times is the end of the line. What takes longer than foreseen has silent
// ports or lost packets that are asked again.
func (p *progress) times(now time.Time) string {
	switch {
	case p.whole.IsZero():
		return ""
	case !p.whole.After(now):
		return ", a little longer"
	case p.until.IsZero():
		return ", whole run " + seconds(p.whole.Sub(now)) + " left"
	case !p.until.After(now):
		return ", a little longer, whole run " + seconds(p.whole.Sub(now)) + " left"
	case p.whole.Sub(p.until) < time.Second:
		return ", " + seconds(p.until.Sub(now)) + " left"
	}
	return fmt.Sprintf(", %s left, whole run %s", seconds(p.until.Sub(now)), seconds(p.whole.Sub(now)))
}

func seconds(d time.Duration) string {
	s := int(math.Ceil(d.Seconds()))
	if s < 100 {
		return fmt.Sprintf("%d s", s)
	}
	return fmt.Sprintf("%d:%02d min", s/60, s%60)
}

// end takes the line away; later lines are ignored.
func (p *progress) end() {
	if p == nil {
		return
	}
	p.mu.Lock()
	if p.shown {
		_, _ = io.WriteString(p.w, "\r\x1b[K")
	}
	p.shown, p.done = false, true
	stop := p.stop
	p.stop = nil
	p.mu.Unlock()
	if stop != nil {
		close(stop)
	}
	p.count.Wait()
}
