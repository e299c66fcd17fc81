package rtpports

import "time"

const (
	// minWindow probes may be in flight on any path. The answers of so many fit
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

// window is a congestion window: the probes in flight and how many there may
// be. It keeps a fast sweep from filling buffers on the way.
type window struct {
	queue    []flown   // in the order of sending, answered ones included
	inFlight int       // of the queue: how many are still waited for
	size     int       // how many may be
	newest   time.Time // when the latest of the answered ones was sent
	shortest time.Duration
	cut      time.Time // when the window last shrank
}

type flown struct {
	port   *port
	serial uint32
	at     time.Time
}

// sent notes a probe that leaves; p has its serial.
func (w *window) sent(p *port, at time.Time) {
	if !p.inFlight {
		p.inFlight = true
		w.inFlight++
	}
	w.queue = append(w.queue, flown{p, p.serial, at})
}

// landed notes that no answer is awaited from this port any more.
func (w *window) landed(p *port) {
	if p.inFlight {
		p.inFlight = false
		w.inFlight--
	}
}

// lost gives up what is older than soon, if something sent with it or after it
// has been answered (RACK, RFC 8985), or older than late. While nothing comes back at all
// the far end is busy, or its host: more would only fill its buffers.
func (w *window) lost(now time.Time, soon, late time.Duration) {
	n := 0
	for ; n < len(w.queue); n++ {
		f := w.queue[n]
		if f.port.inFlight && f.port.serial == f.serial {
			age := now.Sub(f.at)
			if age < soon || age < late && w.newest.Before(f.at) {
				break
			}
			w.landed(f.port)
		}
	}
	w.queue = w.queue[n:]
	if len(w.queue) == 0 {
		w.queue = nil // its memory is used up to the end
	}
}

// answered adapts the window to a round trip that ends now: it grows as long as
// nothing queues on the way.
func (w *window) answered(trip time.Duration, now time.Time) {
	if sent := now.Add(-trip); sent.After(w.newest) {
		w.newest = sent
	}
	if w.shortest == 0 || trip < w.shortest {
		w.shortest = trip
	}
	switch {
	case trip < 2*w.shortest+queueing:
		w.size = min(w.size+2, maxWindow)
	case now.Sub(w.cut) > trip:
		w.size, w.cut = max(w.size*7/8, minWindow), now
	}
}
