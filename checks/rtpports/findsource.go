package rtpports

import (
	"context"
	"math/rand/v2"
	"slices"
)

const (
	// sourceProbes are sent first, to see whether anything answers at all.
	sourceProbes = 16
	sourceRounds = 3
)

// findWorkingSource looks whether anything answers, and if not tries other
// source ports: ours may lie in a range that is blocked, and then no answer
// comes back from anywhere.
func (s *sweep) findWorkingSource(ctx context.Context, ports []int) error {
	if len(s.ledger.openPorts(1)) > 0 || len(s.sources) > 1 {
		return nil
	}
	few := slices.Clone(ports)
	s.ledger.shuffle(few)
	few = few[:min(sourceProbes, len(few))]
	answers := func() bool { return len(s.ledger.pending(few)) < len(few) }
	for try := range 3 {
		switch try {
		case 1: // below the media range and above the ports of services
			if s.addSource(ctx, uint16(7000+rand.IntN(2900))) != nil {
				continue // in use: the next one will do
			}
		case 2:
			if err := s.addSource(ctx, 0); err != nil {
				return err
			}
		}
		for range sourceRounds {
			if err := s.sendAndWait(ctx, s.ledger.pending(few), answers); err != nil {
				return err
			}
			if answers() {
				s.ledger.Restart()
				return nil
			}
		}
	}
	s.ledger.Restart()
	return s.measureOtherPorts(ctx)
}
