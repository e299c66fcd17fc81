package checks

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// uses notes, for one check, the session that it opened and the names that it
// could not look up, and holds a session of its own for an observation that is
// made again.
type uses struct {
	mu     sync.Mutex
	client *session.Client
	own    *session.Client
	late   int64    // this machine's, then
	names  []string // sorted
}

type usesKey struct{}

func (u *uses) note(c *session.Client, late int64) {
	if u == nil || c == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.client != c {
		u.client, u.late = c, late
	}
}

// missed notes a name that could not be looked up. It may be called on nil.
func (u *uses) missed(host string) {
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if i, known := slices.BinarySearch(u.names, host); !known {
		u.names = slices.Insert(u.names, i, host)
	}
}

// notFound are the names so far.
func (u *uses) notFound() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.names)
}

// session is the one of its own; nil is the run's.
func (u *uses) session() *session.Client {
	if u == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.own
}

// renew opens a session for the next observation.
func (u *uses) renew(ctx context.Context, env *Env) error {
	u.end(ctx)
	c, err := env.open(ctx)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.own = c
	return err
}

func (u *uses) end(ctx context.Context) {
	u.mu.Lock()
	c := u.own
	u.own = nil
	u.mu.Unlock()
	sayGoodbye(ctx, c)
}

func usesOf(ctx context.Context) *uses {
	u, _ := ctx.Value(usesKey{}).(*uses)
	return u
}

// askedBudget bounds the question at the end of a check, and of one that was
// interrupted.
const (
	askedBudget       = 6 * time.Second
	interruptedBudget = time.Second
)

// ask finds out what the responder left undone. It is nil for a check that did
// not use it.
func (u *uses) ask(ctx context.Context, env *Env) *FarEnd {
	if u == nil {
		return nil
	}
	u.mu.Lock()
	c, late := u.client, u.late
	u.mu.Unlock()
	if c == nil {
		return nil
	}
	budget := askedBudget
	if errors.Is(ctx.Err(), context.Canceled) {
		budget = interruptedBudget
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), budget)
	defer cancel()
	f := &FarEnd{Carrier: c.Carrier, Ports: c.Info.UDPPorts(), LateHere: int(env.late.Load() - late)}
	reply, err := c.Limits(ctx)
	if err != nil {
		f.Untold = platform.Words(err)
		return f
	}
	f.LimitsReply = reply
	return f
}

const (
	// mostTries is how often a check is made while the responder is busy.
	mostTries = 3
	// pauseBetween lies between two tries when the responder names none.
	pauseBetween = 5 * time.Second
)

// observePatiently observes again when the responder, or this machine, was too
// busy for a verdict, as often as the check's time allows. Each time has a
// session of its own: what arrives late of one is nothing to the next.
func (c *Check) observePatiently(ctx context.Context, env *Env, u *uses) (json.RawMessage, error) {
	ctx = context.WithValue(ctx, usesKey{}, u)
	defer func() { u.end(ctx) }()
	for try := 1; ; try++ {
		begin := time.Now()
		raw, far, err := c.observe(ctx, env)
		if far == nil || far.Untold != "" || err != nil || try == mostTries {
			return raw, err
		}
		if j, jerr := c.judge(raw, true, &netinfo.Host{}, alone); jerr != nil || !j.busy {
			return raw, err
		}
		pause := pauseBetween
		if far.RetryAfterS > 0 {
			pause = min(time.Duration(far.RetryAfterS)*time.Second, 2*pauseBetween)
		}
		pause = pause/2 + rand.N(pause) // so that the clients of one office come back one after the other
		if end, ok := ctx.Deadline(); !ok || time.Until(end) < pause+time.Since(begin)*3/2 {
			return raw, err
		}
		env.Progress(Event{Text: words.Say("checks.progress.busy-again", words.Args{"check": c.ID}), Left: pause})
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return raw, err
		}
		if u.renew(ctx, env) != nil {
			return raw, err
		}
	}
}

const (
	// lateEvery is how often the run looks whether it is given the processor,
	// and lateBy how much later than asked is late: questions are repeated after
	// 250 ms.
	lateEvery = 100 * time.Millisecond
	lateBy    = 200 * time.Millisecond
)

// watchLateness counts the moments at which this program came to its work late,
// until ctx ends.
func (e *Env) watchLateness(ctx context.Context) {
	for {
		begin := time.Now()
		t := time.NewTimer(lateEvery)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		if time.Since(begin) > lateEvery+lateBy {
			e.late.Add(1)
		}
	}
}
