package responder

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
)

// The range of RTP ports that a responder answers in when Config names none:
// what providers ask their customers to open.
const (
	DefaultRTPFirst = 10000
	DefaultRTPLast  = 65535
)

// maxSweepProbes bounds one session: every port 32 times, which no line that
// can carry a call needs.
const maxSweepProbes = 32 << 16

// sweepSize is what a sweep costs until its session is over, bytes: a bit for
// every port, and the keys.
const sweepSize = 12 << 10

// An rtpRange answers RTP probes in a whole range of ports: by one raw socket
// an address, which binds nothing, or else by sockets that the client asks for
// a block at a time. It never binds the whole range: its host would have no
// port left to ask anybody anything from.
type rtpRange struct {
	s           *Server
	first, last int
	raw         []platform.RawUDP
	rawAddrs    []netip.Addr
	blocks      blocks
}

// A sweep is what a session's probes of RTP ports have reached. Its session
// holds it.
type sweep struct {
	conv *conversation
	key  *session.RTPKey

	mu sync.Mutex
	session.BitmapReply
	touched time.Time
	held    []int // ports that are open for this sweep, sorted
}

func newRTPRange(s *Server) *rtpRange {
	r := &rtpRange{s: s, first: s.cfg.RTPFirst, last: s.cfg.RTPLast}
	r.blocks.r = r
	return r
}

// listen opens the raw sockets, where this system and user may. An address
// without one is served by blocks.
func (r *rtpRange) listen(ctx context.Context, addrs []netip.Addr) {
	n, ok := r.s.cfg.Net.(platform.RawNetwork)
	if !ok || r.first == 0 {
		return
	}
	for _, a := range addrs {
		raw, err := n.OpenRawUDP(ctx, platform.RawUDPOptions{
			Local: a, First: uint16(r.first), Last: uint16(r.last),
			Magic: session.RTPMagic, MagicOffset: session.RTPMagicOffset,
		})
		if err == nil {
			r.raw, r.rawAddrs = append(r.raw, raw), append(r.rawAddrs, a)
		}
	}
}

func (r *rtpRange) serve(g *errgroup.Group) {
	for _, raw := range r.raw {
		g.Go(func() error { return raw.Answer(r.datagram) })
	}
}

func (r *rtpRange) close() {
	for _, raw := range r.raw {
		_ = raw.Close()
	}
	r.blocks.closeAll()
}

// block is how many ports a client may hold at a time at the address that it
// reached us at; 0 when all are open there.
func (r *rtpRange) block(reached netip.Addr) int {
	for _, a := range r.rawAddrs {
		if a == reached || a.IsUnspecified() && reached.Is4() {
			return 0
		}
	}
	return blockSize
}

// maxTaken bounds the ports named to a client. A host with more sockets in the
// range than that has its own programs probed beside the rest.
const maxTaken = 500

// taken are ports of the range that other programs of this host own: a call may
// be going on there, and a probe would fall into it.
func (r *rtpRange) taken() []int {
	var out []int
	for _, raw := range r.raw {
		if ports, err := raw.Taken(); err == nil {
			out = append(out, ports...)
		}
	}
	// At the ports of this responder's own calls a probe falls into none of them.
	out = slices.DeleteFunc(out, r.blocks.has)
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(len(out), maxTaken)]
}

// datagram takes one probe from a raw socket or a block's.
func (r *rtpRange) datagram(b []byte, from, to netip.AddrPort) []byte {
	defer r.s.recoverPanic()
	p, ok := session.ParseRTPProbe(b)
	if !ok || p.Answer || int(to.Port()) < r.first || int(to.Port()) > r.last {
		return nil
	}
	w, _ := r.s.sessions.named(p.Session)
	if w == nil || !w.key.Proves(b) || !w.take(p, from.Addr(), to.Port(), time.Now()) {
		return nil
	}
	p.Answer = true
	reply := w.key.Append(b[:0], p) // never longer than the probe
	r.s.counters.rtp.Add(1)
	return reply
}

// take records a probe and says whether it may be answered.
func (w *sweep) take(p session.RTPProbe, from netip.Addr, at uint16, now time.Time) bool {
	proved := w.conv.isProved(from)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.Probes >= maxSweepProbes {
		w.conv.count(withheld)
		return false
	}
	w.Probes++
	w.conv.udp.Add(1)
	if p.Port == at {
		w.Arrived.Add(int(at))
	} else {
		w.Moved++
	}
	if !proved {
		w.Unproved++
	}
	if now.Sub(w.touched) > time.Second {
		w.touched = now
		w.conv.touch(now)
	}
	return proved
}

func (r *rtpRange) sweep(ctx context.Context, c *conversation, req session.SweepRequest) (out session.SweepReply, err error) {
	want, err := session.DecodePorts(req.Hold, 2*blockSize)
	switch {
	case r.first == 0:
		return out, refuse(http.StatusServiceUnavailable, "this responder answers on no RTP ports")
	case req.Stop:
		r.drop(c)
		return out, nil
	case err != nil:
		return out, refuse(http.StatusBadRequest, "%s", err)
	case len(want) > 0 && (want[0] < r.first || want[len(want)-1] > r.last):
		return out, refuse(http.StatusBadRequest, "this responder answers on ports %d-%d only", r.first, r.last)
	}
	w, err := r.start(c)
	if err != nil {
		return out, err
	}
	if r.block(c.reachedAt()) == 0 {
		return session.SweepReply{Busy: session.EncodePorts(r.taken())}, nil
	}
	busy, err := r.blocks.hold(ctx, w, want)
	if err != nil {
		return out, refuseBusy(http.StatusServiceUnavailable, "%s", err)
	}
	return session.SweepReply{Busy: session.EncodePorts(busy)}, nil
}

func (r *rtpRange) start(c *conversation) (*sweep, error) {
	key, err := session.NewRTPKey(c.id, c.secret)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over:
		return nil, errUnknownSession
	case c.sweep != nil:
		return c.sweep, nil
	case !r.s.sessions.reserve(sweepSize):
		return nil, refuseBusy(http.StatusServiceUnavailable, "its memory is in use")
	}
	c.sweep = &sweep{conv: c, key: key, BitmapReply: session.BitmapReply{Arrived: session.NewPortBits()}}
	return c.sweep, nil
}

func (r *rtpRange) bitmap(c *conversation) (any, error) {
	c.mu.Lock()
	w := c.sweep
	c.mu.Unlock()
	if w == nil {
		return nil, refuse(http.StatusNotFound, "this session has not started a sweep")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.BitmapReply
	out.Arrived = slices.Clone(w.Arrived)
	return out, nil
}

func (r *rtpRange) drop(c *conversation) {
	c.mu.Lock()
	w := c.sweep
	c.sweep = nil
	c.mu.Unlock()
	if w != nil {
		r.blocks.release(w)
		r.s.sessions.bytes.Add(-sweepSize)
	}
}

func (c *conversation) reachedAt() netip.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reached
}

func (r *rtpRange) rtpText() string {
	if r.first == 0 {
		return ""
	}
	return fmt.Sprintf("%d-%d", r.first, r.last)
}
