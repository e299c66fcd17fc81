package platform

import (
	"context"
	"time"

	"github.com/sipdoctor/sipdoctor/platform/command"
)

// Shell runs one line of a remedy in that machine's shell, as root, as RunShell does on
// this one. It changes the machine: only a person who agreed, or --yes, may lead here. A
// command that has begun when ctx ends is left to finish for a while.
func (r *Remote) Shell(ctx context.Context, line string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	left, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(shellPatience, cancel) })
	defer stop()
	out, complaint := &boundedBuffer{limit: 64 << 10}, &boundedBuffer{} // both outputs are one
	script := r.as() + "sh -c " + command.Quote("exec 2>&1; "+line)
	err := r.inShell(left, func(sh *remoteShell) error { return sh.run(left, script, out, complaint) })
	return out.kept.Bytes(), err
}
