package sipalg

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/platform"
)

// What is lost is asked again beside a control that begins no earlier. Only such
// a control explains a silence: one that was answered before proves that the
// port was open then, but not that the router still lets new flows through.

// controlGap is how much later than its message a control leaves: a router that
// has room for one more flow gives it to the message.
const controlGap = 20 * time.Millisecond

// canaryPairs is how many times a port is compared with another: at a router
// with a limit, entries that expire just then let one through by chance, but not
// three of these and none of those.
const canaryPairs = 3

// connectOnly is the message of a probe that connects and sends nothing.
const connectOnly = "CONNECT"

// streamRounds is how many further connections a lost message gets: on a line
// that loses one packet in ten, three fail once in 10 million times.
const streamRounds = 3

// more adds a probe that was not planned.
func (r *run) more(p Probe) *Probe {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.added++
	fresh := &Probe{
		ID: r.planned + r.added, Transport: p.Transport, Port: p.Port, Plain: p.Plain, Source: p.Source, Message: p.Message,
		Variant: p.Variant, Masked: p.Masked, Inbound: p.Inbound, Remote: p.Remote, Flow: p.Flow, ControlOf: p.ControlOf, Again: true,
	}
	if fresh.Flow == 0 {
		fresh.Flow = fresh.ID
	}
	r.again = append(r.again, fresh)
	return fresh
}

// controlOf is the control of p on p's own flow.
func (r *run) controlOf(p *Probe) *Probe {
	c := *p
	c.Masked, c.ControlOf = true, p.ID
	return r.more(c)
}

// askAnew asks for each kind of message from a fresh port, and for its control
// from another one.
func (r *run) askAnew(ctx context.Context, lost []*Probe) {
	var wg sync.WaitGroup
	for _, p := range lost {
		if r.firstOf(p) && ctx.Err() == nil {
			wg.Go(func() { r.pair(ctx, p, *p) })
		}
	}
	wg.Wait()
}

// firstOf is true once for each kind of message to a port.
func (r *run) firstOf(p *Probe) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := kind{keyOf(p), p.Message}
	if r.asked[k] {
		return false
	}
	r.asked[k] = true
	return true
}

type kind struct {
	portKey
	message string
}

// pair sends the message of p, as it was when it was lost, anew and, a moment
// later, its control. A message that gets through now takes the place of p.
func (r *run) pair(ctx context.Context, p *Probe, lost Probe) {
	lost.Flow = 0
	again := r.more(lost)
	lost.Masked, lost.ControlOf = true, again.ID
	r.together(ctx, again, r.more(lost))
	if again.Answered {
		r.replace(p, again)
	}
}

// together sends several probes, each a moment after the one before.
func (r *run) together(ctx context.Context, probes ...*Probe) {
	var wg sync.WaitGroup
	for i, p := range probes {
		if i > 0 && probe.Sleep(ctx, controlGap) != nil {
			break
		}
		wg.Go(func() {
			if p.Transport == "udp" {
				r.sendUDP(ctx, p)
			} else {
				r.connectOnce(ctx, p)
			}
		})
	}
	wg.Wait()
}

// replace puts what became of again in the place of p, whose tries count.
func (r *run) replace(p, again *Probe) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.Answered {
		return // another connection was quicker
	}
	again.Tries += p.Tries
	r.again = slices.DeleteFunc(r.again, func(q *Probe) bool { return q == again })
	*p = *again
}

// sendUDP asks its questions once from one fresh port, and ends what they began.
func (r *run) sendUDP(ctx context.Context, probes ...*Probe) {
	conn, ok := r.openUDP(ctx, probes)
	if !ok {
		return
	}
	defer conn.Close()
	f := &flow{r: r, conn: conn}
	f.exchange(ctx, probe.SIP(), probes)
	f.unregister()
}

// askStreams is askAnew for one message that was lost on a connection.
func (r *run) askStreams(ctx context.Context, p *Probe) {
	if p.Answered || p.Masked || p.Again || p.Transport != "tcp" || p.Source != "fresh" || ctx.Err() != nil ||
		p.ErrorClass == string(platform.ClassLocalFilter) || !r.firstOf(p) {
		return
	}
	var wg sync.WaitGroup
	lost := *p
	for i := range streamRounds {
		if i > 0 && probe.Sleep(ctx, 10*controlGap) != nil {
			break
		}
		wg.Go(func() { r.pair(ctx, p, lost) })
	}
	wg.Wait()
}

// canaries finds out whether a port where nothing passes is closed, or whether
// the router lets no new flow through: a fresh flow to the port, and then one to
// another port that has answered before.
func (r *run) canaries(ctx context.Context, planned []Probe) {
	var wg sync.WaitGroup
	done := map[string]bool{}
	for i := range planned {
		p := &planned[i]
		k := p.Transport + pathName(p.Transport, p.Port) + p.Source
		if done[k] {
			continue
		}
		done[k] = true
		good := r.answering(planned, p)
		if good == nil || !silentPort(planned, p) || ctx.Err() != nil {
			continue
		}
		wg.Go(func() { r.compare(ctx, p, good) })
	}
	wg.Wait()
}

// compare opens fresh flows to p's port, and right after each one to the port
// of good. There is only one source port 5060: its questions share the socket.
func (r *run) compare(ctx context.Context, p, good *Probe) {
	dead := *p
	dead.Message, dead.Variant, dead.Masked, dead.Inbound, dead.Flow, dead.ControlOf = "INVITE", "", true, false, 0, 0
	alive := dead
	alive.Transport, alive.Port, alive.Plain, alive.Remote, alive.Source = good.Transport, good.Port, good.Plain, good.Remote, "fresh"
	if good.Message == connectOnly {
		alive.Message = connectOnly
	}
	var xs, ys []*Probe
	for range canaryPairs {
		x := r.more(dead)
		alive.ControlOf = x.ID
		xs, ys = append(xs, x), append(ys, r.more(alive))
	}
	var wg sync.WaitGroup
	if p.Transport == "udp" && p.Source == "5060" {
		all := xs
		wg.Go(func() { r.sendUDP(ctx, all...) })
		xs = nil
	}
	for i, y := range ys {
		var both []*Probe
		if len(xs) > 0 {
			both = append(both, xs[i])
		} else if probe.Sleep(ctx, controlGap) != nil {
			break
		}
		wg.Go(func() { r.together(ctx, append(both, y)...) })
		if probe.Sleep(ctx, 5*controlGap) != nil {
			break
		}
	}
	wg.Wait()
}

func silentPort(planned []Probe, p *Probe) bool {
	return !slices.ContainsFunc(planned, func(q Probe) bool {
		return keyOf(&q) == keyOf(p) && q.Source == p.Source && !q.Inbound && (q.Answered || q.ErrorClass == "in-use" || q.ErrorClass == string(platform.ClassLocalFilter))
	})
}

// answering is something at another port that has answered, over the same
// protocol below SIP: masked bytes, or else the control channel.
func (r *run) answering(planned []Probe, p *Probe) *Probe {
	i := slices.IndexFunc(planned, func(q Probe) bool {
		return q.Masked && q.Answered && q.Source == "fresh" && q.Port != p.Port && (q.Transport == "udp") == (p.Transport == "udp")
	})
	if i >= 0 {
		good := planned[i]
		return &good
	}
	if p.Transport != "udp" && r.control.IsValid() {
		return &Probe{Transport: "tcp", Port: int(r.control.Port()), Remote: r.control, Message: connectOnly}
	}
	return nil
}
