package platform

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sipdoctor/sipdoctor/platform/command"
)

// ErrInDoubt means that nobody knows whether a command was run, or how far: the connection
// was lost, or it was ended before its end.
var ErrInDoubt = errors.New("whether it was run is not known")

// Shell runs one line of a remedy in that machine's shell, as root, as RunShell does on
// this one. It changes the machine: only a person who agreed, or --yes, may lead here. A
// command that has begun when ctx ends is left to finish for a while. It may take any
// time, as long as the machine itself answers.
func (r *Remote) Shell(ctx context.Context, line string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	left, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(shellPatience, func() { cancel(context.Cause(ctx)) }) })
	defer stop()
	go r.watch(left, cancel)
	out, complaint := &boundedBuffer{limit: 64 << 10}, &boundedBuffer{} // both outputs are one
	script := r.as() + "sh -c " + command.Quote("exec 2>&1; "+line)
	err := r.inShell(left, func(sh *remoteShell) error { return sh.run(left, script, out, complaint) })
	if _, ended := errors.AsType[exitStatus](err); err != nil && !ended {
		err = fmt.Errorf("%w: %w", ErrInDoubt, err)
	}
	return out.kept.Bytes(), err
}

// watch ends what waits for a machine that is not there any more: its shell would be waited
// for until TCP gives up, a quarter of an hour.
func (r *Remote) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(r.silence):
		}
		answered := make(chan struct{})
		go func() {
			_, _, _ = r.ssh.SendRequest("keepalive@openssh.com", true, nil) // a refusal is an answer
			close(answered)
		}()
		select {
		case <-ctx.Done():
			return
		case <-answered:
		case <-time.After(r.silence):
			cancel(fmt.Errorf("%w within %s", ErrNoAnswer, r.silence))
			return
		}
	}
}
