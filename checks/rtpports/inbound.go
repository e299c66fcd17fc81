package rtpports

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// inboundStride finds every gap of 16 ports. A PBX has a range of 10,000,
	// so that is as quick as every 64th port of what providers ask for.
	inboundStride     = 16
	inboundDeepStride = 4
	// inboundGrace is how long after the responder's word a packet may arrive:
	// what a loaded line delays it, and a phone would no longer play.
	inboundGrace = 300 * time.Millisecond
	// inboundARP is how long a router asks for the hardware address of a box
	// that is not there: three times, a second apart (Linux, and RFC 4861,
	// section 10), and the answer's way.
	inboundARP = 3500 * time.Millisecond
	// inboundWaits bounds how long another test of the same address, or an
	// empty budget, is waited for, in all.
	inboundWaits = 2 * time.Minute
	// inboundSearches find a port within any stride, at the usual one at once.
	inboundSearches = 3
	inboundPoints   = 15
)

// inbound are the limits of a test from outside. Where nothing at all is heard,
// the fewest tries do: a forwarding of which every packet was lost in all of
// them would carry no call either. As long as little is known a loss of 5 % is
// assumed, with the weight of 20 packets.
func inbound() limits {
	return limits{
		prior: 20, leastTries: noAnswerTries, mostTries: 16, manyControls: lateControls,
		maxDeadRounds: 2, dead: wentSilent, grace: inboundGrace,
	}
}

// An inboundTest has the responder send to ports of ours, as its ledger says.
type inboundTest struct {
	*trial
	o      *Inbound
	watch  platform.UDPWatch // nil: it cannot watch
	raw    platform.RawUDP
	conns  []platform.UDPConn // to the ports of this batch, where it cannot watch
	at     map[int]int        // the port here where packets to a port arrived
	seen   map[int]bool       // packets to it reached this machine, whatever became of them
	waited time.Duration
}

// testInbound does the test from outside. What it has learnt when it breaks
// off is in the result.
func testInbound(ctx context.Context, env *checks.Env, client *session.Client) (*Inbound, error) {
	in := env.Inputs
	whole, err := inboundRange(in)
	if err != nil {
		return nil, err
	}
	p := plan{in: in}
	p.budget() // what is forwarded takes an entry of the router's table, too
	o := &Inbound{
		Range: whole.String(), Runs: []InRun{}, Conf: in.RTPConf, Stride: strideOf(in, inboundDeepStride, inboundStride), Rate: min(p.rate, session.MaxInboundRate),
	}
	core, err := newTrial(env, client, inbound(), nil)
	if err != nil {
		return o, err
	}
	t := &inboundTest{trial: core, o: o, at: map[int]int{}, seen: map[int]bool{}}
	o.Local, _ = probe.Source(env.Net, in.Bind, client.Addr) // without a route it is not known
	ports := spaced(whole, o.Stride)
	left := expected(len(ports), o.Rate)
	o.Expected = left.Milliseconds()
	t.progress("inbound", words.Args{"n": len(ports), "of": whole.Len()}, left)
	o.WhyBind = t.openWatch(ctx)
	defer t.close()
	ask := func(ports []int) error {
		t.ledger.Want(ports)
		return t.pump(ctx)
	}
	err = t.search(ports, inboundSearches, inboundPoints, "inbound-edges", ask, func() []Run { return unmoved(t.runs()) })
	if silence := len(t.at)+len(t.seen) == 0; silence && (err == nil || errors.Is(err, errGaveUp)) {
		if o.Hops = t.hops(ctx); err == nil {
			err = t.lastWord(ctx, ports[0])
		}
	}
	t.report()
	if errors.Is(err, errGaveUp) {
		return o, nil
	}
	return o, err
}

// lastWord waits for what the router may have to say: it looks for an inside
// address for some seconds before it gives up.
func (t *inboundTest) lastWord(ctx context.Context, port int) error {
	if err := probe.Sleep(ctx, time.Until(t.start.Add(inboundARP))); err != nil {
		return err
	}
	t.ledger.Once([]int{port}, false, time.Now())
	return t.pump(ctx)
}

// inboundRange is what the user named, or else what the PBX uses.
func inboundRange(in checks.Inputs) (netinfo.PortRange, error) {
	if in.RTPRange == "" && in.RTPConf != nil {
		return netinfo.PortRange{First: in.RTPConf.First, Last: in.RTPConf.Last}, nil
	}
	r, err := ParseRange(in.RTPRange)
	if err == nil && r.First < session.FirstInboundPort {
		err = fmt.Errorf("%s %d %d", rangeTooLow, r.First, session.FirstInboundPort)
	}
	return r, err
}

// pump has the responder send what the ledger says, and hears what arrives,
// until there is nothing left to send.
func (t *inboundTest) pump(ctx context.Context) error {
	for {
		probes, wait := t.ledger.Ask(time.Now())
		if len(probes) == 0 && wait == 0 {
			return t.ledger.end()
		}
		if t.ledger.turns > 1 && len(probes) > 0 {
			t.sayAgain()
		}
		var ports []int
		for _, p := range probes {
			ports = append(ports, p.port)
		}
		// One call names half a second's worth, so that the packets stop soon after we do.
		parts := batches(ports, min(max(t.o.Rate/2, 1), session.MaxInboundPorts))
		for i, part := range parts {
			if err := t.sendPart(ctx, part); err != nil {
				t.unsent(slices.Concat(parts[i+1:]...))
				return err
			}
		}
		if err := t.pause(ctx, max(wait, inboundGrace)); err != nil {
			return err
		}
	}
}

// sayAgain tells who waits how long the silent ports will take.
func (t *inboundTest) sayAgain() {
	pending := t.ledger.pending(t.ledger.wanted)
	need, _, _ := t.ledger.need()
	packets := 0
	for _, n := range pending {
		packets += max(min(need, t.ledger.mostTries)-t.ledger.ports[n].tries, 1)
	}
	t.progress("inbound-again", words.Args{"n": len(pending)}, expected(packets, t.o.Rate))
}

// batches deals ports out, so that each batch has ports of the whole range (a
// pause of the line makes no gap) at equal distances (which are named in few
// words), and every request fits into a datagram.
func batches(ports []int, most int) (out [][]int) {
	ports = slices.Clone(ports)
	slices.Sort(ports)
	n := (len(ports) + most - 1) / most
	for i := range n {
		var b []int
		for j := i; j < len(ports); j += n {
			b = append(b, ports[j])
		}
		out = append(out, split(b, len(b), holdText)...)
	}
	return out
}

// sendPart makes ports ready and has the packets sent: to ports of other
// programs such as no PBX takes for RTP, because a call may be going on there.
func (t *inboundTest) sendPart(ctx context.Context, ports []int) error {
	free, taken := t.ready(ctx, ports)
	for _, n := range taken {
		p := t.ledger.port(n)
		p.noControl, p.busy = true, !t.watching()
	}
	err := t.call(ctx, free, false)
	switch {
	case !t.watching():
		t.unsent(taken)
	case err == nil:
		err = t.call(ctx, taken, true)
	}
	if err == nil && !t.watching() {
		err = t.pause(ctx, inboundGrace)
		t.release()
	}
	return err
}

// call makes one call, and makes it again when it was told to wait.
func (t *inboundTest) call(ctx context.Context, ports []int, plain bool) error {
	if len(ports) == 0 {
		return nil
	}
	req := session.InboundRequest{Ports: session.EncodePorts(ports), Rate: t.o.Rate, Plain: plain}
	for {
		reply, err := t.client.Inbound(ctx, req)
		if err == nil && reply.WaitS <= 0 {
			return cmp.Or(t.account(reply), t.take(ctx, 0))
		}
		wait := platform.Seconds(reply.WaitS)
		if t.waited += wait; err == nil && t.waited <= inboundWaits {
			t.progress("responder-limit", nil, wait)
			if err = probe.Sleep(ctx, wait); err == nil {
				continue
			}
		}
		t.unsent(ports)
		if err == nil {
			err = t.ledger.giveUp(responderLimit)
		}
		return err
	}
}

// unsent takes back the tries of ports to which nothing was sent.
func (t *inboundTest) unsent(ports []int) {
	for _, n := range ports {
		t.ledger.Unsent(n, false)
	}
}

func (t *inboundTest) account(r session.InboundReply) error {
	t.o.Public, t.o.Sent, t.o.ICMP = r.To, t.o.Sent+r.Sent, r.ICMP
	if failed, err := session.DecodePorts(r.Failed, session.MaxInboundPorts); err == nil {
		t.unsent(failed)
	}
	if r.Sent == 0 {
		return t.ledger.giveUp(notSent + " " + r.To.String())
	}
	return nil
}

// hear takes what has arrived at a port here. through is false when it was
// seen before this machine's packet filter.
func (t *inboundTest) hear(payload []byte, at int, through bool) {
	p, ok := session.ParseRTPProbe(payload)
	if !ok || !p.Answer || p.Session != t.key.Session || !t.key.Proves(payload) {
		return
	}
	now, n := time.Now(), int(p.Port)
	t.post(func() {
		switch q := &t.ledger.ports[n]; {
		case !q.known:
		case !through:
			t.seen[n] = true
		default:
			t.at[n] = at
			t.ledger.Answered(packet{port: n, serial: q.serial}, now)
		}
	})
}

func (t *inboundTest) report() {
	t.o.Runs, t.o.Method = t.runs(), methodBind
	if t.watching() {
		t.o.Method = methodWatch
	}
	t.o.Elapsed, t.o.Late, t.o.GaveUp = time.Since(t.start).Milliseconds(), t.ledger.lateAnswers, t.ledger.gaveUp
}

func (t *inboundTest) runs() []InRun {
	tried := func(_ int, p *port) bool { return p.tries > 0 || p.busy || p.answered }
	return joinRuns(t.ledger.portsThat(tried), t.outcome)
}

// outcome is what is known of a port, and where its packets arrived.
func (t *inboundTest) outcome(n int) (state string, at int) {
	p := &t.ledger.ports[n]
	switch {
	case p.answered && t.at[n] == n:
		return inArrives, 0
	case p.answered:
		return inMoved, t.at[n]
	case p.busy:
		return stateBusy, 0
	case !p.silent:
		return stateUnknown, 0
	case t.seen[n]:
		return inFiltered, 0
	}
	return inSilent, 0
}
