package rtpports

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
	"github.com/sipdoctor/sipdoctor/platform"
)

// blindQuestions go to the responder's STUN port when no RTP port answers: so
// many show a loss of a few percent.
const blindQuestions = 64

// measureBlind measures the loss of the way to the responder where no RTP port
// answers. If that port does not answer either, nothing is known of it.
func (s *sweep) measureBlind(ctx context.Context) error {
	if len(s.client.Info.STUN) == 0 {
		return nil
	}
	local := s.asker().bound
	conn, err := s.env.Net.OpenUDP(ctx, netip.AddrPortFrom(local, 0))
	if err != nil {
		return nil // it is a measure less, no fault
	}
	asked := map[stun.ID]time.Time{} // and not answered
	to := netip.AddrPortFrom(s.client.Addr, uint16(s.client.Info.STUN[0]))
	answers := make(chan heardSTUN, blindQuestions)
	s.asking.Go(func() { hearSTUN(conn, to, answers) })
	defer func() { _ = conn.Close() }()
	for len(asked) < blindQuestions {
		n, wait := s.pace.claim(1)
		if n == 0 {
			if err := probe.Sleep(ctx, max(wait, doze)); err != nil {
				return err
			}
			continue
		}
		q := stun.Request{ID: stun.NewID(), Software: stun.ClientSoftware}
		if conn.WriteTo(q.Bytes(), to, platform.SendOptions{}) != nil {
			return nil
		}
		asked[q.ID] = time.Now()
	}
	sent := len(asked)
	longest := time.Duration(0) // of the round trips
	for end := time.After(time.Second); len(asked) > 0; {
		select {
		case a := <-answers:
			if at, waits := asked[a.id]; waits {
				longest = max(longest, a.at.Sub(at))
			}
			delete(asked, a.id)
			continue
		case <-end:
		case <-ctx.Done():
			return ctx.Err()
		}
		break
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent += sent
	if len(asked) < sent {
		s.blind, s.rtt = losses{asked: sent, lost: len(asked)}, longest
	}
	return nil
}

// heardSTUN is an answer and when it came.
type heardSTUN struct {
	id stun.ID
	at time.Time
}

// hearSTUN takes the answers of one server until the socket is closed.
func hearSTUN(conn platform.UDPConn, from netip.AddrPort, answers chan<- heardSTUN) {
	buf := make([]byte, 1500)
	for {
		d, err := conn.ReadFrom(buf)
		if _, told := errors.AsType[*platform.ICMPError](err); told {
			continue
		}
		if err != nil {
			return
		}
		if r, err := stun.ParseResponse(buf[:d.N]); err == nil && d.From == from {
			select {
			case answers <- heardSTUN{r.ID, time.Now()}:
			default: // more than was asked: repetitions
			}
		}
	}
}
