package rtpports

import (
	"context"
	"sync"
	"time"
)

// burst is how much may be made up for after the scheduler was late: 10 ms
// worth of packets, which a busy machine needs to reach the rate at all.
const burst = 10 * time.Millisecond

// A pacer spreads packets evenly over time.
type pacer struct {
	rate int // packets a second

	mu   *sync.Mutex
	next time.Time
}

func newPacer(rate int) pacer { return pacer{rate: max(rate, 1), mu: &sync.Mutex{}} }

// take claims the next place and says how long to wait for it.
func (p *pacer) take() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if earliest := now.Add(-burst); p.next.Before(earliest) {
		p.next = earliest
		if time.Second/time.Duration(p.rate) > burst {
			p.next = now // at such a rate there is nothing to make up for
		}
	}
	d := p.next.Sub(now)
	p.next = p.next.Add(time.Second / time.Duration(p.rate))
	return d
}

// wait waits for the next place.
func (p *pacer) wait(ctx context.Context) error {
	if d := p.take(); d > time.Millisecond/2 {
		return sleep(ctx, d)
	}
	return ctx.Err()
}

// slow sets another rate.
func (p *pacer) slow(rate int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = max(rate, 1)
}
