package rtpports

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
)

const (
	// canaryEvery is how often a fresh flow is tried: often enough to notice a
	// full table within a second, rare enough to take 120 entries at a time.
	canaryEvery = 250 * time.Millisecond
	// canaryTries and canaryGap: at 20 % loss each way one canary in 60 still
	// dies by accident, and two in a row that say "full" are checked against
	// the sweep itself.
	canaryTries = 4
	canaryGap   = 80 * time.Millisecond
	// canaryMisses in a row stop the sweep.
	canaryMisses = 2
)

// canaries is what became of flows from fresh sockets to open ports; under the
// sweep's lock.
type canaries struct {
	missed  int // in a row
	tripped bool
	losses  // of known-open ports asked again on the sweep's own flow
}

// watch tries a fresh flow again and again until ctx ends.
func (s *sweep) watch(ctx context.Context) {
	tick := time.NewTicker(canaryEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.asking.Go(func() { s.judgeCanary(ctx, s.fresh(ctx)) })
		}
	}
}

// judgeCanary counts misses. A lossy line kills canaries too: only when the
// sweep's own new flows of the last second have all failed as well does it
// stop.
func (s *sweep) judgeCanary(ctx context.Context, passed bool) {
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if passed {
		s.canary.missed = 0
		return
	}
	s.canary.missed++
	if s.canary.missed >= canaryMisses && s.failing() {
		s.canary.tripped = true
	}
}

// failing reports whether the latest new flows, sent long enough ago to have
// been answered, all failed; under the lock.
func (s *sweep) failing() bool {
	now, old := time.Now(), 2*s.rtt+100*time.Millisecond
	judged := 0
	for i := len(s.order) - 1; i >= 0; i-- {
		t := s.ports[s.order[i]]
		if t.answered {
			break
		}
		if now.Sub(t.last) > old {
			judged++
		}
	}
	// Twenty: with fewer it may be a blocked range or a bad moment; the check
	// before every verdict of silence is still to come.
	return judged >= 20
}

func (s *sweep) tripped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.canary.tripped
}

// fresh asks a port that is known to be open from a new socket: a flow that no
// router has seen. Without a known port, or a socket, there is nothing to say
// against the path.
func (s *sweep) fresh(ctx context.Context) bool {
	known := s.openPorts(1)
	if len(known) == 0 {
		return true
	}
	s.mu.Lock()
	local := s.sources[0].bound
	s.mu.Unlock()
	conn, err := s.env.Net.OpenUDP(ctx, netip.AddrPortFrom(local, 0))
	if err != nil {
		return true
	}
	defer func() { _ = conn.Close() }()
	p := session.RTPProbe{Session: s.key.Session, Port: uint16(known[0]), Serial: rand.Uint32()}
	probe, to := s.key.Append(nil, p), netip.AddrPortFrom(s.client.Addr, p.Port)
	for try := range canaryTries {
		s.pace.take() // it counts against the rate, but does not wait in line
		s.mu.Lock()
		s.sent++
		s.mu.Unlock()
		_ = conn.WriteTo(probe, to, platform.SendOptions{}) // a miss says so too
		wait := canaryGap
		if try == canaryTries-1 {
			wait = s.patience()
		}
		if s.hearFresh(ctx, conn, time.Now().Add(wait)) {
			return true
		}
		if ctx.Err() != nil {
			return true
		}
	}
	return false
}

func (s *sweep) hearFresh(ctx context.Context, conn platform.UDPConn, until time.Time) bool {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })
	defer stop()
	_ = conn.SetReadDeadline(until) // on a closed socket reading fails as well
	buf := make([]byte, session.RTPProbeSize+1)
	for ctx.Err() == nil {
		d, err := conn.ReadFrom(buf)
		if err != nil && platform.Classify(err) == platform.ClassTimeout || err != nil && !time.Now().Before(until) {
			return false
		}
		if _, told := errors.AsType[*platform.ICMPError](err); told {
			continue
		}
		if err != nil {
			return false
		}
		if _, ok := s.proved(buf[:d.N], d.From); ok {
			return true
		}
	}
	return false
}
