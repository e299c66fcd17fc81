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
			p := newPacer(rate, time.Now())
			begin, total, tenth, busiest := time.Now(), 0, 0, 0
			shortly, long := begin, begin
			for edge := 100 * time.Millisecond; time.Since(begin) < 10*time.Second; {
				n, wait := p.claim(time.Now(), sendBatch)
				total, tenth = total+n, tenth+n
				if n == 0 {
					time.Sleep(max(wait, minWait))
				}
				switch now := time.Now(); {
				case now.Sub(long) > time.Second:
					long = now
					time.Sleep(4 * burst) // somebody else runs, for long
				case now.Sub(shortly) > 2*burst:
					shortly = now
					time.Sleep(burst / 2)
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
