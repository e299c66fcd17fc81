package media

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/voice"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// spacing is that of G.711 packets (RFC 3551, 4.2).
	spacing = 20 * time.Millisecond
	// classEF is the traffic class of voice: DSCP 46 (RFC 3246), no ECN.
	classEF = 46 << 2
	// maxWords bounds what is kept of ICMP messages; nobody hears more than a
	// few honest ones.
	maxWords = 8
)

// A line is our side of all calls: its sockets and legs.
type line struct {
	env    *checks.Env
	client *session.Client
	key    *session.MediaKey
	born   time.Time // where our clock begins

	reading sync.WaitGroup

	mu       sync.Mutex
	sockets  []*socket
	legs     map[uint16]*leg
	icmp     []words.Cause
	filtered int
	sendErr  words.Cause
	unmarked bool
}

type socket struct {
	conn  platform.UDPConn
	local netip.AddrPort
}

// A leg is our side of one call. What the line's lock guards says so.
type leg struct {
	number uint16
	port   int // of the responder; 0: refused
	refuse words.Cause

	// under the line's lock
	line   *line
	socket *socket
	sent   int // packets of our stream
	hellos int
	heard  int // answers to hellos
	spoken int // packets because of a wish to speak
	meter  voice.Meter
	marks  []session.MediaMark
	trips  []time.Duration
	moved  time.Time     // when socket changed; zero: never
	gap    time.Duration // from then to the first packet at the new socket
	follow int           // packets of the stream that came to the new socket
}

func newLine(env *checks.Env, client *session.Client) (*line, error) {
	key, err := session.NewMediaKey(client.Info.ID, client.Info.Secret)
	if err != nil {
		return nil, err
	}
	return &line{env: env, client: client, key: key, born: time.Now(), legs: map[uint16]*leg{}}, nil
}

// open makes a socket; port 0 takes a fresh one.
func (l *line) open(ctx context.Context, port uint16) (*socket, error) {
	conn, err := l.env.Net.OpenUDP(ctx, netip.AddrPortFrom(probe.Bind(l.env.Inputs.Bind, l.client.Addr), port))
	if err != nil {
		return nil, err
	}
	s := &socket{conn: conn, local: probe.LocalOf(l.env.Net, conn.LocalAddr(), l.client.Addr)}
	l.mu.Lock()
	l.sockets = append(l.sockets, s)
	l.mu.Unlock()
	l.reading.Go(func() { l.read(s) })
	return s, nil
}

func (l *line) close() {
	l.mu.Lock()
	sockets := slices.Clone(l.sockets)
	l.mu.Unlock()
	for _, s := range sockets {
		_ = s.conn.Close()
	}
	l.reading.Wait()
}

// dial makes legs at the responder, as long as the answer fits: one request
// each for a few of them.
func (l *line) dial(ctx context.Context, s *socket, open []session.MediaOpen) ([]*leg, error) {
	const few = 4 // with 16 ports each they fill half of a control frame
	var legs []*leg
	for part := range slices.Chunk(open, few) {
		reply, err := l.client.Media(ctx, session.MediaRequest{Open: part})
		if err != nil {
			return legs, err
		}
		if len(reply.Legs) != len(part) {
			return legs, errors.New(mismatch)
		}
		for i, r := range reply.Legs {
			g := &leg{number: uint16(part[i].Leg), port: r.Port, refuse: words.Cause(r.Refused), line: l, socket: s}
			if g.port < 1 || g.port > 65535 {
				g.port = 0
			}
			legs = append(legs, g)
			l.mu.Lock()
			l.legs[g.number] = g
			l.mu.Unlock()
		}
	}
	return legs, nil
}

// read takes what comes to one socket until it is closed.
func (l *line) read(s *socket) {
	for b, d := range probe.Datagrams(s.conn, l.hearICMP) {
		now := time.Since(l.born)
		p, ok := session.ParseMediaPacket(b)
		if ok && p.Down && d.From.Addr().Unmap() == l.client.Addr && l.key.Proves(b) {
			l.hear(s, p, d, now)
		}
	}
}

func (l *line) hear(s *socket, p session.MediaPacket, d platform.Datagram, now time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.legs[p.Leg]
	if g == nil || int(d.From.Port()) != g.port {
		return
	}
	if t, ok := p.RTT(now); ok && !p.Spoken && len(g.trips) < voice.MaxPackets {
		g.trips = append(g.trips, t)
	}
	switch {
	case p.Hello:
		g.heard++
		return
	case p.Spoken:
		g.spoken++
		return
	}
	g.marks = session.CountMark(g.marks, d.TOS)
	g.meter.Take(int(p.Seq), p.Sent, now)
	if !g.moved.IsZero() && s == g.socket {
		if g.follow++; g.follow == 1 {
			g.gap = time.Since(g.moved)
		}
	}
}

// hearICMP keeps what hops say. It is evidence, never a verdict.
func (l *line) hearICMP(e *platform.ICMPError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// What the responder's host says about a port says nothing about the way.
	word := words.Cause(e.Hop.String()+": ") + e.Meaning()
	if e.To.Addr().Unmap() == l.client.Addr && e.Hop != l.client.Addr && len(l.icmp) < maxWords && !slices.Contains(l.icmp, word) {
		l.icmp = append(l.icmp, word)
	}
}

// send sends one packet of a leg; false when it did not leave this machine.
func (l *line) send(g *leg, p session.MediaPacket) bool {
	l.mu.Lock()
	s, o := g.socket, platform.SendOptions{TOS: classEF}
	if l.unmarked {
		o.TOS = 0
	}
	l.mu.Unlock()
	p.Session, p.Leg, p.Sent = l.key.Session, g.number, time.Since(l.born)
	b, to := l.key.Append(nil, p), netip.AddrPortFrom(l.client.Addr, uint16(g.port))
	err := s.conn.WriteTo(b, to, o)
	if errors.Is(err, errors.ErrUnsupported) && o.TOS != 0 {
		l.mu.Lock()
		l.unmarked = true
		l.mu.Unlock()
		err = s.conn.WriteTo(b, to, platform.SendOptions{})
	}
	if err == nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sendErr = platform.Words(err)
	if platform.Classify(err) == platform.ClassLocalFilter {
		l.filtered++
	}
	return false
}

// say sends the next packet of the leg's stream. What this machine did not let
// out is not sent, and no loss of the line.
func (g *leg) say() {
	n := g.count()
	if n >= voice.MaxPackets || !g.line.send(g, session.MediaPacket{Seq: uint32(n)}) {
		return
	}
	g.line.mu.Lock()
	defer g.line.mu.Unlock()
	g.sent++
}

func (g *leg) hello() {
	if g.line.send(g, session.MediaPacket{Hello: true}) {
		g.line.mu.Lock()
		defer g.line.mu.Unlock()
		g.hellos++
	}
}

func (g *leg) answered() bool {
	g.line.mu.Lock()
	defer g.line.mu.Unlock()
	return g.heard > 0
}

func (l *line) report(o *Observed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o.LocalFilter, o.SendError, o.Unmarked, o.ICMP = l.filtered, l.sendErr, l.unmarked, l.icmp
}
