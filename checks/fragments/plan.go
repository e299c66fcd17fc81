package fragments

import "math"

type length struct {
	Size
	done  bool
	short int // how often the responder answered short instead
}

// headers are those of IP and UDP, bytes.
func headers(v6 bool) int {
	if v6 {
		return 48
	}
	return 28
}

// unfragmented is the longest payload that Ethernet carries in one piece.
func unfragmented(v6 bool) int { return 1500 - headers(v6) }

// steps are the lengths that are tried first, bytes of UDP payload. Within one
// packet: what always passes, then the links one meets (mobile and tunnels 1400,
// PPPoE 1492, Ethernet 1500). In fragments: an INVITE with many codecs, one
// with video or certificates, and the longest that anybody sends.
func steps(v6 bool) (single, pieces []int) {
	h := headers(v6)
	return []int{500, 1000, 1200, 1300, 1400 - h, 1480 - h, 1492 - h, 1500 - h}, []int{2000, 3000, 8000}
}

// pieces is in how many fragments a payload travels over Ethernet.
func pieces(bytes int, v6 bool) int {
	if bytes <= unfragmented(v6) {
		return 1
	}
	const perPiece = 1480 // 1448 with IPv6's fragment header, which makes no difference here
	return (bytes + 8 + perPiece - 1) / perPiece
}

// Tries. chance is how often a length that passes may be called silent: once
// in ten thousand. minTries is for a line that looks clean after a second.
const (
	chance   = 1e-4
	minTries = 5
	maxTries = 60
)

// enough is how many tries of a length make its silence more than loss, when
// answered of asked short questions got their answer. What they say about the
// line is itself uncertain, so a line two standard deviations worse is assumed;
// one answered and one lost question are added, so that a handful without loss
// does not prove a clean line.
func enough(asked, answered, pieces int) int {
	n := float64(asked + 2)
	trip := min(float64(answered+1)/n, 1)
	trip = max(0.01, trip-2*math.Sqrt(trip*(1-trip)/n))
	oneWay := math.Sqrt(trip)
	passes := math.Pow(oneWay, float64(pieces+1)) // all its pieces, and the short half of the exchange
	if passes >= 1 {
		return minTries
	}
	tries := math.Ceil(math.Log(chance) / math.Log(1-passes))
	if tries > maxTries {
		return maxTries + 1 // more than there will be: it cannot be told
	}
	return max(minTries, int(tries))
}

// between are the lengths that narrow a limit down: up to eight, evenly spread
// over those that are longer than pass and shorter than fail.
func between(pass, fail int) []int {
	gap := fail - pass - 1
	n := min(8, gap)
	var out []int
	for i := range n {
		out = append(out, pass+(i+1)*(gap+1)/(n+1))
	}
	return out
}
