package rtpports

import (
	"sync"
	"time"
)

const (
	// burst is how much may leave at once after the scheduler was late: 20 ms
	// worth of packets.
	burst = 20 * time.Millisecond
	// makeUp is how much of what a busy machine has missed is made up for over
	// time, at a rate of hurry times what was asked for: so the busiest tenth of
	// a second has two fifths more than its share, and the whole keeps the rate.
	makeUp = time.Second
	hurry  = 1.2
)

// A pacer spreads packets evenly over time.
type pacer struct {
	mu   sync.Mutex
	rate int       // packets a second
	next time.Time // when the next is due
	soon time.Time // when it may leave at the earliest
}

func newPacer(rate int) *pacer { return &pacer{rate: max(rate, 1), next: time.Now()} }

// begin says that nothing was to be sent until now: that is not made up for.
func (p *pacer) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if earliest := time.Now().Add(-burst); p.next.Before(earliest) {
		p.next = earliest
	}
}

// claim takes the places that are due, up to most of them. Without one it says
// how long to wait.
func (p *pacer) claim(most int) (n int, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, step := time.Now(), p.step()
	if earliest := now.Add(-makeUp); p.next.Before(earliest) {
		p.next = earliest
	}
	if earliest := now.Add(-burst); p.soon.Before(earliest) {
		p.soon = earliest
	}
	if step > burst && p.next.Before(now) {
		p.next, p.soon = now, now // at such a rate there is nothing to make up for
	}
	if wait = max(p.next.Sub(now), p.soon.Sub(now)); wait > 0 || most < 1 {
		return 0, max(wait, 0)
	}
	n = min(most, 1+int(now.Sub(p.next)/step), 1+int(float64(now.Sub(p.soon))*hurry/float64(step)))
	p.move(n)
	return n, 0
}

// move takes n places, under the lock.
func (p *pacer) move(n int) {
	d := time.Duration(n) * p.step()
	p.next, p.soon = p.next.Add(d), p.soon.Add(time.Duration(float64(d)/hurry))
}

// take is for a packet that does not wait in line and counts all the same.
func (p *pacer) take() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.move(1)
}

// refund gives places back that were not used.
func (p *pacer) refund(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.move(-n)
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
