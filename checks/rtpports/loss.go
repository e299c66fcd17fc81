package rtpports

import "math"

const (
	// maxError is how likely one false port among all of a sweep may be.
	maxError = 1e-6
	// maxTries is where asking ends: with more than half of all round trips
	// lost a line carries no call, and silence is no longer a fact about ports.
	maxTries = 32
)

// lossBound is the loss of round trips that is assumed after lost of asked
// known-open ports stayed silent: one deviation and one port above what was
// seen, so that a small sample without loss does not count as no loss.
func lossBound(lost, asked int) float64 {
	if asked <= 0 {
		return 0.5
	}
	return min((float64(lost)+math.Sqrt(float64(lost))+1)/float64(asked+1), 1)
}

// triesNeeded is how often a port must have been silent so that, at loss q,
// not one open port among n is taken for blocked with a probability above
// maxError. ok is false when that is more than maxTries.
func triesNeeded(q float64, n int) (tries int, ok bool) {
	if q >= 1 || n < 1 {
		return maxTries, false
	}
	k := int(math.Ceil(math.Log(maxError/float64(n)) / math.Log(max(q, 1e-4))))
	return max(k, 3), k <= maxTries
}

// tableStep looks for a full connection table in the order in which new flows
// were sent: before it some share passed, after it none, for so long that
// chance is out of the question. Blocked ports are spread evenly over a random
// order and make no step. at is the number of flows sent before the first that
// failed and kept failing.
func tableStep(passed []bool) (at int, ok bool) {
	last := -1
	for i, p := range passed {
		if p {
			last = i
		}
	}
	at = last + 1
	if at < 20 || len(passed)-at < 20 {
		return 0, false
	}
	// The share that passed shortly before the step, so that loss that has
	// grown slowly is no step.
	recent := passed[max(0, at-200):at]
	n := 0
	for _, p := range recent {
		if p {
			n++
		}
	}
	// The last one has passed by construction.
	share := float64(n-1) / float64(len(recent)-1)
	return at, float64(len(passed)-at)*math.Log1p(-min(share, 0.999)) < math.Log(maxError)
}

// silentLate reports that silence came with time: of ports that were first asked
// in random order, those without an answer are the late ones. Blocked ports are
// spread evenly; where a table has become full, or a flood protection has struck,
// they are not. Their mean place is then six standard deviations too high, which
// chance makes of one sweep in a thousand million.
func silentLate(answered []bool) bool {
	n, silent, places := float64(len(answered)), 0.0, 0.0
	for i, ok := range answered {
		if !ok {
			silent++
			places += float64(i)
		}
	}
	if silent < 20 || n-silent < 20 {
		return false
	}
	deviation := math.Sqrt((n + 1) * (n - silent) / (12 * silent)) // of a mean without replacement
	return places/silent-(n-1)/2 > 6*deviation
}
