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
// were sent: from at on, at most a quarter as many of them passed as shortly
// before, so few that chance is out of the question. One that slips in where an
// old entry has expired makes no difference. Blocked ports are spread evenly over
// a random order and make no step.
func tableStep(passed []bool) (at int, ok bool) {
	all := shareOf(passed)
	most, sum := 0.0, 0.0 // where the surplus of those that passed is largest
	for i, p := range passed {
		if sum -= all; p {
			sum++
		}
		if sum > most {
			most, at = sum, i+1
		}
	}
	if at < 20 || len(passed)-at < 20 {
		return 0, false
	}
	// Shortly before the step, so that loss that has grown slowly is not one; the
	// flow before it has passed by construction.
	before, after := shareOf(passed[max(0, at-200):at-1]), shareOf(passed[at:])
	before = min(before, 0.999)
	if after > before/4 {
		return at, false
	}
	// Chernoff: how likely so few pass by chance.
	chance := (1 - after) * math.Log((1-after)/(1-before))
	if after > 0 {
		chance += after * math.Log(after/before)
	}
	return at, -float64(len(passed)-at)*chance < math.Log(maxError)
}

func shareOf(passed []bool) float64 {
	n := 0
	for _, p := range passed {
		if p {
			n++
		}
	}
	return float64(n) / float64(max(len(passed), 1))
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
