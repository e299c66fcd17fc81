package rtpports

import (
	"context"
	"errors"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

// holdText bounds the names of the ports of one request, bytes: with the rest of
// a control frame it fits into a datagram.
const holdText = 450

// hold makes the responder open these ports, beside a few known-open ones, while
// the loop goes on; opened waits until they are.
func (s *sweep) hold(ctx context.Context, ports []int) (opened func() error) {
	want := slices.Concat(ports, s.ledger.openPorts(lateControls))
	slices.Sort(want)
	want = slices.Compact(want)
	done, failed := false, error(nil)
	s.running.Go(func() {
		r, err := s.client.Sweep(ctx, session.SweepRequest{Hold: session.EncodePorts(want)})
		busy, err2 := session.DecodePorts(r.Busy, len(want))
		s.post(func() {
			if done, failed = true, errors.Join(err, err2); failed == nil {
				s.ledger.Hold(want, busy)
			}
		})
	})
	return func() error {
		for !done {
			if err := s.await(ctx, attention); err != nil {
				return err
			}
		}
		return failed
	}
}

// split cuts sorted ports into parts of so many at most, each of which a request of
// that many bytes can name.
func split(ports []int, most, bytes int) (out [][]int) {
	for len(ports) > 0 {
		n := min(max(most, 1), len(ports))
		for n > 1 && textLength(ports[:n]) > bytes {
			n -= (n + 9) / 10
		}
		out = append(out, ports[:n])
		ports = ports[n:]
	}
	return out
}

func textLength(ports []int) (n int) {
	for _, t := range session.EncodePorts(ports) {
		n += len(t) + 3 // quotes and comma
	}
	return n
}
