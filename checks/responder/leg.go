package responder

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/voice"
	"github.com/sipdoctor/sipdoctor/platform"
)

const (
	// classEF is the traffic class of voice: DSCP 46 (RFC 3246), no ECN.
	classEF = 46 << 2
	// legPatience is how long the other side may be silent before the stream to
	// it stops: longer than a break in a call that anybody would wait out, and
	// 50 packets at most go to a client that is gone.
	legPatience = time.Second
	// maxSpeeches bounds how often a leg speaks on request.
	maxSpeeches = 4
)

// A leg is one end of a simulated call: a port of ours and a stream in each
// direction. All but its number, port and birth is guarded by its call's lock.
type leg struct {
	session.MediaLeg // From is where the stream goes, Sent its packets
	born             time.Time

	wake chan struct{} // a packet came while nothing was sent
	stop func()        // ends the stream

	ended    bool
	conn     platform.UDPConn // by which the latest packet came
	us       netip.Addr       // the address of ours it came to
	heard    time.Time
	echo     time.Duration // what its sender says of when it was sent
	meter    voice.Meter
	running  bool
	speeches int
	unmarked bool // this system sends no traffic class
}

// describe is what the client gets to know of a leg; nil is one that there is
// not.
func (c *call) describe(number int, l *leg, refused string, sent int) session.MediaLeg {
	if l == nil {
		return session.MediaLeg{Leg: number, Refused: cmp.Or(refused, "there is no such leg")}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	out := l.MediaLeg
	out.Up, out.Marks = l.meter.Stats(sent), slices.Clone(l.Marks)
	return out
}

// datagram takes a packet that came to a port of the range. ok is false for
// what belongs to no call.
func (k *calls) datagram(conn platform.UDPConn, d platform.Datagram, b []byte, to netip.AddrPort) (ok bool) {
	defer k.s.recoverPanic()
	p, ok := session.ParseMediaPacket(b)
	if !ok {
		return false
	}
	_, c := k.s.sessions.named(p.Session)
	if c == nil || p.Down || !c.key.Proves(b) {
		return true
	}
	from, now := netip.AddrPortFrom(d.From.Addr().Unmap(), d.From.Port()), time.Now()
	proved := c.conv.isProved(from.Addr())
	c.conv.udp.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.legs[int(p.Leg)]
	if l == nil || l.ended || l.Port != int(to.Port()) {
		return true
	}
	if !proved {
		l.Unproved++
		return true
	}
	if now.Sub(c.touched) > time.Second {
		c.touched = now
		c.conv.touch(now)
	}
	l.conn, l.us, l.From, l.heard, l.echo = conn, to.Addr(), from, now, p.Sent
	l.Marks = session.CountMark(l.Marks, d.TOS)
	if p.Hello {
		l.Hellos++
		_ = k.send(c, l, session.MediaPacket{Hello: true, Seq: p.Seq}) // the client asks again
		return true
	}
	l.meter.Take(int(p.Seq), p.Sent, now.Sub(l.born))
	if !l.running {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// send sends one packet to where the latest came from; the call's lock is
// held. The error is also for a session that has sent its share.
func (k *calls) send(c *call, l *leg, p session.MediaPacket) error {
	if c.packets >= maxCallPackets {
		return errors.New("this session has sent all packets it may")
	}
	now := time.Now()
	p.Session, p.Leg, p.Down, p.Sent = c.key.Session, uint16(l.Leg), true, now.Sub(l.born)
	p.HasEcho, p.Echo, p.Held = true, l.echo, now.Sub(l.heard)
	b := c.key.Append(nil, p)
	var o platform.SendOptions
	if l.us.IsValid() && !l.us.IsUnspecified() {
		o.From = l.us
	}
	if !l.unmarked {
		o.TOS = classEF
	}
	err := l.conn.WriteTo(b, l.From, o)
	if errors.Is(err, errors.ErrUnsupported) && o.TOS != 0 {
		l.unmarked, o.TOS = true, 0
		err = l.conn.WriteTo(b, l.From, o)
	}
	if err != nil {
		return err
	}
	l.Marked = o.TOS != 0
	c.packets++
	k.s.counters.rtp.Add(1)
	return nil
}

// pace sends the stream of one leg while it is wanted, until ctx ends.
func (k *calls) pace(ctx context.Context, c *call, l *leg) {
	defer k.end(c, l)
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		}
		k.stream(ctx, c, l)
	}
}

// stream sends a packet every 20 ms until the other side has been silent for
// too long.
func (k *calls) stream(ctx context.Context, c *call, l *leg) {
	next := time.Now()
	for k.next(c, l) {
		next = next.Add(rtpSpacing)
		if late := time.Since(next); late > legPatience {
			next = time.Now() // this machine stood still; nothing is made up for
		}
		if probe.Sleep(ctx, time.Until(next)) != nil {
			return
		}
	}
}

// next sends the next packet of the stream; false ends it.
func (k *calls) next(c *call, l *leg) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	l.running = !l.ended && time.Since(l.born) <= legLife && time.Since(l.heard) <= legPatience && l.Sent < voice.MaxPackets && c.conv.isProved(l.From.Addr())
	if l.running && k.send(c, l, session.MediaPacket{Seq: uint32(l.Sent)}) == nil {
		l.Sent++ // what did not leave is nobody's loss
	}
	return l.running
}

// speakUp sends a few packets to where the leg's latest packet came from,
// however long ago that was.
func (k *calls) speakUp(ctx context.Context, c *call, l *leg) {
	c.mu.Lock()
	may := l != nil && !l.ended && l.From.IsValid() && l.speeches < maxSpeeches
	if may {
		l.speeches++
	}
	c.mu.Unlock()
	if !may {
		return
	}
	k.s.background(func() {
		for range session.MediaSpeech {
			k.say(c, l)
			if probe.Sleep(ctx, rtpSpacing) != nil {
				return
			}
		}
	})
}

func (k *calls) say(c *call, l *leg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !l.ended && c.conv.isProved(l.From.Addr()) && k.send(c, l, session.MediaPacket{Spoken: true, Seq: uint32(l.Spoken)}) == nil {
		l.Spoken++
	}
}
