package nat

import "slices"

// The behaviours of RFC 4787 sections 4.1 and 5, as the report names them.
const (
	independent = "endpoint-independent"
	address     = "address-dependent"
	addressPort = "address-and-port-dependent"
	unknown     = "unknown"
)

// behaviours are all of them, from the friendliest to the strictest.
func behaviours() []string { return []string{independent, address, addressPort} }

// behaviour is what is left after each observation has ruled something out.
type behaviour struct{ possible []string }

func anyBehaviour() behaviour { return behaviour{behaviours()} }

func (b *behaviour) only(keep ...string) {
	b.possible = slices.DeleteFunc(slices.Clone(b.possible), func(s string) bool { return !slices.Contains(keep, s) })
}

// name returns the behaviour if only one is left. If it is known to depend on the
// address, but not whether on the port as well, name makes the weaker claim and
// lower is true. Observations that contradict each other leave nothing.
func (b behaviour) name() (name string, lower bool) {
	switch {
	case len(b.possible) == 1:
		return b.possible[0], false
	case slices.Equal(b.possible, []string{address, addressPort}):
		return address, true
	}
	return unknown, false
}

// mapping compares how one socket was seen by different addresses and ports
// (RFC 5780 section 4.3).
func mapping(samples []Sample) behaviour {
	b := anyBehaviour()
	var sameIP, otherIP, differ bool // what was compared, and whether other addresses saw another mapping
	for i, s := range samples {
		for _, t := range samples[:i] {
			equal := s.Mapped == t.Mapped
			switch {
			case s.Server.Addr() != t.Server.Addr():
				otherIP = true
				differ = differ || !equal
			case s.Server == t.Server:
			case !equal:
				b.only(addressPort)
			default:
				sameIP = true
			}
		}
	}
	switch {
	case slices.Equal(b.possible, []string{addressPort}):
	case differ && sameIP:
		b.only(address)
	case differ:
		b.only(address, addressPort)
	case otherIP:
		b.only(independent)
	case sameIP:
		b.only(independent, address)
	}
	return b
}

// filtering combines the tests of RFC 5780 section 4.4 on a NAT of the given
// mapping. A test counts if the answer came, or if only a filter can explain the
// silence.
func filtering(tests []Filter, mapping string) behaviour {
	b := anyBehaviour()
	for _, answered := range []bool{true, false} { // an answer outweighs any silence
		for _, f := range tests {
			if f.Answered != answered || f.Answered && f.Touched || !f.Answered && !silenceCounts(f, mapping) {
				continue // an answer from where this run has sent to may pass a filter that it opened
			}
			was := b
			switch {
			case f.Answered && f.ChangesAddress():
				b.only(independent)
			case f.Answered:
				b.only(independent, address)
			case f.ChangesAddress():
				b.only(address, addressPort)
			default:
				b.only(addressPort)
			}
			if len(b.possible) == 0 {
				b = was
			}
		}
	}
	return b
}

// silenceCounts reports whether silence means a filter. With one mapping for all
// destinations, the control must have passed the opened filter. With a mapping
// per destination it cannot: what the server sends from its other address goes to
// a port that was opened for the first one. Then, and when time ran out, it is
// enough that the other address answers.
func silenceCounts(f Filter, mapping string) bool {
	if f.Broken || f.Ignored || f.Code != 0 {
		return false
	}
	return f.Control || f.Alternate && (f.Cut || mapping != independent)
}
