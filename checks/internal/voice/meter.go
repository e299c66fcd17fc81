package voice

import (
	"math"
	"math/bits"
	"time"
)

// MaxPackets bounds the sequence numbers that a Meter takes: two minutes and
// 40 s at 50 packets a second. What is beyond is ignored.
const MaxPackets = 8000

// gapPackets is a burst of loss that is heard as a gap: the concealment of
// G.711 (appendix I) fades out within 60 ms, three packets of 20 ms.
const gapPackets = 4

// A Meter measures one direction of a stream at its receiver. The zero Meter
// is ready. It must not be used concurrently.
type Meter struct {
	seen       []uint64 // a bit for each sequence number
	packets    int
	duplicates int
	reordered  int
	highest    int // sequence number plus one; 0: none yet

	lastTransit time.Duration
	jitter      float64 // of RFC 3550, in ns
	jitterMax   float64
	jitterSum   float64
	jitterN     int
}

// Stats is what a Meter has measured.
type Stats struct {
	Sent       int `json:"sent"`
	Received   int `json:"received"` // different ones
	Duplicates int `json:"duplicates,omitempty"`
	Reordered  int `json:"reordered,omitempty"` // came after a later one (RFC 4737, 3)
	// Jitter is that of RFC 3550, 6.4.1: a smoothed mean deviation. JitterMS is
	// its mean over the stream, JitterMaxMS the most it was.
	JitterMS    float64 `json:"jitter_ms"`
	JitterMaxMS float64 `json:"jitter_max_ms"`
	Bursts      int     `json:"bursts,omitempty"`    // runs of lost packets, single ones too
	BurstMax    int     `json:"burst_max,omitempty"` // packets in the longest
	Gaps        int     `json:"gaps,omitempty"`      // runs so long that no concealment covers them
}

// Take counts one packet: its sequence number from 0, when its sender says
// that it was sent and when it came, each by its own clock.
func (m *Meter) Take(seq int, sent, came time.Duration) {
	if seq < 0 || seq >= MaxPackets {
		return
	}
	word, bit := seq/64, uint64(1)<<(seq%64)
	for len(m.seen) <= word {
		m.seen = append(m.seen, 0)
	}
	if m.seen[word]&bit != 0 {
		m.duplicates++
		return
	}
	m.seen[word] |= bit
	if m.packets++; seq < m.highest {
		m.reordered++
	}
	m.highest = max(m.highest, seq+1)
	m.deviate(came - sent)
}

// deviate is the estimator of RFC 3550, 6.4.1, for one more transit time. The
// clocks' difference falls out of it.
func (m *Meter) deviate(transit time.Duration) {
	if m.packets > 1 {
		m.jitter += (float64((transit - m.lastTransit).Abs()) - m.jitter) / 16
		m.jitterMax = max(m.jitterMax, m.jitter)
		m.jitterSum += m.jitter
		m.jitterN++
	}
	m.lastTransit = transit
}

// Highest is how many packets were sent at least: the highest sequence number
// heard, plus one.
func (m *Meter) Highest() int { return m.highest }

// Stats is what was measured of the first sent packets of the stream.
func (m *Meter) Stats(sent int) Stats {
	sent = min(max(sent, 0), MaxPackets)
	s := Stats{Sent: sent, Duplicates: m.duplicates, Reordered: m.reordered}
	const ms = float64(time.Millisecond)
	if m.jitterN > 0 {
		s.JitterMS, s.JitterMaxMS = m.jitterSum/float64(m.jitterN)/ms, m.jitterMax/ms
	}
	run := 0
	end := func() {
		if run > 0 {
			s.Bursts++
			s.BurstMax = max(s.BurstMax, run)
			if run >= gapPackets {
				s.Gaps++
			}
		}
		run = 0
	}
	for i := range sent {
		if m.has(i) {
			s.Received++
			end()
		} else {
			run++
		}
	}
	end()
	return s
}

func (m *Meter) has(seq int) bool {
	return seq/64 < len(m.seen) && m.seen[seq/64]&(1<<(seq%64)) != 0
}

// Count is how many different packets have come.
func (m *Meter) Count() (n int) {
	for _, w := range m.seen {
		n += bits.OnesCount64(w)
	}
	return n
}

// Lost is how many of the sent packets did not come.
func (s Stats) Lost() int { return max(0, s.Sent-s.Received) }

// LossPct is the share of lost packets, percent.
func (s Stats) LossPct() float64 {
	if s.Sent == 0 {
		return 0
	}
	return 100 * float64(s.Lost()) / float64(s.Sent)
}

// BurstR is how long bursts of loss are against those of random loss of the
// same rate (G.107, 7.5): 1 when it is random.
func (s Stats) BurstR() float64 {
	if s.Bursts == 0 || s.Sent == 0 {
		return 1
	}
	mean := float64(s.Lost()) / float64(s.Bursts)
	return max(1, mean*float64(s.Received)/float64(s.Sent))
}

// Deviations of a normal distribution that leave one error in so many, one
// side: a bound that is wrong once in forty times, and once in two thousand.
const (
	Z40   = 1.96
	Z2000 = 3.29
)

// AtLeast is the share, 0 to 1, that a happening which was counted hits times
// in n surely has at least: the lower end of Wilson's score interval (1927).
func AtLeast(hits, n int, z float64) float64 {
	if hits <= 0 || n <= 0 {
		return 0
	}
	return wilson(float64(min(hits, n)), float64(n), z)
}

// wilson is the lower end with Yates's half for small numbers, without which it
// is wrong too often there.
func wilson(hits, n, z float64) float64 {
	p, zz := (hits-0.5)/n, z*z
	middle, half := p+zz/(2*n), z*math.Sqrt(p*(1-p)/n+zz/(4*n*n))
	return max(0, (middle-half)/(1+zz/n))
}

// LossAtLeast is the loss, percent, that the stream surely had: one burst is
// one event, however many packets went with it, or a moment's hole in a short
// call would pass for a bad line. One event alone proves no rate at all.
func (s Stats) LossAtLeast(z float64) float64 {
	if s.Bursts < 2 || s.Sent == 0 {
		return 0
	}
	mean := float64(s.Lost()) / float64(s.Bursts)
	return 100 * wilson(float64(s.Bursts), math.Max(float64(s.Sent)/mean, float64(s.Bursts)), z)
}
