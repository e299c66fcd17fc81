package rtpports

import "time"

const (
	// minWindow probes may be under way on any path. The answers of so many fit
	// the 208 KiB that Linux gives a socket; on a LAN more gained nothing.
	minWindow = 256
	// maxWindow fills 40 ms of round trip at 200,000 probes a second.
	maxWindow = 8192
	// queueing is how much longer than twice the shortest round trip an answer
	// may take before it has waited in some queue, which then is given time to
	// drain: half of what the receive buffer of a responder without rights
	// (2 x 208 KiB) holds at 80,000 probes a second.
	queueing = 3 * time.Millisecond
)

// A flight is what has been sent and neither been answered nor grown so old
// that it counts as lost; under the sweep's lock. It keeps a fast sweep from
// filling buffers on the way.
type flight struct {
	queue    []inFlight // in the order of sending, answered ones included
	under    int        // of the queue: how many are still waited for
	window   int        // how many may be
	newest   time.Time  // when the latest of the answered ones was sent
	shortest time.Duration
	cut      time.Time // when the window last shrank
}

// inFlight is one probe.
type inFlight struct {
	port   *port
	serial uint32
	at     time.Time
}

// sent notes a probe that leaves; t has its serial.
func (f *flight) sent(t *port, at time.Time) {
	if !t.away {
		t.away = true
		f.under++
	}
	f.queue = append(f.queue, inFlight{t, t.serial, at})
}

// landed notes that nothing is waited for from this port any more.
func (f *flight) landed(t *port) {
	if t.away {
		t.away = false
		f.under--
	}
}

// expire gives up what is older than soon, if something sent after it has been
// answered (RACK, RFC 8985), or older than late. While nothing comes back at all
// the far end is busy, or its host: more would only fill its buffers.
func (f *flight) expire(now time.Time, soon, late time.Duration) {
	n := 0
	for ; n < len(f.queue); n++ {
		e := f.queue[n]
		if e.port.away && e.port.serial == e.serial {
			age := now.Sub(e.at)
			if age < soon || age < late && !f.newest.After(e.at) {
				break
			}
			f.landed(e.port)
		}
	}
	f.queue = f.queue[n:]
	if len(f.queue) == 0 {
		f.queue = nil // its memory is used up to the end
	}
}

// answered adapts the window to a round trip that ends now: it grows as long as
// nothing queues on the way.
func (f *flight) answered(trip time.Duration, now time.Time) {
	if sent := now.Add(-trip); sent.After(f.newest) {
		f.newest = sent
	}
	if f.shortest == 0 || trip < f.shortest {
		f.shortest = trip
	}
	switch {
	case trip < 2*f.shortest+queueing:
		f.window = min(f.window+2, maxWindow)
	case now.Sub(f.cut) > trip:
		f.window, f.cut = max(f.window*7/8, minWindow), now
	}
}
