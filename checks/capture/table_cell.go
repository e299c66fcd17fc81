package capture

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// clock is the column of times: of the day in UTC, or seconds since the begin of a
// capture that has none.
func (v *view) clock() string {
	if v.o.Begin == 0 {
		return "seconds"
	}
	return "time"
}

func (v *view) timeOfDay(us int64) string {
	if v.o.Begin == 0 {
		return strconv.FormatFloat(seconds(us), 'f', 1, 64)
	}
	at := time.Unix(0, v.o.Begin+us*1000).UTC()
	if v.o.Length > (24 * time.Hour).Microseconds() {
		return at.Format("01-02 15:04:05")
	}
	return at.Format(time.TimeOnly)
}

// lasted is how long a call lasted from its answer on; a plus where the capture does
// not show its end.
func (v *view) lasted(x *exchange) string {
	if x.outcome() != outcomeAnswered {
		return nothing
	}
	begin, until, more := x.main().finalTo.At, v.o.Length, "+"
	for _, t := range x.list {
		if t.first.Method == "BYE" && t.first.At >= begin {
			until, more = t.first.At, ""
			break
		}
	}
	s := (until - begin) / 1_000_000
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d%s", s/3600, s/60%60, s%60, more)
	}
	return fmt.Sprintf("%d:%02d%s", s/60, s%60, more)
}

// audioOf is what each side of a call would say of the audio, that from the caller
// first: the worst stream decides.
func (v *view) audioOf(x *exchange) (mos, loss words.Text, ok bool) {
	up, down := v.sides(x)
	there, back := v.listen(up), v.listen(down)
	pair := func(a, b any) words.Text { return words.Say("capture.pair", words.Args{"there": a, "back": b}) }
	return pair(there.mos, back.mos), pair(there.loss, back.loss), there.any || back.any
}

// sides are the streams of a call that were to be heard: from the caller, and to it.
func (v *view) sides(x *exchange) (up, down []*Stream) {
	add := func(list []*Stream, more []part) []*Stream {
		for _, p := range more {
			if p.route != elsewhere && !slices.Contains(list, p.Stream) {
				list = append(list, p.Stream)
			}
		}
		return list
	}
	for _, g := range v.segments(x) {
		up, down = add(up, g.up), add(down, g.down)
	}
	return up, down
}

// listening is one direction of a call.
type listening struct {
	any       bool
	mos, loss any // numbers, or nothing
}

func (v *view) listen(list []*Stream) listening {
	out := listening{mos: nothing, loss: nothing}
	expected, lost, worst := 0, 0, 0.0
	for _, s := range list {
		if s.Packets < leastPackets {
			continue
		}
		expected, lost = expected+s.Expected, lost+s.lost()
		if m := v.mos(s); !out.any || m < worst {
			worst = m
		}
		out.any = true
	}
	if out.any {
		share := 100 * float64(lost) / float64(max(1, expected))
		out.mos, out.loss = worst, float64(int(share*10+0.5))/10
	}
	return out
}

// cell is what a stranger wrote as one cell: white space would look like the next.
func cell(s string) string {
	return cmp.Or(strings.Join(strings.Fields(s), "_"), nothing)
}
