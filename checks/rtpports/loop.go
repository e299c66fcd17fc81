package rtpports

import (
	"context"
	"sync"
	"time"
)

// A loop is the one goroutine that touches a ledger. Others hand it what they
// have learnt as functions, which it calls.
type loop struct {
	events  chan func()
	over    chan struct{}
	running sync.WaitGroup // the others
}

// newLoop makes a loop with room for all answers to one batch: they arrive while
// the loop is still sending.
func newLoop() loop { return loop{events: make(chan func(), 1024), over: make(chan struct{})} }

// post hands f to the loop, which calls it; after the end of the loop f is dropped.
func (l *loop) post(f func()) {
	select {
	case l.events <- f:
	case <-l.over:
	}
}

// take calls what was posted; if that is nothing it waits up to d for the first.
func (l *loop) take(ctx context.Context, d time.Duration) error {
	for waited := d <= 0; ; {
		select {
		case f := <-l.events:
			f()
			waited = true
			continue
		default:
		}
		if waited {
			return ctx.Err()
		}
		waited = true
		t := time.NewTimer(d)
		select {
		case f := <-l.events:
			f()
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// pause lets d pass while events are taken.
func (l *loop) pause(ctx context.Context, d time.Duration) error {
	for end := time.Now().Add(d); ; {
		left := time.Until(end)
		if err := l.take(ctx, left); err != nil || left <= 0 {
			return err
		}
	}
}
