package rtpports

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAProbeIsGivenUpWhenALaterOneWasAnswered(t *testing.T) {
	const (
		ms   = time.Millisecond
		soon = 10 * ms
		late = 120 * ms
	)
	start := time.Unix(1700000000, 0)
	for _, tt := range []struct {
		name     string
		answered []int // of ten probes, sent one a millisecond; all at 9 ms
		at       time.Duration
		want     int // still waited for
	}{
		{"all on their way", nil, 9 * ms, 10},
		{"a far end that is busy: nothing is given up", nil, 60 * ms, 10},
		{"nothing comes back for very long", nil, 125 * ms, 4},
		{"one that was lost", []int{0, 1, 3, 4, 5, 6, 7, 8, 9}, 13 * ms, 0},
		{"one that may still come", []int{0, 1, 3, 4, 5, 6, 7, 8, 9}, 11 * ms, 1},
		{"a busy far end that has answered half", []int{0, 1, 2, 3, 4}, 60 * ms, 5},
		{"a lost one among those that a busy far end has answered", []int{0, 1, 3, 4}, 60 * ms, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := window{size: minWindow}
			ports := make([]port, 10)
			for i := range ports {
				ports[i].serial = uint32(i)
				w.sent(&ports[i], start.Add(time.Duration(i)*ms))
			}
			for _, i := range tt.answered {
				w.landed(&ports[i])
				w.answered(9*ms-time.Duration(i)*ms, start.Add(9*ms))
			}
			w.lost(start.Add(tt.at), soon, late)
			if diff := cmp.Diff(tt.want, w.inFlight); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheWindowFollowsTheQueueOnTheWay(t *testing.T) {
	w, now := window{size: minWindow}, time.Unix(1700000000, 0)
	answer := func(n int, trip time.Duration) {
		for range n {
			now = now.Add(time.Millisecond)
			w.answered(trip, now)
		}
	}
	answer(1000, 20*time.Millisecond)
	if w.size != minWindow+2000 {
		t.Errorf("a path without a queue: %d", w.size)
	}
	answer(5000, 20*time.Millisecond)
	if w.size != maxWindow {
		t.Errorf("it grows without end: %d", w.size)
	}
	answer(100, 200*time.Millisecond)
	if w.size != maxWindow*7/8 {
		t.Errorf("a queue within one round trip: %d", w.size)
	}
	answer(10000, 200*time.Millisecond)
	if w.size != minWindow {
		t.Errorf("a queue that stays: %d", w.size)
	}
}
