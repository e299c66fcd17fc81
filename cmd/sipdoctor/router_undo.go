package main

import (
	"context"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/fixes"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// undoOn takes back, last first, what the journal says was done on this router.
func (o *routerOptions) undoOn(ctx context.Context, s streams, router *routerSession) error {
	a, done, err := o.applierOn(ctx, s, router)
	if err != nil {
		return err
	}
	defer done()
	if err := a.done.err; err != nil {
		return failure("say.fix-reading-journal", words.Args{"why": cause(err)})
	}
	found, failed := 0, false
	for _, e := range slices.Backward(slices.Clone(a.done.entries)) {
		if !router.was(e) || failed {
			continue
		}
		found++
		failed = !a.undoEntry(ctx, e)
	}
	if found == 0 {
		a.tell("say.router-none-applied", words.Args{"router": a.name})
	}
	if failed {
		return a.fail()
	}
	return a.err
}

// undoEntry takes back one fix after asking; false where something of it is left that was to be
// undone.
func (a *applier) undoEntry(ctx context.Context, e applied) bool {
	a.tell("say.router-undo", words.Args{"when": e.When.Format(time.DateTime), "finding": e.Finding, "fix": e.Fix})
	if len(e.Undo) == 0 {
		a.remark("say.fix-nothing-to-undo", nil)
		a.keepEntry(e, nil)
		return true
	}
	a.steps(a.label("run"), fixes.FormConsole, e.Undo)
	if a.changedSince(ctx, e) {
		a.remark("say.router-undo-changed", nil)
		if a.yes {
			return false
		}
	}
	if !a.agreed("say.fix-ask-run", false) {
		a.remark("say.fix-left", nil)
		return true
	}
	if err := a.enter(ctx); err != nil {
		a.remark("say.fix-not-run-now", words.Args{"why": cause(err)})
		return false
	}
	left := a.runUndo(ctx, e.Undo, false)
	if !a.leave(ctx) {
		left = e.Undo // nobody knows what is left
	}
	a.keepEntry(e, left)
	return len(left) == 0
}

// keepEntry notes what is left to undo of it.
func (a *applier) keepEntry(e applied, left []string) {
	i := slices.IndexFunc(a.done.entries, func(o applied) bool {
		return o.Router == e.Router && o.Serial == e.Serial && o.When.Equal(e.When) && o.Fix == e.Fix && o.Finding == e.Finding && o.Subject == e.Subject && o.About == e.About
	})
	if i < 0 {
		return
	}
	if len(left) == 0 {
		a.done.entries = slices.Delete(a.done.entries, i, i+1)
	} else {
		a.done.entries[i].Undo, a.done.entries[i].Partly = left, true
	}
	if err := a.done.write(); err != nil {
		a.remark("say.fix-undo-not-kept", words.Args{"why": cause(err)})
	}
}

// changedSince reports whether somebody has changed what e changed: taking it back would then
// set what was before both. It is found out on a model of the router as it is now: where undoing
// and doing again does not lead back to it, it is not what was left. Where the model cannot tell,
// nobody knows of a change.
func (a *applier) changedSince(ctx context.Context, e applied) bool {
	if e.Partly {
		return false
	}
	export, err := a.router.Export(ctx)
	if err != nil {
		return false // what follows says so
	}
	cfg, err := ros.Read(export)
	if err != nil {
		return false
	}
	now := cfg.Export()
	run := func(lines []string) (string, bool) {
		for _, line := range lines {
			if _, err := cfg.Console().Type(line); err != nil {
				return "", false
			}
		}
		return cfg.Export(), true
	}
	before, known := run(e.Undo)
	if !known || before == now { // there is nothing to take back
		return false
	}
	again, known := run(e.Commands)
	return known && again != now
}
