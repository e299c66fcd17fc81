package session

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxPorts is how many port numbers there are.
const maxPorts = 1 << 16

// EncodePorts writes sorted, different ports as few terms: "a", "a-b" or
// "a-b/step", so that a sample of a thousand ports fits into one datagram.
func EncodePorts(ports []int) []string {
	var out []string
	for i := 0; i < len(ports); {
		n := progression(ports[i:])
		first, last := ports[i], ports[i+n-1]
		switch {
		case n == 1:
			out = append(out, strconv.Itoa(first))
		case last-first == n-1:
			out = append(out, fmt.Sprintf("%d-%d", first, last))
		default:
			out = append(out, fmt.Sprintf("%d-%d/%d", first, last, ports[i+1]-first))
		}
		i += n
	}
	return out
}

// progression is how many ports from the first on have equal distances; two
// that are not adjacent do not count as a progression.
func progression(ports []int) int {
	if len(ports) == 1 {
		return 1
	}
	step, n := ports[1]-ports[0], 2
	for n < len(ports) && ports[n]-ports[n-1] == step {
		n++
	}
	if n == 2 && step > 1 {
		return 1
	}
	return n
}

// DecodePorts is the reverse of EncodePorts; the result is sorted, without
// repetitions. More than limit ports are refused.
func DecodePorts(terms []string, limit int) ([]int, error) {
	var out []int
	for _, t := range terms {
		first, last, step, err := parseTerm(t)
		if err != nil {
			return nil, err
		}
		if n := (last-first)/step + 1; n > limit-len(out) {
			return nil, fmt.Errorf("ports %.20q: more than %d ports", t, limit)
		}
		for p := first; p <= last; p += step {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func parseTerm(t string) (first, last, step int, err error) {
	bad := fmt.Errorf("ports %.20q: not PORT, FIRST-LAST or FIRST-LAST/STEP", t)
	span, by, stepped := strings.Cut(t, "/")
	from, to, ranged := strings.Cut(span, "-")
	if !ranged {
		to = from
	}
	if !stepped {
		by = "1"
	}
	var n [3]int
	for i, s := range []string{from, to, by} {
		v, err := strconv.ParseUint(s, 10, 16)
		if err != nil || v == 0 {
			return 0, 0, 0, bad
		}
		n[i] = int(v)
	}
	if n[0] > n[1] {
		return 0, 0, 0, bad
	}
	return n[0], n[1], n[2], nil
}

// A PortBits is a set of ports, one bit each.
type PortBits []byte

// NewPortBits returns an empty set for every port.
func NewPortBits() PortBits { return make(PortBits, maxPorts/8) }

// Add puts port into the set; other numbers are ignored.
func (b PortBits) Add(port int) {
	if port >= 0 && port/8 < len(b) {
		b[port/8] |= 1 << (port % 8)
	}
}

// Has reports whether port is in the set.
func (b PortBits) Has(port int) bool {
	return port >= 0 && port/8 < len(b) && b[port/8]&(1<<(port%8)) != 0
}
