// Package probe puts questions on sockets and waits for their answers: over
// UDP with repetitions, over streams with framing. What the questions are, and
// what answers them, is the caller's business.
package probe

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// A Schedule says when a question is sent and repeated, and how long the last
// repetition may take.
type Schedule struct {
	SendAt   []time.Duration // since the start, ascending; the first is usually 0
	LastWait time.Duration
}

// SIP is the schedule of a SIP request. RFC 3261 starts at 500 ms and doubles;
// a tester that must answer within seconds asks a little sooner and as often.
// With 5 % loss each way all five fail once in 100,000 times. The last wait is
// longer than any round trip on which a call would be bearable.
func SIP() Schedule { return At(900, 0, 400, 1000, 1800, 2700) }

// At is the schedule of sends at so many milliseconds since the start; lastWait
// is in milliseconds too.
func At(lastWait time.Duration, sendAt ...time.Duration) Schedule {
	s := Schedule{LastWait: lastWait * time.Millisecond}
	for _, ms := range sendAt {
		s.SendAt = append(s.SendAt, ms*time.Millisecond)
	}
	return s
}

// Sleep waits for d, or until ctx ends; its error is that of ctx.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Each calls do for each element of list, all at the same time, and waits for the
// last.
func Each[T any](list []T, do func(*T)) {
	var wg sync.WaitGroup
	for i := range list {
		wg.Go(func() { do(&list[i]) })
	}
	wg.Wait()
}

// Map is Each for what do returns, in the order of list.
func Map[T, R any](list []T, do func(T) R) []R {
	out := make([]R, len(list))
	var wg sync.WaitGroup
	for i, x := range list {
		wg.Go(func() { out[i] = do(x) })
	}
	wg.Wait()
	return out
}

// An Ask is one question: what to send, made anew for every repetition, and
// what counts as its answer.
type Ask struct {
	Payload func() []byte
	Match   func([]byte, netip.AddrPort) bool

	Reply []byte         // a copy; nil: none came
	From  netip.AddrPort // where the reply came from, if not from where it was asked
	Tries int
	RTT   time.Duration // since the last sending
}

// Exchange sends every ask until it is answered or the schedule is used up. An
// ask that has its reply already is left alone. Datagrams that answer nothing
// are counted as strays; an ICMP error is returned but does not end the
// waiting, since it can be forged or transient.
func Exchange(ctx context.Context, conn platform.UDPConn, to netip.AddrPort, s Schedule, asks ...*Ask) (strays int, lastErr error) {
	x := exchanger{conn: conn, to: to, buf: make([]byte, 65536), asks: asks}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	start := time.Now()
	for i := range s.SendAt {
		if x.open() == 0 || ctx.Err() != nil {
			break
		}
		x.send()
		until := start.Add(s.SendAt[i] + s.LastWait)
		if i+1 < len(s.SendAt) {
			until = start.Add(s.SendAt[i+1])
		}
		x.read(ctx, until)
	}
	return x.strays, x.err
}

type exchanger struct {
	conn   platform.UDPConn
	to     netip.AddrPort
	buf    []byte
	asks   []*Ask
	sentAt time.Time
	strays int
	err    error // the last error of the local system or from a router
}

func (x *exchanger) open() (n int) {
	for _, a := range x.asks {
		if a.Reply == nil {
			n++
		}
	}
	return n
}

func (x *exchanger) send() {
	x.sentAt = time.Now()
	for _, a := range x.asks {
		if a.Reply != nil {
			continue
		}
		a.Tries++
		if err := x.conn.WriteTo(a.Payload(), x.to, platform.SendOptions{}); err != nil {
			x.err = err
		}
	}
}

// read takes datagrams until every ask is answered or the moment has come.
func (x *exchanger) read(ctx context.Context, until time.Time) {
	if x.conn.SetReadDeadline(until) != nil || ctx.Err() != nil {
		return
	}
	for x.open() > 0 {
		d, err := x.conn.ReadFrom(x.buf)
		var icmp *platform.ICMPError
		switch {
		case errors.As(err, &icmp):
			x.err = err
		case errors.Is(err, os.ErrDeadlineExceeded):
			return
		case err != nil:
			x.err = err
			// A socket that fails at once must not spin: wait the step out.
			select {
			case <-time.After(time.Until(until)):
			case <-ctx.Done():
			}
			return
		case !x.take(x.buf[:d.N], d.From):
			x.strays++
		}
	}
}

func (x *exchanger) take(b []byte, from netip.AddrPort) bool {
	for _, a := range x.asks {
		if a.Match(b, from) {
			if a.Reply == nil {
				a.Reply, a.RTT = bytes.Clone(b), time.Since(x.sentAt)
				if from != x.to {
					a.From = from
				}
			}
			return true // a second answer to a repeated question is not a stray
		}
	}
	return false
}

// Datagrams returns what arrives on a socket until it is closed or its deadline
// has passed. The bytes are valid until the next datagram. ICMP errors go to
// told, which may be nil.
func Datagrams(conn platform.UDPConn, told func(*platform.ICMPError)) iter.Seq2[[]byte, platform.Datagram] {
	return func(yield func([]byte, platform.Datagram) bool) {
		buf := make([]byte, 16<<10)
		for {
			d, err := conn.ReadFrom(buf)
			icmp, isICMP := errors.AsType[*platform.ICMPError](err)
			switch {
			case isICMP && told != nil:
				told(icmp)
			case isICMP:
			case err != nil || !yield(buf[:d.N], d):
				return
			}
		}
	}
}
