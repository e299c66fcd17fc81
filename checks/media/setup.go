package media

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

const (
	// doors is how many ports are tried before a call, one in each quarter of
	// the range: where a fifth of it is blocked, all four are once in 600 times.
	doors = 4
	// choices is how many ports the responder may choose from for each, because
	// its machine uses some for something else.
	choices = 6
	// helloEvery spreads the questions of a leg over helloMost: on a line that
	// loses a fifth each way all thirty are lost never.
	helloEvery = 50 * time.Millisecond
	helloMost  = 1500 * time.Millisecond
	// helloMore is how long other ports may still answer after one has. Four
	// slow ones do not hold the call up.
	helloMore = 250 * time.Millisecond

	// Leg numbers, apart from each other in one session.
	firstDoor = 0
	holdLeg   = 100
	firstLoad = 200
)

// ports picks what one door may have: even ones, as RTP wants (RFC 3550, 11),
// beginning at random in its part of the range.
func ports(first, last int) []int {
	size := last - first + 1
	at := first + rand.IntN(size)
	var out []int
	for i := 0; i < size && len(out) < choices; i++ {
		p := first + (at-first+i)%size
		if p%2 == 0 || size < 2*choices {
			out = append(out, p)
		}
	}
	return out
}

// setUp finds a port by which a call gets through. It returns the leg of the
// best one, nil when there is none; every other door is closed again.
func (l *line) setUp(ctx context.Context, o *Observed) (*leg, error) {
	s, err := l.open(ctx, 0)
	if err != nil {
		return nil, err
	}
	var open []session.MediaOpen
	n := min(doors, o.Last-o.First+1)
	for i := range n {
		a, b := o.First+(o.Last-o.First+1)*i/n, o.First+(o.Last-o.First+1)*(i+1)/n-1
		open = append(open, session.MediaOpen{Leg: firstDoor + i, Ports: ports(a, b)})
	}
	legs, err := l.dial(ctx, s, open)
	if err != nil {
		return nil, err
	}
	err = l.greet(ctx, legs)
	if err == nil && !slices.ContainsFunc(legs, (*leg).answered) {
		err = l.greetFromElsewhere(ctx, legs)
	}
	return l.choose(ctx, o, legs, err)
}

// greet asks every leg until it answers.
func (l *line) greet(ctx context.Context, legs []*leg) error {
	begin := time.Now()
	var first time.Time
	for time.Since(begin) < helloMost {
		silent := 0
		for _, g := range legs {
			if g.port != 0 && !g.answered() {
				silent++
				g.hello()
			}
		}
		if silent == 0 || !first.IsZero() && time.Since(first) >= helloMore {
			return nil
		}
		if err := probe.Sleep(ctx, helloEvery); err != nil {
			return err
		}
		if first.IsZero() && slices.ContainsFunc(legs, (*leg).answered) {
			first = time.Now()
		}
	}
	return nil
}

// greetFromElsewhere asks from a source port below the media range: ours may
// lie in a range that is blocked, and then no answer comes back from anywhere.
func (l *line) greetFromElsewhere(ctx context.Context, legs []*leg) error {
	s, err := l.open(ctx, uint16(7000+rand.IntN(2900)))
	if err != nil {
		return nil // in use: the first one has to do
	}
	for _, g := range legs {
		l.mu.Lock()
		g.socket = s
		l.mu.Unlock()
	}
	return l.greet(ctx, legs)
}

// choose closes all doors but the best, and writes down what they came to.
func (l *line) choose(ctx context.Context, o *Observed, legs []*leg, failed error) (*leg, error) {
	var best *leg
	if i := slices.IndexFunc(legs, (*leg).answered); i >= 0 {
		best = legs[i]
	}
	var end []session.MediaEnd
	for _, g := range legs {
		if g != best && g.port != 0 {
			// Without an answer anywhere, the doors stay open until it is known
			// which of them was reached.
			end = append(end, session.MediaEnd{Leg: int(g.number)})
		}
	}
	told, err := l.ask(ctx, best == nil && failed == nil, end)
	l.mu.Lock()
	for _, s := range l.sockets {
		o.Locals = append(o.Locals, s.local)
	}
	l.mu.Unlock()
	for _, g := range legs {
		l.mu.Lock()
		d := Door{Port: g.port, Refused: g.refuse, Asked: g.hellos, Answered: g.heard}
		l.mu.Unlock()
		if r, ok := told[int(g.number)]; ok {
			d.Told, d.Arrived, d.Unproved = true, r.Hellos, r.Unproved
			if best == nil && r.Hellos > 0 && failed == nil {
				best = g
			}
		}
		o.Doors = append(o.Doors, d)
	}
	return best, errors.Join(failed, err)
}

// ask ends legs, or with keep only asks how they stand, and says what the
// responder knows of each.
func (l *line) ask(ctx context.Context, keep bool, end []session.MediaEnd) (map[int]session.MediaLeg, error) {
	out := map[int]session.MediaLeg{}
	if len(end) == 0 {
		return out, nil
	}
	req := session.MediaRequest{End: end}
	if keep {
		req.End = nil
		for _, e := range end {
			req.Look = append(req.Look, e.Leg)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askBudget)
	defer cancel()
	reply, err := l.client.Media(ctx, req)
	for _, r := range reply.Legs {
		if r.Refused == "" {
			out[r.Leg] = r
		}
	}
	return out, err
}

// askBudget bounds a question about what has arrived; what was learnt until a
// Ctrl-C is worth that wait.
const askBudget = 2 * time.Second
