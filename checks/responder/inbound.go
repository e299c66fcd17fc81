package responder

import (
	"context"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
)

// The limits of unsolicited packets. They go to the source address of the call
// that asks for them, over TCP or with a cookie, so nobody can point them at
// somebody else. What remains is a NAT that shares its address with others: to
// them they are one packet of 172 bytes to a port, as many a second as ten
// calls, and over time as many as two.
const (
	// inboundBurst is how many packets one address gets at the full rate: three
	// samples, or one whole range of 10,000 ports with its repetitions.
	inboundBurst = 30000
	// inboundRefill is how many it gets a second when that is used up.
	inboundRefill = 100
	// inboundRest is how long an address belongs to the session that used it
	// last: two at a time would hear each other's packets, and get twice as many.
	inboundRest = 3 * time.Second
	// maxInboundTargets bounds the table; whoever comes later has to wait.
	maxInboundTargets = 1024
	// maxInboundICMP bounds what is kept of ICMP messages.
	maxInboundICMP = 8
)

// inbound sends unsolicited packets to clients that ask for them.
type inbound struct {
	s *Server

	mu      sync.Mutex
	targets map[netip.Addr]*inboundTarget // by sourceKey
}

type inboundTarget struct {
	owner  *conversation
	until  time.Time // it belongs to owner until then
	tokens *rate.Limiter
	icmp   []session.InboundICMP
	serial atomic.Uint32
}

// call does OpInbound for the client at seen, who has proved that address by
// this very call.
func (n *inbound) call(ctx context.Context, c *conversation, seen netip.Addr, req session.InboundRequest) (out session.InboundReply, err error) {
	ports, err := session.DecodePorts(req.Ports, session.MaxInboundPorts)
	switch {
	case err != nil:
		return out, refuse(http.StatusBadRequest, "%s", err)
	case len(ports) == 0 || ports[0] < session.FirstInboundPort:
		return out, refuse(http.StatusBadRequest, "ports from %d to 65535 are possible, and at least one is needed", session.FirstInboundPort)
	case !c.isProved(seen):
		return out, refuse(http.StatusForbidden, "%s has not shown that it is this client's", seen)
	}
	u := n.s.ports.mediaSocket(c.reachedAt())
	if u == nil {
		return out, refuse(http.StatusServiceUnavailable, "this responder has no RTP port to send from")
	}
	key, err := session.NewRTPKey(c.id, c.secret)
	if err != nil {
		return out, err
	}
	out = session.InboundReply{To: seen, From: netip.AddrPortFrom(c.visible(c.reachedAt()), uint16(u.port))}
	t, wait := n.claim(c, seen, len(ports), time.Now())
	if wait > 0 {
		out.WaitS = int((wait + time.Second - 1) / time.Second)
		return out, nil
	}
	n.send(ctx, &volley{socket: u, from: c.reachedAt(), to: seen, key: key, target: t, ports: ports, plain: req.Plain, rate: req.Rate}, &out)
	return out, nil
}

// claim takes the address for a session and as many packets from its budget;
// with a wait it did neither.
func (n *inbound) claim(c *conversation, to netip.Addr, packets int, now time.Time) (t *inboundTarget, wait time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := sourceKey(to)
	t = n.targets[key]
	switch {
	case t == nil && len(n.targets) >= maxInboundTargets:
		return nil, inboundRest
	case t == nil:
		t = &inboundTarget{tokens: rate.NewLimiter(inboundRefill, inboundBurst)}
		t.serial.Store(rand.Uint32())
		n.targets[key] = t
	case t.owner != c && now.Before(t.until):
		return nil, t.until.Sub(now)
	}
	r := t.tokens.ReserveN(now, packets)
	if d := r.DelayFrom(now); d > 0 {
		r.CancelAt(now)
		return nil, d
	}
	if t.owner != c {
		t.owner, t.icmp = c, nil
	}
	t.until = now.Add(inboundRest + time.Second) // longer than a call takes
	return t, 0
}

type volley struct {
	socket   *socket
	from, to netip.Addr
	key      *session.RTPKey
	target   *inboundTarget
	ports    []int
	plain    bool
	rate     int
}

// send sends a volley at its pace, in random order, so that a burst of loss
// makes no range.
func (n *inbound) send(ctx context.Context, v *volley, out *session.InboundReply) {
	if v.rate <= 0 || v.rate > session.MaxInboundRate {
		v.rate = session.MaxInboundRate
	}
	rand.Shuffle(len(v.ports), func(i, j int) { v.ports[i], v.ports[j] = v.ports[j], v.ports[i] })
	gap := time.Second / time.Duration(v.rate)
	start, buf := time.Now(), make([]byte, 0, session.RTPProbeSize)
	var failed []int
	defer func() {
		slices.Sort(failed)
		out.Failed = session.EncodePorts(failed)
	}()
	for i, port := range v.ports {
		if probe.Sleep(ctx, time.Until(start.Add(time.Duration(i)*gap))) != nil {
			failed = append(failed, v.ports[i:]...)
			return
		}
		b := v.key.Append(buf[:0], session.RTPProbe{Port: uint16(port), Serial: v.target.serial.Add(1), Answer: true, Plain: v.plain})
		if v.socket.reply(b, v.from, netip.AddrPortFrom(v.to, uint16(port))) != nil {
			failed = append(failed, port)
			continue
		}
		out.Sent++
		n.s.counters.rtp.Add(1)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	v.target.until = time.Now().Add(inboundRest)
	out.ICMP = append(out.ICMP, v.target.icmp...)
}

// hear keeps what a hop said about a packet, for the session that had it sent.
func (n *inbound) hear(u *socket, e *platform.ICMPError) {
	if u.kind != mediaSocket {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.targets[sourceKey(e.To.Addr())]
	if t == nil {
		return
	}
	port := int(e.To.Port())
	for i := range t.icmp {
		k := &t.icmp[i]
		if k.Hop == e.Hop && k.Meaning == e.Meaning() {
			k.First, k.Last = min(k.First, port), max(k.Last, port)
			k.Count++
			return
		}
	}
	if len(t.icmp) < maxInboundICMP {
		t.icmp = append(t.icmp, session.InboundICMP{Hop: e.Hop, Meaning: e.Meaning(), First: port, Last: port, Count: 1})
	}
}

// forget drops the addresses whose budget is whole again.
func (n *inbound) forget(now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.DeleteFunc(n.targets, func(_ netip.Addr, t *inboundTarget) bool {
		return now.After(t.until) && t.tokens.TokensAt(now) >= inboundBurst
	})
}
