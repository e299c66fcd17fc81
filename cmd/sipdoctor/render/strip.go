package render

import (
	"time"

	"github.com/sipdoctor/sipdoctor/checks/capture"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Steps at which a strip rises by a level. Of the losses the second is what codecs
// hide and the fifth what nobody can listen to (ITU-T G.113); jitter above 30 ms is
// more than buffers expect (Cisco, "Quality of Service for Voice over IP").
var (
	lossLevels   = [...]float64{0.01, 1, 3, 5, 10, 20, 50}    // percent
	jitterLevels = [...]float64{10, 20, 30, 50, 80, 120, 200} // ms
)

// The marks of the levels, and that of a time in which nothing came.
const (
	bars      = "▁▂▃▄▅▆▇█"
	plainBars = "_.:-=+*#"
	noBar     = "·"
)

// slice is what one mark of a strip stands for.
type slice struct{ packets, lost, jitter int }

// slices are at most so many, each of as many steps.
func slicesOf(s capture.Strip, most int) (list []slice, steps int) {
	total := max(len(s.Packets), len(s.Lost), len(s.Jitter))
	steps = max(1, (total+max(1, most)-1)/max(1, most))
	at := func(list []int, i int) int {
		if i < len(list) {
			return list[i]
		}
		return 0
	}
	for i := range total {
		if i%steps == 0 {
			list = append(list, slice{})
		}
		x := &list[len(list)-1]
		x.packets, x.lost, x.jitter = x.packets+at(s.Packets, i), x.lost+at(s.Lost, i), max(x.jitter, at(s.Jitter, i))
	}
	return list, steps
}

// levelOf is how high a mark stands: from 0 to the number of levels.
func levelOf(levels []float64, value float64) (n int) {
	for n < len(levels) && value >= levels[n] {
		n++
	}
	return n
}

func (x slice) empty() bool { return x.packets+x.lost == 0 }

// levels are those of the loss and of the jitter.
func (x slice) levels() (loss, jitter int) {
	return levelOf(lossLevels[:], 100*float64(x.lost)/float64(max(1, x.packets+x.lost))), levelOf(jitterLevels[:], float64(x.jitter))
}

// strip writes how a stream went over time: a mark for each slice of it, of which the
// worst jitter counts and all of the loss.
func (p *page) strip(lead string, s capture.Strip) {
	name := max(cells(p.say("strip-loss", nil)), cells(p.say("strip-jitter", nil))) + len(gap)
	list, steps := slicesOf(s, p.width-cells(lead)-name)
	if len(list) < 2 {
		return
	}
	loss, jitter := "", ""
	for _, x := range list {
		l, j := x.levels()
		loss += p.bar(x, l)
		jitter += p.bar(x, j)
	}
	p.line(plain, lead+pad(p.say("strip-loss", nil), name)+loss)
	p.line(plain, lead+pad(p.say("strip-jitter", nil), name)+jitter)
	p.line(dim, lead+pad("", name)+p.stripScale(s, steps))
}

// stripScale says how long a mark is, of so many steps.
func (p speech) stripScale(s capture.Strip, steps int) string {
	return p.say("strip-scale", words.Args{"step": time.Duration(s.StepMS*steps) * time.Millisecond})
}

// bar is the mark of a slice.
func (p speech) bar(x slice, level int) string {
	if x.empty() {
		return p.mono(noBar, " ")
	}
	return p.mono(string([]rune(bars)[level]), plainBars[level:level+1])
}

// mono is a mark, or the one that stands for it where nothing but ASCII is shown.
func (p speech) mono(s, ascii string) string {
	if p.ascii {
		return ascii
	}
	return s
}
