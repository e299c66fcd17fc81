package responder

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

// Bounds of simulated calls. The longest run (--deep) of one client has 77
// legs, 17 of them at a time, and is sent 18,500 packets.
const (
	maxLegs          = 128   // of one session, over its whole life
	maxOpenLegs      = 24    // of one session at a time: 2 Mbit/s each way
	maxLegsPerSource = 256   // at a time: fifty testers in one office, four legs each while their calls begin
	maxAllLegs       = 512   // at a time, all clients: 45 Mbit/s
	maxCallPackets   = 24000 // that one session may have sent, 4 MB
	maxWanted        = 16    // ports that one leg may name
	legSize          = 2048  // what one costs, bytes, until its session is over: half of it tells which packets came
	// legLife ends a leg that its client forgot. The longest is on hold for 90 s.
	legLife = 3 * time.Minute
)

type calls struct {
	s *Server

	mu       sync.Mutex
	open     int
	bySource map[netip.Addr]int
}

// A call is all legs of one session, which holds it.
type call struct {
	conv *conversation
	key  *session.MediaKey

	mu      sync.Mutex
	over    bool
	legs    map[int]*leg
	packets int // sent
	touched time.Time
}

func (k *calls) media(ctx context.Context, c *conversation, r session.MediaRequest) (out session.MediaReply, err error) {
	if n := len(r.Open) + len(r.Look) + len(r.Speak) + len(r.End); n > maxLegs {
		return out, refuse(http.StatusBadRequest, "%d legs in one request; %d are possible", n, maxLegs)
	}
	if k.s.rtp.first == 0 {
		return out, refuse(http.StatusServiceUnavailable, "this responder answers on no RTP ports")
	}
	call, err := c.calls()
	if err != nil {
		return out, err
	}
	describe := func(number int, l *leg, refused string, sent int) {
		out.Legs = append(out.Legs, call.describe(number, l, refused, sent))
	}
	for _, o := range r.Open {
		l, refused := k.openLeg(ctx, call, o)
		describe(o.Leg, l, refused, 0)
	}
	for _, n := range r.Look {
		describe(n, call.leg(n), "", 0)
	}
	for _, n := range r.Speak {
		l := call.leg(n)
		k.speakUp(ctx, call, l)
		describe(n, l, "", 0)
	}
	for _, e := range r.End {
		l := call.leg(e.Leg)
		k.end(call, l)
		describe(e.Leg, l, "", e.Sent)
	}
	return out, nil
}

func (c *conversation) calls() (*call, error) {
	key, err := session.NewMediaKey(c.id, c.secret)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over:
		return nil, errUnknownSession
	case c.media == nil:
		c.media = &call{conv: c, key: key, legs: map[int]*leg{}}
	}
	return c.media, nil
}

func (c *call) leg(n int) *leg {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.legs[n]
}

// openLeg takes the first of the wanted ports that can be had, or says why
// there is none. A leg that is open already stays what it is.
func (k *calls) openLeg(ctx context.Context, c *call, o session.MediaOpen) (l *leg, refused string) {
	if l := c.leg(o.Leg); l != nil {
		return l, ""
	}
	if o.Leg < 0 || o.Leg > 0xffff || len(o.Ports) == 0 || len(o.Ports) > maxWanted {
		return nil, "a leg has a number from 0 to 65535 and 1 to 16 ports to choose from"
	}
	if refused := k.claim(c); refused != "" {
		c.conv.count(func(l *session.Limits) { l.Ports++ })
		return nil, refused
	}
	for _, port := range o.Ports {
		if port < k.s.rtp.first || port > k.s.rtp.last {
			continue
		}
		if h := k.s.rtp.blocks.acquire(ctx, port); h != nil {
			ctx, stop := context.WithTimeout(ctx, legLife)
			l := &leg{MediaLeg: session.MediaLeg{Leg: o.Leg, Port: port}, born: time.Now(), wake: make(chan struct{}, 1), stop: stop}
			if !c.add(l) {
				stop()
				k.s.rtp.blocks.giveBack(port)
				break
			}
			k.s.background(func() { k.pace(ctx, c, l) })
			return l, ""
		}
	}
	k.release(c)
	return nil, "none of these ports can be had: in use, or not in " + k.s.rtp.rtpText()
}

// add takes a leg in, unless the session has ended meanwhile.
func (c *call) add(l *leg) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	c.legs[l.Leg] = l
	c.conv.store.bytes.Add(legSize)
	return true
}

// claim counts one more leg, unless that were too many.
func (k *calls) claim(c *call) (refused string) {
	c.mu.Lock()
	ever, now := len(c.legs), 0
	for _, l := range c.legs {
		if !l.ended {
			now++
		}
	}
	c.mu.Unlock()
	src := sourceKey(c.conv.seen.Addr())
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case ever >= maxLegs || now >= maxOpenLegs:
		return "this session has as many calls as it may"
	case k.bySource[src] >= maxLegsPerSource:
		return "too many calls from your address; try again in a minute"
	case k.open >= maxAllLegs || c.conv.store.bytes.Load()+legSize > c.conv.store.limits.Memory:
		return "too many calls of other clients; try again in a minute"
	}
	k.open++
	k.bySource[src]++
	return ""
}

func (k *calls) release(c *call) {
	src := sourceKey(c.conv.seen.Addr())
	k.mu.Lock()
	defer k.mu.Unlock()
	k.open--
	if k.bySource[src]--; k.bySource[src] <= 0 {
		delete(k.bySource, src)
	}
}

// end closes a leg; what it knows stays until the session is over.
func (k *calls) end(c *call, l *leg) {
	c.mu.Lock()
	open := l != nil && !l.ended
	if open {
		l.ended = true
	}
	c.mu.Unlock()
	if !open {
		return
	}
	l.stop()
	k.s.rtp.blocks.giveBack(l.Port)
	k.release(c)
}

// drop ends all calls of a session.
func (k *calls) drop(conv *conversation) {
	conv.mu.Lock()
	c := conv.media
	conv.media = nil
	conv.mu.Unlock()
	if c == nil {
		return
	}
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	for _, l := range c.legs { // there will be no more
		k.end(c, l)
	}
	conv.store.bytes.Add(-legSize * int64(len(c.legs)))
}
