package rtpports

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A trial is what both tests are made of: whom they ask, the ledger, and the one
// goroutine that touches it, the loop. Others hand the loop what they have learnt
// as functions, which it calls.
type trial struct {
	env    *checks.Env
	client *session.Client
	key    *session.RTPKey
	ledger *ledger
	start  time.Time

	events  chan func()
	over    chan struct{}
	running sync.WaitGroup // the others
}

func newTrial(env *checks.Env, client *session.Client, l limits, pace *pacer) (*trial, error) {
	key, err := session.NewRTPKey(client.Info.ID, client.Info.Secret)
	return &trial{
		env: env, client: client, key: key, ledger: newLedger(l, pace, rand.Uint64()), start: time.Now(),
		// All answers to one batch arrive while the loop is still sending.
		events: make(chan func(), 1024), over: make(chan struct{}),
	}, err
}

// errGaveUp means that a test ended before everything was known.
var errGaveUp = errors.New("the test ended early")

// progress says what happens now, and how long it takes if that is known.
func (t *trial) progress(id string, args words.Args, left time.Duration) {
	t.env.Progress(checks.Event{Text: say("progress."+id, args), Left: left})
}

// search has ports decided by ask, and then as many points between each two that
// differ, for some rounds; runs are the outcomes so far, nil if there is nothing
// to search. Ports that were believed silent while nothing had ever answered are
// decided again.
func (t *trial) search(ports []int, rounds, points int, progress string, ask func([]int) error, runs func() []Run) (err error) {
	for round := 0; ; round++ {
		for again := ports; err == nil && len(again) > 0; again = t.ledger.Reconsider() {
			err = ask(again)
		}
		if err != nil || round == rounds {
			return err
		}
		if ports = pointsBetween(runs(), points); len(ports) == 0 || len(ports) > maxSearch {
			return nil
		}
		t.progress(progress, nil, 0)
	}
}

// post hands f to the loop, which calls it; after the end of the loop f is dropped.
func (t *trial) post(f func()) {
	select {
	case t.events <- f:
	case <-t.over:
	}
}

// take calls what was posted; if that is nothing it waits up to d for the first.
func (t *trial) take(ctx context.Context, d time.Duration) error {
	if len(t.events) == 0 && d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case f := <-t.events:
			f()
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	for {
		select {
		case f := <-t.events:
			f()
		default:
			return ctx.Err()
		}
	}
}

// pause lets d pass while events are taken.
func (t *trial) pause(ctx context.Context, d time.Duration) error {
	for end := time.Now().Add(d); ; {
		left := time.Until(end)
		if err := t.take(ctx, left); err != nil || left <= 0 {
			return err
		}
	}
}

// bind is the address that sockets are bound to.
func (t *trial) bind() netip.Addr { return probe.Bind(t.env.Inputs.Bind, t.client.Addr) }

// openSTUN opens a socket for questions to the responder's STUN port. Without one
// there is a measure less, which is not a fault.
func (t *trial) openSTUN(ctx context.Context) (s *stun.Socket, to netip.AddrPort) {
	if len(t.client.Info.STUN) > 0 {
		to = netip.AddrPortFrom(t.client.Addr, uint16(t.client.Info.STUN[0]))
		s, _ = stun.Open(ctx, t.env.Net, netip.AddrPortFrom(t.bind(), 0))
	}
	return s, to
}
