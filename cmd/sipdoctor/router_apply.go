package main

import (
	"context"
	"errors"

	"github.com/sipdoctor/sipdoctor/checks"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/netinfo/routeros/live"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/mikrotik"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// enter takes safe mode, where there is one: a lost connection then takes the change back.
// A nil session is no router.
func (r *routerSession) enter(ctx context.Context) (err error) {
	if r == nil || r.console == nil {
		return nil
	}
	r.safe, err = r.console.Safe(ctx)
	return err
}

// enter is that of the router, if there is one. Where its console has no safe mode, a
// person may go on without; a script may not.
func (a *applier) enter(ctx context.Context) error {
	err := a.router.enter(ctx)
	if err == nil || a.yes || errors.Is(err, mikrotik.ErrLost) || errors.Is(err, mikrotik.ErrSafeTaken) || errors.Is(err, mikrotik.ErrNewPassword) || ctx.Err() != nil {
		return err
	}
	a.remark("say.router-unsafe", words.Args{"why": cause(err)})
	if a.agreed("say.router-ask-unsafe", false) {
		return nil
	}
	return err
}

// leave keeps what was changed.
func (r *routerSession) leave(ctx context.Context) error {
	if r == nil || r.safe == nil {
		return nil
	}
	defer func() { r.safe = nil }()
	return r.safe.Release(ctx)
}

// was reports whether e was run on this router: by its number, or by how it is
// reached where neither has one.
func (r *routerSession) was(e applied) bool {
	if e.Router == "" || e.Serial != "" || r.serial != "" {
		return e.Router != "" && e.Serial == r.serial
	}
	return e.Router == r.String()
}

// typed runs a line. An interruption does not end it in the middle: whoever typed it asks
// afterwards.
func (r *routerSession) typed(ctx context.Context, line string) ([]byte, error) {
	ctx = context.WithoutCancel(ctx) // answers are bounded
	typist := live.Typist(r.answering)
	if r.safe != nil {
		typist = r.safe
	}
	out, err := typist.Type(ctx, line)
	return []byte(out), err
}

// decided reports whether a router, or the model of it, has said that it does not take a line:
// of any other end of it nobody knows whether it was run.
func decided(err error) bool {
	_, refused := errors.AsType[*mikrotik.Refused](err)
	_, known := errors.AsType[*ros.Refusal](err)
	return refused || known || errors.Is(err, ros.ErrNotKnown) || errors.Is(err, mikrotik.ErrNotSent)
}

// inDoubt reports whether nobody knows if the command was run that ended so.
func (a *applier) inDoubt(err error) bool {
	return err != nil && (a.router != nil && !decided(err) || errors.Is(err, platform.ErrInDoubt))
}

// doubt says so. What --undo needs stays noted; in safe mode the router takes all of it back.
func (a *applier) doubt(n, of int, err error) {
	about := words.Args{"n": n, "of": of, "why": cause(err), "command": a.undoLine()}
	if a.router == nil || a.router.safe == nil {
		a.prose("   ", a.fill(a.which(words.Say("say.fix-in-doubt", about), words.Say("say.router-lost", about))))
		return
	}
	a.remark("say.router-lost-safe", about)
	a.router.safe.Abandon()
	a.router.safe = nil
}

// begun reports whether a command that was refused has changed something before.
func begun(err error) bool {
	stopped, ok := errors.AsType[*live.Stopped](err)
	return ok && stopped.Done > 0
}

// applierOn is an applier for a router. Who ends it calls done.
func (o *routerOptions) applierOn(ctx context.Context, s streams, router *routerSession) (a *applier, done func(), err error) {
	if router.serial, err = router.Serial(ctx); err != nil {
		return nil, nil, router.failed(err)
	}
	dir := platform.ServiceStateDir()
	if dir == "" {
		return nil, nil, failure("say.router-no-home", nil)
	}
	unlock, err := platform.Lock(dir, "fix.lock")
	if err != nil {
		if errors.Is(err, platform.ErrLocked) {
			err = failure("say.fix-locked", nil)
		}
		return nil, nil, err
	}
	a = &applier{
		streams: s, printer: &printer{w: s.Out}, name: router.String(), yes: o.yes, named: len(o.only) > 0,
		shell: router.typed, done: openJournal(dir), router: router,
	}
	a.done.serial = router.serial
	return a, unlock, nil
}

// applyOn types the chosen fixes of a report, and verifies them by reading the router
// again.
func (o *routerOptions) applyOn(ctx context.Context, s streams, r *reporting, router *routerSession, report *checks.Report) error {
	chosen, err := o.choose(curesOf(report))
	if err != nil {
		return err
	}
	a, done, err := o.applierOn(ctx, s, router)
	if err != nil {
		return err
	}
	defer done()
	a.report = report
	a.look = func(ctx context.Context, _ *checks.Report, _ []cure) (*checks.Report, error) {
		now, err := router.look(ctx, r, s, report.Inputs.Profile)
		if err == nil {
			fillIn(s.lang(), now)
		}
		return now, err
	}
	a.text("\n")
	if router.console == nil {
		a.tell("say.router-no-safe", nil)
	}
	return a.applyAll(ctx, chosen)
}
