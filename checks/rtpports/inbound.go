package rtpports

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
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
	// The tries that a port gets before its silence counts follow from the loss
	// of the ports that answer; these are their bounds.
	inboundMinTries = 4
	inboundMaxTries = 16
	// Where nothing at all is heard, the fewest tries do: a forwarding of which
	// every packet was lost in all of them would carry no call either.
	// As long as little is known a loss of 5 % is assumed, with the weight of
	// this many packets.
	inboundPrior = 20
	// inboundError is the chance of one false port in the whole test.
	inboundError = 1e-6
	// inboundDead is how many rounds without a sign of life of ports that had
	// worked end the test.
	inboundDead     = 3
	inboundCanaries = 8
	// inboundSearches find a port within any stride, at the usual one at once.
	inboundSearches = 3
	inboundPoints   = 15
)

// An inboundTest has the responder send to ports of ours until each is known
// to hear or to be silent.
type inboundTest struct {
	env    *checks.Env
	client *session.Client
	key    *session.RTPKey
	span   span
	stride int
	rate   int
	start  time.Time
	ear    ear

	mu     sync.Mutex
	ports  map[int]*inPort
	public netip.Addr
	sent   int
	icmp   []session.InboundICMP
	waited time.Duration
	gaveUp string
}

// inPort is what is known of one port outside.
type inPort struct {
	tries  int
	heard  int       // packets that a program at a port here would have got
	last   time.Time // when the latest of these came
	at     int       // the port here where they came
	seen   bool      // a packet reached this machine, whatever became of it
	seenAt int
	busy   bool // belongs to another program
	first  bool // the first packet arrived
	// untested: it belongs to another program, and there is no way to watch
	// without disturbing it.
	untested bool
}

// testInbound does the test from outside. What it has learnt when it breaks
// off is in the result.
func testInbound(ctx context.Context, env *checks.Env, client *session.Client) (*Inbound, error) {
	in := env.Inputs
	first, last, err := inboundRange(in)
	if err != nil {
		return nil, err
	}
	o := &Inbound{Range: span{first, last}.String(), Runs: []InRun{}}
	if c := in.RTPConf; c != nil {
		o.Conf = &InConf{c.File, c.First, c.Last, c.Default, c.Notes}
	}
	key, err := session.NewRTPKey(client.Info.ID, client.Info.Secret)
	if err != nil {
		return o, err
	}
	t := &inboundTest{
		env: env, client: client, key: key, span: span{first, last}, stride: inboundStep(in), rate: inboundRate(in),
		start: time.Now(), ports: map[int]*inPort{},
	}
	if a, err := env.Net.SourceFor(client.Addr); err == nil {
		o.Local = a
	}
	if in.Bind.IsValid() {
		o.Local = in.Bind
	}
	ask := spaced(t.span, t.stride)
	o.Stride, o.Rate, o.Expected = t.stride, t.rate, t.expected(len(ask)).Milliseconds()
	env.SayFor(words.Say("rtp-ports.progress.inbound", words.Args{"n": len(ask), "of": t.span.size()}), t.expected(len(ask)))
	t.ear, o.WhyBind = openEar(ctx, t, o.Local)
	defer t.ear.close()
	err = t.phases(ctx, ask)
	if err == nil && !t.anything() {
		o.Hops = hopsTo(ctx, env, client)
		err = t.lastWord(ctx, ask[:1])
	}
	t.report(o)
	return o, err
}

// lastWord waits for what the router may have to say: it looks for an inside
// address for some seconds before it gives up.
func (t *inboundTest) lastWord(ctx context.Context, port []int) error {
	if err := probe.Sleep(ctx, time.Until(t.start.Add(inboundARP))); err != nil {
		return err
	}
	return t.ask(ctx, port)
}

// inboundRange is what the user named, or else what the PBX uses.
func inboundRange(in checks.Inputs) (first, last int, err error) {
	if in.RTPRange == "" && in.RTPConf != nil {
		return in.RTPConf.First, in.RTPConf.Last, nil
	}
	first, last, err = ParseRange(in.RTPRange)
	if err == nil && first < session.FirstInboundPort {
		err = fmt.Errorf("%s %d %d", rangeTooLow, first, session.FirstInboundPort)
	}
	return first, last, err
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

// inboundRate is the polite one: every packet that is forwarded takes an entry
// of the router's table, too.
func inboundRate(in checks.Inputs) int {
	rate := politeRate(defaultEntries)
	switch {
	case in.Rate > 0:
		rate = in.Rate
	case in.Fast:
		rate = session.MaxInboundRate
	case in.RouterEntries > 0:
		rate = politeRate(in.RouterEntries)
	}
	return min(rate, session.MaxInboundRate)
}

// spaced are both ends of a range and every stride-th port between.
func spaced(s span, stride int) []int {
	var out []int
	for p := s.first; p < s.last; p += stride {
		out = append(out, p)
	}
	return append(out, s.last)
}

// expected is how long the first pass takes; silent ports are asked again,
// which nobody can foresee.
func (t *inboundTest) expected(ports int) time.Duration {
	return time.Duration(float64(ports)/float64(t.rate)*float64(time.Second)) + inboundGrace
}

// phases asks the sample, and then where the outcome changes.
func (t *inboundTest) phases(ctx context.Context, ports []int) error {
	if err := t.resolve(ctx, ports); err != nil || t.gaveUp != "" {
		return err
	}
	for range inboundSearches {
		points := t.searchPoints()
		if len(points) == 0 || len(points) > maxSearch {
			return nil
		}
		t.env.Say(words.Say("rtp-ports.progress.inbound-edges", nil))
		if err := t.resolve(ctx, points); err != nil || t.gaveUp != "" {
			return err
		}
	}
	return nil
}

// resolve asks ports until all silent ones, older ones too, have been asked as
// often as the loss demands: it is known better the longer the test lasts. A round in which ports that had worked are silent too does not
// count.
func (t *inboundTest) resolve(ctx context.Context, ports []int) error {
	if err := t.ask(ctx, ports); err != nil {
		return err
	}
	dead := 0
	for range 2 * inboundMaxTries { // packets that never leave must not keep us here
		pending := t.pending()
		if len(pending) == 0 || t.gaveUp != "" {
			return nil
		}
		t.sayAgain(pending)
		canaries, began := t.canaries(), time.Now()
		if err := t.ask(ctx, slices.Concat(pending, canaries)); err != nil {
			return err
		}
		if len(canaries) == 0 || t.heardSince(canaries, began) {
			continue
		}
		t.undo(pending)
		if dead++; dead >= inboundDead {
			t.gaveUp = wentSilent
			return nil
		}
	}
	return nil
}

// sayAgain tells who waits how long the silent ports will take.
func (t *inboundTest) sayAgain(pending []int) {
	t.mu.Lock()
	packets, need := 0, min(t.need(), inboundMaxTries)
	for _, n := range pending {
		packets += max(need-t.ports[n].tries, 1)
	}
	t.mu.Unlock()
	t.env.SayFor(words.Say("rtp-ports.progress.inbound-again", words.Args{"n": len(pending)}), t.expected(packets))
}

// pending are the ports that are still to be asked.
func (t *inboundTest) pending() []int {
	t.mu.Lock()
	defer t.mu.Unlock()
	need := min(t.need(), inboundMaxTries)
	var out []int
	for n, p := range t.ports {
		if p.heard == 0 && !p.untested && p.tries < need {
			out = append(out, n)
		}
	}
	return out
}

// need is how often a silent port is asked, under the lock: as often as the
// ports that hear miss by themselves with the chance of inboundError.
func (t *inboundTest) need() int {
	asked, lost := 0, 0
	for _, p := range t.ports {
		if p.heard > 0 {
			asked += p.tries
			lost += max(p.tries-p.heard, 0)
		}
	}
	if asked == 0 {
		return inboundMinTries
	}
	q := float64(lost+1) / float64(asked+inboundPrior)
	k := math.Ceil(math.Log(inboundError/float64(t.span.size())) / math.Log(q))
	return max(int(k), inboundMinTries)
}

// canaries are a few ports that have heard.
func (t *inboundTest) canaries() []int {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []int
	for n, p := range t.ports { // in the map's random order
		if p.heard > 0 && !p.busy && len(out) < inboundCanaries {
			out = append(out, n)
		}
	}
	return out
}

func (t *inboundTest) heardSince(ports []int, when time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(ports, func(n int) bool { return t.ports[n].last.After(when) })
}

func (t *inboundTest) undo(ports []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range ports {
		t.ports[n].tries = max(t.ports[n].tries-1, 0)
	}
}

func (t *inboundTest) anything() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.ports {
		if p.heard > 0 || p.seen {
			return true
		}
	}
	return false
}
