package rtpports

import (
	"context"
	"slices"
	"time"
)

const (
	// plainPorts of each kind are asked with packets that are not RTP, so often
	// that loss leaves none of them silent.
	plainPorts  = 8
	plainRounds = 5
	plainGap    = 20 * time.Millisecond // so that one full queue does not take them all
)

// compareContent sends the same length, the same content, but not RTP. It comes
// last, because the responder's bitmap takes it for an arrival.
func (s *sweep) compareContent(ctx context.Context) error {
	open, silent := s.ledger.openPorts(plainPorts), s.ledger.silentPorts(plainPorts)
	without := func(ports []int) []int {
		return slices.DeleteFunc(slices.Clone(ports), func(n int) bool { return s.ledger.ports[n].plain })
	}
	if len(open) == 0 {
		return nil
	}
	all := slices.Concat(open, silent)
	answered := func() bool { return len(without(all)) == 0 }
	for round := 0; round < plainRounds && !answered(); round++ {
		s.ledger.Once(without(all), true, time.Now())
		if err := s.pump(ctx); err != nil {
			return err
		}
		wait := s.ledger.retransmitAfter
		switch {
		case round < plainRounds-1:
			wait = func() time.Duration { return plainGap }
		case len(without(open)) == len(open):
			wait = s.ledger.answerTimeout // that would be a finding
		}
		if err := s.waitAnswers(ctx, wait, answered); err != nil {
			return err
		}
	}
	s.o.Plain = &Plain{
		OpenAsked: len(open), OpenAnswered: len(open) - len(without(open)),
		BlockedAsked: len(silent), BlockedAnswered: len(silent) - len(without(silent)),
	}
	return nil
}
