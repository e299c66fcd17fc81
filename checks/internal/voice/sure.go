package voice

import "math"

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
