package rtpports

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// sourceProbes are sent first, to see whether anything answers at all.
	sourceProbes = 16
	sourceRounds = 3
	// searchRounds find a port within 512 others, seven at a time.
	searchRounds = 3
	searchPoints = 7
	// maxSearch bounds one round of the search: a path with more changes than
	// that in it has no edges worth a name.
	maxSearch = 448
	// plainPorts of each kind are asked with packets that are not RTP, so often
	// that loss leaves none of them silent.
	plainPorts  = 8
	plainRounds = 5
	plainGap    = 20 * time.Millisecond // so that one full queue does not take them all
	// lateControls are open ports that show whether the path lives.
	lateControls = 8
)

// outbound are the limits of a sweep.
func outbound() limits {
	return limits{
		leastTries: 3, mostTries: maxTries, manyControls: 32, fewControls: lateControls,
		maxDeadRounds: 5, dead: openPortsSilent, lossy: halfLost, freshFlows: true,
	}
}

// A sweep asks the responder's ports, as its ledger says.
type sweep struct {
	env     *checks.Env
	client  *session.Client
	key     *session.RTPKey
	plan    *plan
	ledger  *ledger
	start   time.Time
	spoken  time.Time // when a control call was last made
	told    time.Time // when progress was last reported
	sources []*source
	out, in []platform.Message

	loop
	stop context.CancelFunc // of what goes on beside the loop

	icmp        map[hopWord][]int
	localFilter int
	sendErr     string
	bitmap      *session.BitmapReply
	mapErr      error
	mapped      int // packets sent when the bitmap was fetched
	trips       []Trip
	plain       *Plain
}

type hopWord struct {
	hop        netip.Addr
	word       string
	prohibited bool
}

// errGaveUp means that the sweep ended before everything was known.
var errGaveUp = errors.New("the sweep ended early")

func newSweep(ctx context.Context, env *checks.Env, client *session.Client, p *plan) (*sweep, error) {
	key, err := session.NewRTPKey(client.Info.ID, client.Info.Secret)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	s := &sweep{
		env: env, client: client, key: key, plan: p, start: now, spoken: now, told: now, in: newInbox(),
		ledger: newLedger(outbound(), newPacer(p.rate, now), rand.Uint64()),
		loop:   newLoop(), stop: func() {}, icmp: map[hopWord][]int{},
	}
	if client.Info.RTPBlock > 0 {
		s.ledger.held = map[int]bool{}
	}
	return s, s.addSource(ctx, 0)
}

// close ends everything and tells the responder.
func (s *sweep) close(ctx context.Context) {
	s.stop()
	close(s.over)
	for _, src := range s.sources {
		src.close()
	}
	s.running.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = s.client.Sweep(ctx, session.SweepRequest{Stop: true}) // it forgets by itself as well
}

// run asks everything. Whatever it returns, report tells what is known.
func (s *sweep) run(ctx context.Context) error {
	started, err := s.client.Sweep(ctx, session.SweepRequest{})
	if err == nil {
		err = s.leaveAlone(started.Busy)
	}
	if err != nil {
		return err
	}
	var flows context.Context
	flows, s.stop = context.WithCancel(ctx)
	s.learnBudget(flows)
	err = s.phases(flows)
	s.stop()
	if ctx.Err() != nil {
		short, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		s.fetch(short)
		return ctx.Err()
	}
	s.fetch(ctx)
	switch {
	case errors.Is(err, errGaveUp):
		return nil
	case err != nil:
		return err
	}
	return s.compareContent(ctx)
}

// leaveAlone marks the ports that programs at the responder own: there may be a
// call on them. Nothing follows from that for the way; a port between two of the
// same outcome is like one between two of a sample.
func (s *sweep) leaveAlone(terms []string) error {
	ports, err := session.DecodePorts(terms, 1<<16)
	if err != nil {
		return fmt.Errorf("reading which ports the responder's host uses: %w", err)
	}
	for _, n := range ports {
		s.ledger.port(n).usedByOthers = true
	}
	return nil
}

func (s *sweep) phases(ctx context.Context) error {
	if err := s.probeBlocks(ctx, s.plan.ports); err != nil {
		return err
	}
	if again := s.ledger.Reconsider(); len(again) > 0 {
		if err := s.probeBlocks(ctx, again); err != nil {
			return err
		}
	}
	for range searchRounds {
		s.fetch(ctx)
		points := pointsBetween(s.runs(), searchPoints)
		if s.bitmap == nil || len(points) == 0 || len(points) > maxSearch {
			break
		}
		s.env.Say(say("progress.edges", nil))
		if err := s.probeBlocks(ctx, points); err != nil {
			return err
		}
	}
	return nil
}

// fetch asks the responder what has arrived, unless nothing has been sent since
// it was last asked.
func (s *sweep) fetch(ctx context.Context) {
	sent := s.ledger.sent
	if s.bitmap != nil && s.mapErr == nil && s.mapped == sent {
		return
	}
	s.spoken = time.Now()
	b, err := s.client.Bitmap(ctx)
	if s.mapErr = err; err == nil {
		s.bitmap, s.mapped = &b, sent
	}
}

// probeBlocks decides ports, in blocks where the responder opens them so.
func (s *sweep) probeBlocks(ctx context.Context, ports []int) error {
	if s.ledger.held == nil {
		return s.retryUntilDecided(ctx, ports)
	}
	// Two blocks at a time, and the controls: the responder takes no more.
	parts := split(ports, s.client.Info.RTPBlock-outbound().manyControls)
	err := s.hold(ctx, parts[0])()
	for i := 0; err == nil && i < len(parts); i++ {
		opened := func() error { return nil }
		if i+1 < len(parts) {
			opened = s.hold(ctx, slices.Concat(parts[i], parts[i+1]))
		}
		err = errors.Join(s.retryUntilDecided(ctx, parts[i]), opened())
	}
	return err
}

// hold makes the responder open these ports, beside a few known-open ones, while
// the loop goes on; opened waits until they are.
func (s *sweep) hold(ctx context.Context, ports []int) (opened func() error) {
	want := slices.Concat(ports, s.ledger.openPorts(lateControls))
	slices.Sort(want)
	want = slices.Compact(want)
	done, failed := false, error(nil)
	s.running.Go(func() {
		r, err := s.client.Sweep(ctx, session.SweepRequest{Hold: session.EncodePorts(want)})
		busy, err2 := session.DecodePorts(r.Busy, len(want))
		s.post(func() {
			if done, failed = true, errors.Join(err, err2); failed == nil {
				s.ledger.Hold(want, busy)
			}
		})
	})
	return func() error {
		for !done {
			if err := s.await(ctx, attention); err != nil {
				return err
			}
		}
		return failed
	}
}

// retryUntilDecided asks ports until each has answered or has been silent as
// often as the loss demands. What it cannot tell stays neither.
func (s *sweep) retryUntilDecided(ctx context.Context, ports []int) error {
	if err := s.findWorkingSource(ctx, ports); err != nil {
		return err
	}
	for {
		s.keepSession(ctx)
		s.ledger.Want(ports)
		if err := s.pump(ctx); err != nil {
			return err
		}
		switch {
		case s.ledger.gaveUp != "":
			return errGaveUp
		case !s.ledger.fresh.tripped:
			return nil
		}
		if err := s.waitForTable(ctx, len(s.ledger.pending(ports))); err != nil {
			return err
		}
	}
}

// pump sends what the ledger says and takes the answers, until there is nothing
// left to send.
func (s *sweep) pump(ctx context.Context) error {
	for {
		now := time.Now()
		probes, wait := s.ledger.Ask(now)
		if s.ledger.FreshDue(now) && len(s.ledger.wanted) > 0 {
			s.tryFreshFlow(ctx)
		}
		switch {
		case len(probes) > 0:
			s.send(probes)
		case wait == 0:
			return nil
		}
		if err := s.await(ctx, wait); err != nil {
			return err
		}
		if len(s.ledger.queue) > 0 {
			s.sayProgress(ctx, now)
		}
	}
}

// sayProgress tells how long the rest takes, once a second.
func (s *sweep) sayProgress(ctx context.Context, now time.Time) {
	if now.Sub(s.told) < time.Second {
		return
	}
	s.told = now
	s.keepSession(ctx)
	n := len(s.ledger.queue)
	left := time.Duration(n) * time.Second / time.Duration(s.ledger.pace.rate)
	s.env.Say(say("progress.left", words.Args{"n": n, "time": rounded(left)}))
}

// keepSession speaks to the responder in time when no probe may have reached it
// for long: it ends a session after a minute of silence.
func (s *sweep) keepSession(ctx context.Context) {
	const often = 20 * time.Second
	if time.Since(s.spoken) > often {
		s.fetch(ctx)
	}
}

// sendAndWait sends one probe to each port and waits for the answers: as long as
// the slowest took, and no longer than until done.
func (s *sweep) sendAndWait(ctx context.Context, ports []int, done func() bool) error {
	s.ledger.Want(nil)
	s.ledger.Enqueue(ports, false, time.Now())
	if err := s.pump(ctx); err != nil {
		return err
	}
	return s.waitAnswers(ctx, s.ledger.answerTimeout, done)
}

// waitAnswers takes answers until done, or until a time is over that may change
// meanwhile.
func (s *sweep) waitAnswers(ctx context.Context, most func() time.Duration, done func() bool) error {
	for begin := time.Now(); !done(); {
		left := most() - time.Since(begin)
		if left <= 0 {
			return nil
		}
		if err := s.await(ctx, min(left, 2*attention)); err != nil {
			return err
		}
	}
	return nil
}

// findWorkingSource looks whether anything answers, and if not tries other
// source ports: ours may lie in a range that is blocked, and then no answer
// comes back from anywhere.
func (s *sweep) findWorkingSource(ctx context.Context, ports []int) error {
	if len(s.ledger.openPorts(1)) > 0 || len(s.sources) > 1 {
		return nil
	}
	few := slices.Clone(ports)
	s.ledger.shuffle(few)
	few = few[:min(sourceProbes, len(few))]
	answers := func() bool { return len(s.ledger.pending(few)) < len(few) }
	for try := range 3 {
		switch try {
		case 1: // below the media range and above the ports of services
			if s.addSource(ctx, uint16(7000+rand.IntN(2900))) != nil {
				continue // in use: the next one will do
			}
		case 2:
			if err := s.addSource(ctx, 0); err != nil {
				return err
			}
		}
		for range sourceRounds {
			if err := s.sendAndWait(ctx, s.ledger.pending(few), answers); err != nil {
				return err
			}
			if answers() {
				s.ledger.Restart()
				return nil
			}
		}
	}
	s.ledger.Restart()
	return s.measureOtherPorts(ctx)
}

// compareContent sends the same length, the same content, but not RTP. It comes
// last, because the responder's bitmap takes it for an arrival.
func (s *sweep) compareContent(ctx context.Context) error {
	open, silent := s.ledger.openPorts(plainPorts), s.ledger.silentPorts(plainPorts)
	without := func(ports []int) []int {
		return slices.DeleteFunc(slices.Clone(ports), func(n int) bool { return s.ledger.ports[n].plain })
	}
	if len(open) == 0 {
		return nil
	}
	s.ledger.Want(nil)
	all := slices.Concat(open, silent)
	answered := func() bool { return len(without(all)) == 0 }
	for round := 0; round < plainRounds && !answered(); round++ {
		s.ledger.Enqueue(without(all), true, time.Now())
		if err := s.pump(ctx); err != nil {
			return err
		}
		wait := func() time.Duration { return plainGap }
		switch {
		case round < plainRounds-1:
		case len(without(open)) == len(open):
			wait = s.ledger.answerTimeout // that would be a finding
		default:
			wait = s.ledger.retransmitAfter
		}
		if err := s.waitAnswers(ctx, wait, answered); err != nil {
			return err
		}
	}
	s.plain = &Plain{
		OpenAsked: len(open), OpenAnswered: len(open) - len(without(open)),
		BlockedAsked: len(silent), BlockedAnswered: len(silent) - len(without(silent)),
	}
	return nil
}

// holdText bounds the names of the ports of one request, bytes: with the rest of
// a control frame it fits into a datagram.
const holdText = 450

// split cuts sorted ports into parts that a responder opens at a time and that
// one request can name.
func split(ports []int, most int) (out [][]int) {
	for len(ports) > 0 {
		n := fitting(ports[:min(max(most, 1), len(ports))], holdText/2)
		out = append(out, ports[:n])
		ports = ports[n:]
	}
	return out
}

// fitting is how many of the ports a request of that many bytes can name.
func fitting(ports []int, bytes int) int {
	n := len(ports)
	for n > 1 && textLength(ports[:n]) > bytes {
		n -= (n + 9) / 10
	}
	return n
}

func textLength(ports []int) (n int) {
	for _, t := range session.EncodePorts(ports) {
		n += len(t) + 3 // quotes and comma
	}
	return n
}
