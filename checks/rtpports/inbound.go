package rtpports

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
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
		prior: 20, leastTries: noAnswerTries, mostTries: 16, manyControls: 8, fewControls: 8,
		maxDeadRounds: 2, dead: wentSilent, grace: inboundGrace,
	}
}

// An inboundTest has the responder send to ports of ours, as its ledger says.
type inboundTest struct {
	loop
	env    *checks.Env
	client *session.Client
	key    *session.RTPKey
	span   netinfo.PortRange
	stride int
	rate   int
	start  time.Time
	ear    *ear
	ledger *ledger

	at     map[int]int  // the port here where packets to a port arrived
	seen   map[int]bool // packets to it reached this machine, whatever became of them
	public netip.Addr
	sent   int
	icmp   []session.InboundICMP
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
	o := &Inbound{Range: whole.String(), Runs: []InRun{}}
	if c := in.RTPConf; c != nil {
		o.Conf = &InConf{c.File, c.First, c.Last, c.Default, c.Notes}
	}
	key, err := session.NewRTPKey(client.Info.ID, client.Info.Secret)
	if err != nil {
		return o, err
	}
	t := &inboundTest{
		loop: newLoop(), env: env, client: client, key: key, span: whole, stride: inboundStep(in), rate: inboundRate(in),
		start: time.Now(), ledger: newLedger(inbound(), nil, rand.Uint64()), at: map[int]int{}, seen: map[int]bool{},
	}
	o.Local, _ = probe.Source(env.Net, in.Bind, client.Addr) // without a route it is not known
	ask := spaced(t.span, t.stride)
	o.Stride, o.Rate, o.Expected = t.stride, t.rate, expected(len(ask), t.rate).Milliseconds()
	env.Progress(checks.Event{Text: say("progress.inbound", words.Args{"n": len(ask), "of": t.span.Len()}), Left: expected(len(ask), t.rate)})
	t.ear, o.WhyBind = openEar(ctx, t, o.Local)
	defer func() {
		close(t.over)
		t.ear.close()
		t.running.Wait()
	}()
	s := search{rounds: inboundSearches, points: inboundPoints, progress: "progress.inbound-edges"}
	err = s.run(env, ask, func(ports []int) error { return t.decide(ctx, ports) }, func() []Run {
		if t.ledger.gaveUp != "" {
			return nil
		}
		return unmoved(t.runs())
	})
	if err == nil && len(t.at)+len(t.seen) == 0 {
		o.Hops = hopsTo(ctx, env, client)
		err = t.lastWord(ctx, ask[0])
	}
	t.report(o)
	return o, err
}

// lastWord waits for what the router may have to say: it looks for an inside
// address for some seconds before it gives up.
func (t *inboundTest) lastWord(ctx context.Context, port int) error {
	if err := probe.Sleep(ctx, time.Until(t.start.Add(inboundARP))); err != nil {
		return err
	}
	t.ledger.Want(nil)
	t.ledger.Enqueue([]int{port}, false, time.Now())
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

func inboundStep(in checks.Inputs) int {
	switch {
	case in.Full:
		return 1
	case in.Deep:
		return inboundDeepStride
	}
	return inboundStride
}

// inboundRate is that of a sweep, as far as a responder goes: every packet that
// is forwarded takes an entry of the router's table, too.
func inboundRate(in checks.Inputs) int {
	p := plan{in: in}
	p.budget()
	return min(p.rate, session.MaxInboundRate)
}

// decide has ports decided, and again those that were believed silent while
// nothing had ever arrived. It is over when the ledger has given up.
func (t *inboundTest) decide(ctx context.Context, ports []int) (err error) {
	for again := ports; err == nil && len(again) > 0 && t.ledger.gaveUp == ""; again = t.ledger.Reconsider() {
		t.ledger.Want(again)
		err = t.pump(ctx)
	}
	return err
}

// pump has the responder send what the ledger says, and hears what arrives,
// until there is nothing left to send.
func (t *inboundTest) pump(ctx context.Context) error {
	for {
		probes, wait := t.ledger.Ask(time.Now())
		if len(probes) == 0 && wait == 0 {
			return nil
		}
		if t.ledger.turns > 1 && len(probes) > 0 {
			t.sayAgain()
		}
		var ports []int
		for _, p := range probes {
			ports = append(ports, p.port)
		}
		parts := batches(ports, t.perCall())
		for i, part := range parts {
			err := t.sendPart(ctx, part)
			if err == nil && t.ledger.gaveUp == "" {
				continue
			}
			for _, n := range slices.Concat(parts[i+1:]...) {
				t.ledger.Unsent(n, false)
			}
			return err
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
	t.env.Progress(checks.Event{Text: say("progress.inbound-again", words.Args{"n": len(pending)}), Left: expected(packets, t.rate)})
}

// perCall is how many ports one call names: half a second's worth, so that the
// packets stop soon after we do.
func (t *inboundTest) perCall() int { return min(max(t.rate/2, 1), session.MaxInboundPorts) }

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
		for len(b) > 0 {
			m := fitting(b, holdText)
			out = append(out, b[:m])
			b = b[m:]
		}
	}
	return out
}

// sendPart makes ports ready and has the packets sent: to ports of other
// programs such as no PBX takes for RTP, because a call may be going on there.
func (t *inboundTest) sendPart(ctx context.Context, ports []int) error {
	free, taken := t.ear.ready(ctx, ports)
	for _, n := range taken {
		p := t.ledger.port(n)
		p.noControl, p.busy = true, !t.ear.disturbsNobody()
		if p.busy {
			t.ledger.Unsent(n, false)
		}
	}
	err := t.call(ctx, free, false)
	if err == nil && t.ear.disturbsNobody() {
		err = t.call(ctx, taken, true)
	}
	if err != nil {
		return err
	}
	return t.ear.done(ctx)
}

// call makes one call, and makes it again when it was told to wait.
func (t *inboundTest) call(ctx context.Context, ports []int, plain bool) error {
	if len(ports) == 0 || t.ledger.gaveUp != "" {
		return nil
	}
	req := session.InboundRequest{Ports: session.EncodePorts(ports), Rate: t.rate, Plain: plain}
	for {
		reply, err := t.client.Inbound(ctx, req)
		if err == nil && reply.WaitS <= 0 {
			t.account(reply)
			return t.take(ctx, 0)
		}
		wait := platform.Seconds(reply.WaitS)
		if t.waited += wait; err == nil && t.waited <= inboundWaits {
			t.env.Progress(checks.Event{Text: say("progress.responder-limit", nil), Left: wait})
			if err = probe.Sleep(ctx, wait); err == nil {
				continue
			}
		}
		for _, n := range ports {
			t.ledger.Unsent(n, false)
		}
		if err == nil {
			t.ledger.giveUp(responderLimit)
		}
		return err
	}
}

func (t *inboundTest) account(r session.InboundReply) {
	failed, err := session.DecodePorts(r.Failed, session.MaxInboundPorts)
	t.public, t.sent, t.icmp = r.To, t.sent+r.Sent, r.ICMP
	for _, n := range failed {
		if err == nil {
			t.ledger.Unsent(n, false)
		}
	}
	if r.Sent == 0 {
		t.ledger.giveUp(notSent + " " + r.To.String())
	}
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

// report writes down what was learnt.
func (t *inboundTest) report(o *Inbound) {
	o.Runs = t.runs()
	o.Method = methodBind
	if t.ear.disturbsNobody() {
		o.Method = methodWatch
	}
	o.Public, o.Sent, o.GaveUp = t.public, t.sent, t.ledger.gaveUp
	o.Elapsed, o.Late = time.Since(t.start).Milliseconds(), t.ledger.lateAnswers
	for _, i := range t.icmp {
		o.ICMP = append(o.ICMP, InICMP(i))
	}
}

// runs are the outcomes so far.
func (t *inboundTest) runs() []InRun {
	var tried []int
	for n := range t.ledger.ports {
		if p := &t.ledger.ports[n]; p.tries > 0 || p.busy || p.answered {
			tried = append(tried, n)
		}
	}
	return joinRuns(tried, t.outcome)
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
