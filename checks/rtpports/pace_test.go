package rtpports

import (
	"testing"
	"testing/synctest"
	"time"
)

// The rate is held within 5 % even when the sender is kept from running for a
// while now and then, and no tenth of a second has half as much again.
func TestTheRateIsHeldOnABusyMachine(t *testing.T) {
	for _, rate := range []int{137, 5000, 20000} {
		synctest.Test(t, func(t *testing.T) {
			p := newPacer(rate)
			begin, total, tenth, busiest := time.Now(), 0, 0, 0
			for edge := 100 * time.Millisecond; time.Since(begin) < 10*time.Second; {
				n, wait := p.claim(sendBatch)
				total, tenth = total+n, tenth+n
				if n == 0 {
					time.Sleep(max(wait, doze))
				}
				if total%7 == 0 {
					time.Sleep(burst / 2) // somebody else runs
				}
				if time.Since(begin) > edge {
					busiest, tenth, edge = max(busiest, tenth), 0, edge+100*time.Millisecond
				}
			}
			if want := 10 * rate; total < want*95/100 || total > want*105/100 {
				t.Errorf("%d a second: %d in 10 s", rate, total)
			}
			if most := rate/10*3/2 + 1; busiest > most {
				t.Errorf("%d a second: %d in the busiest tenth of a second", rate, busiest)
			}
		})
	}
}
