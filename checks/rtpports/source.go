package rtpports

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
)

// readBuffer holds the answers of a whole window, bytes: the kernel counts
// about 1 KB for each.
const readBuffer = 2 * maxWindow << 10

type source struct {
	Source
	conn      platform.UDPConn   // nil where there is batch; it has a reader of its own
	batch     platform.BatchConn // read by the loop; nil where the system has none
	io.Closer                    // of the one that there is
}

// addSource opens a socket and makes it the one that sends. The older ones stay:
// their answers may still come.
func (s *sweep) addSource(ctx context.Context, local uint16) error {
	src, err := s.openSource(ctx, netip.AddrPortFrom(s.bind(), local))
	if err != nil {
		return err
	}
	src.Local = probe.LocalOf(s.env.Net, src.Local, s.client.Addr)
	s.sources = append(s.sources, src)
	if src.batch == nil {
		s.running.Go(func() { // it hands the answers to the loop
			for b, d := range probe.Datagrams(src.conn, func(e *platform.ICMPError) { s.post(func() { s.heardICMP(e) }) }) {
				now, m := time.Now(), platform.Message{Buf: bytes.Clone(b), N: d.N, Peer: d.From}
				s.post(func() { s.digest(src, []platform.Message{m}, now) })
			}
		})
	}
	return nil
}

// openSource opens a socket for many datagrams a second, where there is such.
func (s *sweep) openSource(ctx context.Context, local netip.AddrPort) (*source, error) {
	if n, ok := platform.As[platform.BatchNetwork](s.env.Net); ok {
		b, err := n.OpenBatch(ctx, local)
		if err == nil {
			_ = b.SetReadBuffer(readBuffer) // with less, answers are lost and asked for again
			return &source{batch: b, Closer: b, Source: Source{Local: b.LocalAddr()}}, nil
		}
		if !errors.Is(err, errors.ErrUnsupported) {
			return nil, err
		}
	}
	conn, err := s.env.Net.OpenUDP(ctx, local)
	if err != nil {
		return nil, err
	}
	return &source{conn: conn, Closer: conn, Source: Source{Local: conn.LocalAddr()}}, nil
}

// write is WriteBatch, or one datagram after the other where there is none.
func (src *source) write(ms []platform.Message) (sent int, err error) {
	if src.batch != nil {
		return src.batch.WriteBatch(ms)
	}
	for i, m := range ms {
		if err := src.conn.WriteTo(m.Buf, m.Peer, platform.SendOptions{}); err != nil {
			return i, err
		}
	}
	return len(ms), nil
}

// source is the one that sends.
func (s *sweep) source() *source { return s.sources[len(s.sources)-1] }

// send sends probes, which the ledger has counted, and takes back those that
// cannot leave this machine.
func (s *sweep) send(probes []packet) {
	src := s.source()
	s.out = s.out[:cap(s.out)]
	for i, p := range probes {
		if i == len(s.out) {
			s.out = append(s.out, platform.Message{})
		}
		m := &s.out[i]
		w := session.RTPProbe{Session: s.key.Session, Port: uint16(p.port), Serial: p.serial, Plain: p.plain}
		m.Buf, m.Peer = s.key.Append(m.Buf[:0], w), netip.AddrPortFrom(s.client.Addr, w.Port)
	}
	for ms := s.out[:len(probes)]; len(ms) > 0; {
		n, err := src.write(ms)
		src.Sent += n
		if err == nil {
			return
		}
		s.unsent(probes[n].port, err)
		ms, probes = ms[n+1:], probes[n+1:]
	}
}

func (s *sweep) unsent(n int, err error) {
	s.ledger.Unsent(n, true)
	s.o.SendError = platform.Words(err)
	if platform.Classify(err) == platform.ClassLocalFilter {
		s.o.LocalFilter++
		s.ledger.ports[n].local = true
	}
}

// await takes what has come; if that is nothing it waits up to d for the first.
func (s *sweep) await(ctx context.Context, d time.Duration) error {
	src := s.source()
	if src.batch == nil {
		return s.take(ctx, d)
	}
	for _, old := range s.sources[:len(s.sources)-1] {
		if err := s.readAll(old, 0); err != nil {
			return err
		}
	}
	if err := s.readAll(src, min(d, attention)); err != nil {
		return err
	}
	return s.take(ctx, 0)
}

// attention is how long a batch socket is listened to before other events have
// their turn.
const attention = 5 * time.Millisecond

// readAll takes the answers that have come to a batch socket; it waits up to d
// for the first.
func (s *sweep) readAll(src *source, d time.Duration) error {
	for {
		n, err := src.batch.ReadBatch(s.in, d)
		icmp, told := errors.AsType[*platform.ICMPError](err)
		switch {
		case told:
			s.heardICMP(icmp)
		case err != nil:
			return err
		default:
			s.digest(src, s.in[:n], time.Now())
		}
		if err == nil && n < len(s.in) {
			return nil
		}
		d = 0
	}
}

func (s *sweep) digest(src *source, in []platform.Message, now time.Time) {
	for _, m := range in {
		if p, ok := s.proved(m.Buf[:m.N], m.Peer); ok && s.ledger.Answered(packet{int(p.Port), p.Serial, p.Plain}, now) {
			src.Answered++
		}
	}
}

// proved reads an answer of our responder from the very port that was asked.
func (s *sweep) proved(b []byte, from netip.AddrPort) (session.RTPProbe, bool) {
	p, ok := session.ParseRTPProbe(b)
	ok = ok && p.Answer && from.Addr().Unmap() == s.client.Addr && from.Port() == p.Port && s.key.Proves(b)
	return p, ok
}

// heardICMP keeps what hops say. It is evidence, never a verdict: hosts send
// "port unreachable" beside an answer.
func (s *sweep) heardICMP(e *platform.ICMPError) {
	const most = 16 // different words; nobody hears more than a few honest ones
	if e.To.Addr().Unmap() != s.client.Addr || !s.ledger.ports[e.To.Port()].known {
		return
	}
	k := ICMP{Hop: e.Hop, Meaning: e.Meaning(), Prohibited: e.Prohibited()}
	if _, known := s.icmp[k]; known || len(s.icmp) < most {
		s.icmp[k] = append(s.icmp[k], int(e.To.Port()))
	}
}

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
	s.silent = true
	s.ledger.Restart()
	return s.measureOtherPorts(ctx)
}

// used are the sources to tell of. Where the first ports that were asked answered none of
// them, but others answer the last one, it was those ports, and not our own.
func (s *sweep) used() []*source {
	if n := len(s.sources); s.silent && s.sources[n-1].Answered > 0 {
		return s.sources[n-1:]
	}
	return s.sources
}
