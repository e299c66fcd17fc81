package capture

import (
	"hash/maphash"
	"slices"
)

const (
	// maxOfDialog bounds what is kept of one Call-ID: a registration that repeats
	// for a week shows itself within as many.
	maxOfDialog = 200
	// maxRepeat is how long after a message the same bytes are the same message
	// sent again: 64*T1 (RFC 3261, 17.1.1.2) and a little.
	maxRepeat = 40_000_000 // microseconds
	// leastAgain is how soon a copy can be one that was sent again: after T1, 500 ms
	// (RFC 3261, 17.1.1.1), or less where a system has measured a shorter way. What
	// comes sooner is the same packet, captured twice.
	leastAgain = 100_000 // microseconds
)

// dialogs are kept in the order in which they began.
type dialogs struct {
	byID  map[string]*heldDialog
	order []*heldDialog
	room  int // for how many there is, whatever they are
	full  int // how many there are when room has to be made again
}

type heldDialog struct {
	Dialog
	sums []uint64 // of the messages' bytes and way
}

var seed = maphash.MakeSeed()

func hashOf(b []byte) uint64 { return maphash.Bytes(seed, b) }

// add keeps a message, or counts it where the same was sent before.
func (l *dialogs) add(id string, m Message, sum uint64) {
	if l.byID == nil {
		l.byID = map[string]*heldDialog{}
	}
	d := l.byID[id]
	if d == nil {
		d = &heldDialog{Dialog: Dialog{CallID: id}}
		l.byID[id] = d
		l.order = append(l.order, d)
	}
	for i := len(d.sums) - 1; i >= 0; i-- {
		same := &d.Messages[i]
		if d.sums[i] == sum && same.Src == m.Src && same.Dst == m.Dst && same.Interface == m.Interface && m.At-same.At < maxRepeat {
			if m.untimed || m.At-max(same.At, same.Last) >= leastAgain { // nobody prints a message twice
				same.Again++
				same.Last = m.At
			}
			return
		}
	}
	if len(d.Messages) >= maxOfDialog {
		d.Left++
		return
	}
	d.Messages, d.sums = append(d.Messages, m), append(d.sums, sum)
}

func (l *dialogs) list() []Dialog {
	out := []Dialog{}
	for _, d := range l.order {
		d.Messages = slices.Clip(d.Messages)
		out = append(out, d.Dialog)
	}
	return out
}
