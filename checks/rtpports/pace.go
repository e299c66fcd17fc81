package rtpports

import (
	"sync"
	"time"
)

// burst is how much may be made up for after the scheduler was late: 20 ms
// worth of packets, which a busy machine needs to reach the rate at all. The
// busiest tenth of a second then has a fifth more than its share.
const burst = 20 * time.Millisecond

// A pacer spreads packets evenly over time.
type pacer struct {
	mu   sync.Mutex
	rate int // packets a second
	next time.Time
}

func newPacer(rate int) *pacer { return &pacer{rate: max(rate, 1)} }

// claim takes the places that are due, up to most of them. Without one it says
// how long to wait.
func (p *pacer) claim(most int) (n int, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, step := time.Now(), p.step()
	if earliest := now.Add(-burst); p.next.Before(earliest) {
		p.next = earliest
		if step > burst {
			p.next = now // at such a rate there is nothing to make up for
		}
	}
	if wait = p.next.Sub(now); wait > 0 || most < 1 {
		return 0, max(wait, 0)
	}
	n = min(most, 1+int(now.Sub(p.next)/step))
	p.next = p.next.Add(time.Duration(n) * step)
	return n, 0
}

// take is for a packet that does not wait in line and counts all the same.
func (p *pacer) take() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = p.next.Add(p.step())
}

// refund gives places back that were not used.
func (p *pacer) refund(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = p.next.Add(-time.Duration(n) * p.step())
}

func (p *pacer) step() time.Duration { return time.Second / time.Duration(p.rate) }

// current is the rate.
func (p *pacer) current() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rate
}

// slow sets another rate.
func (p *pacer) slow(rate int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = max(rate, 1)
}
