package rtpports

import (
	"context"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// ask has one packet sent to each port, and waits for them.
func (t *inboundTest) ask(ctx context.Context, ports []int) error {
	t.mu.Lock()
	for _, n := range ports {
		if t.ports[n] == nil {
			t.ports[n] = &inPort{}
		}
	}
	t.mu.Unlock()
	for _, batch := range batches(ports, t.perCall()) {
		if err := t.askBatch(ctx, batch); err != nil || t.gaveUp != "" {
			return err
		}
	}
	return probe.Sleep(ctx, inboundGrace)
}

// perCall is how many ports one call names: half a second's worth, so that the
// packets stop soon after we do.
func (t *inboundTest) perCall() int { return min(max(t.rate/2, 1), session.MaxInboundPorts) }

// batches deals ports out, so that each batch has ports of the whole range (a
// pause of the line makes no gap) at equal distances (which are named in few
// words), and every request fits into a datagram.
func batches(ports []int, most int) [][]int {
	ports = slices.Clone(ports)
	slices.Sort(ports)
	ports = slices.Compact(ports)
	n := (len(ports) + most - 1) / most
	var out [][]int
	for i := range n {
		var b []int
		for j := i; j < len(ports); j += n {
			b = append(b, ports[j])
		}
		for len(b) > 0 {
			m := len(b)
			for m > 1 && textLength(b[:m]) > holdText {
				m -= (m + 9) / 10
			}
			out = append(out, b[:m])
			b = b[m:]
		}
	}
	return out
}

// askBatch makes the ports ready and has the packets sent: to ports of other
// programs such as no PBX takes for RTP, because a call may be going on there.
func (t *inboundTest) askBatch(ctx context.Context, ports []int) error {
	free, taken := t.ear.ready(ctx, ports)
	t.mu.Lock()
	for _, n := range ports {
		p := t.ports[n]
		p.busy = slices.Contains(taken, n)
		p.untested = p.busy && !t.ear.disturbsNobody()
	}
	t.mu.Unlock()
	if err := t.send(ctx, free, false); err != nil {
		return err
	}
	if t.ear.disturbsNobody() {
		if err := t.send(ctx, taken, true); err != nil {
			return err
		}
	}
	return t.ear.done(ctx)
}

// send makes one call, and makes it again when it was told to wait.
func (t *inboundTest) send(ctx context.Context, ports []int, plain bool) error {
	if len(ports) == 0 {
		return nil
	}
	req := session.InboundRequest{Ports: session.EncodePorts(ports), Rate: t.rate, Plain: plain}
	for {
		t.mu.Lock()
		for _, n := range ports {
			t.ports[n].tries++
		}
		t.mu.Unlock()
		reply, err := t.client.Inbound(ctx, req)
		if err != nil || reply.WaitS > 0 {
			t.undo(ports)
		}
		if err != nil {
			return err
		}
		if reply.WaitS <= 0 {
			t.account(reply)
			return nil
		}
		wait := platform.Seconds(reply.WaitS)
		if t.waited += wait; t.waited > inboundWaits {
			t.gaveUp = responderLimit
			return nil
		}
		t.env.SayFor(words.Say("rtp-ports.progress.responder-limit", nil), wait)
		if err := probe.Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

func (t *inboundTest) account(r session.InboundReply) {
	failed, err := session.DecodePorts(r.Failed, session.MaxInboundPorts)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.public, t.sent, t.icmp = r.To, t.sent+r.Sent, r.ICMP
	for _, n := range failed {
		if p := t.ports[n]; err == nil && p != nil {
			p.tries = max(p.tries-1, 0)
		}
	}
	if r.Sent == 0 {
		t.gaveUp = notSent + " " + r.To.String()
	}
}

// hear takes what has arrived at a port here. through is false when it was
// seen before this machine's packet filter.
func (t *inboundTest) hear(payload []byte, at int, through bool) {
	p, ok := session.ParseRTPProbe(payload)
	if !ok || !p.Answer || p.Session != t.key.Session || !t.key.Proves(payload) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	q := t.ports[int(p.Port)]
	switch {
	case q == nil:
	case !through:
		q.seen, q.seenAt = true, at
	default:
		q.first = q.first || q.tries == 1
		q.heard++
		q.last, q.at = time.Now(), at
	}
}
